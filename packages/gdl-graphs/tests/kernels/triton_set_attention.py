"""Attention within samples in Triton; run by `test_triton.py`, see `triton_tools.py`."""

import sys

import torch
import triton.language as tl
from gdl_graphs.kernels import set_attention_cuda as kernels
from gdl_graphs.kernels.set_attention import set_attention, set_attention_backward
from triton_tools import assert_same, build

HEADS, DEPTH, CHANNELS = 2, 5, 6
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}
# Sizes of the samples, queries and keys: blocks that are not full, several blocks, no queries, no keys, nothing.
SIZES = ([3, 0, 37, 1, 20], [5, 4, 35, 0, 33])


def offsets(sizes: list[int]) -> torch.Tensor:
    return torch.tensor([0, *sizes]).cumsum(0).int()


def interpret() -> None:
    for dtype, tolerance in TOLERANCE.items():
        for sizes in (SIZES, ([4, 4], [4, 4]), ([0], [3]), ([3], [0])):
            g = torch.Generator().manual_seed(1)
            ptr_q, ptr_k = (offsets(size) for size in sizes)
            n, m = (sum(size) for size in sizes)
            shapes = ((n, HEADS, DEPTH), (m, HEADS, DEPTH), (m, HEADS, CHANNELS), (n, HEADS, CHANNELS))
            *inputs, up = (torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype) for shape in shapes)
            for causal in (False, True):
                numbers, limits = (causal, 0.4, -1, -1), {"rtol": tolerance, "atol": tolerance}
                out, lse = assert_same(set_attention, *inputs, ptr_q, ptr_k, *numbers, **limits)
                limits["atol"] *= 8
                assert_same(set_attention_backward, up, *inputs, out, lse, ptr_q, ptr_k, *numbers, **limits)
    x = torch.randn(7, 1, 2)
    x[5] = torch.nan  # stays in its sample
    out, _ = set_attention.backend("cuda")(x, x, x, offsets([5, 2]), offsets([5, 2]), False, 1.0, -1, -1)
    assert out[:5].isfinite().all() and out[5:].isnan().all()
    large = [1e4 * torch.randn(9, 1, 4) for _ in range(3)]
    out, lse = set_attention.backend("cuda")(*large, offsets([4, 5]), offsets([4, 5]), True, 1.0, -1, -1)
    assert out.isfinite().all() and lse.isfinite().all()


def compile_all() -> None:
    names = ("query", "key", "value", "g", "out", "dquery", "dkey", "dvalue")
    numbers = dict.fromkeys(("samples", "heads", "depth", "channels"), "i32")
    offsets = dict.fromkeys(("ptr_q", "ptr_k", "first"), "*i32")
    for x, dtype, causal in (("*fp32", tl.float32, False), ("*bf16", tl.float32, True), ("*fp64", tl.float64, True)):
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        pointers = dict.fromkeys(names, x) | {"lse": wide, "delta": wide} | offsets
        factor = tl.bfloat16 if x == "*bf16" else dtype
        size = 16 if dtype == tl.float64 else 32
        tiles = {"QUERIES": size, "KEYS": size, "DEPTH": 32, "CHANNELS": 32}
        for kernel in (kernels._forward, kernels._query_backward, kernels._key_backward):
            build(kernel, pointers, numbers, CAUSAL=causal, SCALE=0.25, DTYPE=dtype, FACTOR=factor, **tiles)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
