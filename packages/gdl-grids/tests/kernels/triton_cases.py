"""Run by `test_kernels.py` in a process of its own: Triton decides at import whether it interprets."""

import random
import sys

import torch
from gdl_grids.kernels import axis_filter, polyphase_gather, polyphase_phase, polyphase_scatter


def compare(backend: str, count: int) -> None:
    """Compare `backend` with the reference in `count` random settings, ties and half precision among them."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for trial in range(count):
        d = draw.randint(1, 4)
        stride = [draw.randint(1, 3) for _ in range(d)]
        dtype = draw.choice([torch.float32, torch.float64, torch.bfloat16])
        x = torch.randn(3, 2, *[step * draw.randint(1, 3) for step in stride], dtype=dtype)
        x = x.round() if trial % 3 == 0 else x
        phase = polyphase_phase.reference(x, stride)
        y = polyphase_gather.reference(x, phase, stride)
        for kernel, arguments, expected in (
            (polyphase_phase, (x, stride), phase),
            (polyphase_gather, (x, phase, stride), y),
            (polyphase_scatter, (y, phase, stride), polyphase_scatter.reference(y, phase, stride)),
        ):
            found = kernel.backend(backend)(*arguments)
            assert found.dtype == expected.dtype and torch.equal(found, expected), (kernel, x.shape, stride)
        n, taps = draw.randint(1, 9), torch.randn(draw.randint(1, 7), dtype=torch.float64)
        step, boundary, columns = draw.randint(1, 3), draw.randint(0, 2), draw.choice([1, 3])
        numbers = (n, -(-n // step), step, draw.randint(0, len(taps) - 1), boundary)
        for rows, transposed in ((n, False), (numbers[1], True)):
            x = torch.randn(2, rows, columns, dtype=torch.float64)
            expected = axis_filter.reference(x, taps, *numbers, transposed)
            found = axis_filter.backend(backend)(x, taps, *numbers, transposed)
            assert torch.allclose(found, expected, atol=1e-12), (numbers, transposed)
    for empty in (torch.zeros(0, 2, 4), torch.zeros(2, 0, 4)):
        phase = polyphase_phase.backend(backend)(empty, [2])
        assert phase.eq(0).all() and phase.shape == (empty.shape[0], 1)
        assert polyphase_gather.backend(backend)(empty, phase, [2]).shape == (*empty.shape[:2], 2)


def interpret() -> None:
    compare("cuda", 6)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)  # through the operators, forced to Triton
    phase = polyphase_phase(x, [2, 2])
    assert torch.autograd.gradcheck(lambda t: polyphase_gather(t, phase, [2, 2]).sin(), (x,), fast_mode=True)


def compile_all() -> None:
    import triton.language as tl
    from gdl_grids.kernels import axis_filter_cuda, polyphase_cuda
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    target = GPUTarget("cuda", 90, 32)

    def build(kernel, pointers: dict[str, str], numbers: tuple[str, ...], **constants: object) -> None:
        signature = pointers | dict.fromkeys(numbers, "i32") | dict.fromkeys(constants, "constexpr")
        signature = {name: signature[name] for name in kernel.arg_names}
        places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
        assert len(compile(ASTSource(kernel, signature, places), target=target).asm["cubin"]) > 0

    strides = {"S1": 1, "S2": 2, "S3": 3, "S4": 2}
    sizes = ("count", "points", "fine", "m2", "m3", "m4")
    for x, dtype in (("*fp32", tl.float32), ("*bf16", tl.float32), ("*fp64", tl.float64)):
        sums = {"x": x, "scale": "*fp64", "energy": "*i64", "total": "*i64"}
        build(polyphase_cuda._moments, sums, (*sizes, "chunks"), **strides, CHUNK=4096, BLOCK=1024)
        for scatter in (False, True):
            ends = {"x": x, "y": x, "first": "*i64"}
            build(polyphase_cuda._move, ends, sizes, **strides, SCATTER=scatter, BLOCK=1024)
        numbers = ("size", "n", "outputs", "columns", "stride", "before")
        for boundary in (0, 1, 2):
            constants = {"TAPS": 3, "BOUNDARY": boundary, "DTYPE": dtype, "BLOCK": 512}
            build(axis_filter_cuda._forward, {"x": x, "taps": "*fp64", "y": x}, numbers, **constants)
            ends = {"g": x, "taps": "*fp64", "x": x}
            build(axis_filter_cuda._adjoint, ends, (*numbers, "low", "high"), **constants)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
