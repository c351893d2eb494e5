"""Dynamic nearest neighbours, against all distances sorted."""

import pytest
import torch
from gdl_core.testing.measure import assert_equivariant, group_elements
from gdl_graphs._cases.inputs import random_graph, signals
from gdl_graphs.coarsen.select import Unpool
from gdl_graphs.coarsen.topk import TopKPool
from gdl_graphs.graph import Graph
from gdl_graphs.latent.knn import DynamicEdgeConv, KNNGraph, knn_graph
from gdl_graphs.layers.edge_conv import EdgeConv
from gdl_graphs.layers.mlp import mlp
from gdl_graphs.point_set import PointSet


def values(rows: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def nearest(x: torch.Tensor, sizes: list[int], k: int, loop: bool) -> set[tuple[int, int]]:
    """The edges (sender, receiver), by sorting all distances of a sample."""
    edges, first = set(), 0
    for size in sizes:
        for i in range(first, first + size):
            others = [j for j in range(first, first + size) if loop or j != i]
            others.sort(key=lambda j: float((x[i] - x[j]).square().sum()))
            edges |= {(j, i) for j in others[:k]}
        first += size
    return edges


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("sizes", [[7], [5, 5], [6, 2, 0, 1, 4]])
@pytest.mark.parametrize("k", [1, 3])
def test_the_edges_are_those_to_the_nearest_of_the_sample(sizes, loop, k):
    x = values(sum(sizes)) + 100
    graph = knn_graph(x, PointSet.of(sizes), k, loop)
    assert set(map(tuple, graph.edge_index().T.tolist())) == nearest(x, sizes, k, loop)
    again = Graph.from_edge_index(graph.edge_index(), len(x)).incidence
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(graph.incidence, name), getattr(again, name)), name


def test_the_tree_and_the_blocks_find_the_same(monkeypatch):
    x, points = values(60), PointSet.of([35, 25])
    expected = knn_graph(x, points, 4).edge_index()
    monkeypatch.setattr("gdl_graphs.latent.knn.TREE_POINTS", 10)
    assert torch.equal(knn_graph(x, points, 4).edge_index(), expected)
    monkeypatch.setattr("gdl_graphs.latent.knn.TREE_POINTS", 1000)
    monkeypatch.setattr("gdl_graphs.latent.search.BLOCK", 90)  # a few rows at a time
    assert torch.equal(knn_graph(x, points, 4).edge_index(), expected)


def test_the_graph_moves_with_the_points():
    points, x = PointSet.of([6, 5]), values(11)
    symmetry = points.symmetries()["permutation"]
    graph = KNNGraph(3, 2)(x, points)[1]
    for g in group_elements(symmetry.group):
        got = KNNGraph(3, 2)(*symmetry.move(g, x, points))[1]
        assert torch.equal(got.edge_index(), graph.relabel(g).edge_index())


def test_a_rewired_coarse_graph_still_knows_its_way_back():
    graph, x = random_graph(8, 20), values(8)
    y, coarse = TopKPool(3).double()(x, graph)
    y, coarse = KNNGraph(3, 2)(y, coarse)
    assert Unpool(3)(y, coarse)[1] is graph


def test_dynamic_edge_conv_is_edge_conv_on_that_graph_and_ignores_edges():
    network = mlp([6, 8, 4]).double()
    layer, conv, x = DynamicEdgeConv(3, 4, 3, network), EdgeConv(3, 4, network), values(8)
    expected = conv(x, knn_graph(x, PointSet.of(8), 3, loop=True))
    assert torch.equal(layer(x, PointSet.of(8)), expected)
    torch.testing.assert_close(layer(x, random_graph(8, 20)), expected, rtol=0, atol=1e-14)
    signal = signals(PointSet.of([6, 5]), 3)(0, torch.float64, "cpu")
    assert_equivariant(layer, signal, signal.domain.symmetries()["permutation"], 1e-12)


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="KNNGraph expects at least one neighbour, got k=0"):
        KNNGraph(3, 0)
    with pytest.raises(ValueError, match="DynamicEdgeConv expects at least one neighbour, got k=0"):
        DynamicEdgeConv(3, 4, 0)
    with pytest.raises(TypeError, match="KNNGraph needs a Graph or a PointSet"):
        KNNGraph(3, 2)(values(4))
    with pytest.raises(ValueError, match=r"KNNGraph expects values \[5, c\]"):
        KNNGraph(3, 2)(values(4), PointSet.of(5))
