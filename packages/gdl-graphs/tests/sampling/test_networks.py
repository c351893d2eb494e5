"""Real layers on sampled batches: with all neighbours, the seeds get what the whole graph gives them."""

import pytest
import torch
from gdl_core.incidence import reduce
from gdl_graphs import GATv2Conv, GCNConv, Graph, SAGEConv
from gdl_graphs.sampling import GraphStore, layerwise_inference, sample
from torch import nn


@pytest.fixture
def graph():
    g = torch.Generator().manual_seed(0)
    return Graph.from_edge_index(torch.randint(90, (2, 400), generator=g), 90).to_undirected().with_self_loops()


def with_gcn_weights(graph):
    """Return the graph with the entries of D^-1/2 A D^-1/2 as weights, float32 as a store keeps them."""
    scale = reduce(graph.incidence, torch.ones(graph.num_edges)).rsqrt()
    sender, receiver = graph.edge_index()
    return graph.replace(edge_weight=scale[sender] * scale[receiver])


@pytest.mark.parametrize("kind", ["sage-mean", "sage-max", "gatv2", "gcn"])
def test_seeds_get_what_the_whole_graph_gives_them(graph, tmp_path, kind):
    torch.manual_seed(0)
    make = {
        "sage-mean": lambda i, o: SAGEConv(i, o),
        "sage-max": lambda i, o: SAGEConv(i, o, "max"),
        "gatv2": lambda i, o: GATv2Conv(i, o, heads=2, concat=False),
        "gcn": lambda i, o: GCNConv(i, o, normalize=False),  # the degree of a sender is not in the batch
    }[kind]
    graph = with_gcn_weights(graph) if kind == "gcn" else graph
    layers = nn.ModuleList([make(6, 8), make(8, 4)]).double()
    x = torch.randn(90, 6, dtype=torch.float64)
    store = GraphStore.create(tmp_path, graph, x)

    def network(x, graph):
        graph = graph.to(dtype=torch.float64)
        return layers[1](layers[0](x, graph).relu(), graph)

    expected = network(x, graph)
    seeds = torch.tensor([3, 77, 10])
    batch = sample(store, seeds, [-1, -1])
    assert batch.graph.num_nodes < 90
    assert torch.allclose(network(batch.x, batch.graph)[:3], expected[seeds], rtol=0, atol=1e-13)
    steps = [
        lambda x, graph: layers[0](x, graph.to(dtype=torch.float64)).relu(),
        lambda x, graph: layers[1](x, graph.to(dtype=torch.float64)),
    ]
    assert torch.allclose(layerwise_inference(steps, store, 16), expected, rtol=0, atol=1e-13)


def test_a_layer_that_asks_for_the_degree_of_senders_is_not_exact(graph, tmp_path):
    # The control, and the reason for the advice in the docstrings.
    torch.manual_seed(0)
    layer, x = GCNConv(6, 4).double(), torch.randn(90, 6, dtype=torch.float64)
    batch = sample(GraphStore.create(tmp_path, graph, x), [3], [-1])
    assert not torch.allclose(layer(batch.x, batch.graph)[0], layer(x, graph)[3], atol=1e-3)
