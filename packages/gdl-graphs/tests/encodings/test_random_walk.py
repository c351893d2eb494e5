"""Return probabilities: dense powers, closed forms, batches, and what they refuse."""

import networkx as nx
import pytest
import torch
from gdl_graphs import DegreeEncoder, Graph, RandomWalkEncoder, random_walk_encoding


def dense(graph, steps):
    """Diagonals of powers of the transition matrix of a walker that leaves along a drawn edge."""
    adjacency = graph.to_dense().double()
    transition = adjacency / adjacency.sum(0).clamp_min(1e-300)
    power, found = torch.eye(graph.num_nodes, dtype=torch.float64), []
    for _ in range(steps):
        power = transition @ power
        found.append(power.diagonal())
    return torch.stack(found, 1)


@pytest.mark.parametrize("weight", [False, True])
def test_it_is_the_diagonal_of_the_powers_of_the_transition_matrix(draw, weight):
    graph = draw(nodes=9, edges=25, weight=weight)  # directed, with parallel edges, loops and isolated nodes
    assert torch.allclose(random_walk_encoding(graph, 7, dtype=torch.float64), dense(graph, 7), atol=1e-14)


def test_a_batch_gives_what_its_graphs_give_and_walks_start_in_several_blocks(draw, monkeypatch):
    graphs = [draw(nodes=n, edges=3 * n, seed=n) for n in (5, 12, 3)] + [Graph.empty(2), Graph.empty(0)]
    looped = torch.cat([random_walk_encoding(graph, 5, dtype=torch.float64) for graph in graphs])
    monkeypatch.setattr("gdl_graphs.encodings.random_walk.BLOCK", 4)
    assert torch.equal(random_walk_encoding(Graph.collate(graphs), 5, dtype=torch.float64), looped)


def test_on_a_ring_a_walker_is_back_as_often_as_steps_left_and_right_are_equal():
    ring = Graph.from_dense(torch.as_tensor(nx.to_numpy_array(nx.cycle_graph(50))))
    found = random_walk_encoding(ring, 6, dtype=torch.float64)
    assert torch.allclose(found[0], torch.tensor([0, 2 / 4, 0, 6 / 16, 0, 20 / 64], dtype=torch.float64))


def test_renaming_nodes_moves_the_encoding_along(draw):
    graph = draw(nodes=10, edges=40)
    images = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    moved = random_walk_encoding(graph.relabel(images), 6, dtype=torch.float64)
    assert float((moved[images] - random_walk_encoding(graph, 6, dtype=torch.float64)).abs().max()) <= 1e-15


def test_the_encoding_has_the_default_dtype_and_stays_finite_without_edges():
    assert random_walk_encoding(Graph.empty(3), 4).dtype == torch.float32
    assert random_walk_encoding(Graph.empty([2, 0]), 4).tolist() == [[0.0] * 4] * 2
    assert random_walk_encoding(Graph.empty(0), 4).shape == (0, 4)


def test_no_steps_and_negative_weights_are_refused():
    with pytest.raises(ValueError, match="at least 1 step"):
        random_walk_encoding(Graph.empty(3), 0)
    graph = Graph.from_edges([0, 1], [1, 0], 2, edge_weight=torch.tensor([1.0, -0.5]))
    with pytest.raises(ValueError, match=r"-0\.5 at edge"):
        random_walk_encoding(graph, 2)


def test_encoders_of_walks_and_degrees_are_what_they_say(draw):
    graph = draw(nodes=8, edges=30)
    x = random_walk_encoding(graph, 4, dtype=torch.float64)
    encoder = RandomWalkEncoder(4, 3).double()
    expected = encoder.linear(torch.nn.functional.batch_norm(x, None, None, training=True))
    assert torch.allclose(encoder(x, graph), expected, atol=1e-12)
    degrees = DegreeEncoder(2, largest=3).double()
    y = degrees(torch.zeros(8, 2, dtype=torch.float64), graph)
    assert torch.equal(y, degrees.embedding.weight[graph.degree().long().clamp(max=3)])
    with pytest.raises(ValueError, match="from 0"):
        DegreeEncoder(2, largest=-1)
