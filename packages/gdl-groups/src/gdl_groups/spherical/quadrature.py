"""Rings of latitude and their weights: the quadrature rules of the sphere."""

import functools

import numpy as np
from numpy.typing import NDArray

KINDS = ("gauss-legendre", "equiangular", "midpoint")


@functools.lru_cache(maxsize=64)
def rings(kind: str, nlat: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the colatitudes of `nlat` rings from the pole +y to -y, `[nlat]`, and weights `[nlat]` that sum to one.

    With weights w the mean of f(cos θ) over the sphere is Σ_j w_j f(cos θ_j), exactly for polynomials up to degree
    2 nlat - 1 (`"gauss-legendre"`) or nlat - 1 (the others). `"equiangular"` has a ring at each pole (Clenshaw and
    Curtis 1960); `"midpoint"` starts half a step from it (Fejér's first rule; the grid of SOFT and s2cnn).
    """
    if kind == "gauss-legendre":
        return _gauss_legendre(nlat)
    half = 0.0 if kind == "equiangular" else 0.5
    theta = np.pi * (np.arange(nlat) + half) / (nlat if half else max(nlat - 1, 1))
    return theta, _interpolatory(theta, nlat - 1 if half == 0 else nlat, open=bool(half))


def _gauss_legendre(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Newton's method on P_n, in extended precision where the machine has it: weights then round correctly.

    Those of LAPACK's eigenvalue method are off by 1e-9 at n = 512, which no transform could make good.
    """
    x = np.cos(np.pi * (np.arange(1, n + 1, dtype=np.longdouble) - 0.25) / (n + 0.5))  # Tricomi's guess
    for _ in range(4):
        value, slope = _legendre_and_slope(n, x)
        x = x - value / slope
    x = (x - x[::-1]) / 2  # exactly symmetric about the equator
    slope = _legendre_and_slope(n, x)[1]
    weights = 1 / ((1 - x * x) * slope * slope)
    return np.arccos(x).astype(np.float64), ((weights + weights[::-1]) / 2).astype(np.float64)


def _legendre_and_slope(n: int, x: NDArray) -> tuple[NDArray, NDArray]:
    below, here = np.ones_like(x), x
    for l in range(2, n + 1):
        below, here = here, ((2 * l - 1) * x * here - (l - 1) * below) / l
    return here, n * (x * here - below) / (x * x - 1)


def _interpolatory(theta: NDArray[np.float64], steps: int, open: bool) -> NDArray[np.float64]:
    """Return ∫ of the cosine interpolant through equally spaced angles, divided by two (Waldvogel 2006)."""
    if steps == 0:
        return np.ones(1)
    order = np.arange(1, (steps - 1) // 2 + 1 if open else steps // 2 + 1)
    factor = np.full(len(order), 2.0)
    if not open and steps % 2 == 0:
        factor[-1] = 1.0
    series = 1 - (factor / (4 * order**2 - 1) * np.cos(2 * theta[:, None] * order)).sum(1)
    weights = series / steps
    if not open:
        weights[[0, -1]] /= 2
    return weights


def exact_degree(kind: str, nlat: int) -> int:
    """Return the largest l such that products of two polynomials of degree l are integrated exactly."""
    return nlat - 1 if kind == "gauss-legendre" else (nlat - 1) // 2
