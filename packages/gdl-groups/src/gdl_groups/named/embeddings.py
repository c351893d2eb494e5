"""Which groups lie in which: a graph of homomorphisms, and the path from one group to another through it."""

from collections.abc import Callable
from functools import lru_cache

import torch
from gdl_core.groups import SO, Group, Homomorphism
from torch import Tensor

from gdl_groups.named.inclusions import overgroups
from gdl_groups.named.table import group as named


class KnownHomomorphism(Homomorphism):
    """A homomorphism that is found again by name: it pickles as the call that made it.

    Args:
        source, target, function: as of `Homomorphism`.
        made_by: the function and its arguments that return this object.
    """

    def __init__(self, source: Group, target: Group, function: Callable[[Tensor], Tensor], made_by: tuple):
        super().__init__(source, target, function)
        self._made_by = made_by

    def __reduce__(self):
        return self._made_by


def embedding(source: Group | str, target: Group | str) -> Homomorphism:
    """Return the known homomorphism from `source` into `target`: the shortest path through the graph of groups.

    It is injective, but for the double covers: the unit quaternions, SU(2) and the binary groups onto rotations, and
    SL(2, "complex") onto the Lorentz group. The same call returns the same object, so that representations restricted
    along it are equal. Conventions: SO(n), O(n), S_n, U(n), … keep the last coordinates fixed in the next larger one;
    C_n and SO(2) turn about z; D_n flips about x in SO(3), and is C_nv in `PointGroup("C_nv")`. Point groups are
    included as matrices in their standard orientation where possible, and otherwise as the first conjugate found.
    A string is the name of a `group`: `embedding("O", "SO(3)")`.

    >>> from gdl_core.groups import SO
    >>> from gdl_groups.named import PointGroup
    >>> embedding(PointGroup("T"), SO(3)), SO(3).irrep(2).restrict(embedding(PointGroup("O"), SO(3))).decompose()
    (Homomorphism(PointGroup('T') -> SO(3)), 1xE + 1xT2)

    Raises:
        ValueError: if no path is known.
        UnknownNameError: if a name is that of no group. TypeError: if something is neither a group nor a name.
    """
    return _embedding(*(given if isinstance(given, Group) else named(given) for given in (source, target)))


@lru_cache(maxsize=512)
def _embedding(source: Group, target: Group) -> Homomorphism:
    paths: list[tuple[Group, Callable[[Tensor], Tensor]]] = [(source, lambda g: g)]
    seen = [source]
    while paths:
        following = []
        for group, function in paths:
            if group == target:
                return KnownHomomorphism(source, target, function, (embedding, (source, target)))
            for larger, step in overgroups(group, target):
                if larger not in seen:
                    seen.append(larger)
                    following.append((larger, _chain(function, step)))
        paths = following
    raise ValueError(
        f"No embedding of {source!r} into {target!r} is known; give one as Homomorphism(source, target, function)."
    )


def _chain(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda g: second(first(g))


@lru_cache(maxsize=128)
def about_axis(axis: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Homomorphism:
    """Return SO(2) -> SO(3), the rotations about `axis`, anticlockwise as seen from its tip.

    Raises:
        ValueError: if the axis is zero.
    """
    unit = torch.tensor(axis, dtype=torch.float64)
    if float(unit.norm()) == 0:
        raise ValueError("about_axis takes a nonzero axis, got (0, 0, 0).")
    unit = unit / unit.norm()
    k = torch.einsum("a,aij->ij", unit, SO(3).algebra())

    def function(g: Tensor) -> Tensor:  # Rodrigues' formula
        cos, sin = g[..., 0, 0, None, None], g[..., 1, 0, None, None]
        return torch.eye(3, dtype=g.dtype) + sin * k + (1 - cos) * (k @ k)

    return KnownHomomorphism(SO(2), SO(3), function, (about_axis, (axis,)))
