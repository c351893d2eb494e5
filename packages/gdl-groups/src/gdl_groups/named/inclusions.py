"""The edges of the graph of groups: for each named group the next larger ones, and the map into each."""

from collections.abc import Callable, Iterator

import torch
from gdl_core.groups import (
    SO,
    CyclicGroup,
    DihedralGroup,
    FiniteGroup,
    Group,
    O,
    SymmetricGroup,
    TrivialGroup,
    realify,
)
from torch import Tensor

from gdl_groups.named.affine import SE, E, Galilei, Poincare, Translations, homogeneous
from gdl_groups.named.classical import GL, SL, Lorentz, ScaleRotations, Scaling, Sp
from gdl_groups.named.finite import AlternatingGroup
from gdl_groups.named.point import PointGroup
from gdl_groups.named.quaternion import BinaryPolyhedralGroup, QuaternionGroup, quaternion_rotation
from gdl_groups.named.search import search_embedding
from gdl_groups.named.unitary import SU, U, UnitQuaternions, complexify, quaternion_of_su2, su2_of_quaternion

Step = tuple[Group, Callable[[Tensor], Tensor]]  # a larger group, and the map into it


def overgroups(group: Group, goal: Group) -> Iterator[Step]:
    """Yield the next larger groups on the way to `goal`, each with the map into it, in a fixed order.

    `goal` chooses among families (C_3 lies in C_6, C_9, …) and bounds the size of matrices.
    """
    room = max((*goal.element_shape, 3))
    for rules in (_finite, _orthogonal, _spins, _matrices, _motions):
        for larger, step in rules(group, goal):
            if len(larger.element_shape) < 2 or larger.element_shape[-1] <= room:
                yield larger, step


def _same(g: Tensor) -> Tensor:
    return g


def _finite(group: Group, goal: Group) -> Iterator[Step]:
    if isinstance(group, TrivialGroup):
        yield goal, lambda g: goal.identity().expand(*g.shape, *goal.element_shape)
        return
    if isinstance(group, CyclicGroup):
        n = group.n
        if isinstance(goal, CyclicGroup | DihedralGroup) and goal.n % n == 0 and goal.n > n:
            yield CyclicGroup(goal.n), lambda g: g * (goal.n // n)
        yield DihedralGroup(n), lambda g: torch.stack([torch.zeros_like(g), g], -1)
        yield SO(2), group.rotation(1).matrix
        yield PointGroup(f"C_{n}"), lambda g: _about_z(group.rotation(1).matrix(g), 1)
    elif isinstance(group, DihedralGroup):
        n = group.n
        if isinstance(goal, DihedralGroup) and goal.n % n == 0 and goal.n > n:
            yield goal, lambda g: torch.stack([g[..., 0], g[..., 1] * (goal.n // n)], -1)
        yield O(2), group.standard().matrix
        if n >= 3:
            yield SymmetricGroup(n), lambda g: _corners(g, n)
        if n >= 2:
            for symbol, sign in ((f"D_{n}", -1), (f"C_{n}v", 1)):  # a flip turns about x, or mirrors in the xz plane
                yield PointGroup(symbol), lambda g, sign=sign: _about_z(group.standard().matrix(g), sign)
    elif isinstance(group, AlternatingGroup):
        yield SymmetricGroup(group.n), _same
    elif isinstance(group, SymmetricGroup):
        if isinstance(goal, SymmetricGroup) and goal.n > group.n:
            rest = torch.arange(group.n, goal.n)
            yield SymmetricGroup(goal.n), lambda g: torch.cat([g, rest.expand(*g.shape[:-1], -1)], -1)
        if group.n >= 2:
            yield O(group.n), group.standard().matrix
    elif isinstance(group, PointGroup):
        if isinstance(goal, FiniteGroup) and goal.element_shape == (3, 3):
            found = search_embedding(group, goal)
            if found is not None:
                yield goal, found
        proper = bool((torch.linalg.det(group.generators()) > 0).all())
        yield (SO(3) if proper else O(3)), _same
    elif isinstance(group, QuaternionGroup):
        yield BinaryPolyhedralGroup("2T"), lambda g: g.double()
    elif isinstance(group, BinaryPolyhedralGroup):
        if group.symbol == "2T":
            yield BinaryPolyhedralGroup("2O"), _same
            yield BinaryPolyhedralGroup("2I"), _same
        yield PointGroup(group.symbol[1]), quaternion_rotation
        yield UnitQuaternions(), _same


def _corners(g: Tensor, n: int) -> Tensor:
    """Return where an element of D_n takes the corners of the n-gon, corner j at angle j · 360°/n, `[..., n]`."""
    return (g[..., 1:] + (1 - 2 * g[..., :1]) * torch.arange(n)) % n


def _about_z(planar: Tensor, sign: int) -> Tensor:
    """Return diag(A, 1) for rotations A of the plane; a reflection gets `sign` for its z."""
    last = torch.ones_like(planar[..., 0, 0]) if sign == 1 else torch.linalg.det(planar).round()
    return _block(planar, last)


def _block(matrix: Tensor, last: Tensor | None = None) -> Tensor:
    """Return diag(A, last), with last = 1 if left out, `[..., m, m]` to `[..., m+1, m+1]`."""
    found = homogeneous(matrix, torch.zeros_like(matrix[..., 0]))
    if last is not None:
        m = matrix.shape[-1]
        corner = torch.zeros(m + 1, m + 1, dtype=matrix.dtype)
        corner[m, m] = 1
        found = found + (last - 1)[..., None, None] * corner
    return found


def _orthogonal(group: Group, goal: Group) -> Iterator[Step]:
    if isinstance(group, SO):
        m = group.m
        yield O(m), _same
        yield SO(m + 1), _block
        if m == 2:
            yield U(1), _same
        yield Lorentz(m), _after_time
        yield SL(m), _same
        yield SU(m), realify_real
        yield SE(m), _block
        yield ScaleRotations(m), _same
    elif isinstance(group, O):
        m = group.m
        yield O(m + 1), _block
        if m > 1:
            yield SO(m + 1), lambda g: _block(g, torch.linalg.det(g).sign())
        yield Lorentz(m, full=True), _after_time
        yield GL(m), _same
        yield U(m), realify_real
        yield E(m), _block


def _after_time(g: Tensor) -> Tensor:
    """Return diag(1, A): a map of space acts on (t, x)."""
    return torch.roll(_block(g), (1, 1), (-2, -1))


def realify_real(g: Tensor) -> Tensor:
    """Return a real matrix as an element of U(n): diag(A, A)."""
    return realify(torch.complex(g, torch.zeros_like(g)))


def _spins(group: Group, goal: Group) -> Iterator[Step]:
    if isinstance(group, UnitQuaternions):
        yield SO(3), quaternion_rotation
        yield SU(2), su2_of_quaternion
    elif isinstance(group, SU):
        if group.n == 2:
            yield SO(3), lambda g: quaternion_rotation(quaternion_of_su2(g))
            yield UnitQuaternions(), quaternion_of_su2
            yield SL(2, "complex"), _same
        yield U(group.n), _same
        yield SU(group.n + 1), _complex_block
        yield SO(2 * group.n), _same
    elif isinstance(group, U):
        if group.n == 1:
            yield SO(2), _same
        yield U(group.n + 1), _complex_block
        yield SO(2 * group.n), _same
        yield Sp(2 * group.n), _same


def _complex_block(g: Tensor) -> Tensor:
    return realify(_block(complexify(g)))


PAULI = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]).to(torch.complex128)


def lorentz_of_spinor(g: Tensor) -> Tensor:
    """Return the Lorentz transformation of X -> A X A† on X = t + x·σ, `[..., 4, 4]` (realified A) to `[..., 4, 4]`."""
    a = complexify(g)
    return 0.5 * torch.einsum("mij,...jk,nkl,...il->...mn", PAULI, a, PAULI, a.conj()).real


def _matrices(group: Group, goal: Group) -> Iterator[Step]:
    if isinstance(group, SL):
        if group.field == "real":
            yield GL(group.n), _same
            yield SL(group.n + 1), _block
            if group.n == 2:
                yield Sp(2), _same
            yield SL(group.n, "complex"), realify_real
        elif group.n == 2:
            yield Lorentz(3), lorentz_of_spinor
    elif isinstance(group, GL):
        yield GL(group.n + 1), _block
    elif isinstance(group, Sp):
        yield SL(group.m), _same
    elif isinstance(group, Lorentz):
        if not group.full:
            yield Lorentz(group.d, full=True), _same
            yield SL(group.d + 1), _same
        yield Poincare(group.d, group.full), _block
        yield GL(group.d + 1), _same
    elif isinstance(group, Scaling):
        if group.n > 1:
            yield ScaleRotations(group.n), _same
    elif isinstance(group, ScaleRotations):
        yield GL(group.n), _same


def _motions(group: Group, goal: Group) -> Iterator[Step]:
    if isinstance(group, Translations):
        if group.n > 1:
            yield SE(group.n), _same
        yield E(group.n), _same
    elif isinstance(group, SE):
        yield E(group.n), _same
        yield Galilei(group.n), _before_time
    elif isinstance(group, E):
        yield GL(group.n + 1), _same
    elif isinstance(group, Poincare):
        if not group.full:
            yield Poincare(group.d, full=True), _same
        yield GL(group.d + 2), _same


def _before_time(g: Tensor) -> Tensor:
    """Return a motion of space as one of (x, t, 1) that leaves time alone."""
    n = g.shape[-1] - 1
    found = torch.nn.functional.pad(g, (0, 1, 0, 1)).clone()
    order = [*range(n), n + 1, n]
    found = found[..., order, :][..., :, order]
    time = torch.zeros(n + 2, n + 2, dtype=g.dtype)
    time[n, n] = 1
    return found + time
