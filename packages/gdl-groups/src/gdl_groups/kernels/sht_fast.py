"""The spherical harmonic transform as real FFTs along the rings and matrix products along the meridians.

Rings mirrored at the equator are added and subtracted first: P̄_l^m is even where l - m is, so half of the products
remain. Orders go in blocks, each of which starts at its own smallest degree: that saves most of the empty triangle
l < m. Tables hold a quarter to a third of the (degree + 1)² nlat numbers of the textbook's.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from gdl_groups.kernels.legendre import legendre
from gdl_groups.spherical.quadrature import rings


class Block(NamedTuple):
    """P̄_l^m for the orders `first` to `stop` - 1 on the northern rings: l = m, m + 2, … and l = m + 1, m + 3, …"""

    first: int
    stop: int
    even: Tensor  # [m, k, j]
    odd: Tensor  # [m, k, j]


class Plan(NamedTuple):
    """Tables of one grid and degree; `place[l, degree + m]` is where that coefficient stands among the products."""

    blocks: tuple[Block, ...]
    weights: Tensor  # [nlat, 1], of the points of each ring
    place: Tensor  # int64[(degree + 1) (2 degree + 1)], into [real and imaginary of every (block, parity, m, k), 0]
    back: Tensor  # int64[2 pairs], the inverse, into the rectangle and one zero
    sign: Tensor  # [(degree + 1)(2 degree + 1), 1], -1 where m < 0
    pairs: int


def analysis(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    """Return c[..., l, degree + m] = Σ_jk (w_j) x[..., j, k] Y_lm(θ_j, φ_k)."""
    *batch, nlat, nlon = x.shape
    if x.numel() == 0:
        return x.new_zeros(*batch, degree + 1, 2 * degree + 1)
    wide = x if x.dtype == torch.float64 else x.float()
    plan = make_plan(kind, nlat, nlon, degree, wide.dtype, wide.device)
    wide = wide.reshape(-1, nlat, nlon)
    n = wide.shape[0]
    wide = wide * plan.weights if weighted else wide
    half = (nlat + 1) // 2
    waves = torch.fft.rfft(wide)[..., : degree + 1]
    north, south = waves[:, :half], waves[:, nlat - half :].flip(1)
    even, odd = north + south, north - south
    if nlat % 2:
        even[:, -1] /= 2  # the equator is its own mirror image
    data = torch.view_as_real(torch.stack([even, odd])).permute(0, 3, 2, 1, 4).reshape(2, degree + 1, half, 2 * n)
    out = data.new_empty(plan.pairs + 1, 2 * n)
    out[-1] = 0
    start = 0
    for block in plan.blocks:
        for parity, table in enumerate((block.even, block.odd)):
            rows = table.shape[0] * table.shape[1]
            torch.bmm(
                table,
                data[parity, block.first : block.stop],
                out=out[start : start + rows].view(*table.shape[:2], 2 * n),
            )
            start += rows
    products = out.view(-1, n, 2).transpose(1, 2).reshape(-1, n)  # [2 (pairs + 1), n]
    c = products.index_select(0, plan.place) * plan.sign
    return c.mT.reshape(*batch, degree + 1, 2 * degree + 1).to(x.dtype).contiguous()


def synthesis(c: Tensor, kind: str, nlat: int, nlon: int, weighted: bool) -> Tensor:
    """Return x[..., j, k] = (w_j) Σ_lm c[..., l, degree + m] Y_lm(θ_j, φ_k)."""
    *batch, rows, columns = c.shape
    degree = rows - 1
    if c.numel() == 0:
        return c.new_zeros(*batch, nlat, nlon)
    wide = c if c.dtype == torch.float64 else c.float()
    plan = make_plan(kind, nlat, nlon, degree, wide.dtype, wide.device)
    flat = wide.reshape(-1, rows * columns)
    n, half = flat.shape[0], (nlat + 1) // 2
    flat = (flat.mT * plan.sign).contiguous()
    flat = torch.cat([flat, flat.new_zeros(1, n)]).index_select(0, plan.back)  # [2 pairs, n]
    products = flat.view(-1, 2, n).transpose(1, 2).reshape(-1, 2 * n)
    data = flat.new_empty(2, degree + 1, half, 2 * n)
    start = 0
    for block in plan.blocks:
        for parity, table in enumerate((block.even, block.odd)):
            count = table.shape[0] * table.shape[1]
            part = products[start : start + count].view(*table.shape[:2], 2 * n)
            torch.bmm(table.mT, part, out=data[parity, block.first : block.stop])
            start += count
    waves = torch.view_as_complex(data.view(2, degree + 1, half, n, 2).permute(0, 3, 2, 1, 4).contiguous())
    even, odd = waves
    even[..., 1:] *= 0.5
    odd[..., 1:] *= 0.5
    whole = torch.cat([even + odd, (even - odd)[:, : nlat // 2].flip(1)], 1)
    x = torch.fft.irfft(whole, nlon, norm="forward")
    x = x * plan.weights if weighted else x
    return x.reshape(*batch, nlat, nlon).to(c.dtype)


@functools.lru_cache(maxsize=32)
def make_plan(kind: str, nlat: int, nlon: int, degree: int, dtype: torch.dtype, device: torch.device) -> Plan:
    """Return the tables, computed in float64 and rounded once."""
    theta, weights = rings(kind, nlat)
    half = (nlat + 1) // 2
    size = degree + 1 if degree < 16 else max(8, -(-(degree + 1) // 12))
    blocks, place, sign, start = [], torch.zeros(degree + 1, 2 * degree + 1, dtype=torch.int64), [], 0
    m = torch.arange(-degree, degree + 1)
    l = torch.arange(degree + 1)[:, None]
    for first in range(0, degree + 1, size):
        stop = min(first + size, degree + 1)
        table = torch.from_numpy(legendre(theta[:half], degree, first, stop - 1))
        parts = []
        for parity in (0, 1):
            count = (degree - first - parity) // 2 + 1
            part = torch.zeros(stop - first, count, half, dtype=torch.float64)
            for order in range(first, stop):
                rows = table[order - first, order + parity :: 2]
                part[order - first, : len(rows)] = rows
            parts.append(part.to(device, dtype))
            inside = (m.abs() >= first) & (m.abs() < stop) & (l >= m.abs()) & ((l - m.abs()) % 2 == parity)
            where = start + (m.abs() - first) * count + (l - m.abs()) // 2
            place = torch.where(inside, 2 * where + (m < 0), place)
            start += part.shape[0] * count
        blocks.append(Block(first, stop, *parts))
    empty = m.abs() > l
    place = torch.where(empty, 2 * start, place).reshape(-1)
    back = torch.full((2 * (start + 1),), place.numel())
    full = ~empty.reshape(-1)
    back[place[full]] = torch.arange(place.numel())[full]
    sign = torch.where(m < 0, -1.0, 1.0).expand(degree + 1, -1).reshape(-1, 1)
    per_point = torch.from_numpy(weights / nlon)[:, None]
    return Plan(
        tuple(blocks),
        per_point.to(device, dtype),
        place.to(device),
        back[: 2 * start].to(device),
        sign.to(device, dtype),
        start,
    )
