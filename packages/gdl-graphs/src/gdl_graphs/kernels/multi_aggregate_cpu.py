"""The Numba backend of `multi_aggregate`: rows in parallel, channels in vector registers, one order of summation.

A row is read in blocks that stay in the first-level cache, so that each statistic can be a loop of its own.
"""

import numpy as np
import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.arrays import empty
from gdl_core.kernels.arrays import to_numpy as _numpy
from gdl_core.kernels.cpu import compile_kernel, run_rows
from gdl_core.kernels.prefetch_cpu import prefetch
from torch import Tensor

BLOCK = 32  # edges; later blocks of a row are computed apart and merged, which bounds the rounding error


@compile_kernel
def _block_sum(first, last, index, weight, x, acc):
    """acc[c] = sum of weight[k] x[index[k], c]."""
    one = x.dtype.type(1)
    acc[:] = 0
    k = first
    while k + 4 <= last:
        x0, x1, x2, x3 = x[index[k]], x[index[k + 1]], x[index[k + 2]], x[index[k + 3]]
        if weight.size:
            w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
            for c in range(acc.size):
                acc[c] += (w0 * x0[c] + w1 * x1[c]) + (w2 * x2[c] + w3 * x3[c])
        else:
            for c in range(acc.size):
                acc[c] += (x0[c] + x1[c]) + (x2[c] + x3[c])
        k += 4
    while k < last:
        row, w = x[index[k]], weight[k] if weight.size else one
        for c in range(acc.size):
            acc[c] += w * row[c]
        k += 1


@compile_kernel
def _block_squares(first, last, index, weight, x, mean, acc):
    """acc[c] = sum of (weight[k] x[index[k], c] - mean[c])^2."""
    one = x.dtype.type(1)
    acc[:] = 0
    k = first
    while k + 4 <= last:
        x0, x1, x2, x3 = x[index[k]], x[index[k + 1]], x[index[k + 2]], x[index[k + 3]]
        w0, w1, w2, w3 = one, one, one, one
        if weight.size:
            w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
        for c in range(acc.size):
            a0, a1, a2, a3 = w0 * x0[c] - mean[c], w1 * x1[c] - mean[c], w2 * x2[c] - mean[c], w3 * x3[c] - mean[c]
            acc[c] += (a0 * a0 + a1 * a1) + (a2 * a2 + a3 * a3)
        k += 4
    while k < last:
        row, w = x[index[k]], weight[k] if weight.size else one
        for c in range(acc.size):
            away = w * row[c] - mean[c]
            acc[c] += away * away
        k += 1


@compile_kernel
def _block_extreme(first, last, index, weight, x, sign, best, edge):
    """The largest sign * m of each channel and the first k that has it; a NaN is larger than anything."""
    one = x.dtype.type(1)
    row, w = x[index[first]], weight[first] if weight.size else one
    for c in range(best.size):
        best[c] = w * row[c]
        edge[c] = first
    for k in range(first + 1, last):
        row, w = x[index[k]], weight[k] if weight.size else one
        place = edge.dtype.type(k)
        for c in range(best.size):
            v, b = w * row[c], best[c]
            better = sign * v > sign * b or (v != v and b == b)
            best[c] = v if better else b
            edge[c] = place if better else edge[c]


@compile_kernel
def _row_statistics(lo, hi, ptr, index, weight, x, total, variance, largest, smallest, values, edges):
    """values[i] = those of (sum, variance, max, min) that are asked for, and the edges of the last two."""
    channels = x.shape[1]
    acc, squares, best = np.empty(channels, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    mean, edge = np.empty(channels, x.dtype), np.empty(channels, edges.dtype)
    extremes = int(total) + int(variance)
    for i in range(lo, hi):
        start, stop = ptr[i], ptr[i + 1]
        if start == stop:
            values[i] = 0
            edges[i] = -1
        for first in range(start, stop, BLOCK):
            last = min(first + BLOCK, stop)
            alone = first == start
            before, now = x.dtype.type(first - start), x.dtype.type(last - first)
            prefetch(x, index, first, last - first)
            if total:
                sums = values[i, 0]
                block = sums if alone else acc
                _block_sum(first, last, index, weight, x, block)
                if variance:
                    m2 = values[i, 1]
                    apart = m2 if alone else squares
                    for c in range(channels):
                        mean[c] = block[c] / now
                    _block_squares(first, last, index, weight, x, mean, apart)
                    if not alone:  # Chan, Golub and LeVeque (1983), eq. 2.1
                        ratio = before * now / (before + now)
                        for c in range(channels):
                            gap = mean[c] - sums[c] / before
                            m2[c] += squares[c] + ratio * gap * gap
                if not alone:
                    for c in range(channels):
                        sums[c] += acc[c]
            for q in range(edges.shape[1]):
                sign = x.dtype.type(1 if largest and q == 0 else -1)
                top, where = values[i, extremes + q], edges[i, q]
                if alone:
                    _block_extreme(first, last, index, weight, x, sign, top, where)
                else:
                    _block_extreme(first, last, index, weight, x, sign, best, edge)
                    for c in range(channels):
                        if sign * best[c] > sign * top[c] or (best[c] != best[c] and top[c] == top[c]):
                            top[c], where[c] = best[c], edge[c]
        if variance and stop > start:
            m2 = values[i, 1]
            for c in range(channels):
                m2[c] /= stop - start


@compile_kernel
def _row_backward(lo, hi, ptr, index, slot, weight, x, coefficient, edges, total, variance, dx, dw):
    """For the edges e = slot[k] of sender j: dx[j] = sum of w[e] dm[e], dw[e] = <x[j], dm[e]>."""
    channels = dx.shape[1]
    extremes = int(total) + int(variance)
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    dm = np.empty(channels, dx.dtype)
    for j in range(lo, hi):
        acc = dx[j]
        acc[:] = 0
        for k in range(ptr[j], ptr[j + 1]):
            i, e = index[k], edges.dtype.type(slot[k])
            w = weight[e] if weight.size else one
            if variance:
                a, b, own = coefficient[i, 0], coefficient[i, 1], x[j]
                for c in range(channels):
                    dm[c] = a[c] + b[c] * (w * own[c])
            elif total:
                a = coefficient[i, 0]
                for c in range(channels):
                    dm[c] = a[c]
            else:
                for c in range(channels):
                    dm[c] = zero
            for q in range(edges.shape[1]):
                g, where = coefficient[i, extremes + q], edges[i, q]
                for c in range(channels):
                    dm[c] += g[c] if where[c] == e else zero
            for c in range(channels):
                acc[c] += w * dm[c]
            if dw.size:
                own, dot = x[j], zero
                for c in range(channels):
                    dot += own[c] * dm[c]
                dw[e] = dot


def sender_statistics(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    dtype, rows, channels, extremes = accumulate_in(x, weight), len(ptr) - 1, x.shape[1], largest + smallest
    values = empty(rows, total + variance + extremes, channels, dtype=dtype)
    edges = empty(rows, extremes, channels, dtype=torch.int32)
    flags = (total, variance, largest, smallest)
    arrays = map(_numpy, (sender, _weights(weight, dtype), x.to(dtype)))
    run_rows(_row_statistics, _numpy(ptr), values.shape[1] * channels, *arrays, *flags, *map(_numpy, (values, edges)))
    return values, edges


def sender_statistics_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    coefficient: Tensor,
    edge: Tensor,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    dtype = coefficient.dtype
    dx = empty(len(ptr_t) - 1, coefficient.shape[2], dtype=dtype)
    dw = torch.empty(0 if weight is None else len(sender), dtype=dtype)
    tensors = (receiver_t, perm, _weights(weight, dtype), x.to(dtype), coefficient, edge)
    run_rows(
        _row_backward,
        _numpy(ptr_t),
        coefficient.shape[1] * coefficient.shape[2],
        *map(_numpy, tensors),
        total,
        variance,
        *map(_numpy, (dx, dw)),
    )
    return dx.to(x.dtype), x.new_empty(0) if weight is None else dw.to(weight.dtype)


def _weights(weight: Tensor | None, dtype: torch.dtype) -> Tensor:
    return torch.empty(0, dtype=dtype) if weight is None else weight.to(dtype)
