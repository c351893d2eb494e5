"""The Fourier transform of SO(3) as real Fourier sums over longitude and roll and matrix products along the meridians.

In the real basis D^l(Y(φ) X(θ) Y(γ)) = Y(φ) d^l(θ) Y(γ), where Y mixes m with -m alone and d^l(θ) joins orders of one
sign only. With d⁺ and d⁻ its blocks of cosines and of sines, four products of cosines and sines of mφ and nγ pair off
into d⁺ + d⁻ and d⁺ - d⁻, two matrix products in place of four.
"""

import functools
from typing import NamedTuple

import torch
from gdl_core.groups.orthogonal import spherical_algebra
from torch import Tensor

from gdl_groups.kernels.sht_so3 import coefficients
from gdl_groups.spherical.quadrature import rings


class Plan(NamedTuple):
    """Tables of one grid and degree L; quarters are the coefficients (±m, ±n) with m, n >= 0."""

    longitude: Tensor  # [nlon, 2 (L + 1)], cos mφ and then sin mφ
    roll: Tensor  # [nroll, 2 (L + 1)]
    wigner: Tensor  # [2, (L + 1)², L + 1, nlat], sqrt(2l + 1) (d⁺ ± d⁻)_mn / 2
    weights: Tensor  # [nlat, 1, 1]
    place: Tensor  # int64[Σ (2l+1)²], of each coefficient among the quarters [++, +-, -+, --][m, n, l]
    back: Tensor  # int64[4 (L + 1)³], the inverse; Σ (2l+1)² where there is none


def analysis(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    """Return c[..., (l, m, n)] = Σ_R (w(R)) x[..., R] sqrt(2l + 1) D^l_mn(R)."""
    *batch, nlat, nlon, nroll = x.shape
    if x.numel() == 0:
        return x.new_zeros(*batch, coefficients(degree))
    wide = x if x.dtype == torch.float64 else x.float()
    plan = make_plan(kind, nlat, nlon, nroll, degree, wide.dtype, wide.device)
    wide = wide.reshape(-1, nlat, nlon, nroll)
    n, size = wide.shape[0], degree + 1
    wide = wide * plan.weights if weighted else wide
    waves = (plan.longitude.mT @ wide) @ plan.roll  # [n, nlat, (cos, sin) m, (cos, sin) n]
    waves = waves.view(n, nlat, 2, size, 2, size).permute(2, 4, 3, 5, 1, 0)  # [2, 2, m, n, nlat, n]
    (cc, cs), (sc, ss) = waves
    data = torch.stack([torch.stack([cc - ss, sc + cs], -2), torch.stack([cc + ss, sc - cs], -2)])
    data = plan.wigner @ data.reshape(2, size * size, nlat, 2 * n)
    straight, crossed = data.view(2, -1, 2, n).unbind(2)
    (a, b), (c, d) = straight, crossed
    quarters = torch.cat([a + b, d - c, d + c, a - b])  # (++, +-, -+, --), of [(m, n, l), n] each
    return quarters.index_select(0, plan.place).mT.reshape(*batch, -1).to(x.dtype).contiguous()


def synthesis(c: Tensor, kind: str, degree: int, nlat: int, nlon: int, nroll: int, weighted: bool) -> Tensor:
    """Return x[..., R] = (w(R)) Σ_lmn c[..., (l, m, n)] sqrt(2l + 1) D^l_mn(R)."""
    batch = c.shape[:-1]
    if c.numel() == 0:
        return c.new_zeros(*batch, nlat, nlon, nroll)
    wide = c if c.dtype == torch.float64 else c.float()
    plan = make_plan(kind, nlat, nlon, nroll, degree, wide.dtype, wide.device)
    flat = wide.reshape(-1, c.shape[-1]).mT
    n, size = flat.shape[1], degree + 1
    quarters = torch.cat([flat, flat.new_zeros(1, n)]).index_select(0, plan.back)
    pp, pm, mp, mm = quarters.view(4, size * size, size, n)
    data = torch.stack([torch.stack([pp + mm, mp - pm], 2), torch.stack([pp - mm, mp + pm], 2)])
    data = plan.wigner.mT @ data.view(2, size * size, size, 2 * n)
    straight, crossed = data.view(2, size, size, nlat, 2, n).unbind(4)
    (u, v), (s, t) = straight, crossed
    waves = torch.stack([torch.stack([u + v, s - t]), torch.stack([s + t, v - u])])  # ((cc, cs), (sc, ss))
    waves = waves.permute(5, 4, 0, 2, 1, 3).reshape(n, nlat, 2 * size, 2 * size)
    x = (plan.longitude @ waves) @ plan.roll.mT
    x = x * plan.weights if weighted else x
    return x.reshape(*batch, nlat, nlon, nroll).to(c.dtype)


@functools.lru_cache(maxsize=32)
def make_plan(
    kind: str, nlat: int, nlon: int, nroll: int, degree: int, dtype: torch.dtype, device: torch.device
) -> Plan:
    """Return the tables, computed in float64 and rounded once."""
    theta, weights = rings(kind, nlat)
    size = degree + 1
    wigner = torch.zeros(2, size, size, size, nlat, dtype=torch.float64)
    place, start = [], 0
    volume = size**3
    for l in range(size):
        d = tilt(l, torch.from_numpy(theta)) * (2 * l + 1) ** 0.5 / 2  # [nlat, 2l + 1, 2l + 1]
        cosines, sines = d[:, l:, l:], d[:, : l + 1, : l + 1].flip(1, 2).clone()
        sines[:, 0] = sines[:, :, 0] = 0
        wigner[0, : l + 1, : l + 1, l] = (cosines + sines).movedim(0, -1)
        wigner[1, : l + 1, : l + 1, l] = (cosines - sines).movedim(0, -1)
        m = torch.arange(-l, l + 1)
        quarter = 2 * (m < 0)[:, None] + (m < 0)[None, :]
        place.append((quarter * volume + (m.abs()[:, None] * size + m.abs()[None, :]) * size + l).reshape(-1))
        start += (2 * l + 1) ** 2
    where = torch.cat(place)
    back = torch.full((4 * volume,), coefficients(degree))
    back[where] = torch.arange(len(where))

    def waves(count: int) -> Tensor:
        angle = 2 * torch.pi * torch.arange(count, dtype=torch.float64)[:, None] * torch.arange(size) / count
        return torch.cat([torch.cos(angle), torch.sin(angle)], 1).to(device, dtype)

    return Plan(
        waves(nlon),
        waves(nroll),
        wigner.reshape(2, size * size, size, nlat).to(device, dtype),
        torch.from_numpy(weights / (nlon * nroll))[:, None, None].to(device, dtype),
        where.to(device),
        back.to(device),
    )


def tilt(degree: int, theta: Tensor) -> Tensor:
    """Return d^l(θ), the Wigner matrices of the turns by θ about x, `[n, 2l + 1, 2l + 1]`.

    exp(θ J) through the eigenvectors of J, whose eigenvalues are i times the whole numbers from -l to l.
    """
    values, vectors = torch.linalg.eigh(1j * spherical_algebra(degree)[0])
    phase = torch.exp(-1j * values.round() * theta[:, None])  # [n, 2l + 1]
    return torch.einsum("ak,nk,bk->nab", vectors, phase, vectors.conj()).real
