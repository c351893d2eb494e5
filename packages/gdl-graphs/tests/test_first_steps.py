"""What users of other libraries write first is taken, or refused in a sentence."""

import numpy as np
import pytest
import torch
from gdl_core import Blueprint
from gdl_core.geometry import Dropout
from gdl_graphs import GCNConv, Graph, PointSet, from_networkx, ring
from gdl_graphs.sampling import GraphStore, sample


def test_a_tensor_of_edges_in_place_of_a_graph_is_not_printed():
    graph = ring(5)
    with pytest.raises(TypeError, match=r"got a tensor \[2, 10\]; .*from_edge_index") as raised:
        GCNConv(3, 2)(torch.randn(5, 3), graph.edge_index())
    assert "tensor([" not in str(raised.value)


@pytest.mark.parametrize("sizes", [torch.tensor([3, 5]), np.array([3, 5]), [3, 5], torch.tensor([3, 5]).tolist()])
def test_sizes_may_be_a_tensor_or_an_array(sizes):
    assert Graph.empty(sizes).ptr.tolist() == PointSet.of(sizes).ptr.tolist() == [0, 3, 8]


def test_sizes_of_other_kinds_are_refused():
    for sizes in (torch.tensor([3.0, 5.0]), np.array([[3, 5]])):
        with pytest.raises(TypeError, match="whole number"):
            Graph.empty(sizes)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int16])
def test_edges_may_be_small_unsigned_integers_of_numpy(dtype):
    graph = Graph.from_edges(np.array([0, 1], dtype), np.array([1, 2], dtype), 3)
    assert graph.edge_index().tolist() == [[0, 1], [1, 2]]
    with pytest.raises(ValueError, match="sender 7"):
        Graph.from_edges(np.array([0, 7], dtype), np.array([1, 2], dtype), 3)


def test_torch_dropout_in_a_blueprint_becomes_ours():
    net = Blueprint([GCNConv(3, 4), torch.nn.ReLU(), torch.nn.Dropout(0.25), GCNConv(4, 2)])
    assert isinstance(net.parts[2], Dropout) and net.parts[2].rate == 0.25
    x = torch.randn(5, 3)
    assert torch.equal(net.eval()(x, ring(5)), net(x, ring(5)))
    assert not torch.equal(net.train()(x, ring(5)), net(x, ring(5)))


def test_seeds_that_are_no_integers_are_refused_not_rounded(tmp_path):
    store = GraphStore.write(tmp_path, 5, [ring(5).edge_index()])
    for seeds in ([1.5], torch.tensor([True, False, True, False, False])):
        with pytest.raises(TypeError, match="Seeds are whole numbers"):
            sample(store, seeds, [2])
    assert sample(store, [], [2]).num_seeds == 0


def test_what_is_no_networkx_graph_is_named():
    with pytest.raises(TypeError, match="takes a NetworkX graph, got ndarray"):
        from_networkx(np.eye(3))
