"""The Triton kernels of attention over edges on a real GPU, against the reference in float64 on the CPU."""

import pytest
import torch
from gdl_core.incidence import Incidence
from gdl_graphs.kernels.edge_attention import edge_attention, gat_attention, gatv2_attention

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

NODES, EDGES, HEADS = 300, 6000, 3
SHAPES = {
    edge_attention: ((NODES, HEADS, 20), (NODES, HEADS, 20), (NODES, HEADS, 33)),
    gat_attention: ((NODES, HEADS), (NODES, HEADS), (NODES, HEADS, 33)),
    gatv2_attention: ((NODES, HEADS, 33), (NODES, HEADS, 33), (HEADS, 33)),
}


@pytest.fixture
def graph():
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(NODES, (2, EDGES), generator=g)
    receiver[: EDGES // 3], sender[EDGES // 2 :] = 7, 9  # a long row each way
    receiver[receiver == 11] = 12  # an empty row
    return Incidence.from_edges(sender, receiver, NODES, NODES)


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_values_and_gradients_agree_with_the_reference(graph, function, dropout, dtype, monkeypatch):
    g = torch.Generator().manual_seed(1)
    inputs = [torch.randn(*shape, generator=g).to(dtype) for shape in (*SHAPES[function], (EDGES, HEADS))]
    results = []
    for device, backend, precision in (("cpu", "reference", torch.float64), ("cuda", "cuda", dtype)):
        monkeypatch.setenv("GDL_KERNELS", backend)
        at = [value.to(device, precision).requires_grad_() for value in inputs]
        seed = torch.tensor(77, device=device)
        out, lse = function(graph.to(device), *at, dropout=dropout, seed=seed)
        upstream = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).reshape(out.shape).to(device, precision)
        finite = torch.where(lse.isfinite(), lse, 0)
        grads = torch.autograd.grad((out * upstream).sum() + finite.sum(), at)
        results.append([value.detach().cpu().double() for value in (out, finite, *grads)])
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10, torch.bfloat16: 8e-2}[dtype]
    for one, two in zip(*results, strict=True):
        assert float((one - two).abs().max() / one.abs().max()) < tolerance


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_twenty_runs_are_bitwise_equal(graph, function):
    inputs = [torch.randn(*shape, device="cuda", requires_grad=True) for shape in SHAPES[function]]
    graph, results = graph.to("cuda"), []
    for _ in range(20):
        out, lse = function(graph, *inputs, dropout=0.4, seed=torch.tensor(3, device="cuda"))
        results.append((out, lse, *torch.autograd.grad(out.square().sum(), inputs)))
    for later in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], later, strict=True))


def test_a_star_of_a_hundred_thousand_leaves_is_right_in_bfloat16():
    leaves = 100_000
    star = Incidence.from_edges(torch.arange(leaves), torch.zeros(leaves, dtype=torch.int64), leaves, 1).to("cuda")
    ones = torch.ones(leaves, 2, 8, dtype=torch.bfloat16, device="cuda")
    out, lse = edge_attention(star, torch.zeros_like(ones[:1]), ones, ones)
    assert torch.equal(out, torch.ones_like(out))
    torch.testing.assert_close(lse, torch.full_like(lse, leaves).log())
