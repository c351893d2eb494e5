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
def _border(line, start, index, weight, first, last, out):
    for o in range(first, last):
        for e in range(start[o], start[o + 1]):
            out[o] += weight[e] * line[index[e]]


@compile_kernel
def _lines(lo, hi, ptr, x, start, index, weight, inner, stride, before, taps, transposed, y):
    """The same for one column. The outputs `inner[0] … inner[1] - 1` read inside the line and need no table."""
    first, last = inner[0], inner[1]
    for r in range(lo, hi):
        line, out = x[r], y[r]
        out[:] = 0
        if transposed:
            _border(line, start, index, weight, 0, out.size, out)
            for j in range(taps.size):
                w, shift = taps[j], j - before
                if stride == 2:
                    for o in range(first, last):
                        out[2 * o + shift] += w * line[o]
                else:
                    for o in range(first, last):
                        out[o * stride + shift] += w * line[o]
            continue
        for j in range(taps.size):
            w, shift = taps[j], j - before
            if stride == 1:
                for o in range(first, last):
                    out[o] += w * line[o + shift]
            elif stride == 2:
                for o in range(first, last):
                    out[o] += w * line[2 * o + shift]
            else:
                for o in range(first, last):
                    out[o] += w * line[o * stride + shift]
        _border(line, start, index, weight, 0, first, out)
        _border(line, start, index, weight, last, out.size, out)


@lru_cache(maxsize=128)
def _table(n, outputs, taps, stride, before, boundary, transposed, only_border):
    """Return the filter as a sparse matrix in row-major order: row starts, columns, and the tap of each entry.

    With `only_border`, without the outputs that read inside the axis.
    """
    source = filter_sources(n, outputs, taps, stride, before, boundary).numpy()
    target = np.repeat(np.arange(outputs), taps)
    source, tap = source.reshape(-1), np.tile(np.arange(taps), outputs)
    first, last = _inner(n, outputs, taps, stride, before)
    inside = (source >= 0) & ~(only_border & (target >= first) & (target < last))
    row, column, tap = target[inside], source[inside], tap[inside]
    if transposed:
        order = np.argsort(column, kind="stable")
        row, column, tap = column[order], row[order], tap[order]
    count = n if transposed else outputs
    return np.searchsorted(row, np.arange(count + 1)), column.astype(np.int64), tap


def _inner(n: int, outputs: int, taps: int, stride: int, before: int) -> tuple[int, int]:
    """Return the range of outputs whose taps all lie in `0 … n - 1`."""
    first = min(-(-before // stride), outputs)
    return first, max(first, min((n - taps + before) // stride + 1, outputs))


def axis_filter(
    x: Tensor, taps: Tensor, n: int, outputs: int, stride: int, before: int, boundary: int, transposed: bool
) -> Tensor:
    dtype = x.dtype
    x = x.detach().contiguous()
    x = x if dtype in (torch.float32, torch.float64) else x.float()
    lines = x.shape[2] == 1
    start, index, tap = _table(n, outputs, taps.shape[0], stride, before, boundary, transposed, lines)
    filter = taps.detach().to(x.dtype).numpy()
    weight = filter[tap]
    y = x.new_empty(x.shape[0], n if transposed else outputs, x.shape[2])
    if y.numel():
        ptr = np.arange(x.shape[0] + 1)
        if lines:
            table = (start, index, weight, np.array(_inner(n, outputs, len(filter), stride, before)))
            source, target = x[..., 0].numpy(), y[..., 0].numpy()
            run_rows(_lines, ptr, outputs * len(filter), source, *table, stride, before, filter, transposed, target)
        else:
            run_rows(_columns, ptr, len(tap) * x.shape[2], x.numpy(), start, index, weight, y.numpy())
    return y.to(dtype)
