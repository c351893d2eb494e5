"""The Numba backend of the polyphase operators: one row of the last axis at a time, samples and channels in parallel.

Each public function takes the arguments of the reference of the same name.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from gdl_core.kernels.cpu import compile_kernel, run_rows
from torch import Tensor

from gdl_grids.kernels.polyphase import choose_phase, fixed_point_bits

BLOCK = 4096  # values of a row whose squares, below 2^40 each, are summed exactly in float64


@compile_kernel
def _largest(lo, hi, ptr, bits, positive, infinity, out):
    """out[i] = the largest finite |x[i]| as bits: those of positive numbers are ordered as they are, and vectorise."""
    for i in range(lo, hi):
        best = bits.dtype.type(0)
        row = bits[i]
        for k in range(row.size):
            magnitude = row[k] & positive
            magnitude = magnitude if magnitude < infinity else bits.dtype.type(0)
            best = max(best, magnitude)
        out[i] = best


@compile_kernel
def _moments(lo, hi, ptr, x, scale, channels, row_phase, step, energy, total):
    """Sum v² and v over each phase of x[i] = (sample, channel), where v is x in fixed point: exact in any order."""
    for i in range(lo, hi):
        factor = scale[i // channels]
        for r in range(row_phase.size):
            row = x[i, r]
            first = row_phase[r]
            for start in range(0, row.size, BLOCK * step):
                stop = min(start + BLOCK * step, row.size)
                if step == 2:  # both phases of the row at once
                    squares, values, squares1, values1 = 0.0, 0.0, 0.0, 0.0
                    for k in range(start, stop, 2):
                        v = np.rint(np.float64(row[k]) * factor)
                        w = np.rint(np.float64(row[k + 1]) * factor)
                        v = v if abs(v) < 2.0e6 else 0.0  # infinite or NaN
                        w = w if abs(w) < 2.0e6 else 0.0
                        squares += v * v
                        values += v
                        squares1 += w * w
                        values1 += w
                    energy[i, first] += np.int64(squares)
                    total[i, first] += np.int64(values)
                    energy[i, first + 1] += np.int64(squares1)
                    total[i, first + 1] += np.int64(values1)
                    continue
                for j in range(step):
                    squares, values = 0.0, 0.0
                    for k in range(start + j, stop, step):
                        v = np.rint(np.float64(row[k]) * factor)
                        v = v if abs(v) < 2.0e6 else 0.0
                        squares += v * v
                        values += v
                    energy[i, first + j] += np.int64(squares)
                    total[i, first + j] += np.int64(values)


@compile_kernel
def _gather(lo, hi, ptr, x, first, channels, row_start, step, y):
    for i in range(lo, hi):
        offset = first[i // channels]
        for r in range(row_start.size):
            start = row_start[r] + offset
            row = y[i, r]
            for k in range(row.size):
                row[k] = x[i, start + k * step]


@compile_kernel
def _scatter(lo, hi, ptr, y, first, channels, row_start, step, x):
    for i in range(lo, hi):
        offset = first[i // channels]
        x[i, :] = 0
        for r in range(row_start.size):
            start = row_start[r] + offset
            row = y[i, r]
            for k in range(row.size):
                x[i, start + k * step] = row[k]


@lru_cache(maxsize=128)
def row_phases(shape: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    """Return the number of the first phase of each row of the last axis, `[rows]`."""
    flat = np.zeros(shape[:-1], dtype=np.int64)
    for axis in range(len(shape) - 1):
        index = np.arange(shape[axis]) % stride[axis]
        flat = flat * stride[axis] + index.reshape([-1 if a == axis else 1 for a in range(len(shape) - 1)])
    return flat.reshape(-1) * stride[-1]


@lru_cache(maxsize=128)
def row_starts(shape: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    """Return where, in the fine grid of `shape`, each row of the coarse grid of phase 0 starts, `[coarse rows]`."""
    flat = np.arange(math.prod(shape)).reshape(shape)
    return flat[tuple(slice(None, None, step) for step in stride)][..., 0].reshape(-1).copy()


def first_points(phase: Tensor, shape: Sequence[int]) -> np.ndarray:
    """Return the number of the fine point that each sample's phase names, `[b]`."""
    flat = torch.zeros_like(phase[:, 0])
    for axis, size in enumerate(shape):
        flat = flat * size + phase[:, axis]
    return flat.numpy()


def _rows(x: Tensor) -> np.ndarray:
    """Return `[b * c, rows, last]` in a floating-point type that Numba knows."""
    x = x.detach().contiguous()
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    last = x.shape[-1]
    return x.reshape(x.shape[0] * x.shape[1], math.prod(x.shape[2:-1]), last).numpy()


def phase(x: Tensor, stride: Sequence[int]) -> Tensor:
    shape, stride = tuple(x.shape[2:]), tuple(stride)
    b, c = x.shape[:2]
    if x.numel() == 0:
        return torch.zeros(b, len(stride), dtype=torch.int64)
    rows = _rows(x)
    ptr = np.arange(b * c + 1)
    work = rows[0].size
    bits = rows.reshape(b * c, -1).view(np.int32 if rows.dtype == np.float32 else np.int64)
    largest = np.zeros(b * c, dtype=bits.dtype)
    infinity = np.array(np.inf, dtype=rows.dtype).view(bits.dtype)[()]
    positive = bits.dtype.type(np.iinfo(bits.dtype).max)  # all bits but the sign
    run_rows(_largest, ptr, work, bits, positive, infinity, largest)
    top = largest.view(rows.dtype).reshape(b, c).max(1).astype(np.float64)
    scale = np.ldexp(1.0, fixed_point_bits(x) - np.frexp(np.where(top > 0, top, 1.0))[1])
    energy, total = np.zeros((2, b * c, math.prod(stride)), dtype=np.int64)
    run_rows(_moments, ptr, work, rows, scale, c, row_phases(shape, stride), stride[-1], energy, total)
    sums = [torch.from_numpy(part.reshape(b, c, -1).sum(1)) for part in (energy, total)]
    return choose_phase(sums[0], sums[1], stride)


def gather(x: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    shape, stride = tuple(x.shape[2:]), tuple(stride)
    b, c = x.shape[:2]
    y = x.new_empty(b, c, *[n // step for n, step in zip(shape, stride)])
    if y.numel() == 0:
        return y
    source = _raw(x).reshape(b * c, -1)
    starts = row_starts(shape, stride)
    target = _raw(y).reshape(b * c, len(starts), -1)
    first = first_points(phase, shape)
    run_rows(_gather, np.arange(b * c + 1), target[0].size, source, first, c, starts, stride[-1], target)
    return y


def scatter(y: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    stride = tuple(stride)
    shape = tuple(n * step for n, step in zip(y.shape[2:], stride))
    b, c = y.shape[:2]
    x = y.new_empty(b, c, *shape)
    if x.numel() == 0:
        return x
    starts = row_starts(shape, stride)
    source = _raw(y).reshape(b * c, len(starts), -1)
    target = _raw(x).reshape(b * c, -1)
    first = first_points(phase, shape)
    run_rows(_scatter, np.arange(b * c + 1), target[0].size, source, first, c, starts, stride[-1], target)
    return x


def _raw(x: Tensor) -> np.ndarray:
    """Return the memory of `x` as an array; half precision, which is only copied, as 16-bit integers."""
    x = x.detach().contiguous()
    return (x.view(torch.int16) if x.element_size() == 2 else x).numpy()
