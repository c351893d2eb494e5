"""The Numba backend of `axis_filter`: rows in parallel, columns in vector registers."""

from functools import lru_cache

import numpy as np
import torch
from gdl_core.kernels.cpu import compile_kernel, run_rows
from torch import Tensor

from gdl_grids.kernels.axis_filter import filter_sources


@compile_kernel
def _columns(lo, hi, ptr, x, start, index, weight, y):
    """y[r, o, :] = Σ_e weight[e] x[r, index[e], :] over the entries of row o."""
    for r in range(lo, hi):
        for o in range(y.shape[1]):
            total = y[r, o]
            total[:] = 0
            for e in range(start[o], start[o + 1]):
                row, w = x[r, index[e]], weight[e]
                for m in range(total.size):
                    total[m] += w * row[m]


@compile_kernel
def _lines(lo, hi, ptr, x, start, index, weight, y):
    """The same for one column: one sum per output."""
    for r in range(lo, hi):
        line, out = x[r], y[r]
        for o in range(out.size):
            total = y.dtype.type(0)
            for e in range(start[o], start[o + 1]):
                total += weight[e] * line[index[e]]
            out[o] = total


@lru_cache(maxsize=128)
def _table(n, outputs, taps, stride, before, boundary, transposed):
    """Return the filter as a sparse matrix in row-major order: row starts, columns, and the tap of each entry."""
    source = filter_sources(n, outputs, taps, stride, before, boundary).numpy()
    target = np.repeat(np.arange(outputs), taps)
    source, tap = source.reshape(-1), np.tile(np.arange(taps), outputs)
    inside = source >= 0
    row, column, tap = target[inside], source[inside], tap[inside]
    if transposed:
        order = np.argsort(column, kind="stable")
        row, column, tap = column[order], row[order], tap[order]
    count = n if transposed else outputs
    return np.searchsorted(row, np.arange(count + 1)), column.astype(np.int64), tap


def axis_filter(
    x: Tensor, taps: Tensor, n: int, outputs: int, stride: int, before: int, boundary: int, transposed: bool
) -> Tensor:
    dtype = x.dtype
    x = x.detach().contiguous()
    x = x if dtype in (torch.float32, torch.float64) else x.float()
    start, index, tap = _table(n, outputs, taps.shape[0], stride, before, boundary, transposed)
    weight = taps.detach().to(x.dtype).numpy()[tap]
    y = x.new_empty(x.shape[0], n if transposed else outputs, x.shape[2])
    if y.numel():
        ptr = np.arange(x.shape[0] + 1)
        if x.shape[2] == 1:
            run_rows(_lines, ptr, len(tap), x[..., 0].numpy(), start, index, weight, y[..., 0].numpy())
        else:
            run_rows(_columns, ptr, len(tap) * x.shape[2], x.numpy(), start, index, weight, y.numpy())
    return y.to(dtype)
