"""Neighbour lists against brute force over all images, ties, batches and bad input."""

import itertools

import pytest
import torch
from gdl_core.incidence import Neighbours, neighbours
from gdl_core.incidence import pairs as pair_search
from torch import Tensor

TRICLINIC = torch.tensor([[1.0, 0.0, 0.0], [0.7, 0.9, 0.0], [-0.4, 0.3, 0.8]], dtype=torch.float64)


def cloud(n: int = 12, d: int = 3, seed: int = 0, spread: float = 1.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return spread * torch.rand(n, d, generator=g, dtype=torch.float64)


def listed(found: Neighbours, d: int = 3) -> list[tuple[int, ...]]:
    inc = found.incidence
    shift = torch.zeros(inc.num_edges, d) if found.shift is None else found.shift
    rows = torch.cat([inc.receiver[:, None], inc.sender[:, None], shift], 1).long().tolist()
    return sorted(map(tuple, rows))


def brute(
    x: Tensor, q: Tensor, cell: Tensor | None, periodic=(True,) * 3, span: int = 4, own: bool = True
) -> list[list[tuple]]:
    """For each query, all (distance, sender, shift) sorted, from every image of a wide span of cells."""
    ranges = [range(-span, span + 1) if cell is not None and p else range(1) for p in periodic[: x.shape[1]]]
    out = []
    for i, at in enumerate(q):
        row = []
        for j, shift in itertools.product(range(len(x)), itertools.product(*ranges)):
            if own and i == j and not any(shift):
                continue
            moved = x[j] if cell is None else x[j] + torch.tensor(shift, dtype=x.dtype) @ cell
            row.append((float((moved - at).norm()), j, shift))
        out.append(sorted(row))
    return out


@pytest.mark.parametrize("cell", [None, torch.eye(3).double(), TRICLINIC])
@pytest.mark.parametrize("radius", [0.9, 1.3])
def test_radius_finds_what_brute_force_finds(cell, radius):
    x = cloud(5, spread=1.7) - 0.3  # some points lie outside the cell
    expected = [(i, j, *s) for i, row in enumerate(brute(x, x, cell)) for r, j, s in row if r <= radius]
    found = neighbours(x, radius=radius, cell=cell)
    assert listed(found) == sorted(expected)
    assert len(expected) > 5


@pytest.mark.parametrize("cell", [None, torch.eye(3).double(), TRICLINIC])
def test_k_nearest_are_what_brute_force_finds(cell):
    x, k = cloud(6), 4
    expected = [(i, j, *s) for i, row in enumerate(brute(x, x, cell)) for _, j, s in row[:k]]
    assert listed(neighbours(x, k, cell=cell)) == sorted(expected)


def test_one_atom_in_a_cell_has_its_own_images_as_neighbours():
    found = neighbours(torch.full((1, 3), 0.3), radius=1.0, cell=torch.eye(3))
    assert found.incidence.degree().tolist() == [6]
    assert neighbours(torch.full((1, 3), 0.3), k=18, cell=torch.eye(3)).incidence.degree().tolist() == [18]


def test_a_slab_repeats_only_along_the_axes_named():
    x, periodic = cloud(5, spread=1.5), (True, False, True)
    expected = [(i, j, *s) for i, row in enumerate(brute(x, x, TRICLINIC, periodic)) for r, j, s in row if r <= 0.8]
    found = neighbours(x, radius=0.8, cell=TRICLINIC, periodic=periodic)
    assert listed(found) == sorted(expected)
    nearest = neighbours(x, 3, cell=TRICLINIC, periodic=periodic)
    expected = [(i, j, *s) for i, row in enumerate(brute(x, x, TRICLINIC, periodic)) for _, j, s in row[:3]]
    assert listed(nearest) == sorted(expected)


def test_ties_are_broken_by_index():
    axis = torch.arange(5.0)
    x = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    found = neighbours(x, 2).incidence
    assert found.sender[found.receiver == 12].tolist() == [7, 11]  # the centre has four at distance 1
    assert found.sender[found.receiver == 0].tolist() == [1, 5]
    twins = neighbours(torch.zeros(4, 2), 2).incidence
    assert twins.sender.reshape(4, 2).tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]


def test_the_radius_is_inclusive_and_k_caps_it():
    x = torch.arange(4.0)[:, None]
    assert neighbours(x, radius=1.0).incidence.degree().tolist() == [1, 2, 2, 1]
    assert neighbours(x, 1, radius=1.0).incidence.degree().tolist() == [1, 1, 1, 1]
    assert neighbours(x, radius=0.999).incidence.num_edges == 0
    assert neighbours(x, radius=1.0, loop=True).incidence.degree().tolist() == [2, 3, 3, 2]
    assert neighbours(x, 1, loop=True).incidence.sender.tolist() == [0, 1, 2, 3]


def test_points_without_a_neighbour_beside_crowded_ones_and_no_points_at_all():
    x = torch.tensor([[0.0], [100.0], [0.1], [0.2]])
    assert neighbours(x, 2, radius=1.0).incidence.degree().tolist() == [2, 0, 2, 2]
    assert neighbours(torch.zeros(0, 3), 2).incidence.num_edges == 0
    assert neighbours(torch.zeros(0, 3), radius=1.0, cell=torch.eye(3)).shift.shape == (0, 3)  # type: ignore[union-attr]


def test_a_batch_is_the_loop_over_its_samples_in_any_order_of_points():
    x = cloud(20)
    batch = torch.arange(20) % 3
    cells = torch.stack([torch.eye(3).double(), TRICLINIC, 2 * TRICLINIC])
    together = neighbours(x, radius=0.6, cell=cells, batch=batch)
    alone = []
    for sample in range(3):
        mine = (batch == sample).nonzero()[:, 0]
        part = neighbours(x[mine], radius=0.6, cell=cells[sample])
        alone += [(int(mine[i]), int(mine[j]), *s) for i, j, *s in listed(part)]
    assert listed(together) == sorted(alone)
    long = together.displacement(x, cells, batch).norm(dim=1)
    assert long.max() <= 0.6


def test_queries_are_receivers_and_exclude_nothing():
    x, q = cloud(9), cloud(4, seed=1)
    found = neighbours(x, 3, queries=torch.cat([q, x[:1]]))
    assert (found.incidence.num_receivers, found.incidence.num_senders) == (5, 9)
    expected = [(i, j, *s) for i, row in enumerate(brute(x, q, None, own=False)) for _, j, s in row[:3]]
    assert listed(found)[:12] == sorted(expected)
    assert 0 in found.incidence.sender[found.incidence.receiver == 4].tolist()


def test_displacements_have_the_found_distances_and_gradients():
    x, cell = cloud(6, spread=2.0).requires_grad_(), TRICLINIC.clone().requires_grad_()
    found = neighbours(x, radius=0.8, cell=cell)
    assert found.displacement(x, cell).norm(dim=1).max() <= 0.8
    assert torch.autograd.gradcheck(found.displacement, (x, cell))
    with pytest.raises(ValueError, match="displacement needs the cell"):
        found.displacement(x)


def test_the_brute_force_of_other_devices_finds_the_same(monkeypatch):
    """The chunked path runs on CPU tensors here, with chunks of three queries."""
    x, q = cloud(30), cloud(11, seed=1)
    x[5] = x[3]
    by_tree = (
        pair_search.nearest_pairs(x, q, 4),
        pair_search.keep_nearest(x, q, *pair_search.pairs_within(x, q, 0.5), None),
    )
    monkeypatch.setattr(pair_search, "_uses_tree", lambda x: False)
    monkeypatch.setattr(pair_search, "_CHUNK", 3 * 30)
    by_force = (
        pair_search.nearest_pairs(x, q, 4),
        pair_search.keep_nearest(x, q, *pair_search.pairs_within(x, q, 0.5), None),
    )
    for (c, r), (d, s) in zip(by_tree, by_force, strict=True):
        assert torch.equal(c, d)
        assert torch.equal(r, s)


def test_repeated_searches_are_bitwise_equal():
    x = cloud(200)
    first = neighbours(x, 7, cell=TRICLINIC)
    for _ in range(3):
        assert listed(neighbours(x, 7, cell=TRICLINIC)) == listed(first)
        assert torch.equal(neighbours(x, 7, cell=TRICLINIC).incidence.sender, first.incidence.sender)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "needs k, radius, or both"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"radius": 0.0}, "radius must be positive and finite, got 0.0"),
        ({"radius": float("nan")}, "radius must be positive and finite, got nan"),
        ({"k": 5}, "k = 5 neighbours were asked for, but sample 0 offers only 4"),
        ({"k": 3, "batch": torch.tensor([0, 1, 1, 1, 1])}, "sample 0 offers only 0"),
        ({"radius": 1.0, "cell": torch.ones(3, 3)}, "lattice vectors of cell 0 span no volume"),
        ({"radius": 1.0, "cell": torch.eye(2)}, r"cell must have the shape \[3, 3\]"),
        ({"radius": 1.0, "periodic": (True,) * 3}, "without a cell"),
        ({"radius": 1.0, "cell": torch.eye(3), "periodic": (True,)}, "of another length"),
        ({"radius": 1.0, "batch": torch.tensor([0, 1])}, "must name a sample"),
        ({"radius": 1.0, "batch": torch.tensor([0, 1, -1, 0, 0])}, "least -1"),
        ({"radius": 1.0, "queries": torch.zeros(2, 2)}, "queries have 2 coordinates, points 3"),
        ({"radius": 1.0, "queries": torch.zeros(2, 3), "query_batch": torch.tensor([0, 0])}, "given together"),
        ({"k": 1, "queries": torch.zeros(2, 3), "points": torch.zeros(0, 3), "cell": torch.eye(3)}, "offers only 0"),
    ],
)
def test_bad_input_is_a_sentence(arguments, sentence):
    arguments = {"points": cloud(5).float(), **arguments}
    with pytest.raises(ValueError, match=sentence):
        neighbours(**arguments)


def test_the_first_point_that_is_not_finite_is_named():
    x = cloud(5)
    x[3, 1] = torch.nan
    with pytest.raises(ValueError, match=r"points must be finite, but number 3 is \[.*nan"):
        neighbours(x, 1)
    with pytest.raises(TypeError, match=r"points must be floating-point coordinates, got torch.int64"):
        neighbours(torch.zeros(3, 2, dtype=torch.int64), 1)


def test_many_dimensions_are_searched_by_products_with_the_same_answer():
    draw = torch.Generator().manual_seed(1)
    points = torch.randint(3, (300, 20), generator=draw).double() + 1e6  # far from the origin, and full of ties
    distance = (points[:, None] - points[None]).square().sum(-1)
    distance.fill_diagonal_(torch.inf)
    expected = distance.sort(dim=1, stable=True).indices[:, :7]
    found = neighbours(points, k=7).incidence
    assert torch.equal(found.sender.reshape(300, 7).long(), expected.sort(dim=1).values)
    radius = 4.0
    ball = neighbours(points, radius=radius).incidence
    assert torch.equal(ball.to_dense().bool(), distance <= radius**2)
