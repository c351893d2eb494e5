"""Run by `test_triton.py` in a process of its own: Triton decides at import whether to interpret."""

import sys

import torch
import triton.language as tl
from gdl_core.incidence import Incidence, cuda
from gdl_graphs.kernels import multi_aggregate_cuda as kernels
from gdl_graphs.kernels.multi_aggregate import (
    AGGREGATIONS,
    multi_aggregate,
    sender_statistics,
    sender_statistics_backward,
)
from triton_tools import assert_same, build

FLAGS = [(True, False, False, False), (False, False, True, False), (False, False, False, True), (True,) * 4]


def interpret() -> None:
    cuda.LONG = 8  # so that rows of 35 edges are read in pieces
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        g = torch.Generator().manual_seed(0)
        sender, receiver = torch.randint(7, (70,), generator=g), torch.randint(7, (70,), generator=g)
        receiver[:35], sender[30:60] = 2, 5  # a long row each way; receivers 7 and 8 have none
        inc = Incidence.from_edges(sender, receiver, 8, 9)
        relation = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
        x = torch.randn(8, 5, generator=g).to(dtype)
        x[3] = x[5]  # ties
        w = torch.randn(70, generator=g).to(dtype)
        poisoned = x.clone()
        poisoned[4, 1] = poisoned[6, 1] = torch.nan
        for weight in (None, w):
            for flags in FLAGS:
                values, edge = assert_same(sender_statistics, *relation, x, weight, *flags)
                assert_same(sender_statistics, *relation, poisoned, weight, *flags)
                coefficient = torch.randn(values.shape, generator=g, dtype=values.dtype)
                assert_same(sender_statistics_backward, *relation, x, weight, coefficient, edge, *flags)
    x = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)  # through the operators, forced to Triton
    w = torch.randn(70, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: multi_aggregate(inc, x, AGGREGATIONS, w), (x, w), fast_mode=True)
    none = torch.zeros(0, dtype=torch.int64)
    assert multi_aggregate(Incidence.from_edges(none, none, 2, 3), torch.ones(2, 4), AGGREGATIONS).eq(0).all()
    assert multi_aggregate(Incidence.from_edges(none, none, 0, 0), torch.ones(0, 4), AGGREGATIONS).shape == (0, 6, 4)


def compile_all() -> None:
    for x, dtype in (("*fp32", tl.float32), ("*bf16", tl.float32), ("*fp64", tl.float64)):
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        pointers = {"weight": x, "x": x, "out": x, "values": wide, "coefficient": wide, "pieces": wide}
        numbers = dict.fromkeys(("rows", "edges", "channels"), "i32")
        for flag in (True, False):
            flags = {"TOTAL": flag, "VARIANCE": flag, "LARGEST": True, "SMALLEST": flag, "DTYPE": dtype, "TILE": 64}
            build(
                kernels._row_statistics, pointers, numbers, HAS_WEIGHT=flag, LONG=cuda.LONG, CHUNK=cuda.CHUNK, **flags
            )
            build(kernels._merge_pieces, pointers, numbers, LONG=cuda.LONG, **flags)
            flags = {"TOTAL": flag, "VARIANCE": flag, "EXTREMES": 1 + flag, "DTYPE": dtype, "CHUNK": 16, "TILE": 64}
            build(kernels._row_backward, pointers, numbers, HAS_WEIGHT=flag, LONG=cuda.LONG, **flags)
            build(kernels._weight_backward, pointers, numbers, **flags)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
