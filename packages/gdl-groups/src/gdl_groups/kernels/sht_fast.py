"""The spherical harmonic transform as real FFTs along the rings and matrix products along the meridians.

From degree 32 on, rings mirrored at the equator are added and subtracted first: P̄_l^m is even where l - m is, so half
of the products remain; and orders go in blocks, each of which starts at its own smallest degree, which saves most of
the empty triangle l < m. Tables then hold an eighth of the 2 (degree + 1)² nlat numbers of two textbook transforms.
Values are kept with the signals innermost between FFT and products, so that they move by plain transposition only.
"""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from gdl_groups.kernels.legendre import legendre
from gdl_groups.spherical.quadrature import rings

FOLDED = 32  # the smallest degree for which folding and blocks pay


class Block(NamedTuple):
    """P̄_l^m for the orders `first` to `stop` - 1: of l = m, m + 2, … and of l = m + 1, m + 3, … on northern rings.

    Below degree `FOLDED` there is one block with one table, of every l on every ring.
    """

    first: int
    stop: int
    tables: tuple[Tensor, ...]  # [m, k, j] each


class Plan(NamedTuple):
    """Tables of one grid and degree."""

    blocks: tuple[Block, ...]
    weights: Tensor  # [rings, 1, 1], of the points of each ring
    place: Tensor | None  # int64[(degree + 1)²], of (m, l) among the products of all blocks; one beyond for l < m
    back: Tensor | None  # int64[products], the (m, l) of each product
    products: int


def analysis(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    """Return c[..., l, degree + m] = Σ_jk (w_j) x[..., j, k] Y_lm(θ_j, φ_k)."""
    *batch, nlat, nlon = x.shape
    if x.numel() == 0:
        return x.new_zeros(*batch, degree + 1, 2 * degree + 1)
    wide = (x if x.dtype == torch.float64 else x.float()).reshape(-1, nlat, nlon).transpose(0, 1)
    plan = make_plan(kind, nlat, degree, wide.dtype, wide.device)
    folded = _fold(wide) if degree >= FOLDED else wide[None].contiguous()
    if weighted:
        folded = folded * (plan.weights / nlon)
    finer = _finer(degree, nlon)
    if finer > 1:  # where nlon points do not tell the orders apart, zeros between them do
        folded = torch.stack([folded, *[torch.zeros_like(folded)] * (finer - 1)], -1).flatten(-2)
    parities, size, n = folded.shape[:3]
    waves = torch.fft.rfft(folded).view(parities, size * n, -1)  # [parity, (ring, signal), m]
    data = waves.new_empty(parities, waves.shape[2], size * n)
    for parity in range(parities):
        data[parity].copy_(waves[parity].t())
    data = torch.view_as_real(data).view(parities, -1, size, 2 * n)
    out = data.new_empty(plan.products + 1, 2 * n)
    out[-1] = 0
    start = 0
    for block in plan.blocks:
        for table, part in zip(block.tables, data):
            count = table.shape[0] * table.shape[1]
            rows = out[start : start + count].view(*table.shape[:2], 2 * n)
            torch.bmm(table, part[block.first : block.stop], out=rows)
            start += count
    out = out[:-1] if plan.place is None else out.index_select(0, plan.place)
    found = torch.view_as_complex(out.view(-1, n, 2)).t().contiguous().view(n, degree + 1, degree + 1)  # [n, m, l]
    c = out.new_empty(n, degree + 1, 2 * degree + 1)
    c[..., degree:] = found.real.mT
    c[..., :degree] = -found.imag[:, 1:].mT.flip(-1)
    return c.view(*batch, degree + 1, 2 * degree + 1).to(x.dtype)


def synthesis(c: Tensor, kind: str, nlat: int, nlon: int, weighted: bool) -> Tensor:
    """Return x[..., j, k] = (w_j) Σ_lm c[..., l, degree + m] Y_lm(θ_j, φ_k)."""
    *batch, rows, columns = c.shape
    degree = rows - 1
    if c.numel() == 0:
        return c.new_zeros(*batch, nlat, nlon)
    wide = (c if c.dtype == torch.float64 else c.float()).reshape(-1, rows, columns).mT
    plan = make_plan(kind, nlat, degree, wide.dtype, wide.device)
    n, finer = wide.shape[0], _finer(degree, nlon)
    # Σ a cos mφ + b sin mφ is the real part of Σ (a - ib) exp(imφ), half of it and its conjugate
    orders = wide.new_empty(n, rows, rows, 2)  # [n, m, l]
    orders[..., 0] = wide[:, degree:]
    torch.neg(wide[:, : degree + 1].flip(1), out=orders[..., 1])
    orders[:, 0, :, 1] = 0
    orders[:, 1:] *= 0.5
    found = torch.view_as_real(torch.view_as_complex(orders).view(n, -1).t().contiguous()).view(-1, 2 * n)
    found = found if plan.back is None else found.index_select(0, plan.back)
    parities, size = len(plan.blocks[0].tables), len(plan.weights)
    data = found.new_empty(parities, finer * nlon // 2 + 1, size, 2 * n)
    data[:, degree + 1 :] = 0
    start = 0
    for block in plan.blocks:
        for table, part in zip(block.tables, data):
            count = table.shape[0] * table.shape[1]
            factors = found[start : start + count].view(*table.shape[:2], 2 * n)
            torch.bmm(table.mT, factors, out=part[block.first : block.stop])
            start += count
    waves = torch.view_as_complex(data.view(parities, -1, size * n, 2))
    parts = [torch.fft.irfft(part.t().contiguous(), finer * nlon, norm="forward")[:, ::finer] for part in waves]
    values = [part.reshape(size, n, nlon) for part in parts]
    if weighted:
        values = [part * (plan.weights / nlon) for part in values]
    x = found.new_empty(n, nlat, nlon)
    _unfold(values, x.transpose(0, 1))
    return x.view(*batch, nlat, nlon).to(c.dtype)


def _finer(degree: int, nlon: int) -> int:
    """Return how many times as many points a ring needs to tell all orders apart."""
    return 2 * degree // nlon + 1


def _fold(x: Tensor) -> Tensor:
    """Return the sum and the difference of mirrored rings, `[2, half, n, nlon]`, of `x[nlat, n, nlon]`."""
    half = (len(x) + 1) // 2
    folded = x.new_empty(2, half, *x.shape[1:])
    north, south = x[:half], x[len(x) - half :].flip(0)
    torch.add(north, south, out=folded[0])
    torch.sub(north, south, out=folded[1])
    if len(x) % 2:
        folded[0, -1] /= 2  # the equator is its own mirror image
    return folded


def _unfold(values: list[Tensor], x: Tensor) -> None:
    """Write even + odd to the northern rings of `x[nlat, n, nlon]` and even - odd to their mirror images."""
    if len(values) == 1:
        x.copy_(values[0])
        return
    even, odd = values
    torch.add(even, odd, out=x[: len(even)])
    x[len(even) :] = (even - odd)[: len(x) // 2].flip(0)


@functools.lru_cache(maxsize=32)
def make_plan(kind: str, nlat: int, degree: int, dtype: torch.dtype, device: torch.device) -> Plan:
    """Return the tables, computed in float64 and rounded once."""
    theta, weights = rings(kind, nlat)
    if degree < FOLDED:
        table = torch.from_numpy(legendre(theta, degree)).to(device, dtype)
        per_ring = torch.from_numpy(weights)[:, None, None].to(device, dtype)
        return Plan((Block(0, degree + 1, (table,)),), per_ring, None, None, (degree + 1) ** 2)
    half, size = (nlat + 1) // 2, max(8, -(-(degree + 1) // 12))
    blocks, back, start = [], [], 0
    place = torch.zeros(degree + 1, degree + 1, dtype=torch.int64)
    for first in range(0, degree + 1, size):
        stop = min(first + size, degree + 1)
        table = torch.from_numpy(legendre(theta[:half], degree, first, stop - 1))
        m = torch.arange(first, stop)[:, None]
        parts = []
        for parity in (0, 1):
            count = (degree - first - parity) // 2 + 1
            l = m + parity + 2 * torch.arange(count)  # [m, k]
            inside, place_in = l <= degree, l.clamp_max(degree)
            part = table[m - first, place_in] * inside[..., None]
            parts.append(part.to(device, dtype))
            row = start + torch.arange(inside.numel()).view_as(l)
            place[m.expand_as(l)[inside], l[inside]] = row[inside]
            back.append(torch.where(inside, m * (degree + 1) + l, 0).reshape(-1))
            start += inside.numel()
        blocks.append(Block(first, stop, tuple(parts)))
    empty = place == 0
    empty[0, 0] = False
    place[empty] = start  # a row of zeros
    return Plan(
        tuple(blocks),
        torch.from_numpy(weights[:half])[:, None, None].to(device, dtype),
        place.reshape(-1).to(device),
        torch.cat(back).to(device),
        start,
    )
