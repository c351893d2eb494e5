"""Point groups: finite groups of rotations and reflections of space, with irreps by Mulliken symbol."""

import math
import re
from typing import TYPE_CHECKING

import torch
from gdl_core.errors import closest
from gdl_core.groups.generated import GeneratedGroup
from gdl_core.groups.lie import rotation_algebra
from torch import Tensor

if TYPE_CHECKING:
    from gdl_core.representations import Representation

# Schoenflies symbol: Hermann–Mauguin symbol (International Tables for Crystallography A, table 3.2.1.4).
_SYMBOLS = """
C_1 1, C_i -1, C_2 2, C_s m, C_2h 2/m, D_2 222, C_2v mm2, D_2h mmm, C_4 4, S_4 -4, C_4h 4/m, D_4 422, C_4v 4mm,
D_2d -42m, D_4h 4/mmm, C_3 3, S_6 -3, D_3 32, C_3v 3m, D_3d -3m, C_6 6, C_3h -6, C_6h 6/m, D_6 622, C_6v 6mm,
D_3h -62m, D_6h 6/mmm, T 23, T_h m-3, O 432, T_d -43m, O_h m-3m
"""
CRYSTALLOGRAPHIC: dict[str, str] = dict(pair.split() for pair in _SYMBOLS.split(","))  # type: ignore[misc]
POLYHEDRAL = {"T": 12, "T_h": 24, "T_d": 24, "O": 24, "O_h": 48, "I": 60, "I_h": 120}


def diagonal(*entries: float) -> Tensor:
    """Return the diagonal matrix of `entries` in float64."""
    return torch.diag(torch.tensor(entries, dtype=torch.float64))


INVERSION, MIRROR_XY, MIRROR_XZ = diagonal(-1, -1, -1), diagonal(1, 1, -1), diagonal(1, -1, 1)
HALF_TURN_X, HALF_TURN_Z = diagonal(1, -1, -1), diagonal(-1, -1, 1)
THREEFOLD = diagonal(1, 1, 1)[[2, 0, 1]]  # x to y to z: about the diagonal of the cube


def turn(n: int, axis: tuple[float, float, float] = (0, 0, 1)) -> Tensor:
    """Return the rotation by 360°/n about `axis`, anticlockwise, `[3, 3]` (Rodrigues' formula)."""
    unit = torch.tensor(axis, dtype=torch.float64)
    k = torch.einsum("a,aij->ij", unit / unit.norm(), rotation_algebra(3))
    angle = 2 * math.pi / n
    found = torch.eye(3, dtype=torch.float64) + math.sin(angle) * k + (1 - math.cos(angle)) * (k @ k)
    return found.round() if axis == (0, 0, 1) and n in (1, 2, 4) else found  # exact where the entries are 0 and ±1


def improper(m: int) -> Tensor:
    """Return the turn by 360°/m about z followed by the reflection in the xy plane, S_m."""
    return MIRROR_XY @ turn(m)


class PointGroup(GeneratedGroup):
    """A finite group of orthogonal 3 x 3 matrices by its Schoenflies symbol; an element is the matrix, `[3, 3]`.

    Args:
        symbol: `C_n`, `C_nv`, `C_nh`, `D_n`, `D_nh`, `D_nd`, `S_2n` for any n, `C_s`, `C_i`, `T`, `T_h`, `T_d`, `O`,
            `O_h`, `I`, `I_h`, with or without the underscore; or one of the 32 Hermann–Mauguin symbols such as `m-3m`.

    Orientation: the principal axis is z, a further twofold axis is x, a vertical mirror is the xz plane; the axes of
    T, O and I are those of a cube (so T < O and T < I), and the vertices of the icosahedron are (0, ±1, ±φ) and
    cyclic.

    Representations: `trivial`, `standard` (x, y, z), `regular`, and the real irreps by Mulliken symbol: `A1g`, `E`,
    `T2u`, `E''`. A pair of complex conjugates such as E of C_3 is one irrep of complex type. The matrices of an irrep
    are those of the first real spherical harmonics (`gdl_core.groups.O(3)`) that it occurs in once, so `T1u` of O_h is
    (x, y, z) and `T2g` is (xz, xy, yz). See Altmann & Herzig, Point-Group Theory Tables (1994).

    >>> [irrep.name for irrep in PointGroup("T_d").irreps()]
    ['A1', 'A2', 'E', 'T1', 'T2']
    """

    def __init__(self, symbol: str):
        self.symbol = normal_symbol(symbol)
        family, n, suffix = split_symbol(self.symbol)
        self.family, self.n, self.suffix = family, n, suffix
        super().__init__(f"PointGroup({self.symbol!r})", *_generate(family, n, suffix))

    def irreps(self) -> "tuple[Representation, ...]":
        """Return the real irreps in the order of Mulliken symbols, g before u, ′ before ″."""
        from gdl_groups.named.mulliken import mulliken_irreps

        return mulliken_irreps(self)


def normal_symbol(symbol: str) -> str:
    """Return the Schoenflies symbol with an underscore; raise ValueError if there is no such point group."""
    for schoenflies, international in CRYSTALLOGRAPHIC.items():
        if symbol == international:
            return schoenflies
    bare = symbol.replace("_", "") if isinstance(symbol, str) else ""
    match = re.fullmatch(r"(C[si]|C\d+[vh]?|D\d+[hd]?|S\d+|T[hd]?|O[h]?|I[h]?)", bare)
    found = f"{bare[0]}_{bare[1:]}" if len(bare) > 1 else bare
    if match is None or not _exists(*split_symbol(found)):
        known = [*CRYSTALLOGRAPHIC, *CRYSTALLOGRAPHIC.values(), "I", "I_h"]
        raise ValueError(
            f"PointGroup takes a Schoenflies symbol such as 'D_3h', 'S_8' or 'O_h', or a Hermann–Mauguin symbol, "
            f"got {symbol!r}.{closest(str(symbol), known)}"
        )
    return found


def split_symbol(symbol: str) -> tuple[str, int, str]:
    """Return the family letter, the number n (of S_2n: 2n; 0 if there is none) and the suffix: of `C_3v`, C, 3, v."""
    digits = "".join(filter(str.isdigit, symbol))
    return symbol[0], int(digits or 0), symbol[1:].strip("_").removeprefix(digits)


def _exists(family: str, n: int, suffix: str) -> bool:
    if family in "TOI" or suffix in ("s", "i"):
        return n == 0
    if family == "S":
        return n >= 4 and n % 2 == 0
    return n >= (1 if family == "C" and not suffix else 2)


def _generate(family: str, n: int, suffix: str) -> tuple[Tensor, int]:
    """Return generators `[k, 3, 3]` and the order."""
    if family in POLYHEDRAL:
        cubic = [THREEFOLD, turn(4) if family == "O" else HALF_TURN_Z]
        found = [*cubic, turn(5, (0, 1, (1 + math.sqrt(5)) / 2))] if family == "I" else cubic
        found += {"": [], "h": [INVERSION], "d": [improper(4)]}[suffix]
        return torch.stack(found), POLYHEDRAL[f"{family}_{suffix}" if suffix else family]
    if suffix in ("s", "i"):
        return torch.stack([MIRROR_XY if suffix == "s" else INVERSION]), 2
    if family == "S":
        return torch.stack([improper(n)]), n
    rotation = improper(2 * n) if suffix == "d" else turn(n)
    flips = [HALF_TURN_X] if family == "D" else []
    flips += {"v": [MIRROR_XZ], "h": [MIRROR_XY]}.get(suffix, [])
    order = n * (2 if family == "D" else 1) * (2 if suffix else 1)
    return torch.stack([rotation, *flips]), order
