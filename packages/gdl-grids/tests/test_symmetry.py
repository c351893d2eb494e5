"""The motions of a grid: actions, fibres, coarser grids, and the Nyquist bin."""

import pytest
import torch
from gdl_core.geometry import Pointwise, Signal
from gdl_core.groups import CyclicGroup, DihedralGroup, O
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_grids import Conv, Grid, PolyphasePool, fourier_shift

SCALAR = FieldType.scalars(1)


def signal(grid: Grid, type: FieldType = SCALAR, samples: int = 2) -> Signal:
    draw = torch.Generator().manual_seed(0)
    return Signal(torch.randn(samples, type.channels, *grid.shape, generator=draw, dtype=torch.float64), grid, type)


@pytest.mark.parametrize("shape", [(5,), (4, 4), (3, 4), (3, 3, 3), (2, 2, 2, 3)])
def test_every_motion_is_an_action_on_vector_fields(shape):
    grid = Grid(shape)
    s = signal(grid, FieldType(O(len(shape)), "2xstandard"))
    for symmetry in grid.symmetries().values():
        if not symmetry.is_exact:
            continue
        g, h = symmetry.group.sample(2, torch.Generator().manual_seed(1))
        twice = symmetry.act(g, symmetry.act(h, s)).values
        once = symmetry.act(symmetry.group.compose(g, h), s).values
        assert torch.equal(twice, once), symmetry
        back = symmetry.act(symmetry.group.inverse(g), symmetry.act(g, s)).values
        assert torch.equal(back, s.values), symmetry


def test_the_groups_have_the_orders_of_the_square_the_cube_and_the_tesseract():
    assert Grid((4, 4)).symmetries()["rotation"].group == CyclicGroup(4)
    assert Grid((3, 3, 3)).symmetries()["rotation"].group.order == 24  # chiral: O_h with reflections has 48
    assert Grid((2, 2, 2, 2)).symmetries()["rotation"].group.order == 192
    assert Grid((4, 4)).symmetries()["lattice"].group.order == 16 * 8  # p4m
    assert Grid((4, 5)).symmetries()["lattice"].group.order == 20 * 4


def test_motions_are_those_of_torch():
    grid = Grid((4, 4))
    s = signal(grid)
    found = grid.symmetries()
    x = s.values
    assert torch.equal(found["shift"].act(torch.tensor([1, 3]), s).values, x.roll((1, 3), (2, 3)))
    assert torch.equal(found["rotation"].act(torch.tensor(1), s).values, x.rot90(1, (2, 3)))
    assert torch.equal(found["reflection"].act(torch.tensor([0, 1]), s).values, x.flip(3))


def test_a_turn_takes_a_vector_along_the_first_axis_to_the_second():
    grid = Grid((3, 3))
    for type in (
        FieldType(CyclicGroup(4), "standard"),
        FieldType(DihedralGroup(4), "standard"),
        FieldType(O(2), "standard"),
    ):
        x = torch.zeros(1, 2, 3, 3, dtype=torch.float64)
        x[0, 0, 0, 1] = 1  # at the middle of the first row, pointing along axis 0 (to the next row)
        y = grid.symmetries()["rotation"].act(torch.tensor(1), Signal(x, grid, type)).values
        assert torch.allclose(y, y.round())  # cos 90° is not quite zero
        assert y.round().nonzero().tolist() == [
            [0, 1, 1, 0]
        ]  # at the middle of the first column, pointing along axis 1


def test_shifts_carry_vectors_along_unturned():
    grid = Grid((3, 3))
    s = signal(grid, FieldType(O(2), "standard"))
    assert torch.equal(grid.symmetries()["shift"].act(torch.tensor([1, 0]), s).values, s.values.roll(1, 2))


def test_a_coarse_grid_without_phase_has_the_shift_rounded_both_ways():
    grid = Grid((8, 8))
    coarse = signal(Grid((4, 4), spacing=2.0))
    found = grid.symmetries()["shift"].candidates(torch.tensor([3, 2]), coarse)
    assert len(found) == 2
    assert torch.equal(found[0].values, coarse.values.roll((1, 1), (2, 3)))
    assert torch.equal(found[1].values, coarse.values.roll((2, 1), (2, 3)))
    far = signal(Grid((2, 2), spacing=4.0))
    assert len(grid.symmetries()["shift"].candidates(torch.tensor([3, 2]), far)) == 4


@pytest.mark.parametrize("name", ["shift", "rotation", "reflection", "lattice"])
def test_a_phase_makes_the_motion_of_a_coarse_grid_unique_and_equal_to_that_of_its_points(name):
    """Mark the kept points on the fine grid, move the fine grid, and read the coarse grid off again."""
    grid = Grid((4, 4))
    coarse = grid.coarsen((2, 2), torch.tensor([[0, 1], [1, 1]]))
    s = signal(coarse)
    fine = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    for i, (p, q) in enumerate(coarse.phase.tolist()):
        fine[i, :, p::2, q::2] = s.values[i]
    symmetry = grid.symmetries()[name]
    for g in symmetry.group.sample(6, torch.Generator().manual_seed(2)):
        (moved,) = symmetry.candidates(g, s)
        expected = symmetry.act(g, Signal(fine, grid, SCALAR)).values
        for i, (p, q) in enumerate(moved.domain.phase.tolist()):
            assert torch.equal(expected[i, :, p::2, q::2], moved.values[i])


def test_phases_of_phases_compose():
    grid = Grid((8,))
    pool = PolyphasePool(1)
    x = torch.randn(3, 1, 8, dtype=torch.float64)
    shift = grid.symmetries()["shift"]
    for k in range(8):
        g = torch.tensor([k])
        y, once = pool(x, grid)
        y, twice = pool(y, once)
        moved = shift.act(g, Signal(y, twice, SCALAR))
        z, again = pool(x.roll(k, 2), grid)
        z, again = pool(z, again)
        assert torch.equal(moved.values, z)
        assert torch.equal(moved.domain.phase, again.phase)
        assert torch.equal(moved.domain.parent.phase, again.parent.phase)


@pytest.mark.parametrize("shape", [(7, 9), (8, 6)])
def test_convolution_commutes_with_fractional_shifts_and_a_relu_does_not(shape):
    grid = Grid(shape)
    s = signal(grid)
    conv, relu = Conv(1, 2, 3).double(), Pointwise(1, "relu")
    assert equivariance_error(conv, s, "fractional_shift").max < 1e-13
    assert "fractional_shift" in conv.symmetries(grid)
    assert equivariance_error(relu, s, "fractional_shift").max > 0.05
    assert "fractional_shift" not in relu.symmetries(grid)


@pytest.mark.parametrize("n", [7, 8])
def test_a_fractional_shift_by_a_whole_number_is_the_shift(n):
    x = torch.randn(2, 1, n, 3, dtype=torch.float64)
    for k in (0, 1, -2):
        moved = fourier_shift(x, torch.tensor(float(k)), 2)
        assert torch.allclose(moved, x.roll(k, 2), atol=1e-14)


def test_half_shifts_compose_on_odd_sizes_and_lose_only_the_nyquist_bin_on_even_ones():
    half = torch.tensor(0.5)
    odd, even = (torch.randn(1, 1, n, dtype=torch.float64) for n in (7, 8))
    assert torch.allclose(fourier_shift(fourier_shift(odd, half, 2), half, 2), odd.roll(1, 2), atol=1e-14)
    twice = fourier_shift(fourier_shift(even, half, 2), half, 2)
    assert not twice.is_complex()
    assert (twice - even.roll(1, 2)).abs().max() > 1e-3  # negative control: cos(π/2)² is not cos(π)
    lost = torch.fft.fft(twice - even.roll(1, 2))
    assert lost[..., :4].abs().max() < 1e-13 and lost[..., 5:].abs().max() < 1e-13


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch.func, first import
def test_the_algebra_of_fractional_shifts_is_the_derivative():
    grid = Grid((9, 8))
    symmetry = grid.symmetries()["fractional_shift"]
    s = signal(grid)
    group = symmetry.group
    assert not symmetry.is_exact and group.algebra().shape == (2, 2)
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)

    def act(t):
        return symmetry.move(group.exp(t * group.algebra()[0]), s.values, grid)[0]

    derivative = torch.func.jvp(act, (zero,), (one,))[1]
    step = 1e-5
    numeric = (act(torch.tensor(step)) - act(torch.tensor(-step))) / (2 * step)
    assert torch.allclose(derivative, numeric, atol=1e-7)
    with pytest.raises(TypeError, match="interpolates"):
        symmetry.point_images(group.identity())
