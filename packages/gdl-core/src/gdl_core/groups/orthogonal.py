"""SO(m) and O(m), with the irreps of SO(m), O(2) and O(3)."""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.highest_weight import Frame, form_frame, irreps_in_order, labelled_irrep, named_irrep
from gdl_core.groups.lie import LieGroup, haar_orthogonal, rotation_algebra
from gdl_core.groups.named import rotation

if TYPE_CHECKING:
    from gdl_core.representations import Representation


class SO(LieGroup):
    """The rotations of R^m, as matrices `[m, m]`.

    Irreps: of SO(2) by frequency `"0"`, `"1"`, …; of SO(3) by degree `"0"`, `"1"`, … (`"1"` is (x, y, z)); of SO(m)
    with m ≥ 4 by highest weight, ⌊m/2⌋ whole numbers λ_1 ≥ … ≥ |λ_r|: `"(1,0)"` is R^4, `"(2,0)"` the symmetric
    matrices without trace, `"(1,1)"` and `"(1,-1)"` the self-dual and anti-self-dual two-forms (`highest_weight`).
    """

    def __init__(self, m: int):
        if not isinstance(m, int) or m < 2:
            raise ValueError(f"SO takes a whole number of at least 2, got {m!r}.")
        self.m = m
        super().__init__(f"SO({m})", rotation_algebra(m))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar-distributed rotations, `[count, m, m]`."""
        found = haar_orthogonal(count, self.m, generator)
        found[:, :, 0] *= torch.linalg.det(found).sign()[:, None]
        return found

    def irrep(self, degree: int | str | tuple[int, ...], /) -> "Representation":
        """Return the irrep of a frequency (m = 2), degree (m = 3) or highest weight (m ≥ 4), or of its name.

        Where m ≥ 4 a whole number l stands for the weight (l, 0, …), the harmonic polynomials of degree l.
        """
        if isinstance(degree, str):
            return super().irrep(degree)
        if isinstance(degree, tuple):
            if self.m < 4:
                raise ValueError(f"An irrep of {self!r} is named by one whole number from 0, got {degree!r}.")
            return labelled_irrep(self, self._frame, degree)
        if self.m == 2:
            return planar_irrep(self, degree)
        if self.m == 3:
            return spherical_irrep(self, degree, str(degree), None)
        return labelled_irrep(self, self._frame, (degree, *[0] * (self.m // 2 - 1)))

    def _irrep(self, name: str) -> "Representation | None":
        if self.m > 3 and not name.isdigit():
            return named_irrep(self, self._frame, name)
        return self.irrep(int(name)) if name.isdigit() else None

    def _irrep_series(self) -> "Iterator[Representation]":
        return (self.irrep(degree) for degree in count()) if self.m < 4 else irreps_in_order(self, self._frame)

    @property
    def _frame(self) -> Frame:
        return _frame(self)


class O(LieGroup):  # noqa: E742
    """The rotations and reflections of R^m, as matrices `[m, m]`.

    Irreps: of O(2) by frequency `"0"`, `"1"`, … and `"det"`; of O(3) by degree and parity in e3nn's notation,
    `"0e"`, `"0o"`, `"1e"`, `"1o"`, … (`"1o"` is a vector (x, y, z), `"1e"` a pseudovector).
    """

    def __init__(self, m: int):
        if not isinstance(m, int) or m < 1:
            raise ValueError(f"O takes a whole number of at least 1, got {m!r}.")
        self.m = m
        mirror = torch.eye(m, dtype=torch.float64)
        mirror[m - 1, m - 1] = -1
        if m == 3:
            mirror = -torch.eye(3, dtype=torch.float64)
        super().__init__(f"O({m})", rotation_algebra(m), mirror[None])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar-distributed orthogonal matrices, `[count, m, m]`."""
        return haar_orthogonal(count, self.m, generator)

    def irrep(self, degree: int | str, parity: int = 1) -> "Representation":
        """Return the irrep of O(2) of frequency `degree`, or of O(3) of degree `degree` and parity ±1, or by name."""
        if isinstance(degree, str):
            return super().irrep(degree)
        if self.m == 2:
            return planar_irrep(self, degree)
        if self.m == 3:
            if parity not in (1, -1):
                raise ValueError(f"The parity of an irrep of O(3) is 1 (even) or -1 (odd), got {parity!r}.")
            return spherical_irrep(self, degree, f"{degree}{'e' if parity == 1 else 'o'}", parity)
        raise NotImplementedError(f"The irreps of {self!r} are not tabulated; build tensor products of 'standard'.")

    def determinant(self) -> "Representation":
        found = super().determinant()
        return found.rename("det", endomorphism="real") if self.m == 2 else found  # O(3) calls this irrep "0o"

    def _irrep(self, name: str) -> "Representation | None":
        if self.m == 2 and name == "det":
            return self.determinant()
        if self.m == 2 and name.isdigit():
            return self.irrep(int(name))
        if self.m == 3 and name[:-1].isdigit() and name[-1] in "eo":
            return self.irrep(int(name[:-1]), 1 if name[-1] == "e" else -1)
        return None

    def _irrep_series(self) -> "Iterator[Representation] | None":
        if self.m == 3:
            return (self.irrep(degree, parity) for degree in count() for parity in (1, -1))
        if self.m == 2:
            return chain((self.irrep(0), self.determinant()), (self.irrep(frequency) for frequency in count(1)))
        return None


@lru_cache(maxsize=32)
def _frame(group: SO) -> Frame:
    """The vectors (e_1 ± i e_2)/√2, (e_3 ± i e_4)/√2, …, and the last axis, if it is left over."""
    m, r, root = group.m, group.m // 2, math.sqrt(0.5)
    real, imaginary = torch.zeros(2, m, m, dtype=torch.float64)
    for i in range(r):
        real[2 * i, i], imaginary[2 * i + 1, i] = root, root
        real[2 * i, r + i], imaginary[2 * i + 1, r + i] = root, -root
    if m % 2:
        real[-1, -1] = 1
    return form_frame(torch.complex(real, imaginary), m % 4 == 2, lambda g: _check_elements(group, g))


def planar_irrep(group: LieGroup, frequency: int) -> "Representation":
    """Return the action of SO(2) or O(2) on the frequency: R(k·angle), and a reflection conjugates it."""
    from gdl_core.representations import Matrix, Trivial

    _check_degree("frequency", frequency)
    if frequency == 0:
        return Trivial(group, "0")
    kind = "complex" if isinstance(group, SO) else "real"

    def matrix(g: Tensor) -> Tensor:
        _check_elements(group, g)
        sign = torch.linalg.det(g)
        angle = torch.atan2(g[..., 1, 0], g[..., 0, 0])
        flip = torch.stack([torch.ones_like(sign), sign.sign()], -1)
        return rotation(frequency * angle) * flip.unsqueeze(-2)

    def derivative(a: Tensor) -> Tensor:
        return frequency * a

    return Matrix(group, str(frequency), 2, matrix, derivative=derivative, orthogonal=True, endomorphism=kind)


def _check_elements(group: LieGroup, g: Tensor) -> None:
    """Raise ValueError unless g are elements of SO(m) or O(m): a formula by angles would turn others into rotations.

    For elements in double precision on the CPU, as groups give them. Frames that a network makes of its input are not
    looked at in other precisions or while compiling: a forward pass never waits for values.
    """
    if g.dtype != torch.float64 or g.device.type != "cpu" or type(g) is not Tensor:
        return
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return
    miss = (g @ g.mT - torch.eye(g.shape[-1], dtype=g.dtype)).detach().abs().amax((-2, -1))
    wrong, reason = ~(miss <= 1e-6), "R Rᵀ is not the identity"
    if isinstance(group, SO) and not bool(wrong.any()):
        wrong, reason = torch.linalg.det(g.detach()) < 0, f"its determinant is -1, so it belongs to O({group.m})"
    if bool(wrong.any()):
        place = torch.nonzero(wrong)[0].tolist()
        raise ValueError(f"An irrep of {group!r} got a matrix{f' at {place}' if place else ''} that is none: {reason}.")


def _check_degree(what: str, value: object) -> None:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"The {what} of an irrep is a whole number from 0, got {value!r}.")


def spherical_algebra(degree: int) -> Tensor:
    """Return the real generators of rotations about x, y, z on degree `degree`, `[3, 2l+1, 2l+1]`.

    The basis is that of real spherical harmonics with y as the polar axis, ordered m = -l … l, so that degree 1 is
    (x, y, z), as in e3nn. It comes from the ladder operators of su(2), J_± |m> = sqrt(l(l+1) - m(m±1)) |m±1>
    (Varshalovich et al. 1988, §2.3), and the change to the real basis.
    """
    size = 2 * degree + 1
    m = torch.arange(-degree, degree + 1, dtype=torch.float64)
    rise = torch.diag(torch.sqrt(degree * (degree + 1) - m[:-1] * (m[:-1] + 1)), -1).to(torch.complex128)
    lower = rise.mH
    j_x, j_y, j_z = (rise + lower) / 2, (rise - lower) / 2j, torch.diag(m).to(torch.complex128)
    change = torch.zeros(size, size, dtype=torch.complex128)  # real <- complex
    for order in range(-degree, degree + 1):
        row = order + degree
        if order == 0:
            change[row, degree] = 1
        elif order > 0:
            change[row, degree - order] = 1 / math.sqrt(2)
            change[row, degree + order] = (-1) ** order / math.sqrt(2)
        else:
            change[row, degree + order] = 1j / math.sqrt(2)  # type: ignore[index]
            change[row, degree - order] = -1j * (-1) ** order / math.sqrt(2)  # type: ignore[index]
    change = change.conj()  # the table relates functions; coefficients transform with the conjugate
    physics = torch.stack([change @ (-1j * j) @ change.mH for j in (j_x, j_y, j_z)]).real
    # The polar axis of the table is z; ours is y: (x, y, z) of the library is (y, z, x) of the table.
    return physics[[1, 2, 0]]


def axis_angle(rotations: Tensor) -> Tensor:
    """Return the rotation vector (axis times angle) of rotations `[..., 3, 3]`, `[..., 3]`.

    Through the quaternion of the largest component, so it is accurate at every angle, π included.
    """
    r = rotations
    trace = r.diagonal(dim1=-2, dim2=-1).sum(-1)
    diagonal = r.diagonal(dim1=-2, dim2=-1)
    # The symmetric 4 x 4 matrix whose rows are multiples of the quaternion (w, x, y, z).
    outer = r.new_zeros(*r.shape[:-2], 4, 4)
    outer[..., 0, 0] = 1 + trace
    for i in range(3):
        outer[..., i + 1, i + 1] = 1 - trace + 2 * diagonal[..., i]
        j, k = (i + 1) % 3, (i + 2) % 3
        outer[..., 0, i + 1] = outer[..., i + 1, 0] = r[..., k, j] - r[..., j, k]
        outer[..., j + 1, k + 1] = outer[..., k + 1, j + 1] = r[..., j, k] + r[..., k, j]
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)
    q = torch.gather(outer, -2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    q = q / q.norm(dim=-1, keepdim=True)
    q = torch.where(q[..., :1] < 0, -q, q)
    sine = q[..., 1:].norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, q[..., :1])
    return torch.where(sine > 1e-12, q[..., 1:] / sine.clamp_min(1e-300) * angle, 2 * q[..., 1:])


def spherical_irrep(group: LieGroup, degree: int, name: str, parity: int | None) -> "Representation":
    """Return the Wigner D matrices of degree `degree`, real, as exp of the rotation vector times the generators."""
    from gdl_core.representations import Matrix, Trivial

    _check_degree("degree", degree)
    if degree == 0 and parity in (None, 1):
        return Trivial(group, name)
    generators = spherical_algebra(degree)

    def matrix(g: Tensor) -> Tensor:
        _check_elements(group, g)
        g = g.double()
        sign = torch.linalg.det(g).sign()
        vector = axis_angle(g * sign[..., None, None])
        d = torch.linalg.matrix_exp(torch.einsum("...a,aij->...ij", vector, generators.to(vector.device)))
        return d if parity in (None, 1) else d * sign[..., None, None]

    def derivative(a: Tensor) -> Tensor:  # a = sum_k v_k L_k, and v_x = a_zy, v_y = a_xz, v_z = a_yx
        vector = torch.stack([a[..., 2, 1], a[..., 0, 2], a[..., 1, 0]], -1)
        return torch.einsum("...a,aij->...ij", vector, generators)

    return Matrix(
        group,
        name,
        2 * degree + 1,
        matrix,
        derivative=derivative,
        orthogonal=True,
        endomorphism="real",
    )
