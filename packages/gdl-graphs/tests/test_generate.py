"""Generators: counts, degrees, distributions, seeds, and neighbours in boxes against all pairs."""

import itertools
import math

import networkx
import pytest
import torch
from gdl_graphs import (
    circulant,
    erdos_renyi,
    from_networkx,
    grid,
    karate_club,
    neighbour_graph,
    ring,
    stochastic_block_model,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def symmetric(graph):
    return torch.equal(graph.reversed().edge_index(), graph.edge_index())


def test_the_karate_club_is_zacharys():
    graph, labels = karate_club()
    assert (graph.num_nodes, graph.num_edges) == (34, 156) and symmetric(graph) and graph.edge_weight is None
    assert torch.bincount(labels).tolist() == [17, 17] and (int(labels[0]), int(labels[33])) == (0, 1)
    assert graph.degree()[[0, 33]].tolist() == [16, 17]


@pytest.mark.parametrize("directed", [False, True])
def test_every_pair_is_as_likely_as_asked(directed):
    n, p, draws, g = 6, 0.3, 1500, seeded()
    drawn = torch.stack([erdos_renyi(n, p, directed=directed, generator=g).to_dense() for _ in range(draws)])
    total = drawn.sum(0)
    assert drawn.max() == 1 and not bool(total.diagonal().any())
    if not directed:
        assert torch.equal(drawn, drawn.mT)
    off = total[~torch.eye(n, dtype=torch.bool)]
    assert ((off / draws - p).abs() < 4.5 * math.sqrt(p * (1 - p) / draws)).all()
    # Pairs are independent: the number of edges has the variance of a binomial distribution.
    pairs, weight = (30, 1) if directed else (15, 2)
    assert float(drawn.sum((1, 2)).var()) == pytest.approx(weight**2 * pairs * p * (1 - p), rel=0.15)


def test_extreme_probabilities_and_sizes():
    assert erdos_renyi(5, 0, generator=seeded()).num_edges == 0
    assert erdos_renyi(5, 1, generator=seeded()).num_edges == 20
    assert erdos_renyi(5, 1, directed=True, generator=seeded()).num_edges == 20
    for n in (0, 1):
        assert erdos_renyi(n, 0.5, generator=seeded()).num_edges == 0
        assert erdos_renyi(n, 0.5, directed=True, generator=seeded()).num_nodes == n
    big = erdos_renyi(1_000_000, 1e-6, generator=seeded())  # 5e11 pairs, of which half a million come up
    assert abs(big.num_edges / 1e6 - 1) < 0.01 and symmetric(big)
    assert bool((big.edge_index()[0] != big.edge_index()[1]).all())
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="A probability is between 0 and 1"):
            erdos_renyi(3, p, generator=seeded())


def test_the_seed_decides():
    one, two, other = (erdos_renyi(30, 0.2, generator=seeded(s)).edge_index() for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_blocks_are_joined_as_often_as_asked():
    p = torch.tensor([[0.5, 0.05, 0.0], [0.05, 0.3, 0.1], [0.0, 0.1, 1.0]])
    sizes = [200, 150, 30]
    graph, blocks = stochastic_block_model(sizes, p, generator=seeded())
    assert torch.bincount(blocks).tolist() == sizes and symmetric(graph)
    a = graph.to_dense()
    for i, j in itertools.product(range(3), repeat=2):
        part = a[blocks == i][:, blocks == j]
        pairs = part.numel() - (sizes[i] if i == j else 0)
        assert float(part.sum()) / pairs == pytest.approx(float(p[i, j]), abs=0.02)
    assert a.max() == 1 and not bool(a.diagonal().any())


def test_blocks_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match=r"a symmetric matrix \[2, 2\]"):
        stochastic_block_model([2, 2], torch.tensor([[0.1, 0.2], [0.3, 0.1]]), generator=seeded())
    with pytest.raises(ValueError, match=r"a symmetric matrix \[1, 1\]"):
        stochastic_block_model([2], torch.zeros(2, 2), generator=seeded())
    graph, blocks = stochastic_block_model([], torch.zeros(0, 0), generator=seeded())
    assert graph.num_nodes == len(blocks) == 0
    assert stochastic_block_model([0, 3], torch.ones(2, 2), generator=seeded())[0].num_edges == 6


@pytest.mark.parametrize("n", [3, 4, 41])
@pytest.mark.parametrize("skips", [[1], [1, 2], [2]])
def test_circulant_graphs_are_those_of_networkx(n, skips):
    expected = from_networkx(networkx.circulant_graph(n, skips))
    assert torch.equal(circulant(n, skips).edge_index(), expected.edge_index())
    assert torch.equal(ring(n).edge_index(), circulant(n, [1]).edge_index())


def test_small_rings():
    assert [ring(n).num_edges for n in (0, 1, 2, 3)] == [0, 0, 2, 6]
    with pytest.raises(ValueError, match="Skips of a ring of 4 nodes are from 1 to 3, got 4"):
        circulant(4, [1, 4])


def test_csl_graphs_of_the_shared_data_are_circulant(shared_data):
    import numpy as np

    data = np.load(shared_data("expressiveness") / "csl" / "csl.npz")
    for skip, label in zip((2, 3, 4, 5, 6, 9, 11, 12, 13, 16), range(10)):
        shown = networkx.from_numpy_array(data["adj_with_self_loops"][data["y"] == label][0] - np.eye(41))
        ours = networkx.from_numpy_array(circulant(41, [1, skip]).to_dense().numpy())
        assert torch.allclose(spectrum(shown), spectrum(ours), atol=1e-9)


def spectrum(graph):
    return torch.linalg.eigvalsh(torch.from_numpy(networkx.to_numpy_array(graph, weight=None)))


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (1, 3), (0, 3), (2, 2)])
@pytest.mark.parametrize("periodic", [False, True])
def test_grids_are_those_of_networkx(shape, periodic):
    made = networkx.grid_graph(shape[::-1], periodic=periodic)
    made = networkx.Graph(e for e in made.edges if e[0] != e[1])
    index = {node: i for i, node in enumerate(itertools.product(*map(range, shape)))}
    graph = grid(shape, periodic=periodic)
    expected = torch.zeros(graph.num_nodes, graph.num_nodes)
    for u, v in made.edges:
        a, b = (index[w if isinstance(w, tuple) else (w,)] for w in (u, v))
        expected[a, b] = expected[b, a] = 1
    assert torch.equal(graph.to_dense(), expected)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_radius_graphs_in_boxes_have_the_pairs_of_all_images(d):
    x = torch.rand(7, d, generator=seeded(), dtype=torch.float64)
    cell = torch.eye(d, dtype=torch.float64) + 0.2 * torch.rand(d, d, generator=seeded(), dtype=torch.float64)
    graph = neighbour_graph(x, radius=0.7, cell=cell)
    steps = torch.tensor(list(itertools.product(range(-4, 5), repeat=d)), dtype=torch.float64)
    away = x[None, :, None] + (steps @ cell)[None, None] - x[:, None, None]  # [receiver, sender, image, d]
    length = away.norm(dim=-1)
    expected = ((length <= 0.7) & (length > 0)).sum(-1)
    assert torch.equal(graph.to_dense().long(), expected)
    assert torch.allclose(
        graph.edge_features.norm(dim=1).sort().values, length[(length <= 0.7) & (length > 0)].sort().values
    )
    assert graph.positions is x


def test_nearest_neighbours_are_senders_of_each_point_and_samples_stay_apart():
    x = torch.randn(12, 2, generator=seeded(), dtype=torch.float64)
    graph = neighbour_graph(x, k=3, ptr=torch.tensor([0, 5, 12]))
    assert graph.batch_size == 2 and graph.degree().tolist() == [3] * 12
    for start, stop, part in ((0, 5, graph.unbatch()[0]), (5, 12, graph.unbatch()[1])):
        distance = torch.cdist(x[start:stop], x[start:stop]) + torch.diag(torch.full((stop - start,), math.inf))
        nearest = distance.topk(3, largest=False).indices.sort().values
        assert torch.equal(part.incidence.sender.reshape(-1, 3).long(), nearest)
    sender, receiver = graph.edge_index()
    assert torch.equal(graph.edge_features, x[sender] - x[receiver])
    with pytest.raises(ValueError, match="ptr must rise from 0 to the 12 points"):
        neighbour_graph(x, k=3, ptr=torch.tensor([0, 5]))


def test_displacements_differentiate():
    x = torch.randn(5, 2, generator=seeded(), dtype=torch.float64, requires_grad=True)
    cell = (2 * torch.eye(2, dtype=torch.float64)).requires_grad_()

    def lengths(x, cell):
        return neighbour_graph(x, radius=1.5, cell=cell).edge_features.square().sum(1)

    assert torch.autograd.gradcheck(lengths, (x, cell))
