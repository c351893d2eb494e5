"""U(n) and SU(n) as real matrices, the unit quaternions, and the spin representations of SU(2)."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING

import torch
from gdl_core.groups import Group, realify
from gdl_core.groups.highest_weight import Frame, irreps_in_order, labelled_irrep, linear_frame, named_irrep
from gdl_core.groups.orthogonal import planar_irrep, spherical_algebra
from torch import Tensor

from gdl_groups.named.matrix import MatrixGroup, largest, size_of
from gdl_groups.named.quaternion import conjugate, left_matrix, quaternion_product, rotation_vector

if TYPE_CHECKING:
    from gdl_core.representations import Representation


class U(MatrixGroup):
    """The unitary matrices of C^n, as real matrices `[2n, 2n]` on (real parts, imaginary parts); see `realify`.

    Args:
        n: the number of complex dimensions, at least 1.

    Representations: `standard` (2n), `adjoint` (n²), `det` (the complex determinant as a turn of the plane). U(1) has
    the irreps `"0"`, `"1"`, … by frequency, and its elements are those of SO(2).
    """

    def __init__(self, n: int):
        self.n = size_of("U", n, 1)
        phase = 1j * torch.eye(n, dtype=torch.complex128)[None]
        super().__init__(f"U({n})", realify(torch.cat([traceless(n), phase])))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar-distributed unitary matrices, `[count, 2n, 2n]`."""
        return realify(haar_unitary(count, self.n, generator))

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        u = complexify(g)
        return {
            "g is the real form of a complex matrix": largest(realify(u) - g),
            "g† g = 1": largest(u.mH @ u - torch.eye(self.n, dtype=u.dtype)),
        }

    def standard(self) -> "Representation":
        """Return the defining representation on R^2n; multiplication by i commutes with it."""
        found = super().standard()
        return found if self.n == 1 else found.rename("standard", "complex")  # of U(1) it is the irrep "1"

    def determinant(self) -> "Representation":
        """Return the complex determinant e^iα as the rotation of the plane by α, `[2, 2]`."""
        from gdl_core.representations import Matrix

        def derivative(a: Tensor) -> Tensor:
            return realify(complexify(a).diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None])

        def matrix(g: Tensor) -> Tensor:
            return realify(torch.linalg.det(complexify(g))[..., None, None])

        kind = None if self.n == 1 else "complex"  # of U(1) it is the irrep "1" again
        return Matrix(self, "det", 2, matrix, derivative=derivative, orthogonal=True, endomorphism=kind)

    def _irrep(self, name: str) -> "Representation | None":
        if self.n != 1 or not name.isdigit():
            return None
        irrep = planar_irrep(self, int(name))
        return irrep if irrep.dim == 1 else irrep.rename(name, "complex")

    def _irrep_series(self) -> "Iterator[Representation] | None":
        return (self.irrep(frequency) for frequency in count()) if self.n == 1 else None


class SU(MatrixGroup):
    """The unitary matrices of C^n of determinant 1, as real matrices `[2n, 2n]` on (real parts, imaginary parts).

    Args:
        n: the number of complex dimensions, at least 2.

    The basis of the algebra is -iλ/2 with the generalised Gell-Mann matrices λ, for SU(2) the Pauli matrices.
    Representations: `standard` (2n), `adjoint` (n² - 1), and irreps: of SU(2) by spin, `"0"`, `"1/2"`, `"1"`, `"3/2"`,
    … (see `spin_irrep`); of SU(n) with n ≥ 3 by Dynkin labels, n - 1 whole numbers: of SU(3), `"(1,0)"` is C³ (on R⁶,
    of complex type), `"(1,1)"` the octet (8, real), `"(3,0)"` the decuplet. Labels and their reverse are complex
    conjugate, and one real irrep, named after the larger.
    """

    has_determinant = False

    def __init__(self, n: int):
        self.n = size_of("SU", n, 2)
        super().__init__(f"SU({n})", realify(traceless(n)))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar-distributed elements, `[count, 2n, 2n]`."""
        found = haar_unitary(count, self.n, generator)
        found[:, :, 0] = found[:, :, 0] / torch.linalg.det(found)[:, None]
        return realify(found)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        u = complexify(g)
        return {
            "g is the real form of a complex matrix": largest(realify(u) - g),
            "g† g = 1": largest(u.mH @ u - torch.eye(self.n, dtype=u.dtype)),
            "det g = 1": (torch.linalg.det(u) - 1).abs(),
        }

    def standard(self) -> "Representation":
        """Return the defining representation on R^2n: irreducible, of complex type, for SU(2) of quaternionic type."""
        found = super().standard()
        return found if self.n == 2 else found.rename("standard", "complex")  # of SU(2) it is the irrep "1/2"

    def irrep(self, labels: float | str | tuple[int, ...], /) -> "Representation":
        """Return the irrep of a spin in 0, 0.5, 1, … (n = 2), or of Dynkin labels (n ≥ 3), or of a name."""
        if isinstance(labels, str):
            return super().irrep(labels)
        if self.n > 2:
            return labelled_irrep(self, self._frame, labels if isinstance(labels, tuple) else (labels,))
        if isinstance(labels, tuple):
            raise ValueError(f"An irrep of SU(2) is named by one spin from 0, 1/2, 1, …, got {labels!r}.")
        return spin_irrep(self, labels, quaternion_of_su2)

    def _irrep(self, name: str) -> "Representation | None":
        if self.n > 2:
            return named_irrep(self, self._frame, name)
        spin = spin_of_name(name)
        return None if spin is None else self.irrep(spin)

    def _irrep_series(self) -> "Iterator[Representation]":
        return (self.irrep(doubled / 2) for doubled in count()) if self.n == 2 else irreps_in_order(self, self._frame)

    @property
    def _frame(self) -> Frame:
        return _frame(self.n)


@lru_cache(maxsize=32)
def _frame(n: int) -> Frame:
    return linear_frame(n, complexify, lambda weight: tuple(weight[0] - entry for entry in reversed(weight)))


class UnitQuaternions(Group):
    """The unit quaternions, Sp(1) = Spin(3), isomorphic to SU(2); an element is (w, x, y, z), `[4]`.

    q turns space by v -> q v q̄. The basis of the algebra is i/2, j/2, k/2, so that its exponentials are rotations about
    x, y, z. Representations: `trivial`, `standard` (left multiplication on R⁴, quaternionic), and the irreps of spin
    `"0"`, `"1/2"`, `"1"`, …: see `spin_irrep`.
    """

    element_shape = (4,)
    name = "UnitQuaternions()"

    def identity(self) -> Tensor:
        return torch.eye(4, dtype=torch.float64)[0]

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return quaternion_product(g, h)

    def inverse(self, g: Tensor) -> Tensor:
        return conjugate(g)

    def algebra(self) -> Tensor:
        return torch.eye(4, dtype=torch.float64)[1:] / 2

    def exp(self, a: Tensor) -> Tensor:
        size = a[..., 1:].norm(dim=-1, keepdim=True)
        return torch.cat([size.cos(), a[..., 1:] * torch.sinc(size / torch.pi)], -1)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar-distributed unit quaternions, `[count, 4]`."""
        return torch.nn.functional.normalize(torch.randn(count, 4, generator=generator, dtype=torch.float64), dim=-1)

    def standard(self) -> "Representation":
        """Return left multiplication of the quaternions, `[4, 4]`."""
        from gdl_core.representations import Matrix

        return Matrix(self, "standard", 4, left_matrix, derivative=left_matrix, orthogonal=True)

    def irrep(self, spin: float | str, /) -> "Representation":
        """Return the irrep of a spin in 0, 0.5, 1, … or of its name."""
        if isinstance(spin, str):
            return super().irrep(spin)
        return spin_irrep(self, spin, lambda g: g)

    def _irrep(self, name: str) -> "Representation | None":
        spin = spin_of_name(name)
        return None if spin is None else self.irrep(spin)

    def _irrep_series(self) -> "Iterator[Representation] | None":
        return (self.irrep(doubled / 2) for doubled in count())

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard}


def complexify(g: Tensor) -> Tensor:
    """Return the complex matrices `[..., n, n]` whose real form is `g` `[..., 2n, 2n]`: the inverse of `realify`."""
    n = g.shape[-1] // 2
    return torch.complex(g[..., :n, :n], g[..., n:, :n])


def traceless(n: int) -> Tensor:
    """Return -iλ/2 for the generalised Gell-Mann matrices λ, `[n² - 1, n, n]`; for n = 2 Pauli's, in order."""
    found = []
    for j in range(1, n):
        for i in range(j):
            entry = torch.zeros(n, n, dtype=torch.complex128)
            entry[i, j] = 1
            found += [entry + entry.mT, -1j * (entry - entry.mT)]
        weights = torch.tensor([1.0] * j + [-j] + [0.0] * (n - j - 1), dtype=torch.float64)
        found.append(torch.diag(weights * (2 / (j * (j + 1))) ** 0.5).to(torch.complex128))
    return -0.5j * torch.stack(found) if found else torch.empty(0, n, n, dtype=torch.complex128)


def haar_unitary(count: int, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw unitary matrices from the Haar law by QR of a complex normal matrix (Mezzadri 2007, §5), `[count, n, n]`."""
    normal = torch.randn(count, n, n, generator=generator, dtype=torch.complex128)
    q, r = torch.linalg.qr(normal)
    return q * torch.sgn(r.diagonal(dim1=-2, dim2=-1)).unsqueeze(-2)


def quaternion_of_su2(g: Tensor) -> Tensor:
    """Return the quaternion of an element of SU(2), `[..., 4, 4]` to `[..., 4]`: U = w - i(xσ_x + yσ_y + zσ_z)."""
    return torch.stack([g[..., 0, 0], -g[..., 3, 0], g[..., 1, 0], -g[..., 2, 0]], -1)


def su2_of_quaternion(q: Tensor) -> Tensor:
    """Return the element of SU(2) of a unit quaternion, `[..., 4]` to `[..., 4, 4]`."""
    w, x, y, z = q.unbind(-1)
    u = [[torch.complex(w, -z), torch.complex(-y, -x)], [torch.complex(y, -x), torch.complex(w, z)]]
    return realify(torch.stack([torch.stack(row, -1) for row in u], -2))


def spin_of_name(name: str) -> float | None:
    """Return the spin called `"1"`, `"3/2"`, …, or None."""
    half = name.endswith("/2")
    digits = name.removesuffix("/2")
    if not digits.isdigit() or (half and int(digits) % 2 == 0):
        return None
    return int(digits) / 2 if half else float(digits)


def spin_algebra(spin: float) -> Tensor:
    """Return the real generators of rotations about x, y, z on spin j, `[3, d, d]`.

    For whole j, d = 2j + 1 in the basis of real spherical harmonics (`gdl_core`, degree j). For half-odd j there is no
    real form of that size: d = 2(2j + 1), the real form of -iJ in the basis m = j, …, -j (Hall 2015, §4.6).
    """
    if float(spin).is_integer():
        return spherical_algebra(int(spin))
    m = torch.arange(spin, -spin - 1, -1, dtype=torch.float64)
    rise = torch.diag(torch.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1).to(torch.complex128)
    j_x, j_y, j_z = (rise + rise.mH) / 2, (rise - rise.mH) / 2j, torch.diag(m).to(torch.complex128)
    return realify(-1j * torch.stack([j_x, j_y, j_z]))


def spin_irrep(group: Group, spin: float, to_quaternion) -> "Representation":
    """Return the irrep of spin j of SU(2) or the unit quaternions: real for whole j, quaternionic for half-odd j.

    Whole spins are the irreps of SO(3), (2j + 1)-dimensional; half-odd ones have 2(2j + 1) real dimensions.
    `to_quaternion` maps elements to unit quaternions `[..., 4]`, linearly.

    Raises:
        ValueError: if 2j is no whole number from 0.
    """
    from gdl_core.representations import Matrix, Trivial

    doubled = 2 * spin
    if doubled < 0 or doubled != int(doubled):
        raise ValueError(f"A spin is one of 0, 1/2, 1, 3/2, …, got {spin!r}.")
    whole = int(doubled) % 2 == 0
    name = str(int(spin)) if whole else f"{int(doubled)}/2"
    if spin == 0:
        return Trivial(group, name)
    generators = spin_algebra(spin)

    def matrix(g: Tensor) -> Tensor:
        vector = rotation_vector(to_quaternion(g.double()))
        return torch.linalg.matrix_exp(torch.einsum("...a,aij->...ij", vector, generators))

    def derivative(a: Tensor) -> Tensor:
        return torch.einsum("...a,aij->...ij", 2 * to_quaternion(a)[..., 1:], generators)

    kind = "real" if whole else "quaternionic"
    size = generators.shape[-1]
    return Matrix(group, name, size, matrix, derivative=derivative, orthogonal=True, endomorphism=kind)
