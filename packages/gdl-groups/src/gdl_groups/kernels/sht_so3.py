"""`rotations_analysis` and `rotations_synthesis`: between values on a grid of rotations and Wigner coefficients.

As `sphere_analysis` and `sphere_synthesis`: opaque, linear, each the other's transpose.
"""

import functools
from typing import Any

import torch
from gdl_core.kernels import Kernel
from torch import Tensor

from gdl_groups.spherical.quadrature import rings


def _analysis(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    """Return c[..., (l, m, n)] = Σ_R (w(R)) x[..., R] sqrt(2l + 1) D^l_mn(R), with one dense matrix."""
    basis, weights = dense(kind, x.shape[-3], x.shape[-2], x.shape[-1], degree)
    basis = basis * weights if weighted else basis
    wide = _wide(x)
    return torch.einsum("...jkr,jkrc->...c", wide, basis.to(wide)).to(x.dtype)


def _synthesis(c: Tensor, kind: str, degree: int, nlat: int, nlon: int, nroll: int, weighted: bool) -> Tensor:
    """Return x[..., R] = (w(R)) Σ_lmn c[..., (l, m, n)] sqrt(2l + 1) D^l_mn(R), with one dense matrix."""
    basis, weights = dense(kind, nlat, nlon, nroll, degree)
    basis = basis * weights if weighted else basis
    wide = _wide(c)
    return torch.einsum("...c,jkrc->...jkr", wide, basis.to(wide)).to(c.dtype)


def _analysis_fake(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    return x.new_empty(*x.shape[:-3], coefficients(degree))


def _synthesis_fake(c: Tensor, kind: str, degree: int, nlat: int, nlon: int, nroll: int, weighted: bool) -> Tensor:
    return c.new_empty(*c.shape[:-1], nlat, nlon, nroll)


def _analysis_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, ctx.kind, ctx.degree, ctx.weighted = inputs
    ctx.shape = x.shape[-3:]


def _analysis_backward(ctx: Any, g: Tensor) -> tuple:
    return rotations_synthesis(g, ctx.kind, ctx.degree, *ctx.shape, ctx.weighted), None, None, None


def _synthesis_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    _, ctx.kind, ctx.degree, *_, ctx.weighted = inputs


def _synthesis_backward(ctx: Any, g: Tensor) -> tuple:
    return rotations_analysis(g, ctx.kind, ctx.degree, ctx.weighted), *[None] * 6


rotations_analysis = Kernel(
    "rotations_analysis",
    _analysis,
    fake=_analysis_fake,
    cpu="gdl_groups.kernels.sht_so3_fast:analysis",
    cuda="gdl_groups.kernels.sht_so3_fast:analysis",
    setup_context=_analysis_setup,
    backward=_analysis_backward,
)
rotations_synthesis = Kernel(
    "rotations_synthesis",
    _synthesis,
    fake=_synthesis_fake,
    cpu="gdl_groups.kernels.sht_so3_fast:synthesis",
    cuda="gdl_groups.kernels.sht_so3_fast:synthesis",
    setup_context=_synthesis_setup,
    backward=_synthesis_backward,
)


def coefficients(degree: int) -> int:
    """Return Σ_l (2l + 1)², the number of coefficients up to `degree`."""
    return (degree + 1) * (2 * degree + 1) * (2 * degree + 3) // 3


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def euler(phi: Tensor, theta: Tensor, roll: Tensor) -> Tensor:
    """Return the rotations Y(φ) X(θ) Y(γ), about y, x and y, `[..., 3, 3]`; they take +y to the point (θ, φ)."""

    def turn(angle: Tensor, a: int, b: int) -> Tensor:  # from axis a to axis b
        r = torch.eye(3, dtype=angle.dtype).expand(*angle.shape, 3, 3).clone()
        r[..., a, a] = r[..., b, b] = torch.cos(angle)
        r[..., b, a], r[..., a, b] = torch.sin(angle), -torch.sin(angle)
        return r

    return turn(phi, 2, 0) @ turn(theta, 1, 2) @ turn(roll, 2, 0)


@functools.lru_cache(maxsize=8)
def dense(kind: str, nlat: int, nlon: int, nroll: int, degree: int) -> tuple[Tensor, Tensor]:
    """Return sqrt(2l + 1) D^l_mn(R) on the grid, `[nlat, nlon, nroll, Σ (2l+1)²]`, and weights `[nlat, 1, 1, 1]`."""
    from gdl_groups.angular import wigner_d

    theta, weights = rings(kind, nlat)
    phi, roll = (2 * torch.pi * torch.arange(n, dtype=torch.float64) / n for n in (nlon, nroll))
    grid = torch.meshgrid(torch.from_numpy(theta), phi, roll, indexing="ij")
    rotations = euler(grid[1], grid[0], grid[2])
    blocks = [(2 * l + 1) ** 0.5 * wigner_d(l, rotations).flatten(-2) for l in range(degree + 1)]
    return torch.cat(blocks, -1), torch.from_numpy(weights / (nlon * nroll))[:, None, None, None]
