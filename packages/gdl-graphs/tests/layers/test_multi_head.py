"""What all attention layers promise, and what tells them apart."""

from collections.abc import Callable

import pytest
import torch
from gdl_core.incidence import reduce
from gdl_graphs import Attentional, GATConv, GATv2Conv, Graph, MessagePassing, TransformerConv, run_as
from torch import Tensor

IN, OUT, HEADS, EDGE = 4, 3, 2, 2
LAYERS: dict[str, Callable] = {"gat": GATConv, "gatv2": GATv2Conv, "transformer": TransformerConv}
each_layer = pytest.mark.parametrize("name", LAYERS)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_graph(nodes: int = 8, edges: int = 20, seed: int = 0) -> Graph:
    """The last node is isolated."""
    draw = torch.Generator().manual_seed(seed)
    sender, receiver = torch.randint(nodes - 1, (2, edges), generator=draw)
    return Graph.from_edges(sender, receiver, nodes, edge_features=normal(edges, EDGE, seed=seed))


def build(name: str, **options):
    torch.manual_seed(0)
    return LAYERS[name](IN, OUT, HEADS, **options).double().eval()


@pytest.mark.parametrize("featured", [False, True])
@each_layer
def test_it_commutes_with_permutations_to_rounding(name, featured):
    layer, graph, x = build(name, edge_channels=EDGE if featured else None), random_graph(), normal(8, IN)
    group = graph.symmetries()["permutation"]
    draw = torch.Generator().manual_seed(4)
    for _ in range(5):
        g = torch.randperm(8, generator=draw)
        moved_x, moved_graph = group.move(g, x, graph)
        expected, _ = group.move(g, layer(x, graph), graph)
        torch.testing.assert_close(layer(moved_x, moved_graph), expected, atol=1e-12, rtol=0)
    assert not torch.allclose(layer(moved_x, graph), expected)  # the edges have to move too


@pytest.mark.parametrize("featured", [False, True])
@each_layer
def test_the_more_general_flavours_compute_the_same(name, featured):
    layer, graph, x = build(name, edge_channels=EDGE if featured else None), random_graph(), normal(8, IN)
    expected = layer(x, graph)
    torch.testing.assert_close(run_as(MessagePassing, layer)(x, graph), expected, atol=1e-12, rtol=0)
    if not (featured and name == "transformer"):  # its messages depend on the edge beyond their weight
        torch.testing.assert_close(run_as(Attentional, layer)(x, graph), expected, atol=1e-12, rtol=0)


@each_layer
def test_weights_sum_to_one_at_every_node_that_receives(name):
    layer, graph, x = build(name), random_graph(), normal(8, IN)
    weights = layer.attention_weights(x, graph)
    assert weights.shape == (20, HEADS) and (weights > 0).all()
    total = reduce(graph.incidence, weights)
    expected = (graph.degree() > 0).double()[:, None].expand(-1, HEADS)
    torch.testing.assert_close(total, expected)
    layer.dropout = 0.9
    assert torch.equal(layer.train().attention_weights(x, graph), weights)  # pictures show no dropout


@pytest.mark.parametrize("featured", [False, True])
@each_layer
def test_dropout_acts_in_training_only_repeats_and_keeps_the_mean(name, featured):
    layer, graph, x = build(name, dropout=0.5, edge_channels=EDGE if featured else None), random_graph(), normal(8, IN)
    exact = layer(x, graph).detach()
    layer.train()
    torch.manual_seed(1)
    first = layer(x, graph)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x, graph))
    assert not torch.equal(first, layer(x, graph))
    draws = torch.stack([layer(x, graph).detach() for _ in range(200)])
    error, spread = draws.mean(0) - exact, draws.std(0) / 200**0.5
    assert (spread > 0).any()
    assert (error.abs() <= 5 * spread + 1e-9).all()


@pytest.mark.parametrize("featured", [False, True])
@each_layer
def test_dropout_drops_the_same_weights_in_the_gradient(name, featured):
    layer, graph = build(name, dropout=0.5, edge_channels=EDGE if featured else None).train(), random_graph()

    def run(x: Tensor) -> Tensor:
        torch.manual_seed(3)
        return layer(x, graph)

    with torch.random.fork_rng(devices=[]):
        assert torch.autograd.gradcheck(run, normal(8, IN).requires_grad_(), fast_mode=False)


def test_a_node_without_edges_gets_bias_and_residual():
    layer, x = build("gat", residual=True), normal(8, IN)
    with torch.no_grad():
        layer.bias.copy_(normal(HEADS * OUT, seed=2))
    out = layer(x, random_graph())
    torch.testing.assert_close(out[-1], layer.bias + layer.res(x[-1]))
    torch.testing.assert_close(layer(x, Graph.empty(8)), layer.bias + layer.res(x))


def rankings(name: str) -> Tensor:
    """How each of many nodes ranks the same ten senders."""
    graph, x = Graph.complete(10), normal(10, IN, seed=1)
    torch.manual_seed(2)
    layer = LAYERS[name](IN, 16, 1).double()
    weights = layer.attention_weights(3 * x, graph)[:, 0]
    return graph.incidence.to_dense(weights).argsort(1)


def test_gat_ranks_neighbours_alike_for_all_nodes_and_gatv2_does_not():
    """Static against dynamic attention (Brody, Alon and Yahav 2022, theorems 1 and 2)."""
    static = rankings("gat")
    assert (static == static[0]).all()
    assert not (rankings("gatv2") == rankings("gatv2")[0]).all()
    assert not (rankings("transformer") == rankings("transformer")[0]).all()


@pytest.mark.parametrize("sizes", [[7], [4, 1, 5]])
def test_transformer_conv_on_the_complete_graph_is_multi_head_attention(sizes):
    layer = build("transformer", root_weight=False)
    x, total = normal(sum(sizes), IN), HEADS * OUT
    reference = torch.nn.MultiheadAttention(total, HEADS, batch_first=True).double()
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.eye(total).repeat(3, 1))  # the projections are the layer's own
        reference.in_proj_bias.zero_()
        reference.out_proj.weight.copy_(torch.eye(total))
        reference.out_proj.bias.zero_()
    parts = [
        reference(*(f(part)[None] for f in (layer.lin_query, layer.lin_key, layer.lin_value)))[0][0]
        for part in x.split(sizes)
    ]
    torch.testing.assert_close(layer(x, Graph.complete(sizes)), torch.cat(parts), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("act", "error", "sentence"),
    [
        (lambda: GATConv(4, 3, 0), ValueError, "at least one head, got 0"),
        (lambda: GATv2Conv(4, 3, dropout=1.0), ValueError, r"rate in \[0, 1\), got 1.0"),
        (lambda: TransformerConv(4, 3, beta=True, root_weight=False), ValueError, "needs root_weight=True"),
        (lambda: GATConv(4, 3)(torch.ones(8, 4)), TypeError, "layer\\(x, graph\\), got no domain"),
        (lambda: GATConv(4, 3)(torch.ones(8, 5), random_graph()), ValueError, "expects 4 channels"),
        (lambda: GATConv(4, 3)(torch.ones(7, 4), random_graph()), ValueError, r"\[8, c\]"),
        (lambda: GATConv(4, 3, edge_channels=2)(torch.ones(3, 4), Graph.empty(3)), ValueError, "without edge features"),
        (lambda: GATv2Conv(4, 3, edge_channels=5)(torch.ones(8, 4), random_graph()), ValueError, r"\[e, 5\]"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(act, error, sentence):
    with pytest.raises(error, match=sentence):
        act()
