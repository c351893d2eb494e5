"""Clusters that the graph gives: labels, voxels, spectral clustering."""

import pickle

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_graphs._cases.inputs import random_graph
from gdl_graphs.coarsen.cluster import ClusterPool, VoxelGrid
from gdl_graphs.coarsen.spectral import SpectralClusters, spectral_clusters
from gdl_graphs.graph import Graph


def partition(label: torch.Tensor) -> torch.Tensor:
    return label[:, None] == label


def communities(sizes: list[int], seed: int = 0, inside: float = 0.7, between: float = 0.03) -> Graph:
    side = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    draw = torch.rand(len(side), len(side), generator=torch.Generator().manual_seed(seed))
    joined = draw < torch.where(side[:, None] == side, inside, between)
    return Graph.from_dense(((joined | joined.T) & ~torch.eye(len(side), dtype=torch.bool)).double())


def test_given_labels_pool_and_claim_no_symmetry():
    graph, x = random_graph(6, 14), torch.arange(6.0)[:, None]
    layer = ClusterPool(1, torch.tensor([1, 1, 0, 0, 1, -1]), "sum")
    y, coarse = layer(x, graph)
    assert y[:, 0].tolist() == [5, 5]
    assert coarse.num_nodes == 2
    assert layer.symmetries(graph) == ()
    assert "cluster" in layer.state_dict()


def test_voxels_are_the_boxes_of_a_grid():
    place = torch.tensor([[0.1, 0.1], [0.9, 0.4], [1.1, 0.2], [0.2, 1.7], [-0.1, 0.1]])
    graph = Graph.from_edges([], [], 5, positions=place)
    assert torch.equal(partition(VoxelGrid(1.0, 0.0)(graph)), partition(torch.tensor([0, 0, 1, 2, 3])))
    assert torch.equal(partition(VoxelGrid((2.0, 1.0), (-1.0, 0.0))(graph)), partition(torch.tensor([0, 0, 1, 2, 0])))
    moved = graph.replace(positions=place + 0.37)
    assert torch.equal(partition(VoxelGrid(1.0)(moved)), partition(VoxelGrid(1.0)(graph)))


def test_voxels_need_positions_and_positive_sizes():
    with pytest.raises(ValueError, match="VoxelGrid needs a graph with positions, got one without"):
        VoxelGrid(1.0)(random_graph())
    with pytest.raises(ValueError, match=r"boxes of a positive size, got 0\.0"):
        VoxelGrid(0.0)
    with pytest.raises(ValueError, match="expects size to be one number or 2, got 3"):
        VoxelGrid((1.0, 1.0, 1.0))(random_graph(positions=2))


@pytest.mark.parametrize("sizes", [[10, 12], [8, 9, 10]])
def test_spectral_clusters_are_the_communities(sizes):
    graph = communities(sizes)
    side = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    label = spectral_clusters(graph, len(sizes))
    assert torch.equal(partition(label), partition(side))
    images = torch.randperm(len(side), generator=torch.Generator().manual_seed(3))
    assert torch.equal(partition(spectral_clusters(graph.relabel(images), len(sizes))[images]), partition(side))


def test_components_and_isolated_nodes_are_clusters_of_their_own():
    graph = Graph.from_edges([0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3], 6)
    assert torch.equal(partition(spectral_clusters(graph, 3)), partition(torch.tensor([0, 0, 0, 1, 1, 2])))


def test_large_samples_go_through_the_iterative_solver_with_the_same_result(monkeypatch):
    graph = communities([30, 25], inside=0.5)
    dense = spectral_clusters(graph, 2)
    monkeypatch.setattr("gdl_graphs.coarsen.spectral.DENSE", 10)
    assert torch.equal(partition(spectral_clusters(graph, 2)), partition(dense))


def test_samples_are_clustered_one_by_one_and_small_ones_node_by_node():
    first, second = communities([6, 6]), Graph.empty(1)
    second = second.replace(edge_weight=torch.zeros(0, dtype=torch.float64))
    label = spectral_clusters(Graph.collate([first, second, first]), 2)
    assert torch.equal(label[:12], spectral_clusters(first, 2))
    assert torch.equal(label[13:], label[:12])
    assert int(label[12]) == 0
    with pytest.raises(ValueError, match="at least one cluster, got k=0"):
        spectral_clusters(first, 0)


def test_a_layer_with_selections_can_be_pickled_and_says_what_it_is():
    layer = ClusterPool(2, SpectralClusters(2), "max")
    assert "SpectralClusters(k=2), max" in repr(pickle.loads(pickle.dumps(layer)))
    with pytest.raises(UnknownNameError, match="knows no reduction 'median'"):
        ClusterPool(2, SpectralClusters(2), "median")
