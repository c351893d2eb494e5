"""Run by `test_so2_conv.py` in a process of its own: Triton decides at import whether to interpret."""

import sys

import torch
import triton.language as tl
from gdl_groups.kernels import so2_conv_cuda as kernels
from test_so2_conv import KERNELS, case, inputs

CASES = (  # the interpreter takes milliseconds for each program, so each dtype has what may differ in it
    ("parity", torch.float64, (True,)),
    ("turns", torch.float64, (False,)),
    ("truncated", torch.float64, (True, False)),
    ("truncated", torch.float32, (True,)),
    ("truncated", torch.bfloat16, (False,)),
    ("wide", torch.float32, (True,)),
)
TOLERANCE = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 1e-2}


def interpret() -> None:
    for name, dtype, ends in CASES:
        frame, inc, *values = case(name, dtype)
        for kernel in KERNELS:
            for at_sender in ends:
                args = (*inc, *inputs(kernel, *values), frame.key, at_sender)
                expected, got = kernel.reference(*args), kernel.backend("cuda")(*args)
                assert got.dtype == dtype
                miss = float((got - expected).double().norm() / expected.double().norm())
                assert miss <= TOLERANCE[dtype], (name, kernel.name, dtype, miss)


def compile_all() -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    for values, dtype in (("*fp32", tl.float32), ("*bf16", tl.float32), ("*fp64", tl.float64)):
        out = "*fp64" if dtype == tl.float64 else "*fp32"
        tables = dict.fromkeys(("lanes", "places", "orders", "blocks"), "*i64")
        sizes = dict.fromkeys(("edges", "numbers", "channels", "COUNT", "ORDERS"), "i32")
        relation = dict.fromkeys(("ptr", "slot", "index"), "*i32")
        signature = {**relation, **dict.fromkeys("dxz", values), **tables, **sizes, "out": out}
        for function in (kernels._lift, kernels._lower, kernels._turn):
            full = {name: signature.get(name, "constexpr") for name in function.arg_names}
            source = ASTSource(function, full, {"DTYPE": dtype, "BLOCK": 32})
            compile(source, target=GPUTarget("cuda", 90, 32))


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
