"""Attention over edges in Triton; run by `test_triton.py`, see `triton_tools.py`."""

import sys

import torch
import triton.language as tl
from gdl_core.incidence import Incidence, cuda
from gdl_graphs.kernels import edge_attention_kernels as k
from gdl_graphs.kernels import edge_attention_programs as programs
from gdl_graphs.kernels.edge_attention_cuda import _tiles
from triton_tools import assert_same, build

EDGES, SENDERS, RECEIVERS, HEADS, DEPTH, CHANNELS = 34, 8, 9, 3, 5, 6
PIECES = ("top", "total", "out", "steep", "sloped", "right", "value", "left")
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def incidence() -> Incidence:
    """A long row each way; receivers 7 and 8 have no edge, sender 7 has none."""
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(7, (EDGES,), generator=g), torch.randint(7, (EDGES,), generator=g)
    receiver[:18], sender[14:32] = 2, 5
    return Incidence.from_edges(sender, receiver, SENDERS, RECEIVERS)


def interpret() -> None:
    cuda.LONG = 8  # so that rows of 18 edges are read in pieces
    inc = incidence()
    relation = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
    seed = torch.tensor(2**40 + 12345)
    for dtype, tolerance in TOLERANCE.items():
        g = torch.Generator().manual_seed(1)

        def randn(*shape: int, g=g, dtype=dtype) -> torch.Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64).to(dtype)

        m, n, h, d, c = RECEIVERS, SENDERS, HEADS, DEPTH, CHANNELS
        sets = {
            "edge_attention": (randn(m, h, d), randn(n, h, d), randn(n, h, c)),
            "gat_attention": (randn(m, h), randn(n, h), randn(n, h, c)),
            "gatv2_attention": (randn(m, h, c), randn(n, h, c), randn(h, c)),
        }
        bias = randn(EDGES, h)
        bias[inc.ptr[3] : inc.ptr[4]] = -torch.inf  # a row that sees nothing
        for name, inputs in sets.items():
            forward, backward = getattr(k, name), getattr(k, f"{name}_backward")
            extras = ((None, None), (bias, seed), (bias, None), (None, seed))
            for extra in extras if dtype == torch.float64 else extras[:2]:  # which are given does not depend on dtypes
                if name == "gat_attention" and extra[0] is not None:
                    extra = (bias.nan_to_num(neginf=-3.0), extra[1])
                numbers = (0.25, 0.4 if extra[1] is not None else 0.0)
                limits = {"rtol": tolerance, "atol": tolerance}
                train = [True] * (name == "gat_attention")
                out, lse, *more = assert_same(forward, *relation, *inputs, *extra, *numbers, *train, **limits)
                if train and extra == (None, None):
                    assert_same(forward, *relation, *inputs, *extra, *numbers, False, **limits)
                delta, upstream = torch.randn(lse.shape, generator=g, dtype=lse.dtype), randn(*out.shape)
                limits["atol"] *= 8
                assert_same(backward, *relation, *inputs, *extra, lse, delta, upstream, *more, *numbers, **limits)
    large = [1e4 * x.float() for x in sets["edge_attention"]]
    out, lse = k.edge_attention.backend("cuda")(*relation, *large, None, None, 1.0, 0.0)
    assert out.isfinite().all() and lse[:7].isfinite().all() and lse[7:].eq(-torch.inf).all()
    nothing = Incidence.from_edges(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 2, 3)
    relation = (nothing.ptr, nothing.sender, nothing.receiver, nothing.ptr_t, nothing.receiver_t, nothing.perm)
    inputs = (torch.ones(3, 2), torch.ones(2, 2), torch.ones(2, 2, 4), None, None)
    out, lse, sloped, mean_slope = k.gat_attention(*relation, *inputs, 0.2, 0.0, True)
    assert lse.eq(-torch.inf).all() and all(x.eq(0).all() for x in (out, sloped, mean_slope))


def compile_all() -> None:
    every = ("dot", "gat", "gatv2")
    cases = (("*fp32", tl.float32, every), ("*bf16", tl.float32, every[:1]), ("*fp64", tl.float64, every[2:]))
    for x, dtype, kinds in cases:
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        names = ("left", "right", "value", "attention", "bias", "g", "out", "dright", "dvalue", "dleft")
        internal = (
            "lse",
            "delta",
            "dscore",
            "dattention",
            "sloped",
            "mean_slope",
            *(f"piece_{what}" for what in PIECES),
        )
        pointers = dict.fromkeys(names, x) | dict.fromkeys(internal, wide) | {"seed": "*i64"}
        numbers = dict.fromkeys(("rows", "edges", "heads", "depth", "channels"), "i32")
        common = {"DTYPE": dtype, "LONG": cuda.LONG}
        for kind in kinds:
            flag = kind != "gat"
            flags = {"KIND": kind, "FACTOR": 0.2, "HAS_BIAS": flag, "THRESHOLD": 99 * flag, "GROW": 1.25}
            tiles = _tiles(4, 1 if kind == "gat" else 16, 16, 2048)
            build(programs.row_attention, pointers, numbers, TRAIN=not flag, **flags, **common, **tiles)
            build(programs.sender_backward, pointers, numbers, KEEP=flag, **flags, **common, **tiles)
        tiles = {"HEADS": 4, "CHANNELS": 16}
        for train in (False, True):
            build(programs.merge_pieces, pointers, numbers, TRAIN=train, **common, **tiles)
        build(programs.receiver_backward, pointers, numbers, SLOPE=0.2, CHUNK=32, **common, **tiles)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
