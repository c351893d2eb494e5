"""Networks of convolutions: the published formulas, invariance, and that they learn."""

import pytest
import torch
from gdl_graphs import GIN, GATConv, Graph, gat, gcn, gin


@pytest.fixture
def graph(draw):
    return draw(7, 20).with_self_loops()


def test_gcn_is_the_formula_of_the_paper(graph):
    """Z = A relu(A X W0) W1 with the normalised matrix A (Kipf and Welling 2017, eq. 9)."""
    net = gcn(5, 3, hidden=4).double().eval()
    x = torch.randn(7, 5, dtype=torch.float64)
    a = graph.to_dense().double()
    scale = a.sum(1).rsqrt()
    a = scale[:, None] * a * scale
    first, second = (layer.lin.weight for layer in net.modules() if hasattr(layer, "lin"))
    assert torch.allclose(net(x, graph), a @ torch.relu(a @ x @ first.T) @ second.T, atol=1e-12)


def test_gat_is_the_network_of_the_paper(graph):
    net = gat(5, 3)
    first, last = (part for part in net.parts if isinstance(part, GATConv))
    assert (first.heads, first.out_channels, first.concat, first.dropout) == (8, 8, True, 0.6)
    assert (last.heads, last.out_channels, last.concat, last.dropout) == (1, 3, False, 0.6)
    net = net.double().eval()
    x = torch.randn(7, 5, dtype=torch.float64)
    assert torch.allclose(net(x, graph), last(torch.nn.functional.elu(first(x, graph)), graph), atol=1e-12)


@pytest.mark.parametrize("build", [gcn, gin, gat])
def test_a_readout_gives_one_row_per_graph_that_permutations_leave(build, graph, draw):
    net = build(5, 3, hidden=8, layers=3, readout="mean").double().eval()
    other = draw(4, 6, seed=3)
    x = torch.randn(11, 5, dtype=torch.float64)
    batch = Graph.collate([graph, other])
    y = net(x, batch)
    assert y.shape == (2, 3) and torch.allclose(y[:1], net(x[:7], graph), atol=1e-12)
    images = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    moved = net(x[:7][torch.argsort(images)], graph.relabel(images))
    assert torch.allclose(moved, y[:1], atol=1e-12)


def test_gin_reads_out_after_every_layer(graph):
    net = GIN(5, 3, hidden=4, layers=2).double().eval()
    x = torch.randn(7, 5, dtype=torch.float64)
    y = net(x, graph)
    total = net.maps[0](x.sum(0))
    for block, linear in zip(net.blocks, list(net.maps)[1:], strict=True):
        x = block(x, graph)
        total = total + linear(x.sum(0))
    assert torch.allclose(y, total, atol=1e-12)


@pytest.mark.parametrize("build", [gcn, gin])
def test_networks_learn_the_two_halves_of_a_barbell(build):
    torch.manual_seed(0)
    halves = Graph.complete([6, 6], self_loops=True).edge_index()
    bridge = torch.tensor([[5, 6], [6, 5]])
    graph = Graph.from_edge_index(torch.cat([halves, bridge], 1), 12)
    x, target = torch.eye(12), torch.tensor([0] * 6 + [1] * 6)
    net = build(12, 2, hidden=8)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    known = torch.tensor([0, 11])
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x, graph)[known], target[known]).backward()
        optimizer.step()
    assert (net.eval()(x, graph).argmax(1) == target).float().mean() >= (1.0 if build is gcn else 0.8)
