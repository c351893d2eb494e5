"""GeometricGraph: batches come apart exactly, symmetries act, small and bad input is defined or refused."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_groups import GeometricGraph
from gdl_groups._cases.geometric import cloud
from gdl_groups.geometric.checks import scalars_and_vectors

F64 = torch.float64
CELLS = torch.tensor(
    [[[2.0, 0, 0], [0.3, 2.2, 0], [0, 0.1, 1.9]], [[3.0, 0, 0.2], [0, 2.0, 0], [0.1, 0, 2.5]]], dtype=F64
)


def crystal():
    """Two samples in small skewed cells: a point meets the same neighbour, and itself, in several cells."""
    draw = torch.Generator().manual_seed(1)
    return GeometricGraph.from_positions(torch.rand(5, 3, generator=draw, dtype=F64), 2.5, sizes=[2, 3], cell=CELLS)


def same(a, b):
    for name in ("ptr", "owner", "positions", "shift", "cell"):
        one, two = getattr(a, name), getattr(b, name)
        assert (one is None) == (two is None) and (one is None or torch.equal(one, two)), name
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(a.incidence, name), getattr(b.incidence, name)), name


def test_a_crystal_has_parallel_edges_and_edges_to_itself():
    graph = crystal()
    pairs = graph.incidence.edge_index().T.tolist()
    assert len({tuple(pair) for pair in pairs}) < len(pairs)
    assert any(sender == receiver for sender, receiver in pairs)
    length = graph.vectors().norm(dim=1)
    assert float(length.min()) > 0 and float(length.max()) <= 2.5


@pytest.mark.parametrize("make", [crystal, cloud], ids=["periodic", "open"])
def test_a_batch_comes_apart_and_together_exactly(make):
    graph = make()
    parts = graph.unbatch()
    together = GeometricGraph.collate(parts)
    same(together, graph)
    for part, again in zip(parts, together.unbatch(), strict=True):
        same(part, again)
    torch.testing.assert_close(torch.cat([part.vectors() for part in parts]), graph.vectors(), rtol=0, atol=0)


@pytest.mark.parametrize("make", [crystal, cloud], ids=["periodic", "open"])
def test_selecting_samples_is_collating_their_parts(make):
    graph = make()
    parts = graph.unbatch()
    for chosen in ([1, 0], [0, 0, 1], [1], []):
        found = graph.select(chosen)
        assert found.batch_size == len(chosen)
        if chosen:
            expected = GeometricGraph.collate([parts[k] for k in chosen])
            same(found, expected)
            same(GeometricGraph.collate(found.unbatch()), expected)
    with pytest.raises(IndexError, match="from 0 to 1, got 2"):
        graph.select([0, 2])


def test_neighbours_in_a_cell_are_those_of_a_brute_force_over_images():
    graph = crystal()
    for part, cell in zip(graph.unbatch(), CELLS, strict=True):
        found = sorted(
            (round(float(d), 9), int(i)) for d, i in zip(part.vectors().norm(dim=1), part.incidence.receiver)
        )
        images = torch.cartesian_prod(*[torch.arange(-4.0, 5)] * 3).to(F64) @ cell
        away = part.positions[None, :, None] + images - part.positions[:, None, None]  # [receiver, sender, image]
        length = away.norm(dim=-1)
        i, _, _ = ((length <= 2.5) & (length > 0)).nonzero(as_tuple=True)
        expected = sorted((round(float(d), 9), int(k)) for d, k in zip(length[(length <= 2.5) & (length > 0)], i))
        assert found == expected


@pytest.mark.parametrize("make", [crystal, cloud], ids=["periodic", "open"])
@pytest.mark.parametrize("name", ["rotation", "orthogonal"])
def test_turning_the_points_turns_the_vectors_of_edges(make, name):
    graph = make()
    symmetry = graph.symmetries()[name]
    kind = scalars_and_vectors(1, 1)
    values = torch.randn(graph.num_points, 4, dtype=F64, generator=torch.Generator().manual_seed(0))
    for g in symmetry.group.sample(3, torch.Generator().manual_seed(2)):
        moved = symmetry.act(g, Signal(values, graph, kind))
        torch.testing.assert_close(moved.domain.vectors(), graph.vectors() @ g.T, rtol=0, atol=1e-13)
        torch.testing.assert_close(moved.values[:, 1:], values[:, 1:] @ g.T, rtol=0, atol=1e-13)
        assert torch.equal(moved.values[:, 0], values[:, 0])


@pytest.mark.parametrize("make", [crystal, cloud], ids=["periodic", "open"])
def test_relabelling_carries_every_edge_with_its_shift(make):
    graph = make()
    symmetry = graph.symmetries()["permutation"]
    for g in symmetry.group.sample(3, torch.Generator().manual_seed(3)):
        moved = graph.relabel(g)

        def edges(graph, names):
            ends = zip(names[graph.incidence.sender.long()], names[graph.incidence.receiver.long()], graph.vectors())
            return sorted((int(j), int(i), *(round(x, 9) for x in v.tolist())) for j, i, v in ends)

        assert edges(moved, torch.arange(graph.num_points)) == edges(graph, g)


def test_translations_leave_vectors_and_move_positions():
    graph = cloud()
    symmetry = graph.symmetries()["translation"]
    g = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    values, moved = symmetry.move(g, torch.zeros(9, 1, dtype=F64), graph)
    torch.testing.assert_close(moved.vectors(), graph.vectors(), rtol=0, atol=1e-14)
    assert torch.equal(moved.positions, graph.positions + g) and torch.equal(values, torch.zeros(9, 1, dtype=F64))


def test_rebuilding_finds_the_neighbours_of_where_points_are_now():
    graph = crystal()
    shaken = graph.moved(graph.positions + 0.3 * torch.sin(7 * graph.positions))
    again = shaken.rebuilt(2.0)
    expected = GeometricGraph.from_positions(shaken.positions, 2.0, sizes=[2, 3], cell=CELLS)
    same(again, expected)
    slab = GeometricGraph.from_positions(graph.positions, 2.5, sizes=[2, 3], cell=CELLS, periodic=[True, True, False])
    same(slab.rebuilt(2.5, periodic=[True, True, False]), slab)
    assert slab.num_edges < graph.num_edges
    free = cloud()
    same(free.rebuilt(1.8), free)


def test_rebuilt_neighbours_keep_the_gradient_of_the_positions():
    positions = cloud().positions.clone().requires_grad_()
    graph = GeometricGraph.from_positions(positions, 1.8, sizes=[5, 4]).rebuilt(2.5)
    graph.vectors().square().sum().backward()
    assert positions.grad is not None and float(positions.grad.abs().max()) > 0


def test_one_point_and_points_out_of_reach_have_no_edges():
    one = GeometricGraph.from_positions(torch.zeros(1, 3), 1.0)
    assert one.num_edges == 0 and one.vectors().shape == (0, 3)
    far = GeometricGraph.from_positions(torch.tensor([[0.0, 0, 0], [9, 0, 0]]), 1.0)
    assert far.num_edges == 0
    everyone = GeometricGraph.from_positions(torch.rand(5, 3), sizes=[1, 4])
    assert everyone.num_edges == 12 and everyone.unbatch()[0].num_edges == 0
    none = GeometricGraph.from_positions(torch.zeros(0, 3), 1.0, sizes=[0, 0])
    assert none.num_points == 0 and none.batch_size == 2 and none.num_edges == 0


def test_points_at_one_place_are_neighbours_at_distance_zero():
    graph = GeometricGraph.from_positions(torch.zeros(3, 3), 1.0)
    assert graph.num_edges == 6 and torch.equal(graph.vectors(), torch.zeros(6, 3))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: GeometricGraph.from_positions(torch.tensor([[0.0, float("nan"), 0]]), 1.0), ValueError, "point 0"),
        (lambda: GeometricGraph.from_positions(torch.tensor([[0.0, 0, 0], [0, 0, torch.inf]])), ValueError, "point 1"),
        (lambda: GeometricGraph.from_positions(torch.zeros(2, 3, dtype=torch.int64), 1.0), TypeError, "floating-point"),
        (lambda: GeometricGraph.from_positions([[0.0, 0, 0]], 1.0), TypeError, "floating-point"),
        (lambda: GeometricGraph.from_positions(torch.zeros(3), 1.0), ValueError, "one row per point"),
        (lambda: GeometricGraph.from_positions(torch.zeros(3, 3), 1.0, sizes=[1, 1]), ValueError, "add up to 2"),
        (lambda: GeometricGraph.from_positions(torch.zeros(3, 3), 1.0, sizes=[4, -1]), ValueError, "sample 1"),
        (lambda: GeometricGraph.from_positions(torch.zeros(3, 3), -1.0), ValueError, "radius must be positive"),
        (lambda: GeometricGraph.from_positions(torch.zeros(3, 3), k=3), ValueError, "offers only 2"),
        (
            lambda: GeometricGraph.from_positions(torch.zeros(2, 3), 1.0, cell=torch.diag(torch.tensor([1.0, 1, 0]))),
            ValueError,
            "sample 0 has no volume",
        ),
        (lambda: GeometricGraph.from_positions(torch.zeros(2, 3), 1.0, cell=torch.eye(2)), ValueError, r"\[3, 3\]"),
        (
            lambda: GeometricGraph.from_positions(torch.zeros(2, 3), 1.0, cell=torch.eye(3) * torch.nan),
            ValueError,
            "no volume",
        ),
        (lambda: GeometricGraph.from_edges([0], [2], torch.zeros(2, 3)), ValueError, "2"),
        (lambda: GeometricGraph.collate([]), ValueError, "at least one"),
        (lambda: GeometricGraph.collate([cloud(), crystal()]), ValueError, "no shifts"),
        (
            lambda: cloud().check(torch.zeros(3, 2), "here"),
            ValueError,
            r"on GeometricGraph\([\w ,]*\), got \[3, 2\]\.$",
        ),
    ],
)
def test_bad_input_is_one_sentence(make, error, words):
    with pytest.raises(error, match=words):
        make()
