"""Asking for memory before it is read: rows that are gathered lie anywhere, so the processor cannot guess them."""

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AHEAD = 24  # edges
LINE = 64  # bytes


@intrinsic
def _prefetch_place(_context, array, place):
    """Ask for the cache line of the element at `place` of a contiguous array."""

    def emit(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(prefetch, [address, word(0), word(3), word(1)])  # for reading, into all caches, data
        return context.get_dummy_value()

    return types.void(array, types.intp), emit


@numba.njit(nogil=True)
def prefetch(x, index, first, count):
    """Ask for the rows ``x[index[k]]`` of the `count` edges that begin `AHEAD` edges after `first`."""
    size = x.size // max(x.shape[0], 1)
    step = LINE // x.itemsize
    for k in range(first + AHEAD, min(first + AHEAD + count, index.size)):
        start = index[k] * size
        for c in range(start, start + size, step):
            _prefetch_place(x, c)  # pyright: ignore[reportCallIssue]  # Numba passes the context
