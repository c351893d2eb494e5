"""Clusters, pooling onto them and back, against dense membership matrices."""

import pytest
import torch
from gdl_core.testing.measure import group_elements
from gdl_graphs._cases.coarsen import TWO, soft_graph
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.cluster import ClusterPool, VoxelGrid
from gdl_graphs.coarsen.contract import contract
from gdl_graphs.coarsen.matching import EdgePool, graclus
from gdl_graphs.coarsen.select import SoftGraph, Unpool, lift, members, number_clusters, pool, shares
from gdl_graphs.coarsen.soft import DiffPool, MinCutPool
from gdl_graphs.coarsen.topk import TopKPool
from gdl_graphs.graph import Graph

POOLS = {
    "topk": lambda: TopKPool(3, 0.6),
    "edge": lambda: EdgePool(3),
    "graclus": lambda: ClusterPool(3, graclus, "max"),
    "voxel": lambda: ClusterPool(3, VoxelGrid(1.0)),
    "diff": lambda: DiffPool(3, 2),
    "mincut": lambda: MinCutPool(3, 3),
}


def values(rows: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def membership(coarse: Graph) -> torch.Tensor:
    """The dense matrix ``[n of the parent, n]``, written by loops."""
    assert coarse.parent is not None
    matrix = torch.zeros(coarse.parent.num_nodes, coarse.num_nodes, dtype=torch.float64)
    for node in range(coarse.parent.num_nodes):
        if isinstance(coarse, SoftGraph):
            k = coarse.assignment.shape[1]
            first = int(coarse.parent.owner[node]) * k
            matrix[node, first : first + k] = coarse.assignment[node]
        elif coarse.cluster[node] >= 0:
            matrix[node, coarse.cluster[node]] = 1
    return matrix


def test_clusters_are_numbered_by_their_smallest_member_and_a_label_means_another_in_another_sample():
    owner = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    cluster, count = number_clusters(torch.tensor([9, 4, 9, -1, 4, 0, 4]), owner)
    assert cluster.tolist() == [0, 1, 0, -1, 2, 3, 2]
    assert count == 4


@pytest.mark.parametrize("label", [[0.0, 1.0], [True, False]])
def test_labels_that_are_no_integers_are_refused(label):
    with pytest.raises(TypeError, match="Clusters are given as integers, one label per node"):
        number_clusters(torch.tensor(label), torch.tensor([0, 0]))


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(ValueError, match=r"one cluster label per node, \[2\], got \[3\]"):
        number_clusters(torch.tensor([0, 0, 1]), torch.tensor([0, 0]))


@pytest.mark.parametrize(
    "coarse", [contract(TWO, torch.tensor([0, 0, 1, -1, 2, 0, 5, 5, -1, 3, 5])), soft_graph(TWO, 3)]
)
def test_pool_and_lift_are_products_with_the_membership_matrix(coarse):
    matrix, x = membership(coarse), values(TWO.num_nodes)
    total = matrix.T @ x
    torch.testing.assert_close(pool(x, coarse, "sum"), total, rtol=0, atol=1e-14)
    torch.testing.assert_close(pool(x, coarse), total / matrix.sum(0)[:, None], rtol=0, atol=1e-14)
    y = values(coarse.num_nodes)
    torch.testing.assert_close(lift(y, coarse), matrix @ y, rtol=0, atol=1e-14)


def test_the_maximum_of_a_cluster_is_that_of_its_members():
    coarse, x = contract(TWO, torch.tensor([0, 0, 1, -1, 2, 0, 5, 5, -1, 3, 5])), values(TWO.num_nodes)
    for k in range(coarse.num_nodes):
        rows = x[coarse.cluster == k]
        assert torch.equal(pool(x, coarse, "max")[k], rows.amax(0))
        assert torch.equal(pool(x, coarse, "min")[k], rows.amin(0))


def test_a_soft_assignment_has_no_maximum():
    with pytest.raises(ValueError, match="A soft assignment pools by sum or mean, got 'max'"):
        pool(values(TWO.num_nodes), soft_graph(TWO, 2), "max")


@pytest.mark.parametrize("name", POOLS)
def test_pool_and_unpool_commute_exactly_with_permutations(name):
    layer, back, x = POOLS[name]().double(), Unpool(3), values(TWO.num_nodes)
    y, fine = back(*layer(x, TWO))
    assert fine is TWO
    symmetry = TWO.symmetries()["permutation"]
    for g in group_elements(symmetry.group):
        x_moved, moved = symmetry.move(g, x, TWO)
        expected = symmetry.move(g, y, TWO)[0]
        got, same = back(*layer(x_moved, moved))
        assert same is moved
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


def test_a_coarsening_that_numbers_nodes_by_place_does_not_commute():
    x, symmetry = values(TWO.num_nodes), TWO.symmetries()["permutation"]

    def by_place(graph: Graph) -> torch.Tensor:
        return torch.arange(graph.num_nodes) // 2

    layer, back = ClusterPool(3, by_place), Unpool(3)
    g = symmetry.group.sample(1, torch.Generator().manual_seed(0))[0]
    x_moved, moved = symmetry.move(g, x, TWO)
    error = back(*layer(x_moved, moved))[0] - symmetry.move(g, back(*layer(x, TWO))[0], TWO)[0]
    assert error.abs().max() > 0.1


@pytest.mark.parametrize("name", POOLS)
def test_the_coarse_graph_moves_with_the_nodes(name):
    layer, x = POOLS[name]().double(), values(TWO.num_nodes)
    symmetry = TWO.symmetries()["permutation"]
    coarse = layer(x, TWO)[1]
    for g in symmetry.group.sample(3, torch.Generator().manual_seed(1)):
        again = layer(*symmetry.move(g, x, TWO))[1]
        expected = symmetry.move(g, values(coarse.num_nodes), coarse)[1]
        torch.testing.assert_close(again.to_dense(), expected.to_dense(), rtol=0, atol=1e-12)
        assert torch.equal(again.ptr, expected.ptr)
        if coarse.cluster is not None:
            assert torch.equal(again.cluster, expected.cluster)
        else:
            torch.testing.assert_close(again.assignment, expected.assignment, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", POOLS)
def test_two_levels_and_back_commute_with_permutations(name):
    first, second, back, x = POOLS[name]().double(), TopKPool(3, 0.6).double(), Unpool(3), values(TWO.num_nodes)
    symmetry = TWO.symmetries()["permutation"]

    def network(x, graph):
        y, coarse = first(x, graph)
        y, coarser = second(y, coarse)
        y, coarse = back(y, coarser)
        return back(y, coarse)[0]

    y = network(x, TWO)
    for g in symmetry.group.sample(3, torch.Generator().manual_seed(2)):
        got = network(*symmetry.move(g, x, TWO))
        torch.testing.assert_close(got, symmetry.move(g, y, TWO)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", POOLS)
def test_a_batch_gives_what_its_samples_give(name):
    layer, x = POOLS[name]().double(), values(TWO.num_nodes)
    y, coarse = layer(x, TWO)
    z = lift(y, coarse)
    parts = [layer(part, graph) for part, graph in zip(x.split([6, 5]), TWO.unbatch(), strict=True)]
    torch.testing.assert_close(y, torch.cat([part for part, _ in parts]), rtol=0, atol=1e-14)
    torch.testing.assert_close(z, torch.cat([lift(*part) for part in parts]), rtol=0, atol=1e-14)
    torch.testing.assert_close(coarse.to_dense(), torch.block_diag(*[graph.to_dense() for _, graph in parts]))
    assert coarse.ptr.diff().tolist() == [graph.num_nodes for _, graph in parts]


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("sizes", [[], [0], [1], [0, 1, 0, 3]])
def test_no_sample_no_node_and_single_nodes_go_through(name, sizes):
    graph = Graph.empty(sizes)
    graph = graph.replace(positions=values(graph.num_nodes, 2))
    x = values(graph.num_nodes).requires_grad_()
    layer = POOLS[name]().double()
    y, coarse = layer(x, graph)
    z, fine = Unpool(3)(y, coarse)
    assert coarse.batch_size == len(sizes)
    assert y.shape == (coarse.num_nodes, 3)
    assert z.shape == x.shape
    assert fine is graph
    z.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("sizes", [[3, 0, 2], [1], []])
@pytest.mark.parametrize("k", [1, 3])
def test_the_relation_of_a_soft_assignment_is_an_incidence_like_one_made_of_edges(sizes, k):
    parent = Graph.empty(sizes)
    got = shares(parent, k)
    receiver = torch.arange(parent.num_nodes).repeat_interleave(k)
    sender = parent.owner[receiver] * k + torch.arange(k).repeat(parent.num_nodes)
    expected = type(got).from_edges(sender, receiver, len(sizes) * k, parent.num_nodes)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(got, name), getattr(expected, name)), name


def test_the_relation_of_clusters_is_an_incidence_like_one_made_of_edges():
    coarse = contract(TWO, torch.tensor([0, 0, 1, -1, 2, 0, 5, 5, -1, 3, 5]))
    got, nodes = members(coarse), TWO.num_nodes
    label = torch.where(coarse.cluster < 0, coarse.num_nodes, coarse.cluster)
    expected = type(got).from_edges(torch.arange(nodes), label, nodes, coarse.num_nodes + 1)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(got, name), getattr(expected, name)), name


def test_pooling_onto_a_graph_made_before_compiles_as_one_program():
    graph = random_graph(7, 16)
    coarse, x = contract(graph, graclus(graph)), values(7).requires_grad_()

    def both(x, coarse):
        return lift(pool(x, coarse, "max") + pool(x, coarse), coarse)

    expected = both(x, coarse)
    torch._dynamo.reset()
    got = torch.compile(both, fullgraph=True, backend="aot_eager")(x, coarse)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-14)


def test_unpool_refuses_a_graph_that_nothing_was_pooled_to():
    with pytest.raises(ValueError, match=r"Unpool undoes a coarsening, .* got Graph.*, which knows no parent"):
        Unpool(3)(values(7), random_graph(7, 16))
    with pytest.raises(ValueError, match=r"Unpool undoes a coarsening, .* got no domain"):
        Unpool(3)(values(7))
