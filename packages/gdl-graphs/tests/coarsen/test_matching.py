"""Matchings against a greedy one written by loops; Graclus; edge contraction."""

import itertools

import pytest
import torch
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.contract import contract
from gdl_graphs.coarsen.matching import EdgePool, best_matching, graclus
from gdl_graphs.coarsen.order import colours, mix, pairs
from gdl_graphs.graph import Graph


def greedy(graph: Graph, score: dict[tuple[int, int], float]) -> list[int]:
    mate = [-1] * graph.num_nodes
    for (a, b), _ in sorted(score.items(), key=lambda item: -item[1]):
        if mate[a] < 0 and mate[b] < 0:
            mate[a], mate[b] = b, a
    return mate


@pytest.mark.parametrize("seed", range(3))
def test_the_matching_is_the_greedy_one(seed):
    graph = random_graph(12, 40 + seed)
    a, b, _, _ = pairs(graph)
    score = torch.randn(len(a), generator=torch.Generator().manual_seed(seed))
    expected = greedy(graph, dict(zip(zip(a.tolist(), b.tolist(), strict=True), score.tolist(), strict=True)))
    assert best_matching(graph, a, b, score).tolist() == expected


def test_pairs_join_both_directions_and_parallel_edges_and_leave_loops_out():
    graph = Graph.from_edges([0, 1, 0, 2, 1], [1, 0, 1, 2, 2], 3)
    a, b, edges, ptr = pairs(graph)
    assert (a.tolist(), b.tolist()) == ([0, 1], [1, 2])
    assert ptr.tolist() == [0, 3, 4]
    ends = list(map(tuple, graph.edge_index()[:, edges].T.tolist()))
    assert sorted(ends[:3]) == [(0, 1), (0, 1), (1, 0)]
    assert ends[3] == (1, 2)


def test_the_scrambler_is_splitmix64():
    # the first outputs for the seed 0: state 0, then the increment
    assert [int(mix(torch.tensor(state))) % 2**64 for state in (0, 0x9E3779B97F4A7C15 - 2**64)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
    ]


def test_colours_follow_a_renumbering_and_tell_nodes_apart_that_differ():
    graph = random_graph(9, 20)
    before = colours(graph)
    images = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(colours(graph.relabel(images))[images], before)
    path = Graph.from_edges([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], 4)
    c = colours(path).tolist()
    assert c[0] == c[3] != c[1] == c[2]


def test_graclus_takes_the_heaviest_pair_in_proportion_to_the_degrees():
    # a path 0 - 1 - 2 - 3 with weights 1, 10, 1: the middle goes together, the ends stay alone
    sender, receiver = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    path = Graph.from_edges(sender, receiver, 4, edge_weight=torch.tensor([1.0, 1, 10, 10, 1, 1]))
    assert graclus(path).tolist() == [0, 1, 1, 2]
    # without weights 1 (1 / 1 + 1 / 2) at the ends beats 1 (1 / 2 + 1 / 2) in the middle
    assert graclus(Graph.from_edges(sender, receiver, 4)).tolist() == [0, 0, 1, 1]


def test_graclus_halves_a_grid_again_and_again():
    place = torch.arange(64).reshape(8, 8)
    ends = torch.cat([torch.stack([place[:, 1:].reshape(-1), place[:, :-1].reshape(-1)], 1),
                      torch.stack([place[1:].reshape(-1), place[:-1].reshape(-1)], 1)])  # fmt: skip
    graph = Graph.from_edges(*torch.cat([ends, ends.flip(1)]).T, 64)
    sizes = [64]
    for _ in range(3):
        graph = contract(graph, graclus(graph))
        sizes.append(graph.num_nodes)
    assert all(after <= 0.65 * before for before, after in itertools.pairwise(sizes)), sizes


def test_graclus_does_not_depend_on_the_numbering():
    graph = random_graph(20, 90, True)
    label = graclus(graph)
    images = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    moved = graclus(graph.relabel(images))[images]
    assert torch.equal(label[:, None] == label, moved[:, None] == moved)


def test_ties_follow_the_surroundings_as_far_as_these_differ():
    # a path of five nodes, no weights: both end pairs are as good; a symmetry exchanges them, so both are taken
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    for images in itertools.permutations(range(5)):
        label = graclus(Graph.from_edge_index(torch.tensor(images)[path], 5))[torch.tensor(images)]
        assert label[0] == label[1] != label[2] != label[3] == label[4]


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match=r"graclus expects weights from 0, got -1\.0 at edge 0"):
        graclus(Graph.from_edges([0], [1], 2, edge_weight=torch.tensor([-1.0])))


@pytest.mark.parametrize("normalise", ["softmax", "sigmoid", "tanh"])
def test_edge_pool_adds_matched_nodes_and_weighs_them_by_the_score_of_their_edge(normalise):
    graph = random_graph(8, 20)
    layer = EdgePool(3, normalise).double()
    x = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw = (layer.receiver(x)[graph.incidence.receiver.long()] + layer.sender(x)[graph.incidence.sender.long()])[:, 0]
    if normalise == "softmax":
        score = torch.cat([part.softmax(0) for part in raw.split(graph.degree().tolist())])
    else:
        score = getattr(torch, normalise)(raw)
    score = score + 0.5
    best: dict[tuple[int, int], float] = {}
    for (s, r), value in zip(graph.edge_index().T.tolist(), score.tolist(), strict=True):
        if s != r:
            pair = (min(s, r), max(s, r))
            best[pair] = max(best.get(pair, value), value)
    mate = greedy(graph, best)
    rows = []
    for node, other in enumerate(mate):
        if other < 0:
            rows.append(x[node])
        elif other > node:
            rows.append((x[node] + x[other]) * best[node, other])
    got, coarse = layer(x, graph)
    torch.testing.assert_close(got, torch.stack(rows), rtol=0, atol=1e-14)
    assert coarse.num_nodes == len(rows)


def test_the_scores_of_edge_pool_are_trained():
    graph, layer = random_graph(8, 20), EdgePool(3).double()
    layer(torch.randn(8, 3, dtype=torch.float64), graph)[0].sum().backward()
    assert layer.sender.weight.grad.abs().max() > 0
    with pytest.raises(ValueError, match="normalises scores by softmax, sigmoid, tanh, got 'relu'"):
        EdgePool(3, "relu")
