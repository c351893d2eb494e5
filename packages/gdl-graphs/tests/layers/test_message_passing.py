"""The family: a layer in ten lines, containment of the flavours, and what it says when it is used wrongly."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.testing.measure import assert_equivariant
from gdl_graphs import (
    Attentional,
    Coefficients,
    Convolutional,
    EdgeConv,
    GCNConv,
    GINEConv,
    Graph,
    MessagePassing,
    PointSet,
    run_as,
)
from gdl_graphs._cases.convolution import CASES
from gdl_graphs._cases.inputs import signals
from gdl_graphs.layers.message_passing import FLAVOURS
from torch import nn

LAYERS = {f"{name}-{case.name}": case for (kind, name), cases in CASES.items() if kind == "layer" for case in cases}


class EdgeMLP(MessagePassing):
    aggregation = "max"

    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.psi = nn.Linear(2 * in_channels, out_channels)

    def message(self, receiver, sender, edge):
        return self.psi(torch.cat([receiver, sender - receiver], -1))


class SoftNeighbours(Attentional):
    """Weights of a sigmoid of the difference: an attention written by a user."""

    def attention(self, x, graph):
        sender, receiver = graph.edge_index()
        return torch.sigmoid((x[sender] - x[receiver]).sum(-1))


class Halves(Convolutional):
    """A factor of each kind."""

    def coefficients(self, graph, dtype):
        scale = 1 / (1 + graph.degree().to(dtype))
        return Coefficients(scale, graph.edge_weight, scale.sqrt())


def built(case):
    torch.manual_seed(0)
    layer, signal = case.build().double().eval(), case.inputs(0, torch.float64, "cpu")
    return layer, signal.values.requires_grad_(), signal.domain


def test_a_layer_of_ten_lines_is_the_formula_and_equivariant(draw):
    graph = draw(7, 20)
    layer = EdgeMLP(3, 4).double()
    x = torch.randn(7, 3, dtype=torch.float64)
    y = layer(x, graph)
    for u in range(7):
        senders = [int(s) for s, r in graph.edge_index().T if int(r) == u]
        messages = [layer.psi(torch.cat([x[u], x[v] - x[u]])) for v in senders]
        expected = torch.stack(messages).amax(0) if messages else torch.zeros(4, dtype=torch.float64)
        assert torch.allclose(y[u], expected, atol=1e-14)
    signal = signals(graph, 3)(0, torch.float64, "cpu")
    assert_equivariant(layer, signal, graph.symmetries()["permutation"], 1e-12)
    exported = torch.export.export(layer, (x, graph), strict=False).module()
    assert torch.allclose(exported(x, graph), y, atol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_conv_is_attention_is_message_passing(name):
    """Containment (the book, §5.3): the same parameters, run by the program of every more general flavour."""
    layer, x, graph = built(LAYERS[name])
    if not isinstance(layer, MessagePassing):
        pytest.skip("gives new features to the edges too: no member of the family")
    wanted = [x, *layer.parameters()]
    y = layer(x, graph)
    upstream = torch.randn_like(y)
    expected = [y.detach(), *torch.autograd.grad(y, wanted, upstream, allow_unused=True)]
    flavours = [flavour for flavour in FLAVOURS if isinstance(layer, flavour)]
    assert flavours[-1] is MessagePassing
    for flavour in flavours:
        other = run_as(flavour, layer)(x, graph)
        got = [other.detach(), *torch.autograd.grad(other, wanted, upstream, allow_unused=True)]
        for one, two in zip(got, expected, strict=True):
            assert (one is None) == (two is None)
            assert one is None or (one - two).abs().max() <= 1e-12 * max(1.0, float(two.abs().max()))


@pytest.mark.parametrize("aggregation", ["sum", "mean", "var", "max", "min"])
@pytest.mark.parametrize("cls", [Convolutional, Halves, SoftNeighbours])
def test_containment_holds_for_every_aggregation(draw, cls, aggregation):
    graph, x = draw(7, 25, weight=True), torch.randn(7, 3, dtype=torch.float64)
    layer = cls(3, 3, aggregation)
    for flavour in FLAVOURS:
        if isinstance(layer, flavour):
            assert (run_as(flavour, layer)(x, graph) - layer(x, graph)).abs().max() <= 1e-12


def test_what_is_not_contained_does_not_run():
    with pytest.raises(TypeError, match="EdgeConv is not Attentional"):
        run_as(Attentional, EdgeConv(2, 2))
    with pytest.raises(TypeError, match="SoftNeighbours is not Convolutional"):
        run_as(Convolutional, SoftNeighbours(2, 2))


def test_running_as_another_flavour_leaves_the_layer_and_shares_its_parameters():
    layer = GCNConv(2, 2)
    twin = run_as(MessagePassing, layer)
    assert "propagate" not in vars(layer) and twin.lin.weight is layer.lin.weight


def test_coefficients_multiply_out(draw):
    graph = draw(7, 25, weight=True)
    c = Halves(1, 1).coefficients(graph, torch.float64)
    sender, receiver = graph.edge_index()
    expected = c.receiver[receiver] * graph.edge_weight * c.sender[sender]
    assert torch.allclose(c.per_edge(graph), expected, atol=1e-15)
    assert Coefficients().per_edge(graph) is None


def test_half_precision_of_a_hub_neither_overflows_nor_stops_counting():
    """Each coefficient is a thousandth: the plain sum would be 1e5 · 100, which float16 has not."""
    n = 100_000
    graph = Graph.from_edges(torch.arange(1, n + 1), torch.zeros(n, dtype=torch.int64), n + 1)

    class Thousandth(Convolutional):
        def coefficients(self, graph, dtype):
            return Coefficients(torch.full((graph.num_nodes,), 1e-3, dtype=dtype))

    for dtype in (torch.float16, torch.bfloat16):
        y = Thousandth(1, 1)(torch.full((n + 1, 1), 100.0, dtype=dtype), graph)
        assert y.dtype == dtype and abs(float(y[0]) / 1e4 - 1) < 2**-7


def test_errors_are_sentences_that_name_the_layer(draw):
    graph, x = draw(7, 25), torch.zeros(7, 3)
    with pytest.raises(TypeError, match=r"GCNConv sends messages along edges.*got no domain"):
        GCNConv(3, 2)(x)
    with pytest.raises(TypeError, match=r"called as layer\(x, graph\), got PointSet"):
        GCNConv(3, 2)(x, PointSet.of(7))
    with pytest.raises(ValueError, match=r"GCNConv expects values \[7, c\]"):
        GCNConv(3, 2)(x[:5], graph)
    with pytest.raises(ValueError, match="GINEConv expects 2 features on each edge, got a graph without"):
        GINEConv(3, 2, 2)(x, graph)
    with pytest.raises(ValueError, match=r"GINEConv expects edge features \[e, 2\], got \[25, 4\]"):
        GINEConv(3, 2, 2)(x, draw(7, 25, features=4))
    with pytest.raises(UnknownNameError, match=r"knows no aggregation 'summ'.*Did you mean 'sum'"):
        EdgeConv(3, 2, aggregation="summ")
    with pytest.raises(TypeError, match=r"EdgeConv expects .* starts with an nn\.Linear of in_features=6"):
        EdgeConv(3, 2, nn.Sequential(nn.Linear(3, 2)))
    with pytest.raises(NotImplementedError, match="MessagePassing must say what its messages are"):
        MessagePassing(3, 3)(x, graph)
    with pytest.raises(NotImplementedError, match="Attentional must say what its weights are"):
        Attentional(3, 3)(x, graph)
