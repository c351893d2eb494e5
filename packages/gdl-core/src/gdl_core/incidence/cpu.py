"""The Numba backend: rows in parallel, channels in vector registers, one order of summation.

Each public function is the `cpu` backend of the kernel of the same name and takes the arguments of its reference.
The loops know float32 and float64; half-precision tensors are widened before and rounded once after.
"""

import numpy as np
import torch
from torch import Tensor

from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.arrays import empty
from gdl_core.kernels.arrays import to_numpy as _numpy
from gdl_core.kernels.cpu import compile_kernel, run_rows
from gdl_core.kernels.prefetch_cpu import prefetch

# Rows longer than this are summed in blocks, which keeps the rounding error from growing with the degree.
BLOCK = 256
_EMPTY = torch.empty(0, dtype=torch.int32)


@compile_kernel
def _row_sum(lo, hi, ptr, index, slot, weight, x, mean, out):
    """out[i] = sum_k weight[slot[k]] x[index[k]], over its length if `mean`; an empty array stands for k, or 1."""
    channels = x.shape[2]
    part = np.empty(channels, x.dtype)
    for i in range(lo, hi):
        start, stop = ptr[i], ptr[i + 1]
        for h in range(x.shape[1]):
            total = out[i, h]
            total[:] = 0
            for first in range(start, stop, BLOCK):
                last = min(first + BLOCK, stop)
                one_block = stop - start <= BLOCK
                acc = total if one_block else part
                if not one_block:
                    acc[:] = 0
                k = first
                # Four edges at a time: a quarter of the reads and writes of the accumulator.
                while k + 4 <= last:
                    if h == 0 and index.size:
                        prefetch(x, index, k, 4)
                    j0 = index[k] if index.size else k
                    j1 = index[k + 1] if index.size else k + 1
                    j2 = index[k + 2] if index.size else k + 2
                    j3 = index[k + 3] if index.size else k + 3
                    x0, x1, x2, x3 = x[j0, h], x[j1, h], x[j2, h], x[j3, h]
                    if weight.size:
                        w0 = weight[slot[k] if slot.size else k, h]
                        w1 = weight[slot[k + 1] if slot.size else k + 1, h]
                        w2 = weight[slot[k + 2] if slot.size else k + 2, h]
                        w3 = weight[slot[k + 3] if slot.size else k + 3, h]
                        for c in range(channels):
                            acc[c] += (w0 * x0[c] + w1 * x1[c]) + (w2 * x2[c] + w3 * x3[c])
                    else:
                        for c in range(channels):
                            acc[c] += (x0[c] + x1[c]) + (x2[c] + x3[c])
                    k += 4
                while k < last:
                    xk = x[index[k] if index.size else k, h]
                    if weight.size:
                        wk = weight[slot[k] if slot.size else k, h]
                        for c in range(channels):
                            acc[c] += wk * xk[c]
                    else:
                        for c in range(channels):
                            acc[c] += xk[c]
                    k += 1
                if not one_block:
                    for c in range(channels):
                        total[c] += part[c]
            if mean and stop > start:
                for c in range(channels):
                    total[c] /= stop - start


@compile_kernel
def _edge_dot(lo, hi, ptr, index, a, b, out):
    """out[k, h] = <a[i, h], b[index[k], h]> for the edges k of row i."""
    for i in range(lo, hi):
        for k in range(ptr[i], ptr[i + 1]):
            for h in range(a.shape[1]):
                left, right = a[i, h], b[index[k], h]
                dot = out.dtype.type(0)
                for c in range(left.size):
                    dot += left[c] * right[c]
                out[k, h] = dot


@compile_kernel
def _row_gather(lo, hi, ptr, slot, x, out):
    """out[slot[k]] = x[i] for the edges k of row i; an empty slot stands for k."""
    for i in range(lo, hi):
        row = x[i]
        for k in range(ptr[i], ptr[i + 1]):
            target = out[slot[k] if slot.size else k]
            for c in range(row.size):
                target[c] = row[c]


@compile_kernel
def _row_extreme(lo, hi, ptr, values, fill, sign, out, arg):
    """The largest sign * values[k] of each row and the first k that has it; a NaN counts as larger than anything."""
    for i in range(lo, hi):
        best, where = out[i], arg[i]
        start, stop = ptr[i], ptr[i + 1]
        for c in range(best.size):
            best[c] = values[start, c] if start < stop else fill
            where[c] = start if start < stop else -1
        for k in range(start + 1, stop):
            row = values[k]
            for c in range(best.size):
                v, b = row[c], best[c]
                if sign * v > sign * b or (v != v and b == b):
                    best[c] = v
                    where[c] = k


@compile_kernel
def _row_softmax(lo, hi, ptr, logits, out):
    """out[k] = exp(logits[k] - m_i) / sum of the same over row i, with m_i the largest logit of the row."""
    heads = logits.shape[1]
    top = np.empty(heads, logits.dtype)
    total = np.empty(heads, logits.dtype)
    for i in range(lo, hi):
        start, stop = ptr[i], ptr[i + 1]
        top[:] = -np.inf
        total[:] = 0
        for k in range(start, stop):
            for h in range(heads):
                v = logits[k, h]
                if v > top[h] or v != v:
                    top[h] = v
        for k in range(start, stop):
            for h in range(heads):
                p = np.exp(logits[k, h] - top[h])
                out[k, h] = p
                total[h] += p
        for k in range(start, stop):
            for h in range(heads):
                out[k, h] /= total[h]


@compile_kernel
def _row_softmax_backward(lo, hi, ptr, p, g, out):
    """out[k] = p[k] (g[k] - sum of p g over the row)."""
    heads = p.shape[1]
    total = np.empty(heads, p.dtype)
    for i in range(lo, hi):
        total[:] = 0
        for k in range(ptr[i], ptr[i + 1]):
            for h in range(heads):
                total[h] += p[k, h] * g[k, h]
        for k in range(ptr[i], ptr[i + 1]):
            for h in range(heads):
                out[k, h] = p[k, h] * (g[k, h] - total[h])


def aggregate(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    transposed: bool,
) -> Tensor:
    dtype = accumulate_in(x, weight)
    rows, index, slot = (ptr_t, receiver_t, perm) if transposed else (ptr, sender, _EMPTY)
    weights = torch.empty(0, 0, dtype=dtype) if weight is None else weight
    return _sum(rows, index, slot, weights.to(dtype), x.to(dtype), False).to(x.dtype)


def edge_dot(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    a: Tensor,
    b: Tensor,
) -> Tensor:
    dtype = accumulate_in(a, b)
    out = empty(len(sender), a.shape[1], dtype=dtype)
    run_rows(_edge_dot, _numpy(ptr), a.shape[1] * a.shape[2], *map(_numpy, (sender, a.to(dtype), b.to(dtype), out)))
    return out


def segment_sum(ptr: Tensor, order: Tensor | None, row: Tensor | None, values: Tensor, mean: bool) -> Tensor:
    _check_rows(ptr, len(values))
    dtype = accumulate_in(values)
    index = _EMPTY if order is None else order
    x = values.to(dtype)[:, None]
    return _sum(ptr, index, _EMPTY, torch.empty(0, 0, dtype=dtype), x, mean)[:, 0].to(values.dtype)


def segment_gather(ptr: Tensor, order: Tensor | None, row: Tensor | None, x: Tensor, edges: int, mean: bool) -> Tensor:
    _check_rows(ptr, edges)
    if mean:
        dtype = accumulate_in(x)
        x = (x.to(dtype) / ptr.diff().clamp(min=1)[:, None]).to(x.dtype)
    if row is not None:
        return x.index_select(0, row)
    if x.dtype not in (torch.float32, torch.float64):
        return torch.repeat_interleave(x, ptr.diff(), dim=0, output_size=edges)
    out = empty(edges, x.shape[1], dtype=x.dtype)
    slot = _EMPTY if order is None else order
    run_rows(_row_gather, _numpy(ptr), x.shape[1], *map(_numpy, (slot, x, out)))
    return out


def segment_extreme(ptr: Tensor, values: Tensor, fill: float, largest: bool) -> tuple[Tensor, Tensor]:
    _check_rows(ptr, len(values))
    dtype = accumulate_in(values)
    out = empty(len(ptr) - 1, values.shape[1], dtype=dtype)
    arg = empty(*out.shape, dtype=torch.int64)
    number = out.numpy().dtype.type
    sign = number(1 if largest else -1)
    run_rows(
        _row_extreme,
        _numpy(ptr),
        values.shape[1],
        _numpy(values.to(dtype)),
        number(fill),
        sign,
        *map(_numpy, (out, arg)),
    )
    return out.to(values.dtype), arg


def segment_softmax(ptr: Tensor, logits: Tensor) -> Tensor:
    _check_rows(ptr, len(logits))
    wide = logits.to(accumulate_in(logits))
    out = empty(*wide.shape, dtype=wide.dtype)
    run_rows(_row_softmax, _numpy(ptr), 16 * wide.shape[1], *map(_numpy, (wide, out)))
    return out.to(logits.dtype)


def segment_softmax_backward(ptr: Tensor, p: Tensor, g: Tensor) -> Tensor:
    _check_rows(ptr, len(p))
    dtype = accumulate_in(p, g)
    out = empty(*p.shape, dtype=dtype)
    run_rows(_row_softmax_backward, _numpy(ptr), p.shape[1], *map(_numpy, (p.to(dtype), g.to(dtype), out)))
    return out.to(p.dtype)


def _sum(ptr: Tensor, index: Tensor, slot: Tensor, weight: Tensor, x: Tensor, mean: bool) -> Tensor:
    out = empty(len(ptr) - 1, *x.shape[1:], dtype=x.dtype)
    arrays = map(_numpy, (index, slot, weight, x))
    run_rows(_row_sum, _numpy(ptr), x.shape[1] * x.shape[2], *arrays, mean, out.numpy())
    return out


def _check_rows(ptr: Tensor, edges: int) -> None:
    """Offsets may come from the caller; wrong ones would read past the end of an array."""
    offsets = _numpy(ptr)
    if offsets[0] != 0 or offsets[-1] != edges or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(
            f"ptr must rise from 0 to the number of rows of the values ({edges}) without ever falling, "
            f"got offsets from {offsets[0]} to {offsets[-1]}."
        )
