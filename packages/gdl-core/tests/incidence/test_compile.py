"""Compile, export and opcheck: every operator passes torch's own checks on every backend that runs here."""

import io

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate, edge_dot, gather, reduce, segment_softmax
from gdl_core.incidence import kernels as k
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


def make(seed: int, edges: int, senders: int, receivers: int) -> Incidence:
    g = torch.Generator().manual_seed(seed)
    ends = (torch.randint(size, (edges,), generator=g) for size in (senders, receivers))
    return Incidence.from_edges(*ends, senders, receivers)


class Attention(nn.Module):
    """Uses every operation, with gradients to features and weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, generator=torch.Generator().manual_seed(5)))

    def forward(self, x: Tensor, incidence: Incidence) -> Tensor:
        x = x @ self.weight
        queries = reduce(incidence, gather(incidence, x, "sender"), "mean")
        p = segment_softmax(incidence, edge_dot(incidence, queries, x))
        top = reduce(incidence, gather(incidence, x, "sender"), "max")
        return aggregate(incidence, x, p) + aggregate(incidence, x, mean=True) + top


def grads(model: nn.Module, function, x: Tensor, inc: Incidence) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y = function(x, inc)
    return [y.detach(), *torch.autograd.grad(y.square().sum(), [x, *model.parameters()])]


def test_compile_fullgraph_serves_incidences_of_all_sizes_without_recompiling():
    torch._dynamo.reset()
    model = Attention()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend=counter)
    counts = []
    for seed, size in enumerate([(30, 7, 5), (41, 9, 8), (12, 11, 6)]):
        inc, x = make(seed, *size), torch.randn(size[1], 4)
        for got, expected in zip(grads(model, compiled, x, inc), grads(model, model, x, inc), strict=True):
            torch.testing.assert_close(got, expected)
        counts.append(counter.frame_count)
    assert counts == counts[:1] * 3


@pytest.mark.parametrize("strict", [False, True])
def test_export_saves_and_loads(strict):
    model, inc, x = Attention(), make(0, 30, 7, 5), torch.randn(7, 4)
    program = torch.export.export(model, (x, inc), strict=strict)
    targets = {str(node.target) for node in program.graph.nodes}
    assert "gdl.aggregate.default" in targets
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    torch.testing.assert_close(torch.export.load(buffer).module()(x, inc), model(x, inc))


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_opcheck(backend, monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", backend)
    inc = make(1, 13, 4, 6)
    s = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)

    def r(*shape: int) -> Tensor:
        return torch.randn(*shape, requires_grad=True)

    cases = [
        (k.aggregate_kernel, (*s, r(4, 2, 3), r(13, 2), False)),
        (k.aggregate_kernel, (*s, r(6, 1, 3), None, True)),
        (k.edge_dot_kernel, (*s, r(6, 2, 3), r(4, 2, 3))),
        (k.segment_sum_kernel, (inc.ptr, None, None, r(13, 3), True)),
        (k.segment_gather_kernel, (inc.ptr_t, inc.perm, inc.sender, r(4, 3), 13, False)),
        (k.segment_extreme_kernel, (inc.ptr, r(13, 3), 0.0, True)),
        (k.segment_softmax_kernel, (inc.ptr, r(13, 2))),
        (k.segment_softmax_backward_kernel, (inc.ptr, r(13, 2), r(13, 2))),
    ]
    for kernel, arguments in cases:
        results = torch.library.opcheck(kernel.op, arguments, test_utils=CHECKS)
        assert set(results.values()) == {"SUCCESS"}, (kernel, results)
