"""What a group convolution asks of its types and of the grid: one finite group that turns the axes."""

import itertools

import torch
from gdl_core.geometry import Domain
from gdl_core.groups import CyclicGroup, FiniteGroup, Group, O, TrivialGroup
from gdl_core.representations import FieldType, Representation, direct_sum
from torch import Tensor


def joint_types(in_type: FieldType, out_type: FieldType, where: str) -> tuple[FieldType, FieldType]:
    """Return both types over one finite group: invariant channels fit any.

    Raises:
        TypeError: if the types belong to different groups, or the group is not finite.
    """
    group = in_type.group if isinstance(out_type.group, TrivialGroup) else out_type.group
    if not isinstance(group, FiniteGroup):
        raise TypeError(f"{where} takes types of a finite group, got {group!r}: use a steerable convolution.")
    found = []
    for kind in (in_type, out_type):
        if kind.group != group and not kind.is_invariant:
            raise TypeError(f"{where} expects two types of one group, got {in_type!r} and {out_type!r}.")
        found.append(kind if kind.group == group else FieldType(group, kind.channels))
    return found[0], found[1]


def axes_of(group: Group, axes: Representation | str | None, ndim: int | None, where: str) -> Representation:
    """Return how `group` turns the axes of the grid: as given, or by convention.

    C_2 flips a line, the trivial group does nothing, any other group turns by its representation `standard`.

    Raises:
        TypeError: if there is no such representation of dimension `ndim`, or it belongs to another group.
    """
    found = group.representation(axes) if isinstance(axes, str) else axes
    if found is None and group.order == 1:
        found = direct_sum([group.trivial()] * (ndim or 2))
    elif found is None and ndim == 1 and isinstance(group, CyclicGroup) and group.n == 2:
        found = group.representation("1")
    elif found is None and "standard" in group._named_representations():
        found = group.representation("standard")
    if found is None or found.group != group or (ndim is not None and found.dim != ndim):
        got = "nothing" if found is None else repr(found)
        raise TypeError(
            f"{where} needs a representation of {group!r} that turns the {ndim or ''} axes of the grid, got {got}: "
            "give it as axes."
        )
    return found


def claims_of(axes: Representation) -> tuple[str, ...]:
    """Return which symmetries of some grid the group contains: its turns, its flips, or both."""
    d, group = axes.dim, axes.group
    assert isinstance(group, FiniteGroup)
    members = axes.matrix(group.elements())
    turns = []
    for i, j in itertools.combinations(range(d), 2):
        turn = torch.eye(d, dtype=torch.float64)
        turn[i, i] = turn[j, j] = 0
        turn[j, i], turn[i, j] = 1, -1
        turns.append(turn)
    flips = [torch.diag(1 - 2 * torch.eye(d, dtype=torch.float64)[axis]) for axis in range(d)]
    rotation = bool(turns) and all(_contains(members, turn) for turn in turns)
    reflection = all(_contains(members, flip) for flip in flips)
    kept = {
        "shift": True,
        "rotation": rotation,
        "reflection": reflection,
        "lattice": reflection,
        "fractional_shift": True,
    }
    return tuple(name for name, holds in kept.items() if holds)


def kept_symmetries(claims: tuple[str, ...], axes: Representation, domain: Domain) -> tuple[str, ...]:
    """Return those of `claims` that `domain` offers and whose every generator moves the axes as `axes` does."""
    found, vector = [], FieldType(O(axes.dim), [(1, "standard")])
    probe = FieldType(axes.group, [(1, axes)])
    for name, symmetry in domain.symmetries().items():
        if name not in claims:
            continue
        if symmetry.fibre is None or axes.group.order == 1:  # moves the points and turns nothing
            found.append(name)
            continue
        try:
            pairs = [
                (symmetry.fibre_element(g, vector), symmetry.fibre_element(g, probe))
                for g in symmetry.group.generators()
            ]
        except TypeError:  # the symmetry has elements that the group has not
            continue
        if all(_agree(matrix, axes, element) for matrix, element in pairs):
            found.append(name)
    return tuple(found)


def _agree(matrix: Tensor | None, axes: Representation, element: Tensor | None) -> bool:
    if matrix is None or element is None:
        return False
    return bool(torch.allclose(matrix.double(), axes.matrix(element), atol=1e-8))


def _contains(members: Tensor, matrix: Tensor) -> bool:
    return bool((members - matrix).abs().amax((1, 2)).min() < 1e-8)
