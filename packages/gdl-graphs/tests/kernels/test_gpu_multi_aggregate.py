"""The Triton kernels of several aggregations on a real GPU, against the reference in float64 on the CPU."""

import pytest
import torch
from gdl_core.incidence import Incidence
from gdl_graphs.kernels.multi_aggregate import AGGREGATIONS, multi_aggregate

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

NODES, EDGES, CHANNELS = 300, 6000, 33


@pytest.fixture
def graph():
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(NODES, (2, EDGES), generator=g)
    receiver[: EDGES // 3], sender[EDGES // 2 :] = 7, 9  # a long row each way
    receiver[receiver == 11] = 12  # an empty row
    return Incidence.from_edges(sender, receiver, NODES, NODES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_values_and_gradients_agree_with_the_reference(graph, dtype, weighted, monkeypatch):
    g = torch.Generator().manual_seed(1)
    inputs = [torch.randn(NODES, CHANNELS, generator=g), torch.rand(EDGES, generator=g)][: 1 + weighted]
    inputs = [value.to(dtype) for value in inputs]
    results = []
    for device, backend, precision in (("cpu", "reference", torch.float64), ("cuda", "cuda", dtype)):
        monkeypatch.setenv("GDL_KERNELS", backend)
        at = [value.to(device, precision).requires_grad_() for value in inputs]
        y = multi_aggregate(graph.to(device), at[0], AGGREGATIONS, *at[1:], eps=0.1)
        upstream = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape).to(device, precision)
        grads = torch.autograd.grad(y, at, upstream)
        results.append([value.detach().cpu().double() for value in (y, *grads)])
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-11, torch.bfloat16: 5e-2}[dtype]
    for one, two in zip(*results, strict=True):
        assert float((one - two).abs().max() / one.abs().max()) < tolerance


def test_twenty_runs_are_bitwise_equal(graph):
    x, graph = torch.randn(NODES, CHANNELS, device="cuda", requires_grad=True), graph.to("cuda")
    results = []
    for _ in range(20):
        y = multi_aggregate(graph, x, AGGREGATIONS)
        results.append((y, *torch.autograd.grad(y.square().sum(), x)))
    for later in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], later, strict=True))


def test_a_star_of_a_hundred_thousand_leaves_is_right_in_bfloat16():
    leaves = 100_000
    star = Incidence.from_edges(torch.arange(leaves), torch.zeros(leaves, dtype=torch.int64), leaves, 1).to("cuda")
    x = (1 + torch.arange(leaves, device="cuda") % 2).bfloat16()[:, None]
    expected = torch.tensor([1.5 * leaves, 1.5, 0.25, 0.5, 2, 1]).bfloat16()
    assert torch.equal(multi_aggregate(star, x, AGGREGATIONS, eps=0)[0, :, 0].cpu(), expected)
