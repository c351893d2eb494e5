"""`spherical_harmonics`: harmonics up to a degree, and the product of a vector with their Jacobian.

With `normalize` both take r / |r| for the vector r, inside the kernel; otherwise harmonics are solid, homogeneous
polynomials.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from gdl_core.kernels import Kernel
from torch import Tensor

NORMALIZATIONS = ("component", "norm", "integral")


def factors(degree: int, normalization: str) -> np.ndarray:
    """Return what the harmonics of each degree to L are multiplied by, `[L + 1]`, from "component" to another."""
    if normalization == "norm":
        return (2 * np.arange(degree + 1) + 1) ** -0.5
    return np.full(degree + 1, (4 * math.pi) ** -0.5 if normalization == "integral" else 1.0)


def each_factor(degree: int, normalization: str) -> np.ndarray:
    """Return the same for each harmonic, `[(L + 1)²]`."""
    return factors(degree, normalization).repeat(2 * np.arange(degree + 1) + 1)


@lru_cache(maxsize=64)
def recurrence(degree: int, normalization: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what makes the next harmonics: a, b `[L + 1, L + 1]` (degree, order), the start `[L + 1]`, the scale.

    With y the polar axis and A + iB = (z + ix)^m, harmonics are √(2l+1) Π_l^m(y, r²) times A_m or B_m (times the factor
    of a normalization), where

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
    return a, b, start, np.sqrt(2 * np.arange(degree + 1) + 1) * factors(degree, normalization)


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


def table(make: Any, degree: int, like: Tensor, *more: str) -> Tensor:
    """Return `make(degree, *more)` as a tensor like `like`; kept, unless a program is being traced."""
    if type(like) is not Tensor:
        return torch.tensor(make(degree, *more), dtype=like.dtype, device=like.device)
    return _kept(make, degree, like.dtype, like.device, *more)


@lru_cache(maxsize=256)
def _kept(make: Any, degree: int, dtype: torch.dtype, device: torch.device, *more: str) -> Tensor:
    return torch.tensor(make(degree, *more), dtype=dtype, device=device)


def unit(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return r / |r| and 1 / |r| ``[..., 1]`` over the last axis; of the zero vector both are 0, with zero derivatives.

    Lengths are taken after division by the largest component, so that nothing overflows or vanishes.
    """
    largest = vectors.detach().abs().amax(-1, keepdim=True)
    positive = largest > 0
    largest = torch.where(positive, largest, 1)
    scaled = vectors / largest
    square = scaled.square().sum(-1, keepdim=True)
    inverse = torch.where(positive, torch.where(positive, square, 1).rsqrt(), 0)
    return scaled * inverse, inverse / largest


def _across(slopes: Tensor, u: Tensor, inverse: Tensor) -> Tensor:
    """The derivative by r of what has the derivative `slopes` by u = r / |r|."""
    return (slopes - (slopes * u).sum(-1, keepdim=True) * u) * inverse


def _harmonics(vectors: Tensor, degree: int, normalization: str) -> Tensor:
    x, y, z = vectors.unbind(-1)
    square = (vectors * vectors).sum(-1)
    a, b, start, scale = (values.tolist() for values in recurrence(degree, normalization))
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


def _wide(vectors: Tensor) -> Tensor:
    return vectors.to(torch.float64 if vectors.dtype == torch.float64 else torch.float32)


def _reference(vectors: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    wide = _wide(vectors)
    return _harmonics(unit(wide)[0] if normalize else wide, degree, normalization).to(vectors.dtype)


def _fake(vectors: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    return vectors.new_empty(vectors.shape[0], (degree + 1) ** 2)


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    vectors, *ctx.options = inputs
    ctx.save_for_backward(vectors)


def _backward(ctx: Any, g: Tensor) -> tuple:
    return spherical_harmonics_backward(ctx.saved_tensors[0], g, *ctx.options), None, None, None


spherical_harmonics = Kernel(
    "spherical_harmonics",
    _reference,
    fake=_fake,
    cpu="gdl_groups.kernels.spherical_harmonics_cpu:spherical_harmonics",
    cuda="gdl_groups.kernels.spherical_harmonics_cuda:spherical_harmonics",
    setup_context=_setup,
    backward=_backward,
)
spherical_harmonics.__doc__ = "``Y[n, (L + 1)²]`` of ``vectors[n, 3]``."


def _backward_reference(vectors: Tensor, g: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    if degree == 0:
        return torch.zeros_like(vectors)
    wide = _wide(vectors)
    u, inverse = unit(wide) if normalize else (wide, wide)
    slopes = _slopes(_harmonics(u, degree - 1, "component"), g.to(wide.dtype), degree, normalization)
    return (_across(slopes, u, inverse) if normalize else slopes).to(vectors.dtype)


def _slopes(lower: Tensor, g: Tensor, degree: int, normalization: str) -> Tensor:
    """Σ_s g[n, s] ∂Y[n, s] / ∂v[n, a], given the harmonics to one degree less."""
    g = g * table(each_factor, degree, g, normalization)
    return torch.einsum("nat,nt->na", torch.einsum("ns,ats->nat", g, table(gradient_table, degree, lower)), lower)


def _backward_fake(vectors: Tensor, g: Tensor, degree: int, normalize: bool, normalization: str) -> Tensor:
    return torch.empty_like(vectors, memory_format=torch.contiguous_format)


def _backward_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    vectors, g, *ctx.options = inputs
    ctx.save_for_backward(vectors, g)


def _backward_backward(ctx: Any, h: Tensor) -> tuple:
    """Of Σ_a h_a ∂_a (g·Y): by g it is the derivative of Y along h, by v the gradient of a lower harmonic.

    With u = v/r, P = 1 - u uᵀ and p the derivative of g·Y at u, it is h·P p / r: the same at u along P h / r, and what
    comes from P / r, (-(h·P p) u - (p·u) P h - (h·u) P p) / r².
    """
    vectors, g = ctx.saved_tensors
    degree, normalize, normalization = ctx.options
    if degree == 0:
        return torch.zeros_like(vectors), torch.zeros_like(g), None, None, None
    u, inverse = unit(vectors) if normalize else (vectors, vectors)
    along = _across(h, u, inverse) if normalize else h
    slopes, scale = table(gradient_table, degree, g), table(each_factor, degree, g, normalization)
    lower = spherical_harmonics(u, degree - 1, False, "component")
    by_g = ((along.unsqueeze(2) * lower.unsqueeze(1)).flatten(1) @ slopes.flatten(0, 1)) * scale
    pairs = along.unsqueeze(2) * (g * scale).unsqueeze(1)  # [n, 3, s]
    turned = pairs.flatten(1) @ slopes.transpose(1, 2).flatten(0, 1)
    by_v = spherical_harmonics_backward(u, turned, degree - 1, False, "component")
    if normalize:
        p = spherical_harmonics_backward(u, g, degree, False, normalization)
        across = _across(p, u, inverse)
        by_v = _across(by_v, u, inverse) - (
            (h * across).sum(-1, keepdim=True) * inverse * u
            + (p * u).sum(-1, keepdim=True) * inverse * along
            + (h * u).sum(-1, keepdim=True) * inverse * across
        )
    return by_v, by_g, None, None, None


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
