"""Mulliken's symbols for the irreps of point groups, read off their characters, and matrices in a natural basis."""

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from gdl_core.groups import O
from gdl_core.representations import Matrix, Representation, Trivial
from gdl_core.representations.gauge import canonical_basis
from gdl_core.representations.irreps import numeric_irreps
from torch import Tensor

from gdl_groups.named.point import HALF_TURN_X, HALF_TURN_Z, INVERSION, MIRROR_XY, MIRROR_XZ, diagonal, improper, turn

if TYPE_CHECKING:
    from gdl_groups.named.point import PointGroup

MAX_DEGREE = 256
CHARACTER_NORM = {"real": 1, "complex": 2, "quaternionic": 4}


@lru_cache(maxsize=256)
def mulliken_irreps(group: "PointGroup") -> tuple[Representation, ...]:
    """Return the irreps of a point group by symbol: characters from `numeric_irreps`, matrices from harmonics."""
    found = [(_symbol(group, irrep), irrep) for irrep in numeric_irreps(group)]
    several = Counter((symbol[0], symbol[2]) for symbol, _ in found)
    named = []
    for (letter, subscript, suffix), irrep in found:
        if letter == "E" and several[letter, suffix] == 1:
            subscript = 0  # E1 stands only beside E2
        rank = (("", "g", "u", "'", "''").index(suffix), "ABETGH".index(letter), subscript)
        named.append((rank, f"{letter}{subscript or ''}{suffix}", irrep))
    named.sort(key=lambda item: item[0])
    return tuple(_irrep(group, name, irrep) for _, name, irrep in named)


def _symbol(group: "PointGroup", irrep: Representation) -> tuple[str, int, str]:
    """Return letter, subscript (0: none) and suffix (Mulliken, J. Chem. Phys. 23, 1997 (1955))."""

    def character(g: Tensor) -> float | None:
        """The character of g, or None if it is not in the group."""
        return float(irrep.character(g)) if _holds(group, g) else None

    suffix = ""
    inverted, mirrored = character(INVERSION), character(MIRROR_XY)
    if inverted is not None:
        suffix = "g" if inverted > 0 else "u"
    elif mirrored is not None and group.family in "CD":
        suffix = "'" if mirrored > 0 else "''"
    if group.family == "I":
        fivefold = character(turn(5, (0, 1, (1 + math.sqrt(5)) / 2))) or 0.0
        return {1: "A", 3: "T", 4: "G", 5: "H"}[irrep.dim], (1 if fivefold > 0 else 2) * (irrep.dim == 3), suffix
    if group.family in "TO":
        fourfold = character(turn(4)) or character(improper(4)) or 0.0  # 0 in T and T_h, and of E
        subscript = 0 if abs(fourfold) < 0.5 else 1 if fourfold > 0 else 2
        return {1: "A", 2: "E", 3: "T"}[irrep.dim], subscript * (irrep.dim != 2), suffix
    return *_axial(group, irrep, character), suffix


def _axial(group: "PointGroup", irrep: Representation, character) -> tuple[str, int]:
    if group.family == "D" and group.n == 2 and group.suffix in ("", "h"):  # three equal axes, numbered z, y, x
        axes = [character(g) > 0 for g in (HALF_TURN_Z, diagonal(-1, 1, -1), HALF_TURN_X)]
        return ("A", 0) if all(axes) else ("B", 1 + axes.index(True))
    alternating = not _holds(group, INVERSION) and (group.family == "S" or group.suffix == "d")
    size = (group.n if group.family == "S" else 2 * group.n) if alternating else group.n
    if group.family == "S" and not alternating:
        size = group.n // 2
    principal = character(improper(size) if alternating else turn(size)) if size > 1 else 1.0
    if irrep.dim == 2:
        return "E", round(math.acos(max(-1.0, min(1.0, principal / 2))) * size / (2 * math.pi))
    across = next((value for value in map(character, (HALF_TURN_X, MIRROR_XZ)) if value is not None), None)
    return "A" if principal > 0 else "B", 0 if across is None else 1 if across > 0 else 2


def _holds(group: "PointGroup", g: Tensor) -> bool:
    return bool(((group.elements() - g).abs().amax((1, 2)) < 1e-6).any())


def _irrep(group: "PointGroup", name: str, irrep: Representation) -> Representation:
    """Return the irrep with the matrices of the first spherical harmonics that contain it once."""
    kind = irrep.endomorphism or "real"
    elements = group.elements()
    character = irrep.character(elements)
    if irrep.dim == 1 and bool((character > 0).all()):
        return Trivial(group, name)
    matrices = character.round()[:, None, None] if irrep.dim == 1 else _natural(elements, character, irrep.dim, kind)
    function = lambda g: matrices[group.index(g)]  # noqa: E731
    return Matrix(group, name, irrep.dim, function, orthogonal=True, endomorphism=kind)


def _natural(elements: Tensor, character: Tensor, dim: int, kind: str) -> Tensor:
    norm = CHARACTER_NORM[kind]
    sign = torch.linalg.det(elements).sign()
    cosine = (sign * elements.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    angle = cosine.clamp(-1, 1).arccos()
    for degree in range(1, MAX_DEGREE):
        trace = 1 + 2 * torch.cos(torch.arange(1, degree + 1) * angle[:, None]).sum(1)  # of a rotation on this degree
        for parity in ((-1) ** degree, -((-1) ** degree)):  # functions on the sphere first, then pseudotensors
            overlap = float((trace * (sign if parity == -1 else 1) * character).mean()) / norm
            if round(overlap) == 1:
                harmonics = O(3).irrep(degree, parity).matrix(elements)
                projector = torch.einsum("g,gij->ij", character, harmonics) * dim / norm / len(elements)
                basis = canonical_basis(torch.linalg.eigh(projector).eigenvectors[:, -dim:])
                return basis.mT @ harmonics @ basis
    raise ArithmeticError(f"An irrep of dimension {dim} occurs once in no degree below {MAX_DEGREE}.")
