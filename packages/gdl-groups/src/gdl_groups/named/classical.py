"""Groups of matrices that are not compact: GL, SL, Sp, the Lorentz group, scalings."""

from typing import TYPE_CHECKING

import torch
from gdl_core.groups import realify
from gdl_core.groups.lie import haar_orthogonal, rotation_algebra
from torch import Tensor

from gdl_groups.named.matrix import FormGroup, MatrixGroup, determinant_sign, largest, size_of, unit_determinant, units
from gdl_groups.named.unitary import complexify

if TYPE_CHECKING:
    from gdl_core.representations import Representation


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


class SL(MatrixGroup):
    """The matrices of determinant 1, real `[n, n]`, or complex ones as real matrices `[2n, 2n]` (see `realify`).

    Args:
        n: the dimension, at least 2.
        field: `"real"` or `"complex"`; SL(2, "complex") covers the Lorentz group twice.

    Representations: `standard`, `adjoint`. Samples are exponentials of normal matrices.
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


class Sp(FormGroup):
    """The symplectic matrices `[m, m]`, which keep Ω = [[0, 1], [-1, 0]]: the linear canonical transformations.

    Args:
        m: the dimension of phase space (positions, momenta), even; Sp(2) is SL(2).

    Representations: `standard`, `adjoint`. The form is `form`. Samples are exponentials (Hall 2015, §1.2.4).
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


class Lorentz(FormGroup):
    """The Lorentz transformations of (t, x_1, …, x_d), which keep the metric diag(1, -1, …, -1); matrices `[1+d, 1+d]`.

    Args:
        d: the dimension of space, at least 1.
        full: all of O(1, d), with space inversion and time reversal; otherwise SO⁺(1, d), its connected component.

    The basis of the algebra is the rotations, as in SO(d), and the boosts along each axis. Representations: `standard`
    (a vector), its `dual` (a covector), `det`, `time` (the sign of the time direction), `adjoint` (antisymmetric
    tensors such as the electromagnetic field). `metric` is the form. Samples are exponentials.
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
