"""Convolutions against PyTorch Geometric in float64: the same parameters give the same output and the same gradients.

The parameters are copied by `load_state_dict`, which also shows that they are called the same and have the same shapes.
"""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import (  # noqa: E402
    ChebConv,
    EdgeConv,
    GCNConv,
    GINConv,
    GINEConv,
    Graph,
    NNConv,
    PNAConv,
    ResGatedGraphConv,
    SAGEConv,
    SGConv,
    degree_histogram,
)
from torch_geometric import nn as pyg  # noqa: E402
from torch_geometric.data import Data  # noqa: E402

IN, OUT, EDGE = 5, 4, 3
TOLERANCE = 1e-10


def mixed() -> tuple[Tensor, int]:
    """Isolated nodes, nodes that only send or only receive, self-loops, edges that are there two and three times."""
    sender = [0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 0, 0, 7, 8, 8, 2, 9]
    receiver = [1, 0, 2, 1, 2, 4, 4, 4, 3, 6, 5, 2, 2, 7, 1, 2, 0, 2]
    return torch.tensor([sender, receiver]), 12


def undirected() -> tuple[Tensor, int]:
    """No self-loops; two components, one node alone, one edge twice."""
    ends = torch.tensor([[0, 1, 2, 3, 4, 5, 5], [1, 2, 0, 2, 5, 6, 6]])
    return torch.cat([ends, ends.flip(0)], 1), 8


GRAPHS = {
    "mixed": mixed,
    "undirected": undirected,
    "no-edges": lambda: (torch.empty(2, 0, dtype=torch.int64), 5),
    "no-nodes": lambda: (torch.empty(2, 0, dtype=torch.int64), 0),
}


class Inputs:
    """Features of nodes, weights and features of edges, all of which want gradients; and the graph, ours and PyG's."""

    def __init__(self, graph: str, symmetric: bool = False, channels: int = IN):
        draw = torch.Generator().manual_seed(1)
        self.edge_index, self.nodes = GRAPHS[graph]()
        edges = self.edge_index.shape[1]

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()

        self.x, self.features = normal(self.nodes, channels), normal(edges, EDGE)
        # symmetric: both directions of an edge have one weight, of which degrees of senders and of receivers are made
        self.leaf = 0.5 + torch.rand(edges // 2 if symmetric else edges, generator=draw, dtype=torch.float64)
        self.leaf.requires_grad_()
        self.weight = self.leaf.repeat(2) if symmetric else self.leaf

    def ours(self, weighted: bool = False, featured: bool = False) -> Graph:
        values = {"edge_weight": self.weight} if weighted else {}
        values |= {"edge_features": self.features} if featured else {}
        return Graph.from_edge_index(self.edge_index, self.nodes, **values)

    def tensors(self) -> dict[str, Tensor]:
        return {"x": self.x, "edge_weight": self.leaf, "edge_features": self.features}


def agree(ours: nn.Module, theirs: nn.Module, inputs: Inputs, run: Callable, run_theirs: Callable) -> None:
    """Compare output and gradients of all inputs and parameters, for parameters none of which is zero."""
    draw = torch.Generator().manual_seed(2)
    ours, theirs = ours.double(), theirs.double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    ours.load_state_dict({name.removeprefix("aggr_module."): value for name, value in theirs.state_dict().items()})
    results = []
    for layer, function in ((ours, run), (theirs, run_theirs)):
        y = function(layer)
        upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        wanted = inputs.tensors() | dict(layer.named_parameters())
        grads = torch.autograd.grad(y, list(wanted.values()), upstream, allow_unused=True)
        results.append({"output": y.detach()} | dict(zip(wanted, grads, strict=True)))
    mine, peer = results
    assert mine.keys() == peer.keys()
    for name, expected in peer.items():
        if expected is None:  # PyG uses no such input
            assert mine[name] is None or not mine[name].any(), name
            continue
        got = mine[name] if mine[name] is not None else torch.zeros_like(expected)
        assert got.shape == expected.shape, name
        worst = float((got - expected).abs().max()) if expected.numel() else 0.0
        assert worst <= TOLERANCE * max(1.0, float(expected.abs().max()) if expected.numel() else 1.0), (name, worst)
    if inputs.edge_index.numel():
        assert mine["output"].abs().max() > 1e-3  # the comparison is of something


every_graph = pytest.mark.parametrize("graph", GRAPHS)


def network(*channels: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        parts += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*parts[:-1])


@every_graph
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("out", [OUT, 7])
def test_gcn(graph: str, weighted: bool, out: int) -> None:
    inputs = Inputs(graph)
    weight = inputs.weight if weighted else None
    agree(
        GCNConv(IN, out),
        pyg.GCNConv(IN, out),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(weighted).with_self_loops()),
        lambda layer: layer(inputs.x, inputs.edge_index, weight),
    )


@every_graph
def test_gcn_without_normalisation(graph: str) -> None:
    inputs = Inputs(graph)
    agree(
        GCNConv(IN, OUT, normalize=False, bias=False),
        pyg.GCNConv(IN, OUT, normalize=False, bias=False),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(True)),
        lambda layer: layer(inputs.x, inputs.edge_index, inputs.weight),
    )


@every_graph
@pytest.mark.parametrize("out", [OUT, 7])
def test_sgc(graph: str, out: int) -> None:
    inputs = Inputs(graph)
    agree(
        SGConv(IN, out, 3),
        pyg.SGConv(IN, out, K=3),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(True).with_self_loops()),
        lambda layer: layer(inputs.x, inputs.edge_index, inputs.weight),
    )


@pytest.mark.parametrize("graph", ["undirected", "no-edges", "no-nodes"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("out", [OUT, 7])
@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("normalization", ["sym", "none"])
def test_chebyshev(graph: str, weighted: bool, out: int, order: int, normalization: str) -> None:
    inputs = Inputs(graph, symmetric=True)
    given = 1.7 if graph != "undirected" else None  # PyG finds no bound where there is no edge
    weight = inputs.weight if weighted else None
    if order == 4 and out == OUT:
        given = 2.3
    if normalization == "none" and given is None and weighted:
        given = 5.0  # PyG lets the gradient through its bound, where it is no constant
    agree(
        ChebConv(IN, out, order, normalization=normalization, lambda_max=given),
        pyg.ChebConv(IN, out, order, normalization=None if normalization == "none" else "sym"),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(weighted)),
        lambda layer: layer(inputs.x, inputs.edge_index, weight, lambda_max=given),
    )


def test_chebyshev_of_the_random_walk_is_conjugate() -> None:
    """PyG's "rw" is I - A D^-1, ours I - D^-1 A as in its documentation: D^-1 (I - A D^-1) D."""
    ends = torch.tensor([[0, 1, 2, 3, 1], [1, 2, 0, 2, 3]])
    edge_index = torch.cat([ends, ends.flip(0)], 1)
    graph = Graph.from_edge_index(edge_index, 4)
    x = torch.randn(4, IN, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = ChebConv(IN, OUT, 3, normalization="rw", bias=False).double()
    theirs = pyg.ChebConv(IN, OUT, 3, normalization="rw", bias=False).double()
    ours.load_state_dict(theirs.state_dict())
    degree = graph.degree().double()[:, None]
    assert (ours(x, graph) - theirs(x * degree, edge_index) / degree).abs().max() <= TOLERANCE
    assert (ours(x, graph) - theirs(x, edge_index)).abs().max() > 1e-3


@every_graph
@pytest.mark.parametrize("out", [OUT, 7])
@pytest.mark.parametrize("aggregation", ["mean", "sum", "max", "min"])
@pytest.mark.parametrize("project", [False, True])
def test_sage(graph: str, out: int, aggregation: str, project: bool) -> None:
    inputs = Inputs(graph)
    more = {"project": project, "normalize": project, "root_weight": not project or out == OUT}
    agree(
        SAGEConv(IN, out, aggregation, **more),
        pyg.SAGEConv(IN, out, aggregation, **more),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours()),
        lambda layer: layer(inputs.x, inputs.edge_index),
    )


@every_graph
@pytest.mark.parametrize("train_eps", [False, True])
def test_gin(graph: str, train_eps: bool) -> None:
    inputs = Inputs(graph)
    agree(
        GINConv(IN, OUT, network(IN, 6, OUT), eps=0.3, train_eps=train_eps),
        pyg.GINConv(network(IN, 6, OUT), eps=0.3, train_eps=train_eps),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours()),
        lambda layer: layer(inputs.x, inputs.edge_index),
    )


@every_graph
def test_gine(graph: str) -> None:
    inputs = Inputs(graph)
    agree(
        GINEConv(IN, OUT, EDGE, network(IN, 6, OUT), eps=0.3, train_eps=True),
        pyg.GINEConv(network(IN, 6, OUT), eps=0.3, train_eps=True, edge_dim=EDGE),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(featured=True)),
        lambda layer: layer(inputs.x, inputs.edge_index, inputs.features),
    )


@every_graph
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max"])
def test_edge_network(graph: str, aggregation: str) -> None:
    inputs = Inputs(graph)
    agree(
        NNConv(IN, OUT, EDGE, network(EDGE, 6, IN * OUT), aggregation=aggregation),
        pyg.NNConv(IN, OUT, network(EDGE, 6, IN * OUT), aggr=aggregation),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(featured=True)),
        lambda layer: layer(inputs.x, inputs.edge_index, inputs.features),
    )


@every_graph
@pytest.mark.parametrize("featured", [False, True])
def test_residual_gated(graph: str, featured: bool) -> None:
    inputs = Inputs(graph)
    features = inputs.features if featured else None
    channels = EDGE if featured else None
    agree(
        ResGatedGraphConv(IN, OUT, channels),
        pyg.ResGatedGraphConv(IN, OUT, edge_dim=channels),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(featured=True)),
        lambda layer: layer(inputs.x, inputs.edge_index, features),
    )


@every_graph
@pytest.mark.parametrize("aggregation", ["max", "sum", "mean"])
@pytest.mark.parametrize("channels", [(2 * IN, OUT), (2 * IN, 6, OUT)])
@pytest.mark.parametrize("last", [[], [nn.LeakyReLU(0.2)]])
def test_edge_conv(graph: str, aggregation: str, channels: tuple[int, ...], last: list[nn.Module]) -> None:
    inputs = Inputs(graph)
    agree(
        EdgeConv(IN, OUT, network(*channels).extend(last), aggregation=aggregation),
        pyg.EdgeConv(network(*channels).extend(last), aggr=aggregation),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours()),
        lambda layer: layer(inputs.x, inputs.edge_index),
    )


PNA = {
    "plain": {},
    "edges": {"edge": EDGE},
    "towers": {"towers": 2},
    "divided": {"towers": 2, "divide_input": True, "edge": EDGE},
    "deep": {"towers": 2, "divide_input": True, "pre_layers": 2, "post_layers": 2},
}


@every_graph
@pytest.mark.parametrize("kind", PNA)
def test_pna(graph: str, kind: str) -> None:
    inputs, more = Inputs(graph, channels=6), dict(PNA[kind])
    edge = more.pop("edge", None)
    features = None if edge is None else inputs.features
    names = [
        ["mean", "min", "max", "std", "var", "sum"],
        ["identity", "amplification", "attenuation", "linear", "inverse_linear"],
    ]
    degrees = degree_histogram([Graph.from_edge_index(mixed()[0], mixed()[1])])
    assert torch.equal(degrees, pyg.PNAConv.get_degree_histogram([Data(edge_index=mixed()[0], num_nodes=mixed()[1])]))
    agree(
        PNAConv(6, 8, *names, degrees, edge_channels=edge, **more),
        pyg.PNAConv(6, 8, *names, degrees, edge_dim=edge, **more),
        inputs,
        lambda layer: layer(inputs.x, inputs.ours(featured=True)),
        lambda layer: layer(inputs.x, inputs.edge_index, features),
    )


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_hub_of_degree_1e5_is_right_in_half_precision(dtype: torch.dtype) -> None:
    """PyG keeps degrees in the dtype of the features: 1e5 is infinite in float16 (torch 2.13 adds bfloat16 widely)."""
    n = 100_000
    leaves, hub = torch.arange(1, n + 1), torch.zeros(n, dtype=torch.int64)
    edge_index = torch.stack([torch.cat([leaves, hub]), torch.cat([hub, leaves])])
    graph = Graph.from_edge_index(edge_index, n + 1)
    x = torch.full((n + 1, 1), 0.5)
    for ours, theirs, on in (
        (GCNConv(1, 1), pyg.GCNConv(1, 1), graph.with_self_loops()),
        (SAGEConv(1, 1, "mean"), pyg.SAGEConv(1, 1, "mean"), graph),
    ):
        for parameter in theirs.parameters():
            parameter.fill_(1.0)
        ours.load_state_dict(theirs.state_dict())
        exact = float(ours.double()(x.double(), on)[0])
        mine = float(ours.to(dtype)(x.to(dtype), on)[0])
        assert abs(mine / exact - 1) <= torch.finfo(dtype).eps
        if dtype == torch.float16:
            peer = float(theirs.to(dtype)(x.to(dtype), edge_index)[0])
            assert abs(peer / exact - 1) > 0.2, (type(ours).__name__, peer, exact)
