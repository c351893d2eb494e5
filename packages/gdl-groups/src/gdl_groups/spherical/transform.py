"""Fourier analysis on the sphere and on SO(3): from values on a grid to coefficients and back, exactly."""

import torch
from torch import Tensor

from gdl_groups.kernels.sht import sphere_analysis, sphere_synthesis
from gdl_groups.kernels.sht_so3 import rotations_analysis, rotations_synthesis
from gdl_groups.spherical.domain import Rotations, Sphere


def analysis(x: Tensor, domain: Sphere | Rotations, degree: int | None = None) -> Tensor:
    """Return the Fourier coefficients of signals up to a degree: means over the domain of x times the basis functions.

    On the sphere the basis is e3nn's real spherical harmonics Y_lm with mean square one (`component`), and
    c[..., l, L + m] is the coefficient of degree l and order m; entries with |m| > l are zero, and `pack` drops them.
    On SO(3) it is sqrt(2l + 1) D^l_mn(R), and `blocks` cuts the answer into matrices [2l + 1, 2l + 1].
    A rotation multiplies the coefficients of degree l by D^l(g) from the left (index m).

    Args:
        x: ``[..., *domain.shape]``.
        domain: the grid.
        degree: the largest l; that of the grid if left out.

    Shapes: `[..., nlat, nlon] -> [..., L + 1, 2 L + 1]`, `[..., nlat, nlon, nroll] -> [..., Σ (2l + 1)²]`.

    Raises:
        ValueError: if the grid is too coarse for the degree, or x does not fit it.
    """
    degree = check_degree(domain, degree, "analysis")
    if tuple(x.shape[-len(domain.shape) :]) != domain.shape:
        raise ValueError(f"analysis expects values [..., {', '.join(map(str, domain.shape))}], got {list(x.shape)}.")
    if isinstance(domain, Sphere):
        return sphere_analysis(x, domain.kind, degree, True)
    return rotations_analysis(x, domain.kind, degree, True)


def synthesis(coefficients: Tensor, domain: Sphere | Rotations) -> Tensor:
    """Return the values on a grid of the signals with these coefficients; the inverse of `analysis`.

    Any grid will do: one too coarse for the coefficients samples the signal, without being able to give it back.

    Raises:
        ValueError: if the coefficients have not the shape that `analysis` gives.
    """
    if isinstance(domain, Sphere):
        rows, columns = coefficients.shape[-2:]
        if columns != 2 * rows - 1:
            raise ValueError(f"synthesis expects coefficients [..., L + 1, 2 L + 1], got {list(coefficients.shape)}.")
        return sphere_synthesis(coefficients, domain.kind, *domain.shape, False)
    return rotations_synthesis(coefficients, domain.kind, degree_of(coefficients), *domain.shape, False)


def mean(x: Tensor, domain: Sphere | Rotations) -> Tensor:
    """Return the mean over the domain by quadrature, `[..., *domain.shape] -> [...]`: the coefficient of degree 0.

    Every point of a ring weighs the same, so that rings are averaged first.
    """
    of_rings = x.flatten(x.dim() - len(domain.shape) + 1).mean(-1, keepdim=True)
    return sphere_analysis(of_rings, domain.kind, 0, True)[..., 0, 0]


def resample(x: Tensor, old: Sphere | Rotations, new: Sphere | Rotations) -> Tensor:
    """Return the signals on another grid, without the degrees that either grid cannot hold."""
    return synthesis(analysis(x, old, min(old.degree, new.degree)), new)


def check_degree(domain: Sphere | Rotations, degree: int | None, where: str) -> int:
    """Return the degree, that of the domain if None; raise ValueError if the domain cannot hold it."""
    if degree is None:
        return domain.degree
    if degree > domain.degree:
        raise ValueError(f"{where} expects a grid for degree {degree}, but {domain!r} holds {domain.degree}.")
    return degree


def degree_of(coefficients: Tensor) -> int:
    """Return the L for which Σ (2l + 1)² up to L is the last axis of coefficients on SO(3)."""
    count, degree = 0, -1
    while count < coefficients.shape[-1]:
        degree += 1
        count += (2 * degree + 1) ** 2
    if count != coefficients.shape[-1]:
        raise ValueError(f"Coefficients on SO(3) number Σ (2l + 1)² = 1, 10, 35, …, got {list(coefficients.shape)}.")
    return degree


def blocks(coefficients: Tensor) -> list[Tensor]:
    """Return coefficients on SO(3), `[..., Σ (2l + 1)²]`, as one matrix `[..., 2l + 1, 2l + 1]` for each degree."""
    sizes = [2 * degree + 1 for degree in range(degree_of(coefficients) + 1)]
    parts = coefficients.split([size * size for size in sizes], -1)
    return [part.unflatten(-1, (size, size)) for part, size in zip(parts, sizes)]


def pack(coefficients: Tensor) -> Tensor:
    """Return `[..., L + 1, 2 L + 1]` as `[..., (L + 1)²]`, degree after degree: e3nn's order, `"1x0+1x1+…"`."""
    degree = coefficients.shape[-2] - 1
    return torch.cat([coefficients[..., l, degree - l : degree + l + 1] for l in range(degree + 1)], -1)


def unpack(packed: Tensor) -> Tensor:
    """Return the inverse of `pack`."""
    degree = round(packed.shape[-1] ** 0.5) - 1
    if (degree + 1) ** 2 != packed.shape[-1]:
        raise ValueError(f"Packed coefficients number (L + 1)² = 1, 4, 9, …, got {list(packed.shape)}.")
    parts = packed.split([2 * degree + 1 for degree in range(degree + 1)], -1)
    pads = (torch.nn.functional.pad(part, (degree - l, degree - l)) for l, part in enumerate(parts))
    return torch.stack(list(pads), -2)
