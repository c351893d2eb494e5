"""`FieldType`: what a feature vector is made of."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.base import Group
from gdl_core.groups.named import TrivialGroup
from gdl_core.groups.weights import parse_labels
from gdl_core.representations.algebra import direct_sum
from gdl_core.representations.base import Representation

if TYPE_CHECKING:
    from gdl_core.groups.homomorphism import Homomorphism

Fields = tuple[tuple[int, Representation], ...]


class FieldType:
    """A direct sum of representations with multiplicities: what a feature vector is (the book, §4.5 "fibre").

    Args:
        group: the group that acts on the features.
        fields: a string such as `"16x0e+8x1o"` or `"8xregular"` (`"64"` alone means 64 invariant channels where it
            is no name of an irrep), a number of invariant channels, or pairs (multiplicity, representation or name).

    The field `c x ρ` occupies `c · dim ρ` neighbouring channels, component-major: reshaped `[dim ρ, c]`. A field
    type is a value: it compares by content and its repr makes it again.

    >>> from gdl_core.groups import DihedralGroup
    >>> FieldType(DihedralGroup(4), "2xtrivial + 3xstandard")
    FieldType(DihedralGroup(4), '2xtrivial+3xstandard')
    >>> _.channels
    8
    """

    __slots__ = ("channels", "fields", "group")

    def __init__(self, group: Group, fields: "str | int | Sequence[tuple[int, Representation | str]]"):
        if not isinstance(group, Group):
            raise TypeError(f"FieldType takes a group first, got {type(group).__name__}.")
        self.group = group
        self.fields: Fields = _parse(group, fields)
        self.channels = sum(count * rep.dim for count, rep in self.fields)

    @staticmethod
    def scalars(channels: int) -> "FieldType":
        """Return the type of `channels` invariant channels, which fits every symmetry."""
        return FieldType(TrivialGroup(), [(channels, "trivial")])

    @property
    def is_invariant(self) -> bool:
        """Whether every field is trivial, so that no element changes a feature vector."""
        return all(is_trivial(rep) for _, rep in self.fields)

    @property
    def is_permutation(self) -> bool:
        """Whether the group only permutes channels, so that any pointwise function is equivariant."""
        return all(rep.is_permutation for _, rep in self.fields)

    @property
    def is_orthogonal(self) -> bool:
        return all(rep.is_orthogonal for _, rep in self.fields)

    def slices(self) -> list[slice]:
        """Return the channels of each field."""
        found, start = [], 0
        for count, rep in self.fields:
            found.append(slice(start, start + count * rep.dim))
            start += count * rep.dim
        return found

    def act(self, g: Tensor, x: Tensor, dim: int = -1) -> Tensor:
        """Apply the group element g `[*element_shape]` to the channel axis `dim` of `x`."""
        if x.shape[dim] != self.channels:
            raise ValueError(f"{self!r} has {self.channels} channels, got an axis of {x.shape[dim]}.")
        if self.is_invariant:
            return x
        x = x.movedim(dim, 0)
        moved = []
        for (count, rep), part in zip(self.fields, self.slices()):
            field = x[part].reshape(rep.dim, count, *x.shape[1:])
            moved.append(rep.act(g, field, dim=0).reshape(rep.dim * count, *x.shape[1:]))
        return torch.cat(moved).movedim(0, dim)

    def act_each(self, g: Tensor, x: Tensor) -> Tensor:
        """Apply another element at each point: g `[n, *element_shape]`, x `[n, c]`: a change of gauge (the book, §4.5).

        Raises:
            ValueError: if there are not as many elements as points, or the channels do not fit.
        """
        if x.dim() != 2 or x.shape[1] != self.channels or g.shape[0] != x.shape[0]:
            raise ValueError(
                f"{self!r} expects one element per point and x [n, {self.channels}], got {g.shape[0]} elements "
                f"and x {list(x.shape)}."
            )
        moved = []
        for (count, rep), part in zip(self.fields, self.slices()):
            field = x[:, part].reshape(-1, rep.dim, count)
            moved.append((rep.matrix(g).to(x) @ field).flatten(1))
        return torch.cat(moved, 1)

    def representation(self) -> Representation:
        """Return the direct sum with one copy per channel multiplicity, copy after copy (not component-major)."""
        return direct_sum([count * rep for count, rep in self.fields])

    def matrix(self, g: Tensor) -> Tensor:
        """Return the action on the channel axis, in the component-major layout, `[channels, channels]`."""
        return self.act(g, torch.eye(self.channels, dtype=torch.float64), dim=0)

    def restrict(self, hom: "Homomorphism") -> "FieldType":
        """Return the type of the same channels under `hom.source`."""
        return FieldType(hom.source, [(count, rep.restrict(hom)) for count, rep in self.fields])

    def __add__(self, other: "FieldType") -> "FieldType":
        if self.group != other.group:
            raise TypeError(f"{self!r} and {other!r} are types of different groups.")
        return FieldType(self.group, [*self.fields, *other.fields])

    def __rmul__(self, count: int) -> "FieldType":
        return FieldType(self.group, [(count * many, rep) for many, rep in self.fields])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FieldType):
            return False
        if self.is_invariant and other.is_invariant:
            return self.channels == other.channels  # invariant channels fit every group
        return self.group == other.group and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(self.channels)

    def __str__(self) -> str:
        return "+".join(f"{count}x{rep.name}" for count, rep in self.fields) or "0"

    def __repr__(self) -> str:
        if not isinstance(self.group, TrivialGroup):
            return f"FieldType({self.group!r}, {str(self)!r})"
        return f"FieldType.scalars({self.channels})"

    def __reduce__(self):
        return (FieldType, (self.group, self.fields))


def is_trivial(rep: Representation) -> bool:
    """Whether a representation is one-dimensional and does nothing."""
    from gdl_core.representations.algebra import Renamed, Restricted
    from gdl_core.representations.base import Trivial

    if isinstance(rep, Renamed | Restricted):
        return is_trivial(rep.base)
    return isinstance(rep, Trivial) or (rep.dim == 1 and isinstance(rep.group, TrivialGroup))


def as_type(value: "FieldType | int") -> FieldType:
    """Return a field type: a whole number means that many invariant channels."""
    if isinstance(value, FieldType):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return FieldType.scalars(value)
    raise TypeError(f"Expected a FieldType or a number of invariant channels, got {value!r}.")


def _parse(group: Group, fields: "str | int | Sequence[tuple[int, Representation | str]]") -> Fields:
    if isinstance(fields, int):
        fields = [(fields, "trivial")]
    if isinstance(fields, str):
        fields = [_term(group, term) for term in _terms(fields)]
    parsed = []
    for item in fields:
        if not isinstance(item, tuple) or len(item) != 2:
            raise TypeError(f"A field is a pair (multiplicity, representation), got {item!r}.")
        count, rep = item
        if isinstance(rep, str):
            rep = group.representation(rep)
        if rep.group != group:
            raise TypeError(f"A field type of {group!r} cannot hold {rep!r}, a representation of another group.")
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"The multiplicity of {rep.name!r} must be a whole number from 0, got {count!r}.")
        if count:
            parsed.append((count, rep))
    return tuple(parsed)


def _terms(text: str) -> list[str]:
    """Split at plus signs outside parentheses."""
    terms, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "+" and depth == 0:
            terms.append(current)
            current = ""
        else:
            current += character
    return [term.strip() for term in [*terms, current]]


def _term(group: Group, term: str) -> tuple[int, Representation]:
    if term.isdigit():
        if len(group.algebra()) and group._irrep(term) is not None:  # "1" of SO(3) is a vector to whoever writes it
            raise ValueError(
                f"{term!r} may mean the irrep {term} of {group!r} or {term} invariant channels: "
                f"write '1x{term}' or '{term}xtrivial'."
            )
        return int(term), group.trivial()
    match = re.fullmatch(r"(\d+)\s*x\s*(.+)", term)
    count, name = (int(match[1]), match[2]) if match else (1, term)
    if not name:
        raise ValueError(f"{term!r} is not a field; write multiplicity x name, such as '8xregular'.")
    return count, algebraic(group, name)


def algebraic(group: Group, name: str) -> Representation:
    """Return the representation spelled `name`: a name, or a formula in parentheses such as `(standard*standard)`.

    Labels of an irrep in parentheses, such as `(1,1)`, are a name.
    """
    if not (name.startswith("(") and name.endswith(")")):
        if name.endswith("*"):
            return algebraic(group, name[:-1]).dual
        return group.representation(name)
    irrep = None if parse_labels(name) is None else group._irrep(name)
    if irrep is not None:  # (1,1) of SU(3) is a name, not a formula
        return irrep
    inner = name[1:-1]
    terms = _terms(inner)
    if len(terms) > 1 or re.match(r"\d+x", inner):
        return direct_sum([count * rep for count, rep in (_term(group, term) for term in terms)])
    depth = 0
    for position, character in enumerate(inner):
        depth += (character == "(") - (character == ")")
        if character == "*" and depth == 0 and position + 1 < len(inner):
            left, right = inner[:position], inner[position + 1 :]
            if right.startswith("*"):  # "a**b" is (dual of a) times b
                left, right = left + "*", right[1:]
            return algebraic(group, left) * algebraic(group, right)
    return algebraic(group, inner)
