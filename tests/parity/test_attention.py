"""Attention layers against PyTorch Geometric in float64: the same parameters give the same output and gradients.

The parameters are copied by `load_state_dict`, which also shows that they are called the same and have the same shapes.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import GATConv, GATv2Conv, Graph, TransformerConv  # noqa: E402
from torch_geometric import nn as pyg  # noqa: E402

IN, OUT, EDGE = 5, 3, 4
TOLERANCE = 1e-10


def nothing(nodes: int) -> tuple[Tensor, int]:
    return torch.empty(2, 0, dtype=torch.int64), nodes


def mixed() -> tuple[Tensor, int]:
    """Isolated nodes, nodes that only send or only receive, self-loops, edges that are there two and three times."""
    sender = [0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 0, 0, 7, 8, 8, 2, 9]
    receiver = [1, 0, 2, 1, 2, 4, 4, 4, 3, 6, 5, 2, 2, 7, 1, 2, 0, 2]
    return torch.tensor([sender, receiver]), 12


def star() -> tuple[Tensor, int]:
    """A row of several blocks."""
    return torch.stack([torch.arange(150), torch.zeros(150, dtype=torch.int64)]), 150


GRAPHS = {"mixed": mixed, "star": star, "no-edges": lambda: nothing(5), "no-nodes": lambda: nothing(0)}
every_graph = pytest.mark.parametrize("graph", GRAPHS)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agree(ours: nn.Module, theirs: nn.Module, graph: str, featured: bool) -> None:
    ours, theirs = ours.double(), theirs.double()
    with torch.no_grad():
        for place, parameter in enumerate(theirs.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=place))
    ours.load_state_dict(theirs.state_dict())
    edge_index, nodes = GRAPHS[graph]()
    x = normal(nodes, IN, seed=100).requires_grad_()
    features = normal(edge_index.shape[1], EDGE, seed=101).requires_grad_() if featured else None
    domain = Graph.from_edge_index(edge_index, nodes, edge_features=features)
    arguments: tuple[Any, ...] = (edge_index,) if features is None else (edge_index, features)
    inputs = {"x": x} | ({} if features is None else {"features": features})
    results = []
    for module, y in ((ours, ours(x, domain)), (theirs, theirs(x, *arguments))):
        wanted = inputs | dict(module.named_parameters())
        grads = torch.autograd.grad(y, list(wanted.values()), normal(*y.shape, seed=102), allow_unused=True)
        results.append({"output": y.detach()} | dict(zip(wanted, grads, strict=True)))
    mine, peer = results
    assert mine.keys() == peer.keys()
    for name, expected in peer.items():
        got = mine[name]
        if expected is None:
            assert got is None or not got.any(), name
            continue
        got = torch.zeros_like(expected) if got is None else got
        scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
        torch.testing.assert_close(
            got, expected, atol=TOLERANCE * scale, rtol=0, msg=lambda text, n=name: f"{n}: {text}"
        )
    if edge_index.numel():
        assert all(mine[name].abs().max() > 1e-3 for name in ("output", "x"))  # the comparison is of something


@every_graph
@pytest.mark.parametrize("featured", [False, True])
@pytest.mark.parametrize("concat", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_gat(graph: str, featured: bool, concat: bool, residual: bool) -> None:
    ours = GATConv(IN, OUT, 2, concat=concat, residual=residual, edge_channels=EDGE if featured else None)
    shared = {"concat": concat, "residual": residual, "edge_dim": EDGE if featured else None, "add_self_loops": False}
    agree(ours, pyg.GATConv(IN, OUT, 2, **shared), graph, featured)


@every_graph
@pytest.mark.parametrize("featured", [False, True])
@pytest.mark.parametrize("concat", [False, True])
@pytest.mark.parametrize("share", [False, True])
def test_gatv2(graph: str, featured: bool, concat: bool, share: bool) -> None:
    edges = EDGE if featured else None
    ours = GATv2Conv(IN, OUT, 2, concat=concat, residual=concat, share_weights=share, edge_channels=edges)
    shared = {"concat": concat, "residual": concat, "share_weights": share, "edge_dim": edges, "add_self_loops": False}
    agree(ours, pyg.GATv2Conv(IN, OUT, 2, **shared), graph, featured)


@every_graph
@pytest.mark.parametrize("featured", [False, True])
@pytest.mark.parametrize("concat", [False, True])
@pytest.mark.parametrize("beta", [False, True])
def test_transformer_conv(graph: str, featured: bool, concat: bool, beta: bool) -> None:
    edges = EDGE if featured else None
    ours = TransformerConv(IN, OUT, 2, concat=concat, beta=beta, edge_channels=edges)
    agree(ours, pyg.TransformerConv(IN, OUT, 2, concat=concat, beta=beta, edge_dim=edges), graph, featured)


@every_graph
def test_slopes_and_self_loops(graph: str) -> None:
    """PyG's layer replaces self-loops by its own; ours takes the graph as it is, here one that has them."""
    edge_index, nodes = GRAPHS[graph]()
    ours, theirs = (
        GATConv(IN, OUT, 2, negative_slope=0.05).double(),
        pyg.GATConv(IN, OUT, 2, negative_slope=0.05).double(),
    )
    ours.load_state_dict(theirs.state_dict())
    x = normal(nodes, IN, seed=5)
    keep = edge_index[0] != edge_index[1]
    domain = Graph.from_edge_index(edge_index[:, keep], nodes).with_self_loops()
    torch.testing.assert_close(ours(x, domain), theirs(x, edge_index), atol=TOLERANCE, rtol=0)


@every_graph
def test_attention_weights(graph: str) -> None:
    edge_index, nodes = GRAPHS[graph]()
    x, domain = normal(nodes, IN, seed=6), Graph.from_edge_index(edge_index, nodes)
    for kind, peer in ((GATConv, pyg.GATConv), (GATv2Conv, pyg.GATv2Conv)):
        ours, theirs = kind(IN, OUT, 2).double(), peer(IN, OUT, 2, add_self_loops=False).double()
        ours.load_state_dict(theirs.state_dict())
        _, (_, expected) = theirs(x, edge_index, return_attention_weights=True)
        got = ours.attention_weights(x, domain)
        torch.testing.assert_close(domain.incidence.to_given(got), expected, atol=TOLERANCE, rtol=0)
