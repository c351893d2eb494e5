"""Run by `test_tensor_product_triton.py` in a process of its own: Triton decides at import whether to interpret."""

import sys

import torch
import triton.language as tl
from gdl_core.groups import O
from gdl_core.incidence import Incidence
from gdl_core.incidence.operations import structure
from gdl_core.representations import FieldType
from gdl_groups.kernels import tensor_product_cuda as kernels
from gdl_groups.kernels.tensor_product import tensor_product, tensor_product_edges, tensor_product_second
from gdl_groups.products import TensorProductPlan, tensor_product_conv


def assert_same(kernel, tolerance: float, *arguments: object) -> None:
    expected, got = kernel.reference(*arguments), kernel.backend("cuda")(*arguments)
    both = (expected, got) if isinstance(expected, tuple) else ((expected,), (got,))
    for one, two in zip(*both, strict=True):
        torch.testing.assert_close(two, one, rtol=tolerance, atol=4 * tolerance)


def compare(inc: Incidence, plan: TensorProductPlan, dtype: torch.dtype, tolerance: float) -> None:
    n, m, e = inc.num_senders, inc.num_receivers, inc.num_edges
    draw = torch.Generator().manual_seed(1)
    widths = plan.in_type.channels, plan.filter_type.channels, plan.weight_count, plan.out_type.channels
    x, y, w, g = (torch.randn(rows, c, generator=draw).to(dtype) for rows, c in zip((n, e, e, m), widths, strict=True))
    assert_same(tensor_product, tolerance, *structure(inc), x, y, w, plan.key, False)
    assert_same(tensor_product, tolerance, *structure(inc), g, y, w, plan.key, True)
    assert_same(tensor_product_edges, tolerance, *structure(inc), x, y, w, g, plan.key, True)
    assert_same(tensor_product_second, tolerance, *structure(inc), x, y, w, g, x, y, w, plan.key)


def interpret() -> None:
    kernels.BLOCK, kernels.CHUNK, kernels.TILE = 2, 2, 4  # so that blocks, chunks and tiles are several
    inc = Incidence.from_edges(torch.tensor([0, 3, 0, 1, 1, 2]), torch.tensor([0, 0, 0, 0, 2, 2]), 4, 3)
    mixed = TensorProductPlan(FieldType(O(3), "5x0e+1x1o+2x2e"), FieldType(O(3), "0e+1o"), "0e+1o+1e+2e")
    high = TensorProductPlan(FieldType(O(3), "1x1e"), FieldType(O(3), "3e"), "3e+4e")
    for plan, dtype, tolerance in (
        (mixed, torch.float64, 1e-12),
        (mixed, torch.bfloat16, 0.05),
        (high, torch.float32, 1e-5),
    ):
        compare(inc, plan, dtype, tolerance)
    plan = TensorProductPlan(FieldType(O(3), "1x1o"), FieldType(O(3), "1o"), "0e")
    leaves = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 3), (6, 3), (6, 1))]
    assert torch.autograd.gradcheck(lambda x, y, w: tensor_product_conv(plan, inc, x, y, w), leaves, fast_mode=True)
    none = torch.zeros(0, dtype=torch.int64)
    empty = Incidence.from_edges(none, none, 2, 3)
    y = tensor_product_conv(plan, empty, torch.ones(2, 3), torch.ones(0, 3), torch.ones(0, 1))
    assert y.shape == (3, 1)
    assert y.eq(0).all()


def compile_all() -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    indices = dict.fromkeys(("ptr", "index", "slot", "paths", "targets", "fields"), "*i32")
    for kind, dtype in (("*fp32", tl.float32), ("*bf16", tl.float32), ("*fp64", tl.float64)):
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        for kernel, constants in ((kernels._row_sum, {"BLOCK": 64}), (kernels._row_edges, {"CHUNK": 16})):
            constants |= {"SIZE": 8, "DTYPE": dtype, "TILE": 32}
            kinds = {**dict.fromkeys(("x", "y", "w", "g", "dy", "dw"), kind), "out": wide, "couplings": wide, **indices}
            kinds |= dict.fromkeys(("x_row", "y_row", "w_row", "out_row", "g_row"), "i32")
            kinds |= dict.fromkeys(constants, "constexpr")
            places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
            source = ASTSource(kernel, {name: kinds[name] for name in kernel.arg_names}, places)
            assert len(compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]) > 0


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
