"""The Triton backend of `spherical_harmonics`: a program per block of points, everything in registers."""

# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from gdl_groups.kernels.spherical_harmonics import recurrence, table

POINTS = 128


def coefficients(degree: int, normalization: str) -> np.ndarray:
    """Return a, b, start and scale in one table `[2 (L + 1) + 2, L + 1]`."""
    a, b, start, scale = recurrence(degree, normalization)
    return np.concatenate([a, b, start[None], scale[None]])


@triton.jit
def _unit(x, y, z):
    """The vectors divided by their length r, and 1 / r, both 0 where r = 0."""
    largest = tl.maximum(tl.abs(x), tl.maximum(tl.abs(y), tl.abs(z)))
    by = 1 / tl.where(largest > 0, largest, 1)
    x, y, z = x * by, y * by, z * by
    square = x * x + y * y + z * z
    length = tl.where(square > 0, 1 / tl.sqrt(tl.where(square > 0, square, 1)), 0)
    return x * length, y * length, z * length, by * length


@triton.jit
def _forward(
    v, c, out, count, DEGREE: tl.constexpr, NORMALIZE: tl.constexpr, DTYPE: tl.constexpr, POINTS: tl.constexpr
):
    i = tl.program_id(0).to(tl.int64) * POINTS + tl.arange(0, POINTS)
    live = i < count
    x = tl.load(v + 3 * i, mask=live, other=0).to(DTYPE)
    y = tl.load(v + 3 * i + 1, mask=live, other=0).to(DTYPE)
    z = tl.load(v + 3 * i + 2, mask=live, other=0).to(DTYPE)
    if NORMALIZE:
        x, y, z, _ = _unit(x, y, z)
    q = x * x + y * y + z * z
    SIZE: tl.constexpr = DEGREE + 1
    real, imaginary = x * 0 + 1, x * 0
    for m in tl.static_range(SIZE):
        before, here = x * 0, x * 0 + tl.load(c + 2 * SIZE * SIZE + m)
        for l in tl.static_range(m, SIZE):
            if l > m:
                new = tl.load(c + l * SIZE + m) * y * here - tl.load(c + (SIZE + l) * SIZE + m) * q * before
                before = here
                here = new
            scaled = tl.load(c + (2 * SIZE + 1) * SIZE + l) * here
            place = out + i * (SIZE * SIZE) + l * l + l
            tl.store(place + m, scaled * real, mask=live)
            if m > 0:
                tl.store(place - m, scaled * imaginary, mask=live)
        turned = z * real - x * imaginary
        imaginary = x * real + z * imaginary
        real = turned


@triton.jit
def _backward(
    v, g, c, out, count, DEGREE: tl.constexpr, NORMALIZE: tl.constexpr, DTYPE: tl.constexpr, POINTS: tl.constexpr
):
    i = tl.program_id(0).to(tl.int64) * POINTS + tl.arange(0, POINTS)
    live = i < count
    x = tl.load(v + 3 * i, mask=live, other=0).to(DTYPE)
    y = tl.load(v + 3 * i + 1, mask=live, other=0).to(DTYPE)
    z = tl.load(v + 3 * i + 2, mask=live, other=0).to(DTYPE)
    inverse = x * 0 + 1
    if NORMALIZE:
        x, y, z, inverse = _unit(x, y, z)
    q = x * x + y * y + z * z
    SIZE: tl.constexpr = DEGREE + 1
    none = x * 0
    real, imaginary, real_before, imaginary_before = none + 1, none, none, none
    to_x, to_y, to_z, to_q = none, none, none, none
    for m in tl.static_range(SIZE):
        before, here = none, none + tl.load(c + 2 * SIZE * SIZE + m)
        by_y, by_y_before, by_q, by_q_before = none, none, none, none
        even, odd = none, none
        for l in tl.static_range(m, SIZE):
            if l > m:
                a, b = tl.load(c + l * SIZE + m), tl.load(c + (SIZE + l) * SIZE + m)
                new = a * y * here - b * q * before
                new_y = a * (here + y * by_y) - b * q * by_y_before
                new_q = a * y * by_q - b * (before + q * by_q_before)
                before, by_y_before, by_q_before = here, by_y, by_q
                here, by_y, by_q = new, new_y, new_q
            scale = tl.load(c + (2 * SIZE + 1) * SIZE + l)
            place = g + i * (SIZE * SIZE) + l * l + l
            plus = scale * tl.load(place + m, mask=live, other=0).to(DTYPE)
            weight = plus * real
            even += plus * here
            if m > 0:
                minus = scale * tl.load(place - m, mask=live, other=0).to(DTYPE)
                weight += minus * imaginary
                odd += minus * here
            to_y += weight * by_y
            to_q += weight * by_q
        to_x += m * (odd * real_before - even * imaginary_before)
        to_z += m * (even * real_before + odd * imaginary_before)
        real_before, imaginary_before = real, imaginary
        real = z * real_before - x * imaginary_before
        imaginary = x * real_before + z * imaginary_before
    to_x += 2 * to_q * x
    to_y += 2 * to_q * y
    to_z += 2 * to_q * z
    if NORMALIZE:  # only what is across r turns it
        along = to_x * x + to_y * y + to_z * z
        to_x = (to_x - along * x) * inverse
        to_y = (to_y - along * y) * inverse
        to_z = (to_z - along * z) * inverse
    tl.store(out + 3 * i, to_x, mask=live)
    tl.store(out + 3 * i + 1, to_y, mask=live)
    tl.store(out + 3 * i + 2, to_z, mask=live)


def spherical_harmonics(vectors: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    v = vectors.detach().contiguous()
    out = v.new_empty(v.shape[0], (degree + 1) ** 2)
    if v.numel():
        c = _table(v, degree, normalization)
        constants = {"DEGREE": degree, "NORMALIZE": normalize, "DTYPE": _wide(v), "POINTS": POINTS}
        _forward[_grid(v)](v, c, out, v.shape[0], **constants)
    return out


def spherical_harmonics_backward(
    vectors: Tensor, g: Tensor, degree: int, normalize: bool, normalization: str
) -> Tensor:
    v, g = vectors.detach().contiguous(), g.detach().contiguous()
    out = torch.empty_like(v)
    if v.numel():
        c = _table(v, degree, normalization)
        constants = {"DEGREE": degree, "NORMALIZE": normalize, "DTYPE": _wide(v), "POINTS": POINTS}
        _backward[_grid(v)](v, g, c, out, v.shape[0], **constants)
    return out


def _grid(v: Tensor) -> tuple[int]:
    return (triton.cdiv(v.shape[0], POINTS),)


def _wide(v: Tensor) -> tl.dtype:
    return tl.float64 if v.dtype == torch.float64 else tl.float32


def _table(v: Tensor, degree: int, normalization: str) -> Tensor:
    wide = torch.float64 if v.dtype == torch.float64 else torch.float32
    return table(coefficients, degree, v.new_empty(0, dtype=wide), normalization)
