"""`TensorProductPlan`: which irreps of features and filter meet in which irreps of the result, and where each lies."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from gdl_core.groups import SO, Group, O
from gdl_core.representations import FieldType, Representation
from gdl_core.representations.field_type import as_type
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from gdl_groups.angular import clebsch_gordan


def degree_and_parity(rep: Representation) -> tuple[int, int]:
    """Return degree and parity (1, or -1 for odd) of an irrep of O(3) or SO(3); those of SO(3) count as even.

    Raises:
        TypeError: if `rep` is no irrep of these groups by its name; trivial representations are degree 0.
    """
    if rep.name == "trivial":
        return 0, 1
    match = re.fullmatch(r"(\d+)([eo]?)", rep.name)
    fits = isinstance(rep.group, O) if match and match[2] else isinstance(rep.group, SO)
    if match is None or not fits or rep.group.m != 3:  # type: ignore[attr-defined]
        raise TypeError(
            f"A tensor product couples irreps of O(3), such as '1o', or of SO(3), such as '1'; got {rep!r}."
        )
    return int(match[1]), -1 if match[2] == "o" else 1


def standard_order(irrep: tuple[int, int]) -> tuple[int, int]:
    """Sort key of (degree, parity): by degree, natural parity first, as e3nn sorts: 0e 0o 1o 1e 2e 2o."""
    degree, parity = irrep
    return degree, -parity * (-1) ** degree


@dataclass(frozen=True)
class Path:
    """One coupling of a plan: field `first` of x and field `second` of y, into copies of field `third`."""

    first: int
    second: int
    third: int
    degrees: tuple[int, int, int]
    copies: int  # those of field `first`, and as many weights
    offset: int  # its first copy within field `third`
    weight: int  # its first weight

    def coupling(self) -> Tensor:
        """Return √(2 l3 + 1) times the Clebsch-Gordan coefficients, `[2 l1 + 1, 2 l2 + 1, 2 l3 + 1]` in float64."""
        return math.sqrt(2 * self.degrees[2] + 1) * clebsch_gordan(*self.degrees)


class TensorProductPlan:
    """The paths (l1, l2) -> l3 of a weighted tensor product of features with a filter, channel by channel ("uvu").

    Path p couples field a of `in_type`, with C copies u, to field b of `filter_type`, with one copy::

        out[p][k, u] = w[p][u] √(2 l3 + 1) Σ_ij C[i, j, k] x[a][i, u] y[b][j]

    Of features, filters and weights of unit variance every component of the result has unit variance (e3nn's
    normalisation "component", "element").

    `out_type` has one field per irrep, in e3nn's order 0e 0o 1o 1e 2e 2o …, so that the linear layer behind it is one
    matrix product per irrep. Within a field the paths come in the order of (a, b), each with its C copies; weights lie
    in the same order, path after path, so `weight_count` is the number of copies in `out_type`.

    Args:
        in_type: irreps of O(3) or SO(3) with any multiplicities; invariant channels fit both groups.
        filter_type: irreps of the same group with multiplicity 1, usually those of spherical harmonics.
        out: the irreps to keep, as a string such as `"0e+1o+2e"` (`"1x0+1x1"` for SO(3)) or a field type, whose
            multiplicities do not matter; None for all that couple. Irreps that no path reaches are left out.

    A plan is a value: `key` is a string that makes it again (`TensorProductPlan.from_key`) in any process.

    Raises:
        TypeError: if a field is no irrep of O(3) or SO(3), or the groups differ.
        ValueError: if a filter has several copies, or no path leads to an irrep of `out`.

    >>> plan = TensorProductPlan(FieldType(O(3), "8x0e+8x1o"), FieldType(O(3), "0e+1o"), "0e+1o")
    >>> plan.out_type, plan.weight_count, len(plan.paths)
    (FieldType(O(3), '16x0e+16x1o'), 32, 4)
    """

    in_type: FieldType
    filter_type: FieldType
    out_type: FieldType
    paths: tuple[Path, ...]
    weight_count: int
    key: str

    def __init__(self, in_type: FieldType | int, filter_type: FieldType | int, out: FieldType | str | None = None):
        in_type, filter_type = as_type(in_type), as_type(filter_type)
        group = next((t.group for t in (filter_type, in_type) if not t.is_invariant), O(3))
        self.in_type, self.filter_type = typed(group, in_type), typed(group, filter_type)
        for copies, rep in self.filter_type.fields:
            if copies != 1:
                raise ValueError(
                    f"A filter of a tensor product has each field once, got {copies}x{rep.name} in {filter_type}; "
                    "write the fields one by one."
                )
        kept = FieldType(group, out) if isinstance(out, str) else out
        allowed = None if kept is None else {degree_and_parity(rep) for _, rep in typed(group, kept).fields}
        self.paths, fields = _paths(self.in_type, self.filter_type, allowed)
        if not self.paths:
            raise ValueError(
                f"No path leads from {in_type} and {filter_type} to {'any irrep' if out is None else out}."
            )
        self.out_type = FieldType(group, [(copies, irrep_of(group, *irrep)) for irrep, copies in fields])
        self.weight_count = sum(copies for _, copies in fields)
        kept = FieldType(group, [(1, rep) for _, rep in self.out_type.fields])
        self.key = f"{self.in_type}|{self.filter_type}|{kept}"

    @staticmethod
    def from_key(key: str) -> "TensorProductPlan":
        """Return the plan that has this key; the same object at every call."""
        return _from_key(key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorProductPlan) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"TensorProductPlan({self.in_type!r}, {self.filter_type!r}, {self.key.split('|')[2]!r})"

    def __reduce__(self):
        return (_from_key, (self.key,))


@lru_cache(maxsize=256)
def _from_key(key: str) -> TensorProductPlan:
    in_fields, filter_fields, out = key.split("|")
    # An operator may ask for its plan first while a compiler traces it with stand-ins for tensors. Irreps are made, and
    # remembered, of real ones.
    with _disable_current_modes():
        group = O(3) if key[-1] in "eo" else SO(3)
        return TensorProductPlan(FieldType(group, in_fields), FieldType(group, filter_fields), out)


def irrep_of(group: Group, degree: int, parity: int) -> Representation:
    """Return the irrep of O(3) or SO(3); the parity does not matter to SO(3)."""
    return group.irrep(degree, parity) if isinstance(group, O) else group.irrep(degree)  # type: ignore[attr-defined]


def typed(group: Group, type: FieldType) -> FieldType:
    """Return the same fields as irreps of `group`, by their own names: invariant channels of any group are degree 0."""
    if not type.is_invariant and type.group != group:
        raise TypeError(f"{type!r} is not a type of {group!r}; features, filter and result have one group.")
    fields = [(copies, (0, 1) if type.is_invariant else degree_and_parity(rep)) for copies, rep in type.fields]
    return FieldType(group, [(copies, irrep_of(group, *irrep)) for copies, irrep in fields])


def _paths(
    in_type: FieldType, filter_type: FieldType, allowed: set[tuple[int, int]] | None
) -> tuple[tuple[Path, ...], list[tuple[tuple[int, int], int]]]:
    """The paths in their order, and (irrep, copies) of each field of the result."""
    found: dict[tuple[int, int], list[tuple[int, int, tuple[int, int, int], int]]] = {}
    for a, (copies, rep_a) in enumerate(in_type.fields):
        for b, (_, rep_b) in enumerate(filter_type.fields):
            (l1, p1), (l2, p2) = degree_and_parity(rep_a), degree_and_parity(rep_b)
            for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                if allowed is None or (l3, p1 * p2) in allowed:
                    found.setdefault((l3, p1 * p2), []).append((a, b, (l1, l2, l3), copies))
    paths, fields, weight = [], [], 0
    for third, irrep in enumerate(sorted(found, key=standard_order)):
        offset = 0
        for first, second, degrees, copies in found[irrep]:
            paths.append(Path(first, second, third, degrees, copies, offset, weight + offset))
            offset += copies
        fields.append((irrep, offset))
        weight += offset
    return tuple(paths), fields
