"""`TopKPool`: which nodes stay, what they carry, and what happens on ties."""

import itertools

import pytest
import torch
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.topk import TopKPool, top_nodes
from gdl_graphs.graph import Graph
from gdl_graphs.layers.gcn import GCNConv

TWO = Graph.collate([random_graph(6, 12), random_graph(5, 9)])


def values(rows: int, channels: int = 3) -> torch.Tensor:
    return torch.randn(rows, channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("ratio", "count", "expected"), [(0.5, None, [3, 3]), (1.0, None, [6, 5]), (0.5, 4, [4, 4])])
def test_the_best_of_each_sample_stay_in_order_and_carry_their_gate(ratio, count, expected):
    layer, x = TopKPool(3, ratio, count).double(), values(11)
    y, coarse = layer(x, TWO)
    assert coarse.ptr.diff().tolist() == expected
    score = x @ layer.weight / layer.weight.norm()
    kept = []
    for start, stop, k in zip([0, 6], [6, 11], expected, strict=True):
        kept += sorted((score[start:stop].topk(k).indices + start).tolist())
    torch.testing.assert_close(y, x[kept] * score[kept].tanh()[:, None], rtol=0, atol=1e-14)
    torch.testing.assert_close(coarse.to_dense(), TWO.to_dense()[kept][:, kept], rtol=0, atol=0)
    assert layer.out_domain(TWO).ptr.tolist() == coarse.ptr.tolist()


def test_a_ratio_rounds_up_and_does_not_fall_for_its_rounding():
    graph = Graph.empty([10, 3, 1, 0])
    assert TopKPool(1, 0.7).sizes(graph).tolist() == [7, 3, 1, 0]
    assert TopKPool(1, 0.1).sizes(graph).tolist() == [1, 1, 1, 0]
    assert TopKPool(1, count=2).sizes(graph).tolist() == [2, 2, 1, 0]


def test_with_a_graph_convolution_as_score_it_is_sagpool():
    graph, x = random_graph(6, 14, loops=True), values(6)
    score = GCNConv(3, 1).double()
    y, coarse = TopKPool(3, 0.5, score=score)(x, graph)
    s = score(x, graph)[:, 0]
    kept = (coarse.cluster >= 0).nonzero()[:, 0]
    # values, not numbers: two nodes of this graph hear the same neighbours and tie
    torch.testing.assert_close(s[kept].sort().values, s.topk(3).values.sort().values, rtol=0, atol=1e-14)
    torch.testing.assert_close(y, x[kept] * s[kept].tanh()[:, None], rtol=0, atol=1e-14)
    assert coarse.cluster[kept].tolist() == [0, 1, 2]


def test_ties_are_broken_by_the_surroundings_of_a_node_and_not_by_its_number():
    # a path of five nodes with equal features: its middle, the two ends, the two others differ in surroundings
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    kinds = [0, 1, 2, 1, 0]
    found = set()
    for images in itertools.permutations(range(5)):
        moved = torch.tensor(images)[path]
        kept = top_nodes(torch.zeros(5), Graph.from_edge_index(moved, 5), torch.tensor([3]))
        found.add(tuple(sorted(kinds[images.index(i)] for i in kept.nonzero()[:, 0].tolist())))
    assert len(found) == 1, "the same kinds of nodes stay, however they are numbered"


def test_nodes_that_a_symmetry_exchanges_are_told_apart_by_number_alone():
    ring = Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], 4)
    assert top_nodes(torch.zeros(4), ring, torch.tensor([2])).tolist() == [True, True, False, False]


def test_equal_rows_have_equal_scores_whatever_their_place():
    layer = TopKPool(7).double()
    x = values(1, 7).expand(33, 7).contiguous()
    assert len(layer.scores(x, Graph.empty(33)).unique()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ratio": 0.0}, r"a share in \(0, 1\]"),
        ({"count": 0}, "at least one node"),
        ({"score": GCNConv(3, 2)}, "has one channel"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TopKPool(3, **arguments)
