"""Every Triton kernel of core on a real GPU, against the reference in float64 on the CPU."""

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate, broadcast, edge_dot, gather, reduce, segment_softmax

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

NODES, EDGES, CHANNELS = 300, 5000, 33


@pytest.fixture
def graph():
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(NODES, (2, EDGES), generator=draw)
    receiver[: EDGES // 3] = 7  # one long row
    receiver[receiver == 11] = 12  # one empty row
    return Incidence.from_edges(sender, receiver, NODES, NODES)


def operations(graph):
    draw = torch.Generator().manual_seed(1)
    x, y = (torch.randn(NODES, CHANNELS, generator=draw, dtype=torch.float64) for _ in range(2))
    w = torch.rand(EDGES, generator=draw, dtype=torch.float64)
    v = torch.randn(EDGES, 4, generator=draw, dtype=torch.float64)
    return {
        "aggregate": (lambda i, x, w: aggregate(i, x, w), (x, w)),
        "mean": (lambda i, x: aggregate(i, x, mean=True), (x,)),
        "edge_dot": (edge_dot, (x, y)),
        "gather": (lambda i, x: gather(i, x, "sender"), (x,)),
        "sum": (lambda i, v: reduce(i, v, "sum"), (v,)),
        "var": (lambda i, v: reduce(i, v, "var"), (v,)),
        "broadcast": (lambda i, x: broadcast(i, x, EDGES), (x,)),
        "max": (lambda i, v: reduce(i, v, "max"), (v,)),
        "min": (lambda i, v: reduce(i, v, "min"), (v,)),
        "softmax": (segment_softmax, (v,)),
    }


NAMES = ("aggregate", "mean", "edge_dot", "gather", "sum", "var", "broadcast", "max", "min", "softmax")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_forward_and_gradient_agree_with_the_reference(graph, name, dtype, monkeypatch):
    function, inputs = operations(graph)[name]
    inputs = [value.to(dtype) for value in inputs]
    on_cpu = [value.double().requires_grad_() for value in inputs]
    on_gpu = [value.cuda().requires_grad_() for value in inputs]
    monkeypatch.setenv("GDL_KERNELS", "reference")
    expected = function(graph, *on_cpu)
    upstream = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, on_cpu, upstream)
    monkeypatch.setenv("GDL_KERNELS", "cuda")
    got = function(graph.to("cuda"), *on_gpu)
    found = torch.autograd.grad(got, on_gpu, upstream.to("cuda", dtype))
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-11, torch.bfloat16: 5e-2}[dtype]
    for one, two in zip((expected, *wanted), (got, *found)):
        scale = one.detach().abs().max().clamp_min(1e-30)
        assert float((one - two.cpu().double()).detach().abs().max() / scale) < tolerance


@pytest.mark.parametrize("name", NAMES)
def test_twenty_runs_are_bitwise_equal(graph, name):
    function, inputs = operations(graph)[name]
    inputs, graph = [value.float().cuda() for value in inputs], graph.to("cuda")
    first = function(graph, *inputs)
    assert all(torch.equal(first, function(graph, *inputs)) for _ in range(20))


def test_a_star_of_a_hundred_thousand_leaves_is_right_in_bfloat16():
    leaves = 100_000
    star = Incidence.from_edges(torch.arange(leaves), torch.zeros(leaves, dtype=torch.int64), leaves, 1).to("cuda")
    ones = torch.ones(leaves, 8, dtype=torch.bfloat16, device="cuda")
    assert torch.equal(aggregate(star, ones).float().cpu(), torch.tensor(1e5).bfloat16().float().expand(1, 8))
    assert torch.equal(aggregate(star, ones, mean=True).float().cpu(), torch.ones(1, 8))
