"""Run by `test_spherical_harmonics.py` in a process of its own: Triton decides at import whether to interpret."""

import sys

import torch
import triton.language as tl
from gdl_groups.kernels import spherical_harmonics_cuda as kernels
from gdl_groups.kernels.spherical_harmonics import spherical_harmonics, spherical_harmonics_backward


def interpret() -> None:
    kernels.POINTS = 4  # so that blocks are several, and the last not full
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 0.05)):
        for degree in (0, 1, 4):
            draw = torch.Generator().manual_seed(0)
            v = torch.randn(7, 3, generator=draw, dtype=torch.float64).to(dtype)
            g = torch.randn(7, (degree + 1) ** 2, generator=draw, dtype=torch.float64).to(dtype)
            v[-1] = 0
            for kernel, arguments in (
                (spherical_harmonics, (v, degree, False, "component")),
                (spherical_harmonics, (v, degree, True, "norm")),
                (spherical_harmonics_backward, (v, g, degree, False, "integral")),
                (spherical_harmonics_backward, (v, g, degree, True, "component")),
            ):
                expected, got = kernel.reference(*arguments), kernel.backend("cuda")(*arguments)
                scale = float(expected.abs().max()) + 1
                torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance * scale)
    assert spherical_harmonics.backend("cuda")(torch.zeros(0, 3), 2, True, "component").shape == (0, 9)


def compile_all() -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    for kind, dtype, degree in (("*fp32", tl.float32, 3), ("*bf16", tl.float32, 2), ("*fp64", tl.float64, 1)):
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        constants = {"DEGREE": degree, "NORMALIZE": degree != 2, "DTYPE": dtype, "POINTS": 128}
        plain = {"v": kind, "c": wide, "out": kind, "count": "i32"}
        for function, signature in ((kernels._forward, plain), (kernels._backward, plain | {"g": kind})):
            full = {name: signature.get(name, "constexpr") for name in function.arg_names}
            compile(ASTSource(function, full, constants), target=GPUTarget("cuda", 90, 32))


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
