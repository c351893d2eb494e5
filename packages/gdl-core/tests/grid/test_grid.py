"""`Grid`: what it holds, how it prints, what it refuses."""

import pickle

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup, FiniteGroup, O
from gdl_core.representations import FieldType

SCALARS = FieldType.scalars(2)
CUBE = FiniteGroup.from_generators(  # all rotations of the cube
    "cube", [[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], [[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]]
)


def test_grids_are_equal_by_shape_boundary_and_spacing():
    assert Grid((4, 5)) == Grid([4, 5], ("periodic", "periodic"))
    assert hash(Grid((4, 5))) == hash(Grid((4, 5), "periodic", 1))
    assert Grid((4, 5)) != Grid((4, 5), "zero")
    assert Grid((4, 5)) != Grid((4, 5), spacing=(1.0, 2.0))
    assert Grid((4, 5)).coarsen((2, 1)) == Grid((2, 5), spacing=(2, 1))  # the parent does not count


def test_repr_makes_the_grid_again_and_str_is_short():
    grid = Grid((4, 5), ("periodic", "zero"), (1, 2))
    assert eval(repr(grid)) == grid
    assert str(Grid((28, 28))) == "Grid(28x28, periodic)"
    assert str(grid) == "Grid(4x5, periodic|zero, spacing 1x2)"
    assert pickle.loads(pickle.dumps(grid)) == grid


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "1 to 4 axes"),
        (((2,) * 5,), "1 to 4 axes"),
        (((3, 0),), "Axis 1 .* from 1, got 0"),
        (((3, 2.0),), "Axis 1 .* whole number"),
        (((3, 4), "periodc"), "Did you mean|periodic"),
        (((3, 4), ("zero",)), "takes one boundary or 2"),
        (((3, 4), "zero", (1.0, -1.0)), "Axis 1 .* positive spacing"),
    ],
)
def test_bad_grids_are_refused_with_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        Grid(*arguments)


def test_check_names_shape_and_place():
    with pytest.raises(
        ValueError, match=r"Here expects values \[b, c, 4, 5\] on Grid\(4x5, periodic\), got \[2, 2, 4\]"
    ):
        Grid((4, 5)).check(torch.zeros(2, 2, 4), "Here")
    kept = Grid((4,)).coarsen((2,), torch.zeros(3, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="phases of 3 samples, got values of 2"):
        kept.check(torch.zeros(2, 1, 2), "Here")


def test_locate_reads_the_spatial_shape_and_keeps_the_boundary():
    grid = Grid((28, 28), ("periodic", "zero"))
    assert grid.locate(torch.zeros(1, 3, 28, 28)) is grid
    assert grid.locate(torch.zeros(1, 3, 14, 7)) == Grid((14, 7), ("periodic", "zero"), (2, 4))
    assert grid.locate(torch.zeros(1, 3, 56, 56)).spacing == (0.5, 0.5)
    assert grid.locate(torch.zeros(1, 3, 26, 26)).spacing == (1, 1)  # a convolution without padding
    assert grid.locate(torch.zeros(1, 10)) is None


def test_points_are_in_row_major_order():
    grid = Grid((2, 3))
    values = torch.arange(12.0).reshape(1, 2, 2, 3)
    points = grid.to_points(values)
    assert points[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(grid.from_points(points), values)
    assert grid.coordinates()[4].tolist() == [1, 1]


def test_window_follows_the_boundary():
    def neighbours(grid, size, point):
        inc = grid.window(size)
        return sorted(inc.sender[inc.ptr[point] : inc.ptr[point + 1]].tolist())

    assert neighbours(Grid((5,)), 3, 0) == [0, 1, 4]
    assert neighbours(Grid((5,), "zero"), 3, 0) == [0, 1]
    assert neighbours(Grid((5,), "reflect"), 5, 0) == [0, 1, 2]
    assert neighbours(Grid((5,)), 2, 4) == [0, 4]  # an even window reaches ahead, as an even kernel does
    assert neighbours(Grid((3,)), 7, 1) == [0, 1, 2]  # no pair twice
    assert neighbours(Grid((3, 4), ("zero", "periodic")), (3, 1), 0) == [0, 4]
    with pytest.raises(ValueError, match="whole number from 1 per axis"):
        Grid((3, 4)).window((3,))


def test_collate_joins_phases_and_unbatch_takes_them_apart():
    grid = Grid((4, 4))
    assert Grid.collate([grid, Grid((4, 4))]) == grid
    parts = [grid.coarsen((2, 2), torch.tensor([[i, 1]])) for i in (0, 1, 0)]
    whole = Grid.collate(parts)
    assert whole.phase.tolist() == [[0, 1], [1, 1], [0, 1]] and whole.parent == grid
    assert all(torch.equal(a.phase, b.phase) and a.parent == b.parent for a, b in zip(whole.unbatch(), parts))
    deeper = whole.coarsen((2, 2))  # no phase of its own, but its parent has one per sample
    assert [part.parent.phase.tolist() for part in deeper.unbatch()] == [[[0, 1]], [[1, 1]], [[0, 1]]]
    with pytest.raises(ValueError, match=r"sample 0 lives on .* 1 on"):
        Grid.collate([grid, Grid((4, 5))])


@pytest.mark.parametrize("n", [5, 6])
def test_refine_interpolates_trigonometric_polynomials_exactly(n):
    u = torch.arange(n, dtype=torch.float64)
    fine = torch.arange(2 * n, dtype=torch.float64) / 2

    def wave(t):
        return torch.stack([torch.cos(4 * torch.pi * t / n), torch.sin(2 * torch.pi * t / n) + 1])[None]

    found = Grid((n,)).refine(Signal(wave(u), Grid((n,)), SCALARS))
    assert found.domain == Grid((2 * n,), spacing=0.5)
    assert torch.allclose(found.values, wave(fine), atol=1e-14)


def test_refine_keeps_the_old_points_and_averages_on_other_boundaries():
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64)
    for boundary in ("zero", "reflect", "periodic"):
        fine = Grid((3, 4), boundary).refine(Signal(x, Grid((3, 4), boundary), SCALARS)).values
        assert torch.allclose(fine[..., ::2, ::2], x, atol=1e-14)
    line = torch.tensor([[[2.0, 4.0], [0.0, 0.0]]])
    grid = Grid((2,), "zero")
    assert grid.refine(Signal(line, grid, SCALARS)).values[0, 0].tolist() == [2, 3, 4, 2]
    grid = Grid((2,), "reflect")
    assert grid.refine(Signal(line, grid, SCALARS)).values[0, 0].tolist() == [2, 3, 4, 3]


def test_a_boundary_decides_which_symmetries_there_are():
    assert list(Grid((4, 4)).symmetries()) == ["shift", "rotation", "reflection", "lattice", "fractional_shift"]
    assert list(Grid((4, 4), "zero").symmetries()) == ["rotation", "reflection"]
    assert "rotation" not in Grid((4, 4), ("zero", "reflect")).symmetries()
    assert "rotation" not in Grid((4, 5)).symmetries()
    assert "rotation" not in Grid((4, 4), spacing=(1, 2)).symmetries()
    assert Grid((4, 3), ("periodic", "zero")).symmetries()["shift"].group.order == 4


@pytest.mark.parametrize(
    ("shape", "symmetry", "group", "name"),
    [
        ((9,), "reflection", CyclicGroup(2), "1"),
        ((4, 4), "rotation", CyclicGroup(8), "standard"),
        ((4, 4), "lattice", DihedralGroup(8), "standard"),
        ((4, 5), "reflection", DihedralGroup(2), "standard"),
        ((3, 3, 3), "rotation", CUBE, "standard"),
    ],
)
def test_types_of_any_group_that_holds_the_motions_turn_with_them(shape, symmetry, group, name):
    grid = Grid(shape)
    found = grid.symmetries()[symmetry]
    kind, vector = FieldType(group, [(1, name)]), FieldType(O(len(shape)), "standard")
    for g in found.group.sample(8, torch.Generator().manual_seed(0)):
        torch.testing.assert_close(
            kind.matrix(found.fibre_element(g, kind)), vector.matrix(found.fibre_element(g, vector)), atol=1e-12, rtol=0
        )


@pytest.mark.parametrize(
    ("shape", "symmetry", "group"),
    [((4, 4), "lattice", CyclicGroup(4)), ((4, 4), "rotation", CyclicGroup(6)), ((3, 3, 3), "lattice", CUBE)],
)
def test_types_of_a_group_without_some_of_the_motions_are_refused(shape, symmetry, group):
    found, kind = Grid(shape).symmetries()[symmetry], FieldType(group, "regular")
    with pytest.raises(TypeError, match="acts on fibres"):
        found.fibre_element(found.group.identity(), kind)
