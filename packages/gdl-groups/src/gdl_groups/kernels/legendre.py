"""Normalised associated Legendre functions, by a recurrence that neither overflows nor underflows at any degree."""

import numpy as np
from numpy.typing import NDArray

_STEP = 2.0**400  # numbers are kept below this; what they were divided by stands in an exponent beside them


def legendre(theta: NDArray[np.float64], degree: int, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
    r"""Return $\bar P_l^m(\cos\theta)$ for orders m = `first` … `last`, `float64[last - first + 1, degree + 1, n]`.

    Normalised so that Y_lm = P̄_l^|m| · (cos mφ for m >= 0, sin |m|φ for m < 0) has mean square one over the sphere,
    without the sign of Condon and Shortley: e3nn's `component` normalisation. Zero where l < m.

    P̄_m^m = sqrt((2m+1)/2m) sin θ P̄_{m-1}^{m-1} (with another sqrt 2 at m = 1), and upwards in l
    P̄_l^m = a_lm (cos θ P̄_{l-1}^m - P̄_{l-2}^m / a_{l-1,m}), a_lm = sqrt((4l² - 1)/(l² - m²)) (Holmes and
    Featherstone 2002). sin^m θ underflows where m is large: its exponent is kept apart (Fukushima 2012).

    Args:
        theta: colatitudes, `[n]`.
        degree: the largest l.
        first, last: the smallest and the largest m; all up to `degree` if left out.
    """
    last = degree if last is None else last
    m = np.arange(first, last + 1)
    cosine, sine = np.cos(theta), np.sin(theta)
    top, whole = _sectoral(sine, m)
    table = np.zeros((len(m), degree + 1, len(theta)))
    before, now = np.zeros_like(top), np.zeros_like(top)
    previous = np.zeros(len(m))  # 1 / a_{l-1,m}
    for l in range(first, degree + 1):
        above = m < l
        a = np.sqrt(np.where(above, (4.0 * l * l - 1) / np.maximum(l * l - m * m, 1), 0.0))
        following = a[:, None] * (cosine * now - previous[:, None] * before)
        before, now = now, following
        now[m == l] = top[m == l]
        previous = np.divide(1.0, a, out=np.zeros(len(m)), where=above)
        large = np.abs(now) > _STEP
        if large.any():
            scale = np.where(large, 1 / _STEP, 1.0)
            before, now, whole = before * scale, now * scale, whole + np.where(large, 400, 0)
        table[:, l] = np.ldexp(now, np.maximum(whole, -2000))
    return table


def _sectoral(sine: NDArray[np.float64], m: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return P̄_m^m as mantissa and exponent of two, `[len(m), n]` each."""
    mantissa, exponent = np.ones_like(sine), np.zeros(len(sine), np.int64)
    top, whole = np.empty((len(m), len(sine))), np.empty((len(m), len(sine)), np.int64)
    for order in range(int(m[-1]) + 1):
        if order:
            rise = np.sqrt((2 * order + 1) / (2 * order) * (2 if order == 1 else 1))
            mantissa, shift = np.frexp(mantissa * (rise * sine))
            exponent = exponent + shift
        if order >= m[0]:
            top[order - m[0]], whole[order - m[0]] = mantissa, exponent
    return top, whole
