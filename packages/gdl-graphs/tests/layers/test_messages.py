"""Layers with a message per edge, against loops over nodes and edges."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_graphs import (
    EdgeConv,
    GatedGCN,
    GINEConv,
    Graph,
    MessagePassing,
    NNConv,
    PNAConv,
    ResGatedGraphConv,
    degree_histogram,
    mlp,
    run_as,
)
from gdl_graphs.layers.pna import SCALERS, each_edge
from torch import Tensor, nn

N, IN, OUT, EDGE = 7, 4, 3, 2
STATISTICS = ["mean", "max", "std", "sum", "min", "var"]


def looped(graph: Graph, message, reduction: str = "sum") -> Tensor:
    """Reduce ``message(u, v, e)`` over the edges e from v to each u, one after the other."""
    ends = graph.edge_index().T.tolist()
    rows = []
    for u in range(graph.num_nodes):
        heard = [message(u, v, e) for e, (v, r) in enumerate(ends) if r == u]
        if not heard:
            rows.append(None)
            continue
        m = torch.stack(heard)
        found = {"sum": m.sum(0), "mean": m.mean(0), "max": m.amax(0), "min": m.amin(0), "var": m.var(0, correction=0)}
        found["std"] = torch.where(found["var"] > 1e-5, found["var"].sqrt(), 0)
        rows.append(found[reduction])
    width = next(row for row in rows if row is not None)
    return torch.stack([torch.zeros_like(width) if row is None else row for row in rows])


@pytest.fixture
def given(draw):
    torch.manual_seed(1)
    graph = draw(N, 22, features=EDGE)
    assert 0 in graph.degree().tolist()
    return torch.randn(N, IN, dtype=torch.float64), graph, graph.edge_features


def near(one: Tensor, two: Tensor) -> bool:
    return bool((one - two).abs().max() <= 1e-12 * max(1.0, float(two.abs().max())))


@torch.no_grad()
def test_gine(given):
    x, graph, e = given
    layer = GINEConv(IN, OUT, EDGE, eps=0.2).double()
    heard = looped(graph, lambda u, v, k: torch.relu(x[v] + layer.lin(e[k])))
    assert near(layer(x, graph), layer.nn((1 + layer.eps) * x + heard))
    with pytest.raises(ValueError, match="adds edge features to node features, got 2 and 4 channels"):
        GINEConv(IN, OUT, EDGE, project=False)


@torch.no_grad()
@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "min"])
def test_edge_network(given, reduction):
    x, graph, e = given
    layer = NNConv(IN, OUT, EDGE, aggregation=reduction).double()
    heard = looped(graph, lambda u, v, k: x[v] @ layer.nn(e[k]).view(IN, OUT), reduction)
    assert near(layer(x, graph), heard + layer.lin(x) + layer.bias)


def test_an_edge_network_needs_a_linear_end():
    with pytest.raises(TypeError, match=r"NNConv expects .* ends with an nn\.Linear of out_features=6"):
        NNConv(2, 3, 2, nn.Sequential(nn.Linear(2, 5)))


@torch.no_grad()
@pytest.mark.parametrize("edges", [None, EDGE])
def test_residual_gates(given, edges):
    x, graph, e = given
    layer = ResGatedGraphConv(IN, OUT, edges).double()

    def message(u: int, v: int, k: int) -> Tensor:
        more = [] if edges is None else [e[k]]
        key, query, value = (
            linear(torch.cat([x[i], *more]))
            for linear, i in ((layer.lin_key, u), (layer.lin_query, v), (layer.lin_value, v))
        )
        return torch.sigmoid(key + query) * value

    assert near(layer(x, graph), looped(graph, message) + layer.lin_skip(x) + layer.bias)


@torch.no_grad()
def test_gated_gcn_renews_nodes_and_edges(given):
    x, graph, e = given
    layer = GatedGCN(IN, OUT, EDGE, norm=False).double()
    y, after = layer(x, graph)
    ends = graph.edge_index().T.tolist()
    gates = torch.stack([layer.C(e[k]) + layer.D(x[u]) + layer.E(x[v]) for k, (v, u) in enumerate(ends)])
    total = looped(graph, lambda u, v, k: torch.sigmoid(gates[k]) * layer.B(x[v]))
    weight = looped(graph, lambda u, v, k: torch.sigmoid(gates[k]))
    assert near(y, torch.relu(layer.A(x) + total / (weight + 1e-6)))
    assert near(after.edge_features, torch.relu(gates))
    assert torch.equal(after.edge_index(), graph.edge_index())


@torch.no_grad()
def test_gated_gcn_normalises_nodes_and_edges_and_adds_the_input(given):
    x, graph, _ = given
    e = torch.randn(graph.num_edges, IN, dtype=torch.float64)
    graph = graph.replace(edge_features=e)
    layer = GatedGCN(IN, IN).double()
    y, after = layer(x, graph)
    assert ((y - x) >= 0).all() and ((after.edge_features - e) >= 0).all()
    assert not torch.equal(layer.norm_nodes.running_mean, torch.zeros(IN, dtype=torch.float64))
    assert not torch.equal(layer.norm_edges.running_mean, torch.zeros(IN, dtype=torch.float64))
    second, _ = GatedGCN(IN, IN).double().eval()(y, after)  # it stacks
    assert second.shape == y.shape


@torch.no_grad()
@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("last", [[], [nn.LeakyReLU(0.2)], [nn.Linear(OUT, OUT)], [nn.LeakyReLU(-0.2)]])
def test_edge_conv(given, reduction, last):
    x, graph, _ = given
    layer = EdgeConv(IN, OUT, nn.Sequential(nn.Linear(2 * IN, OUT), *last), aggregation=reduction).double()
    heard = looped(graph, lambda u, v, k: layer.nn(torch.cat([x[u], x[v] - x[u]])), reduction)
    assert near(layer(x, graph), heard)


PNA = {
    "plain": {},
    "edges": {"edge_channels": EDGE},
    "divided": {"edge_channels": EDGE, "towers": 2, "divide_input": True},
    "towers": {"towers": 2},
    "deep": {"towers": 2, "pre_layers": 2, "post_layers": 2},
}


@torch.no_grad()
@pytest.mark.parametrize("kind", PNA)
def test_pna_by_its_formula(given, kind):
    x, graph, e = given
    degrees = degree_histogram([graph])
    layer = PNAConv(IN, 6, STATISTICS, SCALERS, degrees, **PNA[kind]).double()
    towers, c = layer.towers, layer.width
    degree = graph.degree().double()
    log_mean, mean = (degree + 1).log().mean(), degree.mean()
    some = degree.clamp(min=1)
    scales = {
        "identity": torch.ones(N),
        "amplification": (degree + 1).log() / log_mean,
        "attenuation": log_mean / (some + 1).log(),
        "linear": degree / mean,
        "inverse_linear": mean / some,
    }
    outputs = []
    for t in range(towers):
        own = x[:, t * c : (t + 1) * c] if layer.divide_input else x

        def message(u: int, v: int, k: int, own=own, t=t) -> Tensor:
            more = [] if layer.edge_encoder is None else [layer.edge_encoder(e[k])]
            return layer.pre_nns[t](torch.cat([own[u], own[v], *more]))

        found = torch.cat([looped(graph, message, name) for name in STATISTICS], 1)
        scaled = torch.cat([found * scales[name][:, None] for name in SCALERS], 1)
        outputs.append(layer.post_nns[t](torch.cat([own, scaled], 1)))
    expected = layer.lin(torch.cat(outputs, 1))
    # The averages of the degrees are buffers made in float32 by default.
    assert (layer(x, graph) - expected).abs().max() <= 1e-6 * expected.abs().max()
    assert near(run_as(MessagePassing, layer)(x, graph), layer(x, graph))


def test_degrees_are_counted_over_graphs(draw):
    graphs = [draw(5, 9, seed=1), draw(8, 30, seed=2), Graph.empty(3)]
    counted = degree_histogram(graphs).tolist()
    every = [d for graph in graphs for d in graph.degree().tolist()]
    assert counted == [every.count(d) for d in range(max(every) + 1)]


def test_bad_options_of_pna():
    degrees = torch.tensor([1, 2])
    with pytest.raises(UnknownNameError, match="no aggregation 'median'"):
        PNAConv(4, 4, ["median"], ["identity"], degrees)
    with pytest.raises(UnknownNameError, match=r"no scaler 'identiti'.*'identity'"):
        PNAConv(4, 4, ["mean"], ["identiti"], degrees)
    with pytest.raises(ValueError, match="at least one scaler"):
        PNAConv(4, 4, ["mean"], [], degrees)
    with pytest.raises(ValueError, match="towers to divide its channels, got 3 for 4 and 4"):
        PNAConv(4, 4, ["mean"], ["identity"], degrees, towers=3)
    with pytest.raises(ValueError, match="count the nodes of each degree"):
        PNAConv(4, 4, ["mean"], ["identity"], torch.zeros(3))


def test_the_relation_of_edges_to_receivers_is_what_from_edges_makes(draw):
    incidence = draw(N, 22).incidence
    places = torch.arange(22)
    expected = type(incidence).from_edges(places, incidence.receiver, 22, N)
    made = each_edge(incidence)
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(made, name), getattr(expected, name)), name


def test_mlp_has_norms_before_its_relus():
    assert [type(part).__name__ for part in mlp([2, 3, 4], norm=True)] == ["Linear", "BatchNorm", "ReLU", "Linear"]
    assert [type(part).__name__ for part in mlp([2, 4])] == ["Linear"]
