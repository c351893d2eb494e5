"""`spherical_harmonics`: solid harmonics up to a degree, and the product of a vector with their Jacobian."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from gdl_core.kernels import Kernel
from torch import Tensor


@lru_cache(maxsize=64)
def recurrence(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what makes the next harmonics: a, b `[L + 1, L + 1]` (degree, order), the start `[L + 1]`, the scale.

    With y the polar axis and A + iB = (z + ix)^m, harmonics are √(2l+1) Π_l^m(y, r²) times A_m or B_m, where

        Π_l^m = a y Π_{l-1}^m - b r² Π_{l-2}^m,    a = (2l-1) / √(l²-m²),    b = √((l-1)²-m²) / √(l²-m²)

    (Legendre's recurrence in Schmidt's normalisation; Π_m^m is the start). Nothing is divided by sin θ or r.
    """
    a, b = np.zeros((2, degree + 1, degree + 1))
    for l in range(1, degree + 1):
        for m in range(l):
            a[l, m] = (2 * l - 1) / math.sqrt(l * l - m * m)
            b[l, m] = math.sqrt(max((l - 1) ** 2 - m * m, 0) / (l * l - m * m))
    start = np.ones(degree + 1)
    for m in range(2, degree + 1):
        start[m] = start[m - 1] * math.sqrt((2 * m - 1) / (2 * m))
    return a, b, start, np.sqrt(2 * np.arange(degree + 1) + 1)


@lru_cache(maxsize=64)
def gradient_table(degree: int) -> np.ndarray:
    """Return G with ∂Y_s / ∂v_a = Σ_t G[a, t, s] Y_t, `[3, L², (L + 1)²]`: derivatives have one degree less.

    By Wigner and Eckart, ∇Y_l couples ∇ (degree 1) and Y_{l-1}; by Euler, v·∇Y_l = l Y_l gives the factor.
    """
    from gdl_groups.angular.coupling import exact_coupling

    table = np.zeros((3, degree**2, (degree + 1) ** 2))
    for l in range(1, degree + 1):
        entries = exact_coupling(l - 1, 1, l)
        pole = next(math.sqrt(square) for i, a, c, _, square in entries if (i, a, c) == (l - 1, 1, l))
        for i, a, c, sign, square in entries:
            factor = l * math.sqrt((2 * l + 1) / (2 * l - 1)) / pole
            table[a, (l - 1) ** 2 + i, l * l + c] = factor * sign * math.sqrt(square)
    return table


def table(make: Any, degree: int, like: Tensor) -> Tensor:
    """Return `make(degree)` as a tensor like `like`; kept, unless a program is being traced."""
    if type(like) is not Tensor:
        return torch.tensor(make(degree), dtype=like.dtype, device=like.device)
    return _kept(make, degree, like.dtype, like.device)


@lru_cache(maxsize=256)
def _kept(make: Any, degree: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(make(degree), dtype=dtype, device=device)


def _harmonics(vectors: Tensor, degree: int) -> Tensor:
    x, y, z = vectors.unbind(-1)
    square = (vectors * vectors).sum(-1)
    a, b, start, scale = (values.tolist() for values in recurrence(degree))
    out: list[Tensor] = [square] * (degree + 1) ** 2
    real, imaginary = torch.ones_like(x), torch.zeros_like(x)
    for m in range(degree + 1):
        before, here = torch.zeros_like(x), torch.full_like(x, start[m])
        for l in range(m, degree + 1):
            if l > m:
                before, here = here, a[l][m] * y * here - b[l][m] * square * before
            out[l * l + l + m] = scale[l] * here * real
            if m:
                out[l * l + l - m] = scale[l] * here * imaginary
        real, imaginary = z * real - x * imaginary, x * real + z * imaginary
    return torch.stack(out, -1)


def _reference(vectors: Tensor, degree: int) -> Tensor:
    wide = torch.float64 if vectors.dtype == torch.float64 else torch.float32
    return _harmonics(vectors.to(wide), degree).to(vectors.dtype)


def _fake(vectors: Tensor, degree: int) -> Tensor:
    return vectors.new_empty(vectors.shape[0], (degree + 1) ** 2)


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    vectors, ctx.degree = inputs
    ctx.save_for_backward(vectors)


def _backward(ctx: Any, g: Tensor) -> tuple:
    return spherical_harmonics_backward(ctx.saved_tensors[0], g, ctx.degree), None


spherical_harmonics = Kernel(
    "spherical_harmonics",
    _reference,
    fake=_fake,
    cpu="gdl_groups.kernels.spherical_harmonics_cpu:spherical_harmonics",
    cuda="gdl_groups.kernels.spherical_harmonics_cuda:spherical_harmonics",
    setup_context=_setup,
    backward=_backward,
)
spherical_harmonics.__doc__ = "``Y[n, (L + 1)²]`` of ``vectors[n, 3]``, times √(2l + 1); homogeneous of degree l."


def _backward_reference(vectors: Tensor, g: Tensor, degree: int) -> Tensor:
    if degree == 0:
        return torch.zeros_like(vectors)
    wide = torch.float64 if vectors.dtype == torch.float64 else torch.float32
    lower = _harmonics(vectors.to(wide), degree - 1)
    slopes = torch.einsum("ns,ats->nat", g.to(wide), table(gradient_table, degree, lower))
    return torch.einsum("nat,nt->na", slopes, lower).to(vectors.dtype)


def _backward_fake(vectors: Tensor, g: Tensor, degree: int) -> Tensor:
    return torch.empty_like(vectors, memory_format=torch.contiguous_format)


def _backward_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    vectors, g, ctx.degree = inputs
    ctx.save_for_backward(vectors, g)


def _backward_backward(ctx: Any, h: Tensor) -> tuple:
    """Of Σ_a h_a ∂_a (g·Y): by g it is the derivative of Y along h, by v the gradient of a lower harmonic."""
    vectors, g = ctx.saved_tensors
    degree = ctx.degree
    if degree == 0:
        return torch.zeros_like(vectors), torch.zeros_like(g), None
    slopes = table(gradient_table, degree, g)
    lower = spherical_harmonics(vectors, degree - 1)
    by_g = (h.unsqueeze(2) * lower.unsqueeze(1)).flatten(1) @ slopes.flatten(0, 1)
    along = torch.einsum("ns,ats,na->nt", g, slopes, h)
    return spherical_harmonics_backward(vectors, along, degree - 1), by_g, None


spherical_harmonics_backward = Kernel(
    "spherical_harmonics_backward",
    _backward_reference,
    fake=_backward_fake,
    cpu="gdl_groups.kernels.spherical_harmonics_cpu:spherical_harmonics_backward",
    cuda="gdl_groups.kernels.spherical_harmonics_cuda:spherical_harmonics_backward",
    setup_context=_backward_setup,
    backward=_backward_backward,
)
spherical_harmonics_backward.__doc__ = "``Σ_s g[n, s] ∂Y[n, s] / ∂v[n, a]``, `[n, 3]`."
