"""Run by `test_triton.py` in a process of its own: Triton decides at import whether to interpret.

`interpret` compares every Triton kernel with its reference in Triton's interpreter; `compile` compiles every kernel to
machine code for a GPU that need not be there.
"""

import sys

import gdl_core.incidence.cuda as cuda
import torch
import triton.language as tl
from gdl_core.incidence import Incidence, aggregate, segment_softmax
from gdl_core.incidence import kernels as k

EDGES, SENDERS, RECEIVERS = 70, 7, 9


def assert_same(kernel: k.Kernel, *arguments: object) -> None:
    expected, got = kernel.reference(*arguments), kernel.backend("cuda")(*arguments)
    pairs = zip(expected, got, strict=True) if isinstance(expected, tuple) else [(expected, got)]
    for one, two in pairs:
        torch.testing.assert_close(one, two, equal_nan=True, msg=lambda text: f"{kernel}: {text}")


def interpret() -> None:
    cuda.LONG = 8  # so that rows of 35 edges are summed in pieces
    for dtype in (torch.bfloat16, torch.float64, torch.float32):
        g = torch.Generator().manual_seed(0)
        sender = torch.randint(SENDERS, (EDGES,), generator=g)
        receiver = torch.randint(RECEIVERS - 2, (EDGES,), generator=g)
        receiver[:35] = 2
        inc = Incidence.from_edges(sender, receiver, SENDERS, RECEIVERS)
        s = (inc.ptr, inc.sender, inc.receiver, inc.ptr_t, inc.receiver_t, inc.perm)
        x, a = (torch.randn(n, 3, 5, generator=g).to(dtype) for n in (SENDERS, RECEIVERS))
        w, v = torch.rand(EDGES, 3, generator=g).to(dtype), torch.randn(EDGES, 5, generator=g).to(dtype)
        v[3, 1] = v[4, 1] = 9  # a tie
        assert_same(k.aggregate_kernel, *s, x, None, False)
        assert_same(k.aggregate_kernel, *s, x, w, False)
        assert_same(k.aggregate_kernel, *s, a, w, True)
        assert_same(k.edge_dot_kernel, *s, a, x)
        for mean in (False, True):
            assert_same(k.segment_sum_kernel, inc.ptr, None, None, v, mean)
            assert_same(k.segment_sum_kernel, inc.ptr_t, inc.perm, inc.sender, v, mean)
            assert_same(k.segment_gather_kernel, inc.ptr, None, None, a[:, 0], EDGES, mean)
        for largest in (False, True):
            assert_same(k.segment_extreme_kernel, inc.ptr, v, 7.1, largest)
        poisoned = v.clone()
        poisoned[5, 2] = poisoned[9, 2] = torch.nan
        assert_same(k.segment_extreme_kernel, inc.ptr, poisoned, 7.0, True)
        assert_same(k.segment_softmax_kernel, inc.ptr, 10 * v)
        assert_same(k.segment_softmax_backward_kernel, inc.ptr, v, v.flip(0))
    p = segment_softmax(inc, torch.full((EDGES,), 1e4).index_fill(0, torch.tensor([0]), -1e4))
    assert p.isfinite().all()
    first = cuda._sum(inc.ptr, inc.sender, None, None, x, False)
    for _ in range(3):
        assert torch.equal(first, cuda._sum(inc.ptr, inc.sender, None, None, x, False))
    derivatives(inc)
    empty = Incidence.from_edges(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 2, 3)
    assert aggregate(empty, torch.ones(2, 4)).eq(0).all()
    assert segment_softmax(empty, torch.ones(0, 4)).shape == (0, 4)


def derivatives(inc: Incidence) -> None:
    """Through the operators, forced to Triton by GDL_KERNELS=cuda."""
    x = torch.randn(SENDERS, 2, dtype=torch.float64, requires_grad=True)
    w = torch.randn(EDGES, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: aggregate(inc, x, segment_softmax(inc, w)), (x, w), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x, w: aggregate(inc, x, w), (x, w), fast_mode=True)


def compile_all() -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    target = GPUTarget("cuda", 90, 32)

    def build(kernel, pointers: dict[str, str], numbers: tuple[str, ...], **constants: object) -> None:
        signature = pointers | dict.fromkeys(numbers, "i32") | dict.fromkeys(constants, "constexpr")
        signature = {name: signature[name] for name in kernel.arg_names}
        places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
        assert len(compile(ASTSource(kernel, signature, places), target=target).asm["cubin"]) > 0

    rows = {"ptr": "*i32"}
    sizes = ("heads", "channels")
    for x, dtype in (("*fp32", tl.float32), ("*bf16", tl.float32), ("*fp64", tl.float64)):
        wide = "*fp64" if dtype == tl.float64 else "*fp32"
        sums = rows | {"index": "*i32", "slot": "*i32", "weight": x, "x": x, "out": x, "pieces": wide}
        for flag in (False, True):
            build(
                cuda._row_sum, sums, ("rows", "edges", *sizes), MEAN=flag, HAS_INDEX=flag, HAS_SLOT=flag,
                HAS_WEIGHT=flag, DTYPE=dtype, LONG=cuda.LONG, CHUNK=cuda.CHUNK, TILE=64,
            )  # fmt: skip
        build(
            cuda.add_pieces, rows | {"pieces": wide, "out": x}, sizes, MEAN=True, DTYPE=dtype, LONG=cuda.LONG, TILE=64
        )
        ends = {"sender": "*i32", "receiver": "*i32", "a": x, "b": x, "out": wide}
        build(cuda._edge_dot, ends, ("edges", *sizes), DTYPE=dtype, CHUNK=cuda.CHUNK, TILE=64)
        found = rows | {"values": x, "out": x, "arg": "*i64", "pieces": wide, "piece_edge": "*i32"}
        counts = ("rows", "edges", "channels")
        for largest in (False, True):
            flags = {"LARGEST": largest, "DTYPE": dtype, "LONG": cuda.LONG, "TILE": 64}
            build(cuda._row_extreme, found, counts, FILL=0.1, CHUNK=cuda.CHUNK, **flags)
        build(cuda._merge_extremes, {k: v for k, v in found.items() if k != "values"}, counts[2:], **flags)
        counts, flags = ("rows", "edges", "heads"), {"DTYPE": dtype, "LONG": cuda.LONG, "TILE": 4}
        totals = {"tops": wide, "totals": wide}
        for kernel in (cuda._row_softmax, cuda._long_softmax):
            build(kernel, rows | {"logits": x, "out": x} | totals, counts, CHUNK=32, **flags)
        build(cuda._merge_softmax, rows | totals, ("rows", "heads"), **flags)
        for kernel, sums in ((cuda._row_softmax_backward, "pieces"), (cuda._long_softmax_backward, "totals")):
            build(kernel, rows | {"p": x, "g": x, "out": x, sums: wide}, counts, CHUNK=32, **flags)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
