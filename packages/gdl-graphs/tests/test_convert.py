"""To and from NetworkX, SciPy and objects like PyTorch Geometric's: round trips and conventions."""

from types import SimpleNamespace

import networkx
import numpy as np
import pytest
import scipy.sparse
import torch
from gdl_graphs import Graph, from_networkx, from_pyg, from_scipy, to_networkx, to_scipy


def test_an_undirected_edge_is_both_directions_and_nodes_keep_their_order():
    made = networkx.Graph([("b", "a"), ("a", "c"), ("c", "c")])
    graph, names = from_networkx(made, names=True)
    assert names == ["b", "a", "c"] and graph.edge_weight is None
    assert torch.equal(graph.to_dense(), torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 1]]))


def test_a_directed_edge_sends_from_its_first_node_to_its_second():
    made = networkx.DiGraph()
    made.add_nodes_from(range(3))
    made.add_edge(0, 2, weight=0.25)
    made.add_edge(2, 2, weight=3)
    graph = from_networkx(made)
    assert graph.edge_index().tolist() == [[0, 2], [2, 2]] and graph.edge_weight.tolist() == [0.25, 3.0]


@pytest.mark.parametrize("kind", [networkx.MultiGraph, networkx.MultiDiGraph])
def test_parallel_edges_of_multigraphs_stay(kind):
    made = kind([(0, 1), (0, 1), (1, 1), (1, 1)])
    directions = 1 if made.is_directed() else 2
    graph = from_networkx(made)
    assert graph.num_edges == 2 * directions + 2 and float(graph.to_dense()[1, 1]) == 2


def test_networkx_and_back_is_the_same_graph(draw):
    graph = draw(weight=True, positions=2).to(dtype=torch.float32)
    back = from_networkx(to_networkx(graph))
    for name in ("edge_weight", "positions"):
        assert torch.equal(getattr(back, name), getattr(graph, name))
    assert torch.equal(back.edge_index(), graph.edge_index()) and back.num_nodes == 7


def test_positions_and_other_attributes_are_taken_by_name():
    made = networkx.random_geometric_graph(9, 0.5, seed=0)
    graph = from_networkx(made)
    assert torch.allclose(graph.positions, torch.tensor([made.nodes[i]["pos"] for i in range(9)]))
    assert from_networkx(made, position=None).positions is None
    club = networkx.karate_club_graph()
    assert from_networkx(club).edge_weight.max() == 7 and from_networkx(club, weight=None).edge_weight is None
    with pytest.raises(TypeError, match="The attribute 'club' of nodes is not made of numbers"):
        from_networkx(club, position="club")


def test_attributes_that_some_lack_are_told():
    made = networkx.path_graph(3)
    made[0][1]["weight"] = 1.0
    with pytest.raises(ValueError, match="The edge at place 1 has no attribute 'weight', others have"):
        from_networkx(made)
    made.nodes[1]["pos"] = [0.0]
    with pytest.raises(ValueError, match="The node at place 0 has no attribute 'pos', others have"):
        from_networkx(made, weight=None)


@pytest.mark.parametrize("form", ["csr_array", "coo_matrix", "csc_array", "lil_matrix"])
def test_scipy_matrices_are_receivers_by_senders_and_come_back(form):
    dense = np.array([[0, 0.5, 0], [0, 0, 0], [2.0, 0, -1]])
    graph = from_scipy(getattr(scipy.sparse, form)(dense))
    assert graph.edge_index().tolist() == [[1, 0, 2], [0, 2, 2]] and graph.edge_weight.dtype == torch.float64
    assert np.array_equal(to_scipy(graph).toarray(), dense)
    assert np.array_equal(to_scipy(from_scipy(scipy.sparse.csr_array(dense != 0))).toarray(), dense != 0)


def test_parallel_edges_and_stored_zeros_survive_scipy(draw):
    graph = draw(nodes=4, edges=30, weight=True)
    matrix = to_scipy(graph)
    assert matrix.nnz == 30 and np.allclose(matrix.toarray(), graph.to_dense())
    back = from_scipy(matrix)
    assert torch.equal(back.edge_index(), graph.edge_index()) and torch.equal(back.edge_weight, graph.edge_weight)
    zero = scipy.sparse.coo_array((np.zeros(1), ([0], [1])), shape=(2, 2))
    assert from_scipy(zero).num_edges == 1


def test_what_is_no_square_matrix_is_told():
    with pytest.raises(TypeError, match=r"takes a scipy\.sparse matrix, got ndarray"):
        from_scipy(np.eye(2))
    with pytest.raises(ValueError, match=r"square, \[n, n\], got \[2, 3\]"):
        from_scipy(scipy.sparse.csr_array((2, 3)))
    with pytest.raises(ValueError, match="NaN at edge 0"):
        from_scipy(scipy.sparse.csr_array(np.array([[0, np.nan], [0, 0]])))


def data(**fields):
    base = {"edge_index": torch.tensor([[0, 1, 2], [1, 2, 0]]), "num_nodes": 4}
    return SimpleNamespace(**base | fields)


def test_anything_with_edge_index_and_num_nodes_is_taken():
    x, features, pos = torch.rand(4, 2), torch.rand(3, 5), torch.rand(4, 3)
    graph, found = from_pyg(data(x=x, edge_attr=features, pos=pos, edge_weight=torch.tensor([1.0, 2, 3])))
    assert found is x and graph.positions is pos and graph.num_nodes == 4
    assert graph.edge_weight.tolist() == [3.0, 1.0, 2.0]
    assert torch.equal(graph.incidence.to_given(graph.edge_features), features)
    graph, found = from_pyg(data(edge_attr=torch.tensor([1.0, 2, 3])))
    assert found is None and graph.edge_features is None and graph.edge_weight.tolist() == [3.0, 1.0, 2.0]
    graph, _ = from_pyg(data(edge_attr=torch.tensor([1, 2, 3])))
    assert graph.edge_weight is None and graph.edge_features.tolist() == [3, 1, 2]


def test_the_batch_vector_says_which_graph_a_node_is_in():
    graph, _ = from_pyg(data(edge_index=torch.tensor([[0, 3], [1, 2]]), batch=torch.tensor([0, 0, 2, 2]), num_graphs=4))
    assert graph.ptr.tolist() == [0, 2, 2, 4, 4] and graph.owner.tolist() == [0, 0, 2, 2]
    assert [part.num_edges for part in graph.unbatch()] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"num_nodes": None}, TypeError, "needs edge_index and num_nodes, SimpleNamespace has not both"),
        ({"edge_index": None}, TypeError, "needs edge_index and num_nodes"),
        ({"num_nodes": 2}, ValueError, "but there are 2 receivers|but there are 2 senders"),
        ({"x": torch.ones(3, 1)}, ValueError, r"x must have 4 rows, one per node, got \[3, 1\]"),
        ({"batch": torch.tensor([0, 1, 0, 1])}, ValueError, "graph numbers that never fall"),
        ({"batch": torch.tensor([0, 1])}, ValueError, r"batch must be \[4\] graph numbers"),
        ({"batch": torch.tensor([0, 0, 1, 1])}, ValueError, "joins samples 1 and 0 of a batch"),
        ({"batch": torch.tensor([-1, -1, -1, -1])}, ValueError, "graph numbers from 0, got -1"),
        ({"batch": torch.tensor([0, 0, 0, 5]), "num_graphs": 2}, ValueError, "below the 2 graphs, got 5"),
    ],
)
def test_what_does_not_fit_is_told(fields, error, words):
    with pytest.raises(error, match=words):
        from_pyg(data(**fields))


def test_dense_and_scipy_agree():
    dense = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    one, two = Graph.from_dense(dense), from_scipy(scipy.sparse.csr_array(dense.numpy()))
    assert torch.equal(one.edge_index(), two.edge_index()) and torch.equal(one.edge_weight, two.edge_weight)
