"""Clebsch-Gordan coefficients, exactly: Racah's sum in whole numbers, one square root at the end."""

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

Entry = tuple[int, int, int, int, Fraction]  # three indices, sign, square


def clebsch_gordan(l1: int, l2: int, l3: int) -> Tensor:
    """Return the real coupling of degrees l1 and l2 to l3, `[2 l1 + 1, 2 l2 + 1, 2 l3 + 1]` in float64.

    C is invariant, Σ C[abc] D1[aa'] D2[bb'] D3[cc'] = C[a'b'c'], and has Frobenius norm 1; √(2 l3 + 1) C maps the
    product isometrically onto degree l3. Each entry is ± the root of a rational number, computed exactly and rounded
    once, and remembered. Basis and sign are those of `e3nn.o3.wigner_3j`.

    Raises:
        ValueError: if a degree is no whole number from 0, or l3 is not in |l1 - l2| … l1 + l2.

    >>> dot = clebsch_gordan(1, 1, 0)[:, :, 0]
    >>> bool(torch.allclose(dot * 3**0.5, torch.eye(3, dtype=torch.float64)))
    True
    """
    indices, values = coupling_entries(l1, l2, l3)
    dense = torch.zeros(2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1, dtype=torch.float64)
    dense[tuple(indices)] = values
    return dense


def coupling_entries(l1: int, l2: int, l3: int) -> tuple[Tensor, Tensor]:
    """Return the nonzero entries of `clebsch_gordan(l1, l2, l3)`: indices `int64[3, nnz]`, sorted, and values `[nnz]`.

    >>> indices, values = coupling_entries(2, 2, 2)
    >>> len(values), "of", 5**3
    (25, 'of', 125)
    """
    indices, values = _arrays(l1, l2, l3)
    return torch.from_numpy(indices.copy()), torch.from_numpy(values.copy())


@lru_cache(maxsize=256)
def exact_coupling(l1: int, l2: int, l3: int) -> tuple[Entry, ...]:
    """Return the nonzero entries of `clebsch_gordan` as (index 1, 2, 3, sign, square), the square a `Fraction`.

    A real basis vector of order m mixes the complex orders ±m. Complex orders add up, so for a triple of real orders
    one complex coefficient remains, together with that of the opposite orders, which is equal up to sign. So an entry
    of the real coupling is the root of a rational number, too.

    >>> exact_coupling(1, 1, 1)[0]
    (0, 1, 2, 1, Fraction(1, 6))
    """
    for degree in (l1, l2, l3):
        if not isinstance(degree, int) or degree < 0:
            raise ValueError(f"A degree is a whole number from 0, got {degree!r}.")
    _check_triangle(2 * l1, 2 * l2, 2 * l3)
    found = []
    for m1 in range(-l1, l1 + 1):
        for m2 in range(-l2, l2 + 1):
            orders = {abs(m1) + abs(m2), abs(abs(m1) - abs(m2))}
            for m3 in sorted({sign * order for order in orders if order <= l3 for sign in (1, -1)}):
                sign, square = _real_entry((l1, l2, l3), (m1, m2, m3))
                if sign:
                    found.append((m1 + l1, m2 + l2, m3 + l3, sign, square))
    return tuple(found)


def su2_coupling(j1: float, j2: float, j3: float) -> Tensor:
    """Return <j1 m1 j2 m2 | j3 m3> of SU(2), `[2 j1 + 1, 2 j2 + 1, 2 j3 + 1]` in float64, orders from -j to j.

    Spins may be halves. The complex basis and the Condon-Shortley phase: the entries are real.

    Raises:
        ValueError: if a spin is no multiple of 1/2 from 0, or j3 is not in |j1 - j2|, |j1 - j2| + 1, … j1 + j2.

    >>> singlet = su2_coupling(0.5, 0.5, 0)[:, :, 0]
    >>> bool(torch.allclose(singlet * 2**0.5, torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)))
    True
    """
    doubled = [round(2 * float(j)) for j in (j1, j2, j3)]
    for spin, twice in zip((j1, j2, j3), doubled):
        if twice < 0 or twice != 2 * float(spin):
            raise ValueError(f"A spin is a multiple of 1/2 from 0, got {spin!r}.")
    a, b, c = doubled
    _check_triangle(a, b, c)
    dense = torch.zeros(a + 1, b + 1, c + 1, dtype=torch.float64)
    for m1 in range(-a, a + 1, 2):
        for m2 in range(-b, b + 1, 2):
            if abs(m1 + m2) <= c:
                sign, square = _racah(a, b, c, m1, m2)
                place = ((m1 + a) // 2, (m2 + b) // 2, (m1 + m2 + c) // 2)
                dense[place] = sign * math.sqrt(square)
    return dense


def _check_triangle(a: int, b: int, c: int) -> None:
    """Raise unless spins a/2 and b/2 couple to c/2."""
    if not (abs(a - b) <= c <= a + b and (a + b + c) % 2 == 0):
        low, high, got = (Fraction(twice, 2) for twice in (abs(a - b), a + b, c))
        raise ValueError(
            f"Degrees {Fraction(a, 2)} and {Fraction(b, 2)} couple to {low}, {low + 1}, … {high}, got {got}."
        )


@lru_cache(maxsize=1024)
def _arrays(l1: int, l2: int, l3: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays, not tensors: those that a compiler makes while it traces must not be remembered."""
    entries = exact_coupling(l1, l2, l3)
    indices = np.array([entry[:3] for entry in entries], dtype=np.int64).reshape(-1, 3).T
    return indices, np.array([sign * math.sqrt(square) for *_, sign, square in entries])


def _racah(a: int, b: int, c: int, m1: int, m2: int) -> tuple[int, Fraction]:
    """Return sign and square of <a/2 m1/2 b/2 m2/2 | c/2 (m1 + m2)/2> (Varshalovich et al. 1988, §8.2.1, eq. 3)."""
    n1, n2, n3 = (a + b - c) // 2, (a - b + c) // 2, (-a + b + c) // 2
    low, high = (a - m1) // 2, (b + m2) // 2  # j1 - m1 and j2 + m2
    terms = ((-1) ** k * math.comb(n1, k) * math.comb(n2, low - k) * math.comb(n3, high - k)
             for k in range(max(0, low - n2, high - n3), min(n1, low, high) + 1))  # fmt: skip
    total = sum(terms)
    up, down = 1, math.factorial(n1) * math.factorial(n2) * math.factorial(n3)
    for twice, m in ((a, m1), (b, m2), (c, m1 + m2)):
        up *= math.factorial((twice - m) // 2) * math.factorial((twice + m) // 2)
    square = Fraction(total * total * (c + 1) * up, down * math.factorial((a + b + c) // 2 + 1))
    return (total > 0) - (total < 0), square


def _real_entry(degrees: tuple[int, int, int], orders: tuple[int, int, int]) -> tuple[int, Fraction]:
    """Return sign and square of one entry in the real basis."""
    (l1, l2, l3), (m1, m2, m3) = degrees, orders
    k1 = abs(m1)
    k2 = abs(m2) if k1 + abs(m2) == abs(m3) else -abs(m2)
    k3 = k1 + k2
    sign, square = _racah(2 * l1, 2 * l2, 2 * l3, 2 * k1, 2 * k2)
    phase, opposite = (_phase(l1, s * k1, m1) + _phase(l2, s * k2, m2) - _phase(l3, s * k3, m3) for s in (1, -1))
    if any(orders):
        opposite += 2 * (l1 + l2 - l3)  # from C(-m1, -m2, -m3) = (-1)^(l1 + l2 - l3) C(m1, m2, m3)
        if (phase - opposite) % 4:
            return 0, Fraction(0)
    sign *= 1 - phase % 4  # the phase is real where both terms add up: i^0 or i^2
    # two equal terms, of modulus 1/√2 for each nonzero order; Frobenius norm 1 instead of √(2 l3 + 1)
    return sign, square / (2 if all(orders) else 1) / (2 * l3 + 1)


def _phase(degree: int, complex_order: int, real_order: int) -> int:
    """Return p where the change from the real to the complex basis has the entry i^p (over √2 for orders not 0)."""
    quarter = -degree
    if complex_order > 0:
        quarter += 2 * complex_order
    if real_order < 0:
        quarter += 1 if complex_order > 0 else -1
    return quarter
