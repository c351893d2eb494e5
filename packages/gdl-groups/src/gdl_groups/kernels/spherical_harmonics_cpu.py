"""The Numba backend of `spherical_harmonics`: blocks of points whose recurrences run side by side in vector lanes."""

import numpy as np
import torch
from gdl_core.kernels.cpu import compile_kernel, run_rows
from torch import Tensor

from gdl_groups.kernels.spherical_harmonics import recurrence

LANES = 32


@compile_kernel
def _load(v, first, count, normalize, x, y, z, q, inverse):
    """The vectors of a block, those of length 1 along them if `normalize`, and 1 / r, or 0 where r = 0.

    Lengths are taken after division by the largest component, so that nothing overflows or vanishes.
    """
    one, none = v.dtype.type(1), v.dtype.type(0)
    for p in range(LANES):
        i = first + min(p, count - 1)
        x[p], y[p], z[p] = v[i, 0], v[i, 1], v[i, 2]
    if normalize:
        for p in range(LANES):
            largest = max(abs(x[p]), max(abs(y[p]), abs(z[p])))
            by = np.divide(one, largest if largest > none else one)
            sx, sy, sz = x[p] * by, y[p] * by, z[p] * by
            square = sx * sx + sy * sy + sz * sz
            length = np.divide(one, np.sqrt(square)) if square > none else none
            x[p], y[p], z[p] = sx * length, sy * length, sz * length
            inverse[p] = by * length
    for p in range(LANES):
        q[p] = x[p] * x[p] + y[p] * y[p] + z[p] * z[p]


@compile_kernel
def _forward(lo, hi, ptr, v, normalize, a, b, start, scale, out):
    degree = start.size - 1
    x, y, z, q, inverse, real, imaginary, here, before = np.empty((9, LANES), v.dtype)
    for block in range(lo, hi):
        first = ptr[block]
        count = ptr[block + 1] - first
        _load(v, first, count, normalize, x, y, z, q, inverse)
        for p in range(LANES):
            real[p], imaginary[p] = 1, 0
        for m in range(degree + 1):
            for p in range(LANES):
                before[p], here[p] = 0, start[m]
            for l in range(m, degree + 1):
                if l > m:
                    for p in range(LANES):
                        new = a[l, m] * y[p] * here[p] - b[l, m] * q[p] * before[p]
                        before[p] = here[p]
                        here[p] = new
                column = l * l + l
                for p in range(count):
                    out[first + p, column + m] = scale[l] * here[p] * real[p]
                if m > 0:
                    for p in range(count):
                        out[first + p, column - m] = scale[l] * here[p] * imaginary[p]
            for p in range(LANES):
                new = z[p] * real[p] - x[p] * imaginary[p]
                imaginary[p] = x[p] * real[p] + z[p] * imaginary[p]
                real[p] = new


@compile_kernel
def _backward(lo, hi, ptr, v, g, normalize, a, b, start, scale, out):
    """Derivatives of Π by y and by r² follow the recurrence of Π; those of (z + ix)^m are m (z + ix)^(m-1)."""
    degree = start.size - 1
    x, y, z, q, inverse, real, imaginary, real_before, imaginary_before = np.empty((9, LANES), v.dtype)
    here, before, by_y, by_y_before, by_q, by_q_before = np.empty((6, LANES), v.dtype)
    to_x, to_y, to_z, to_q, even, odd, plus, minus = np.empty((8, LANES), v.dtype)
    for block in range(lo, hi):
        first = ptr[block]
        count = ptr[block + 1] - first
        _load(v, first, count, normalize, x, y, z, q, inverse)
        for p in range(LANES):
            real[p], imaginary[p], real_before[p], imaginary_before[p] = 1, 0, 0, 0
            to_x[p], to_y[p], to_z[p], to_q[p] = 0, 0, 0, 0
            plus[p], minus[p] = 0, 0
        for m in range(degree + 1):
            for p in range(LANES):
                before[p], here[p], by_y[p], by_y_before[p], by_q[p], by_q_before[p] = 0, start[m], 0, 0, 0, 0
                even[p], odd[p] = 0, 0
            for l in range(m, degree + 1):
                if l > m:
                    for p in range(LANES):
                        new = a[l, m] * y[p] * here[p] - b[l, m] * q[p] * before[p]
                        new_y = a[l, m] * (here[p] + y[p] * by_y[p]) - b[l, m] * q[p] * by_y_before[p]
                        new_q = a[l, m] * y[p] * by_q[p] - b[l, m] * (before[p] + q[p] * by_q_before[p])
                        before[p], by_y_before[p], by_q_before[p] = here[p], by_y[p], by_q[p]
                        here[p], by_y[p], by_q[p] = new, new_y, new_q
                column = l * l + l
                for p in range(count):
                    plus[p] = scale[l] * g[first + p, column + m]
                if m > 0:
                    for p in range(count):
                        minus[p] = scale[l] * g[first + p, column - m]
                for p in range(LANES):
                    even[p] += plus[p] * here[p]
                    odd[p] += minus[p] * here[p]
                    weight = plus[p] * real[p] + minus[p] * imaginary[p]
                    to_y[p] += weight * by_y[p]
                    to_q[p] += weight * by_q[p]
            order = v.dtype.type(m)
            for p in range(LANES):
                to_x[p] += order * (odd[p] * real_before[p] - even[p] * imaginary_before[p])
                to_z[p] += order * (even[p] * real_before[p] + odd[p] * imaginary_before[p])
                real_before[p], imaginary_before[p] = real[p], imaginary[p]
                real[p] = z[p] * real_before[p] - x[p] * imaginary_before[p]
                imaginary[p] = x[p] * real_before[p] + z[p] * imaginary_before[p]
        for p in range(LANES):
            twice = 2 * to_q[p]
            to_x[p] += twice * x[p]
            to_y[p] += twice * y[p]
            to_z[p] += twice * z[p]
        if normalize:  # only what is across r turns it
            for p in range(LANES):
                along = to_x[p] * x[p] + to_y[p] * y[p] + to_z[p] * z[p]
                to_x[p] = (to_x[p] - along * x[p]) * inverse[p]
                to_y[p] = (to_y[p] - along * y[p]) * inverse[p]
                to_z[p] = (to_z[p] - along * z[p]) * inverse[p]
        for p in range(count):
            out[first + p, 0], out[first + p, 1], out[first + p, 2] = to_x[p], to_y[p], to_z[p]


def spherical_harmonics(vectors: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    v = _wide(vectors)
    out = v.new_empty(v.shape[0], (degree + 1) ** 2)
    tables = _tables(v, degree, normalization)
    run_rows(_forward, _blocks(v), LANES * 4 * (degree + 1) ** 2, v.numpy(), normalize, *tables, out.numpy())
    return out.to(vectors.dtype)


def spherical_harmonics_backward(
    vectors: Tensor, g: Tensor, degree: int, normalize: bool, normalization: str
) -> Tensor:
    v, wide = _wide(vectors), _wide(g)
    out = torch.empty_like(v)
    work, tables = LANES * 12 * (degree + 1) ** 2, _tables(v, degree, normalization)
    run_rows(_backward, _blocks(v), work, v.numpy(), wide.numpy(), normalize, *tables, out.numpy())
    return out.to(vectors.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.detach().to(torch.float64 if x.dtype == torch.float64 else torch.float32).contiguous()


def _blocks(v: Tensor) -> np.ndarray:
    """Offsets of blocks of `LANES` points."""
    count = v.shape[0]
    return np.minimum(np.arange(0, count + LANES, LANES, dtype=np.int64), count)


def _tables(v: Tensor, degree: int, normalization: str) -> list[np.ndarray]:
    return [values.astype(v.numpy().dtype) for values in recurrence(degree, normalization)]
