"""The edges of a coarser graph, against the product of dense matrices."""

import pytest
import torch
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.contract import contract, induced
from gdl_graphs.graph import Graph

LABELS = torch.tensor([3, 3, 0, 5, -1, 0, 5])


def matrix_of(labels: torch.Tensor, order: list[int]) -> torch.Tensor:
    return torch.stack([(labels == label).double() for label in order], 1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_the_weights_are_those_of_the_product_with_the_membership_matrix(weighted, loops):
    graph = random_graph(7, 30, weighted, loops=True)
    coarse = contract(graph, LABELS, self_loops=loops)
    member = matrix_of(LABELS, [3, 0, 5])  # by smallest member
    expected = member.T @ graph.to_dense().double() @ member
    expected = expected if loops else expected - expected.diag().diag()
    torch.testing.assert_close(coarse.to_dense().double(), expected, rtol=0, atol=1e-12)
    assert coarse.num_edges == int((expected != 0).sum()), "parallel edges are joined"


@pytest.mark.parametrize("features", ["mean", "sum"])
def test_features_of_joined_edges_are_added_or_averaged_and_positions_averaged(features):
    graph = random_graph(7, 30, features=2, positions=3)
    coarse = contract(graph, LABELS, features=features)
    label = {3: 0, 0: 1, 5: 2, -1: -1}
    name = [label[int(entry)] for entry in LABELS]
    for edge, (s, r) in enumerate(coarse.edge_index().T.tolist()):
        rows = [
            graph.edge_features[e]
            for e, (a, b) in enumerate(graph.edge_index().T.tolist())
            if (name[a], name[b]) == (s, r)
        ]
        total = torch.stack(rows).sum(0)
        expected = total / len(rows) if features == "mean" else total
        torch.testing.assert_close(coarse.edge_features[edge], expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(coarse.positions[0], graph.positions[[0, 1]].mean(0), rtol=0, atol=1e-14)


def test_the_gradient_of_the_weights_is_that_of_the_dense_product():
    graph = random_graph(7, 30, True)
    weight = graph.edge_weight.clone().requires_grad_()
    factor = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    dense = contract(graph.replace(edge_weight=weight), LABELS, self_loops=True).to_dense()
    (dense * factor).sum().backward()
    member = matrix_of(LABELS, [3, 0, 5])
    full = member @ factor @ member.T
    torch.testing.assert_close(
        weight.grad, full[graph.incidence.receiver.long(), graph.incidence.sender.long()], rtol=0, atol=1e-14
    )


def test_a_hierarchy_is_made_by_contracting_again():
    graph = Graph.collate([random_graph(6, 12), random_graph(5, 9)])
    once = contract(graph, torch.arange(11) // 2)
    twice = contract(once, once.owner)
    assert once.ptr.diff().tolist() == [3, 3], "a label that reaches into the next sample names two clusters"
    assert twice.num_nodes == 2
    assert twice.num_edges == 0
    assert twice.parent is once


@pytest.mark.parametrize("seed", range(3))
def test_an_induced_graph_is_the_subgraph_and_an_incidence_like_one_made_of_edges(seed):
    graph = Graph.collate([random_graph(7, 30 + seed, True, 2, 3, True), random_graph(5, 9, True, 2, 3)])
    kept = torch.rand(12, generator=torch.Generator().manual_seed(seed)) < 0.6
    got, expected = induced(graph, kept), graph.subgraph(kept)
    for name in ("ptr", "owner", "edge_weight", "edge_features", "positions"):
        assert torch.equal(getattr(got, name), getattr(expected, name)), name
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm", "edge_id"):
        assert torch.equal(getattr(got.incidence, name), getattr(expected.incidence, name)), name
        assert getattr(got.incidence, name).dtype == torch.int32
    assert got.cluster[kept].tolist() == list(range(int(kept.sum())))
    assert (got.cluster[~kept] == -1).all()


def test_bad_input_is_refused_in_a_sentence():
    graph = random_graph(7, 16)
    with pytest.raises(ValueError, match="joins edge features by mean or sum, got 'max'"):
        contract(graph, LABELS, features="max")
    typed = Graph.from_edges([0, 1], [1, 0], 2, edge_features=torch.tensor([[1], [2]]))
    with pytest.raises(TypeError, match=r"must be floating-point, got torch\.int64"):
        contract(typed, torch.tensor([0, 1]))
