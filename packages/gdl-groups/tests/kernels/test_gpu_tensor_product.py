"""The Triton kernels of tensor products on a real GPU, against the reference in float64 on the CPU."""

import pytest
import torch
from gdl_core.groups import O
from gdl_core.incidence import Incidence
from gdl_core.representations import FieldType
from gdl_groups.products import TensorProductPlan, tensor_product_conv

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

NODES, EDGES = 50, 1000
PLANS = {
    "mixed": ("33x0e+40x1o+7x2e", "0e+1o+2e", "0e+1o+1e+2e"),
    "third": ("32x0e+32x1o+32x2e+32x3o", "0e+1o+2e+3o", "0e+1o+2e+3o"),
    "fourth": ("4x4e+4x3o", "3o+4e", "0e+1o+4e"),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_values_and_two_derivatives_agree_with_the_reference(name, dtype, monkeypatch):
    fields, filters, out = PLANS[name]
    plan = TensorProductPlan(FieldType(O(3), fields), FieldType(O(3), filters), out)
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(NODES, (2, EDGES), generator=draw)
    receiver[: EDGES // 3], sender[EDGES // 2 :] = 7, 9  # a long row each way
    receiver[receiver == 11] = 12  # an empty row
    inc = Incidence.from_edges(sender, receiver, NODES, NODES)
    shapes = (NODES, plan.in_type.channels), (EDGES, plan.filter_type.channels), (EDGES, plan.weight_count)
    given = [torch.randn(*shape, generator=draw).to(dtype) for shape in shapes]
    upstream = torch.randn(NODES, plan.out_type.channels, generator=draw).to(dtype)
    results = []
    for device, backend, precision in (("cpu", "reference", torch.float64), ("cuda", "cuda", dtype)):
        monkeypatch.setenv("GDL_KERNELS", backend)
        leaves = [value.to(device, precision).requires_grad_() for value in given]
        y = tensor_product_conv(plan, inc.to(device), *leaves)
        first = torch.autograd.grad(y, leaves, upstream.to(device, precision), create_graph=True)
        second = torch.autograd.grad(first[1].square().sum(), [leaves[0], leaves[2]])
        results.append([value.detach().cpu().double() for value in (y, *first, *second)])
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-11, torch.bfloat16: 5e-2}[dtype]
    for one, two in zip(*results, strict=True):
        assert float((one - two).abs().max() / one.abs().max()) < tolerance


def test_two_runs_give_the_same_bits(monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", "cuda")
    plan = TensorProductPlan(FieldType(O(3), "64x0e+64x1o+64x2e"), FieldType(O(3), "0e+1o+2e"), "0e+1o+2e")
    sender, receiver = torch.randint(NODES, (2, EDGES))
    inc = Incidence.from_edges(sender, receiver, NODES, NODES).to("cuda")
    shapes = (NODES, plan.in_type.channels), (EDGES, plan.filter_type.channels), (EDGES, plan.weight_count)
    leaves = [torch.randn(*shape, device="cuda", requires_grad=True) for shape in shapes]

    def run() -> list[torch.Tensor]:
        y = tensor_product_conv(plan, inc, *leaves)
        return [y, *torch.autograd.grad(y.square().sum(), leaves)]

    for one, two in zip(run(), run(), strict=True):
        assert torch.equal(one, two)
