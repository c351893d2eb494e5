"""`sphere_analysis` and `sphere_synthesis`: between values on rings of a sphere and spherical-harmonic coefficients.

Both are opaque operators, so that their tables of Legendre functions are shared by all layers, made once per grid,
degree, dtype and device, and never written into a program or a checkpoint. They are linear and each is the other's
transpose, which gives derivatives of any order.
"""

import functools
from typing import Any

import torch
from gdl_core.kernels import Kernel
from torch import Tensor

from gdl_groups.kernels.legendre import legendre
from gdl_groups.spherical.quadrature import rings


def _analysis(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    """Return c[..., l, degree + m] = Σ_jk (w_j) x[..., j, k] Y_lm(θ_j, φ_k), with one dense matrix."""
    basis, weights = dense(kind, x.shape[-2], x.shape[-1], degree)
    basis = basis * weights if weighted else basis
    wide = _wide(x)
    flat = torch.einsum("...jk,jklm->...lm", wide, basis.to(wide))
    return flat.to(x.dtype)


def _synthesis(c: Tensor, kind: str, nlat: int, nlon: int, weighted: bool) -> Tensor:
    """Return x[..., j, k] = (w_j) Σ_lm c[..., l, degree + m] Y_lm(θ_j, φ_k), with one dense matrix."""
    basis, weights = dense(kind, nlat, nlon, c.shape[-2] - 1)
    basis = basis * weights if weighted else basis
    wide = _wide(c)
    return torch.einsum("...lm,jklm->...jk", wide, basis.to(wide)).to(c.dtype)


def _analysis_fake(x: Tensor, kind: str, degree: int, weighted: bool) -> Tensor:
    return x.new_empty(*x.shape[:-2], degree + 1, 2 * degree + 1)


def _synthesis_fake(c: Tensor, kind: str, nlat: int, nlon: int, weighted: bool) -> Tensor:
    return c.new_empty(*c.shape[:-2], nlat, nlon)


def _analysis_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, ctx.kind, _, ctx.weighted = inputs
    ctx.shape = x.shape[-2:]


def _analysis_backward(ctx: Any, g: Tensor) -> tuple:
    return sphere_synthesis(g, ctx.kind, *ctx.shape, ctx.weighted), None, None, None


def _synthesis_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    c, ctx.kind, _, _, ctx.weighted = inputs
    ctx.degree = c.shape[-2] - 1


def _synthesis_backward(ctx: Any, g: Tensor) -> tuple:
    return sphere_analysis(g, ctx.kind, ctx.degree, ctx.weighted), None, None, None, None


sphere_analysis = Kernel(
    "sphere_analysis",
    _analysis,
    fake=_analysis_fake,
    cpu="gdl_groups.kernels.sht_fast:analysis",
    cuda="gdl_groups.kernels.sht_fast:analysis",
    setup_context=_analysis_setup,
    backward=_analysis_backward,
)
sphere_synthesis = Kernel(
    "sphere_synthesis",
    _synthesis,
    fake=_synthesis_fake,
    cpu="gdl_groups.kernels.sht_fast:synthesis",
    cuda="gdl_groups.kernels.sht_fast:synthesis",
    setup_context=_synthesis_setup,
    backward=_synthesis_backward,
)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


@functools.lru_cache(maxsize=8)
def dense(kind: str, nlat: int, nlon: int, degree: int) -> tuple[Tensor, Tensor]:
    """Return Y_lm(θ_j, φ_k), `[nlat, nlon, degree + 1, 2 degree + 1]`, and the weight of each point, `[nlat, 1, 1, 1]`.

    In float64 on the CPU; the specification of both operators.
    """
    theta, weights = rings(kind, nlat)
    table = torch.from_numpy(legendre(theta, degree))  # [m, l, j]
    phi = 2 * torch.pi * torch.arange(nlon, dtype=torch.float64) / nlon
    m = torch.arange(-degree, degree + 1)
    turn = torch.where(m < 0, torch.sin(-m * phi[:, None]), torch.cos(m * phi[:, None]))  # [k, m]
    return torch.einsum("mlj,km->jklm", table[m.abs()], turn), torch.from_numpy(weights / nlon)[:, None, None, None]
