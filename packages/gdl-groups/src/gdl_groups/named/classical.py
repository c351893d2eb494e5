"""Groups of matrices that are not compact: GL, SL, Sp, the Lorentz group, scalings."""

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from gdl_core.groups import LieGroup, realify
from gdl_core.groups.highest_weight import (
    Frame,
    form_frame,
    irreps_in_order,
    labelled_irrep,
    linear_frame,
    named_irrep,
)
from gdl_core.groups.lie import haar_orthogonal, rotation_algebra
from gdl_core.groups.weights import Classical
from torch import Tensor

from gdl_groups.named.matrix import FormGroup, MatrixGroup, determinant_sign, largest, size_of, unit_determinant, units
from gdl_groups.named.unitary import complexify

if TYPE_CHECKING:
    from gdl_core.representations import Representation


class _ByHighestWeight(LieGroup):
    """A group whose irreps are those of a classical Lie algebra, where it has a frame."""

    _frame: Frame | None

    def irrep(self, labels: tuple | int | str, /) -> "Representation":
        """Return the irrep of labels, see the class, or of its name."""
        if isinstance(labels, str) or self._frame is None:
            return super().irrep(str(labels))
        return labelled_irrep(self, self._frame, labels if isinstance(labels, tuple) else (labels,))

    def _irrep(self, name: str) -> "Representation | None":
        return None if self._frame is None else named_irrep(self, self._frame, name)

    def _irrep_series(self) -> "Iterator[Representation] | None":
        return None if self._frame is None else irreps_in_order(self, self._frame)


def trace_free(m: int) -> Tensor:
    """Return a basis of the matrices of trace zero, `[m² - 1, m, m]`: E_ij for i ≠ j, and E_ii - E_(i+1)(i+1)."""
    e = units(m)
    off = [e[i, j] for i in range(m) for j in range(m) if i != j]
    return torch.stack(off + [e[i, i] - e[i + 1, i + 1] for i in range(m - 1)])


class GL(MatrixGroup):
    """The invertible real matrices `[n, n]`.

    Args:
        n: the dimension, at least 1.

    Representations: `standard`, its `dual`, `det`, `adjoint`. Samples are exponentials of normal matrices, half of them
    reflected: there is no Haar law of finite mass.
    """

    def __init__(self, n: int):
        self.n = size_of("GL", n, 1)
        mirror = torch.eye(n, dtype=torch.float64)
        mirror[n - 1, n - 1] = -1
        super().__init__(f"GL({n})", units(n).flatten(0, 1), mirror[None], is_compact=False)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        return {"det g ≠ 0": (torch.linalg.det(g).abs() < 1e-12).double()}


class SL(_ByHighestWeight, MatrixGroup):
    """The matrices of determinant 1, real `[n, n]`, or complex ones as real matrices `[2n, 2n]` (see `realify`).

    Args:
        n: the dimension, at least 2.
        field: `"real"` or `"complex"`; SL(2, "complex") covers the Lorentz group twice.

    Representations: `standard`, `adjoint`, and for n ≥ 2 the polynomial irreps by Dynkin labels, n - 1 whole numbers:
    `"(1,0)"` of SL(3) is R³, `"(2,0)"` the symmetric matrices; of the complex group those that are holomorphic. Samples
    are exponentials of normal matrices.
    """

    has_determinant = False

    def __init__(self, n: int, field: str = "real"):
        self.n, self.field = size_of("SL", n, 2), field
        if field not in ("real", "complex"):
            raise ValueError(f"SL takes the field 'real' or 'complex', got {field!r}.")
        algebra = trace_free(n)
        if field == "complex":
            algebra = realify(torch.cat([algebra + 0j, 1j * algebra]))
        name = f"SL({n})" if field == "real" else f"SL({n}, 'complex')"
        super().__init__(name, algebra, is_compact=False)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        if self.field == "real":
            return unit_determinant(g)
        u = complexify(g)
        return {
            "g is the real form of a complex matrix": largest(realify(u) - g),
            "det g = 1": (torch.linalg.det(u) - 1).abs(),
        }

    @property
    def _frame(self) -> Frame:
        return _linear_frame(self.n, self.field)


class Sp(_ByHighestWeight, FormGroup):
    """The symplectic matrices `[m, m]`, which keep Ω = [[0, 1], [-1, 0]]: the linear canonical transformations.

    Args:
        m: the dimension of phase space (positions, momenta), even; Sp(2) is SL(2).

    Representations: `standard`, `adjoint`, and irreps by highest weight, m/2 whole numbers λ_1 ≥ … ≥ 0: of Sp(4),
    `"(1,1)"` has dimension 5. The form is `form`. Samples are exponentials (Hall 2015, §1.2.4).
    """

    has_determinant = False

    def __init__(self, m: int):
        if size_of("Sp", m, 2) % 2:
            raise ValueError(f"Sp takes an even number, the dimension of phase space, got {m}.")
        self.m = m
        half = torch.eye(m // 2, dtype=torch.float64)
        form = torch.kron(torch.tensor([[0.0, 1], [-1, 0]], dtype=torch.float64), half)
        e = units(m)
        symmetric = [e[i, j] + (e[j, i] if i != j else 0) for i in range(m) for j in range(i, m)]
        super().__init__(f"Sp({m})", form, form @ torch.stack(symmetric))

    @property
    def _frame(self) -> Frame:
        return _symplectic_frame(self.m // 2)


class Lorentz(_ByHighestWeight, FormGroup):
    """The Lorentz transformations of (t, x_1, …, x_d), which keep the metric diag(1, -1, …, -1); matrices `[1+d, 1+d]`.

    Args:
        d: the dimension of space, at least 1.
        full: all of O(1, d), with space inversion and time reversal; otherwise SO⁺(1, d), its connected component.

    The basis of the algebra is the rotations, as in SO(d), and the boosts along each axis. Representations: `standard`
    (a vector), its `dual` (a covector), `det`, `time` (the sign of the time direction), `adjoint` (antisymmetric
    tensors such as the electromagnetic field); of the connected group also irreps: for d = 3 by two spins j, k whose
    sum is whole (Weinberg 1995, §5.6), `"(1/2,1/2)"` a vector, `"(1,1)"` the symmetric tensors without trace, `"(1,0)"`
    the antisymmetric ones, (1, 0) and its conjugate (0, 1) on R⁶; for other d ≥ 2 by highest weight, as of SO(1+d).
    `metric` is the form. Samples are exponentials.
    """

    def __init__(self, d: int = 3, full: bool = False):
        self.d, self.full = size_of("Lorentz", d, 1), full
        self.metric = torch.diag(torch.tensor([1.0] + [-1.0] * d, dtype=torch.float64))
        rotations = torch.empty(0, d + 1, d + 1, dtype=torch.float64)
        if d > 1:
            rotations = torch.nn.functional.pad(rotation_algebra(d), (1, 0, 1, 0))
        e = units(d + 1)
        boosts = torch.stack([e[0, i] + e[i, 0] for i in range(1, d + 1)])
        inversion, reversal = torch.eye(d + 1, dtype=torch.float64), torch.eye(d + 1, dtype=torch.float64)
        reversal[0, 0] = -1
        mirrored = range(1, d + 1) if d % 2 else (d,)  # all of space where that has determinant -1, else one axis
        for axis in mirrored:
            inversion[axis, axis] = -1
        discrete = torch.stack([inversion, reversal]) if full else None
        name = f"Lorentz({d}, full=True)" if full else f"Lorentz({d})"
        super().__init__(name, self.metric, torch.cat([rotations, boosts]), discrete)

    def time(self) -> "Representation":
        """Return the sign of g_00: -1 for transformations that reverse time."""
        from gdl_core.representations import Matrix

        return Matrix(
            self,
            "time",
            1,
            lambda g: g[..., :1, :1].sign(),
            derivative=lambda a: torch.zeros_like(a[..., :1, :1]),
            orthogonal=True,
        )

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        found = {"gᵀ diag(1, -1, …) g = diag(1, -1, …)": largest(g.mT @ self.form @ g - self.form)}
        if not self.full:
            found |= unit_determinant(g) | {"g_00 ≥ 1": (1 - g[..., 0, 0]).clamp_min(0)}
        return found

    def determinant(self) -> "Representation":
        """Return det, which is ±1."""
        return determinant_sign(self)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"time": self.time}

    @property
    def _frame(self) -> Frame | None:
        return None if self.full or self.d < 2 else _lorentz_frame(self.d)


@lru_cache(maxsize=32)
def _linear_frame(n: int, field: str) -> Frame:
    return linear_frame(n, (lambda g: g) if field == "real" else complexify, lambda weight: weight)


@lru_cache(maxsize=32)
def _symplectic_frame(rank: int) -> Frame:
    """Positions are the v_i, momenta the v_-i."""
    return Frame(
        Classical("C", rank),
        matrix=lambda g: g,
        conjugate=lambda weight: weight,
        rule=f"its highest weight is {rank} whole numbers λ_1 ≥ … ≥ λ_r ≥ 0",
    )


@lru_cache(maxsize=32)
def _lorentz_frame(d: int) -> Frame:
    """The light-like vectors (t ± x_d)/√2, then pairs of the other axes as in SO(n), and the axis that is left over."""
    r, n, root = (d + 1) // 2, d + 1, math.sqrt(0.5)
    real, imaginary = torch.zeros(2, n, n, dtype=torch.float64)
    real[0, 0] = real[0, r] = real[-1, 0] = root
    real[-1, r] = -root
    for i in range(1, r):
        real[2 * i - 1, i], imaginary[2 * i, i] = root, root
        real[2 * i - 1, r + i], imaginary[2 * i, r + i] = -root, root
    if n % 2:
        imaginary[n - 2, -1] = 1
    frame = form_frame(torch.complex(real, imaginary), d % 4 == 3)
    if d != 3:
        return frame
    rule = "it takes two spins from 0, 1/2, 1, … whose sum is whole"
    return replace(frame, rule=rule, labels=spins_of_weight, weight=weight_of_spins)


def spins_of_weight(weight: tuple) -> tuple:
    """Return the spins (j, k) of a weight (j + k, j - k) of so(4)."""
    return Fraction(weight[0] + weight[1], 2), Fraction(weight[0] - weight[1], 2)


def weight_of_spins(spins: tuple) -> tuple:
    """Return the weight (j + k, j - k) of so(4) of spins (j, k); of other lengths, the labels as they are."""
    return (spins[0] + spins[1], spins[0] - spins[1]) if len(spins) == 2 else spins


class Scaling(MatrixGroup):
    """The scalings x -> s x of R^n by s > 0, as matrices `[n, n]`.

    Args:
        n: the dimension, at least 1.

    Representations: `standard` and `"s^k"` for a whole number k, one-dimensional; `det` is s^n.
    """

    def __init__(self, n: int = 1):
        self.n = size_of("Scaling", n, 1)
        super().__init__(f"Scaling({n})", torch.eye(n, dtype=torch.float64)[None], is_compact=False)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        scalar = g[..., :1, :1]
        eye = torch.eye(self.n, dtype=g.dtype)
        return {"g = s 1": largest(g - scalar * eye), "s > 0": (-g[..., 0, 0]).clamp_min(0)}

    def _irrep(self, name: str) -> "Representation | None":
        return scale_power(self, name, self.n)


class ScaleRotations(MatrixGroup):
    """The scalings and rotations of R^n, x -> s R x with s > 0, as matrices `[n, n]`.

    Args:
        n: the dimension, at least 2.

    Representations: `standard`, `"s^k"` for a whole number k (the power of the scale), `rotation` (R alone), `adjoint`.
    """

    def __init__(self, n: int):
        self.n = size_of("ScaleRotations", n, 2)
        algebra = torch.cat([rotation_algebra(n), torch.eye(n, dtype=torch.float64)[None]])
        super().__init__(f"ScaleRotations({n})", algebra, is_compact=False)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar rotations scaled by exp of a normal number of deviation 1/2, `[count, n, n]`."""
        found = haar_orthogonal(count, self.n, generator)
        found[:, :, 0] *= torch.linalg.det(found).sign()[:, None]
        return found * torch.exp(0.5 * torch.randn(count, 1, 1, generator=generator, dtype=torch.float64))

    def scale(self, g: Tensor) -> Tensor:
        """Return s, `[..., 1, 1]`."""
        return torch.linalg.det(g)[..., None, None] ** (1 / self.n)

    def rotation(self) -> "Representation":
        """Return the rotation without the scale, g/s."""
        from gdl_core.representations import Matrix

        return Matrix(
            self,
            "rotation",
            self.n,
            lambda g: g / self.scale(g),
            derivative=lambda a: (a - a.mT) / 2,
            orthogonal=True,
        )

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        square = g.mT @ g
        eye = torch.eye(self.n, dtype=g.dtype)
        mean = square.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        return {"gᵀ g = s² 1": largest(square - mean * eye), "det g > 0": (-torch.linalg.det(g)).clamp_min(0)}

    def _irrep(self, name: str) -> "Representation | None":
        return scale_power(self, name, self.n)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"rotation": self.rotation}


def scale_power(group: Scaling | ScaleRotations, name: str, n: int) -> "Representation | None":
    """Return s^k for the name `"s^k"`, one-dimensional, or None for another name."""
    from gdl_core.representations import Matrix

    power = name.removeprefix("s^")
    if power == name or not power.removeprefix("-").isdigit():
        return None
    k = int(power)
    return Matrix(
        group,
        name,
        1,
        lambda g: torch.linalg.det(g)[..., None, None].abs() ** (k / n),
        derivative=lambda a: k / n * a.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None],
    )
