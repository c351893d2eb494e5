"""Convolutions against dense matrices, in float64, and what they may and may not tell apart."""

import math

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_graphs import ChebConv, GCNConv, GINConv, Graph, SAGEConv, SGConv
from gdl_graphs.layers.gcn import power_of_degree, weighted_degree
from torch import Tensor, nn

N, IN = 8, 5


def x_of(n: int = N, channels: int = IN) -> Tensor:
    return torch.randn(n, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def noisy(layer: nn.Module) -> nn.Module:
    """Return `layer` in float64 with parameters none of which is zero."""
    draw = torch.Generator().manual_seed(4)
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    return layer


def matrix(graph: Graph) -> Tensor:
    return graph.to_dense().double()


def normalised(a: Tensor) -> Tensor:
    degree = a.sum(1)
    scale = torch.where(degree > 0, degree.clamp(min=1e-300).rsqrt(), 0)
    return scale[:, None] * a * scale


weighted = pytest.mark.parametrize("weight", [False, True])
both_orders = pytest.mark.parametrize("out", [3, 7])  # narrower and wider than the input


@weighted
@both_orders
def test_gcn_is_a_product_of_matrices(draw, weight, out):
    graph = draw(N, 20, weight=weight).with_self_loops()
    layer, x = noisy(GCNConv(IN, out)), x_of()
    expected = normalised(matrix(graph)) @ x @ layer.lin.weight.T + layer.bias
    assert (layer(x, graph) - expected).abs().max() <= 1e-12
    plain = noisy(GCNConv(IN, out, normalize=False, bias=False))
    assert (plain(x, graph) - matrix(graph) @ x @ plain.lin.weight.T).abs().max() <= 1e-12


def test_gcn_adds_no_self_loops(draw):
    graph = draw(N, 20)
    layer, x = noisy(GCNConv(IN, 3)), x_of()
    assert (layer(x, graph) - layer(x, graph.with_self_loops())).abs().max() > 1e-3


def test_gcn_differentiates_by_the_weights_of_edges(draw):
    graph = draw(5, 12, weight=True)
    layer, x = noisy(GCNConv(2, 2)), x_of(5, 2)
    given = graph.edge_weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: layer(x, graph.replace(edge_weight=w)), given)
    assert torch.autograd.gradgradcheck(lambda w: layer(x, graph.replace(edge_weight=w)), given)


def test_nodes_whose_weights_sum_to_nothing_or_less_count_as_isolated():
    weight = torch.tensor([1.0, -1.0, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    graph = Graph.from_edges([1, 2, 0, 0], [0, 0, 1, 2], 3, edge_weight=weight)
    assert weighted_degree(graph, torch.float64).tolist() == [0, -2, 3]
    scale = power_of_degree(graph, -0.5, torch.float64)
    assert torch.allclose(scale, torch.tensor([0, 0, 3**-0.5], dtype=torch.float64), atol=1e-15)
    (grad,) = torch.autograd.grad(scale.sum(), weight)
    assert torch.isfinite(grad).all()


@both_orders
def test_sgc_is_a_power_of_the_matrix(draw, out):
    graph = draw(N, 20, weight=True).with_self_loops()
    x = x_of()
    for hops in (0, 1, 3):
        layer = noisy(SGConv(IN, out, hops))
        a = torch.linalg.matrix_power(normalised(matrix(graph)), hops)
        assert (layer(x, graph) - (a @ x @ layer.lin.weight.T + layer.lin.bias)).abs().max() <= 1e-11


def laplacian(a: Tensor, kind: str) -> Tensor:
    eye, degree = torch.eye(len(a), dtype=a.dtype), a.sum(1)
    if kind == "none":
        return torch.diag(degree) - a
    if kind == "sym":
        return eye - normalised(a)
    return eye - torch.where(degree > 0, 1 / degree, 0)[:, None] * a


@weighted
@both_orders
@pytest.mark.parametrize("kind", ["sym", "rw", "none"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_chebnet_is_its_polynomial(draw, weight, out, kind, order):
    """By T_k(cos t) = cos(k t) on the eigenvalues, not by the recurrence."""
    graph = draw(N, 20, weight=weight)
    graph = graph.to_undirected() if kind == "sym" and not weight else graph
    for given in (None, 3.1):
        layer, x = noisy(ChebConv(IN, out, order, normalization=kind, lambda_max=given)), x_of()
        bound = given or (2.0 if kind != "none" else 2 * float(matrix(graph).sum(1).max()))
        scaled = 2 / bound * laplacian(matrix(graph), kind) - torch.eye(N, dtype=torch.float64)
        values, vectors = torch.linalg.eig(scaled)
        expected = layer.bias.clone()
        for k, lin in enumerate(layer.lins):
            t_k = (vectors * torch.cos(k * torch.arccos(values)) @ torch.linalg.inv(vectors)).real
            expected = expected + t_k @ x @ lin.weight.T
        assert (layer(x, graph) - expected).abs().max() <= 1e-8 * expected.abs().max()


def test_a_bound_of_the_spectrum_belongs_to_each_graph_of_a_batch():
    star = Graph.from_edges([0, 0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0], 4)
    line = Graph.from_edges([0, 1], [1, 0], 2)
    layer, x = noisy(ChebConv(IN, 3, 3, normalization="none")), x_of(6)
    together = layer(x, Graph.collate([star, line]))
    assert torch.allclose(together, torch.cat([layer(x[:4], star), layer(x[4:], line)]), atol=1e-13)


def test_bad_options_of_polynomials():
    with pytest.raises(ValueError, match="an order from 1, got 0"):
        ChebConv(2, 2, 0)
    with pytest.raises(ValueError, match=r"a positive lambda_max, got -1"):
        ChebConv(2, 2, 2, lambda_max=-1)
    with pytest.raises(UnknownNameError, match=r"no normalization 'symm'.*'sym'"):
        ChebConv(2, 2, 2, normalization="symm")
    with pytest.raises(ValueError, match="hops from 0, got -1"):
        SGConv(2, 2, -1)


@both_orders
@pytest.mark.parametrize("project", [False, True])
def test_sage_by_node(draw, out, project):
    graph, x = draw(N, 20), x_of()
    for name in ("sum", "mean", "max", "min"):
        layer = noisy(SAGEConv(IN, out, name, project=project, normalize=project))
        y = layer(x, graph)
        sent = torch.relu(layer.lin(x)) if project else x
        for u in range(N):
            heard = sent[[int(s) for s, r in graph.edge_index().T if int(r) == u]]
            if len(heard):
                total = {"sum": heard.sum(0), "mean": heard.mean(0), "max": heard.amax(0), "min": heard.amin(0)}[name]
            else:
                total = torch.zeros(IN, dtype=torch.float64)
            expected = layer.lin_l(total) + layer.lin_r(x[u])
            expected = expected / expected.norm() if project else expected
            assert (y[u] - expected).abs().max() <= 1e-12


def test_gin_is_its_formula(draw):
    graph, x = draw(N, 20), x_of()
    layer = noisy(GINConv(IN, 4, train_eps=True))
    expected = layer.nn((matrix(graph) + (1 + layer.eps) * torch.eye(N, dtype=torch.float64)) @ x)
    assert (layer(x, graph) - expected).abs().max() <= 1e-12
    fixed = GINConv(IN, 4, eps=0.25)
    assert "eps" not in dict(fixed.named_parameters()) and fixed.state_dict()["eps"].tolist() == [0.25]


def ring(*sizes: int) -> Graph:
    """Rings of the given sizes side by side, as one graph."""
    ends, start = [], 0
    for size in sizes:
        ends += [(start + i, start + (i + 1) % size) for i in range(size)]
        start += size
    sender, receiver = zip(*ends, strict=True)
    return Graph.from_edges(sender + receiver, receiver + sender, start)


def test_gin_tells_apart_what_1_wl_does_and_nothing_else():
    torch.manual_seed(0)
    layers = [GINConv(1, 16).double(), GINConv(16, 16).double(), GINConv(16, 8).double()]

    def summary(graph: Graph) -> Tensor:
        x = torch.ones(graph.num_nodes, 1, dtype=torch.float64)
        for layer in layers:
            x = layer(x, graph)
        return x.sum(0)

    one, two = summary(ring(6)), summary(ring(3, 3))
    assert (one - two).abs().max() < 1e-6  # two-regular graphs of one size: 1-WL is blind to them
    line = Graph.from_edges([0, 1, 2, 3, 4, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0, 1, 2, 3, 4], 6)
    assert (one - summary(line)).abs().max() > 1e-3


HUB = 100_000


@pytest.fixture(scope="module")
def star() -> Graph:
    """A hub that hears 1e5 leaves, which hear it."""
    leaves, hub = torch.arange(1, HUB + 1), torch.zeros(HUB, dtype=torch.int64)
    return Graph.from_edges(torch.cat([leaves, hub]), torch.cat([hub, leaves]), HUB + 1)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_hub_of_degree_1e5_is_right_in_half_precision(star, dtype):
    """256 + 1 is 256 in bfloat16: a degree or a sum that is kept in it stops there."""
    x = torch.full((HUB + 1, 1), 0.5, dtype=dtype)
    gcn = GCNConv(1, 1, bias=False).to(dtype)
    gcn.lin.weight.data.fill_(1.0)
    expected = HUB * 0.5 / math.sqrt(HUB)  # c = d_hub^-1/2 d_leaf^-1/2 = HUB^-1/2
    assert abs(float(gcn(x, star)[0]) / expected - 1) < torch.finfo(dtype).eps  # rounded once
    sage = SAGEConv(1, 1, root_weight=False, bias=False).to(dtype)
    sage.lin_l.weight.data.fill_(1.0)
    assert float(sage(x, star)[0]) == 0.5
