"""Restriction and induction along an embedding: branching rules and quotient representations."""

from collections.abc import Iterator
from itertools import count

from gdl_core.derive import intertwiners
from gdl_core.groups import SO, FiniteGroup, Group, Homomorphism, O
from gdl_core.representations import Representation
from gdl_core.representations.irreps import ENDOMORPHISM_DIM, multiplicities

from gdl_groups.named.unitary import SU, U, UnitQuaternions

MAX_TRIED = 1000  # irreps of an infinite group that are tried before branching gives up


def quotient(hom: Homomorphism) -> Representation:
    """Return the permutation of the cosets G/H of an embedding H -> G of finite groups: functions on G that H keeps.

    It is the trivial representation induced; of the trivial subgroup it is the regular one (Serre 1977, §3.3).

    Raises:
        TypeError: if a group is not finite.
        ValueError: if `hom` is not injective.

    >>> from gdl_groups.named import PointGroup, embedding
    >>> quotient(embedding(PointGroup("C_4"), PointGroup("O"))).dim  # the faces of a cube
    6
    """
    hom.cosets()  # raises where there are none
    return hom.source.trivial().induce(hom)


def branching(rep: Representation, hom: Homomorphism) -> dict[str, int]:
    """Return how often each real irrep of `hom.source` occurs in `rep`, a representation of `hom.target`.

    From characters if the source is finite, from derived intertwiners for SO(2), O(2), SO(3), O(3), U(1), SU(2) and
    the unit quaternions.

    Raises:
        TypeError: for a source whose irreps are not known.
        ArithmeticError: if irreps are missing after the first 1000, as in representations that do not split.

    >>> from gdl_core.groups import SO
    >>> from gdl_groups.named import PointGroup, embedding
    >>> branching(SO(3).irrep(4), embedding(PointGroup("O"), SO(3)))
    {'A1': 1, 'E': 1, 'T1': 1, 'T2': 1}
    """
    restricted = rep.restrict(hom)
    if isinstance(hom.source, FiniteGroup):
        return {irrep.name: times for times, irrep in multiplicities(restricted)}
    found: dict[str, int] = {}
    missing = rep.dim
    for _, irrep in zip(range(MAX_TRIED), _known_irreps(hom.source)):
        if missing == 0:
            return found
        times = len(intertwiners(irrep, restricted)) // ENDOMORPHISM_DIM[irrep.endomorphism or "real"]
        if times:
            found[irrep.name] = times
            missing -= times * irrep.dim
    raise ArithmeticError(f"{missing} of {rep.dim} dimensions of {restricted!r} lie in none of {MAX_TRIED} irreps.")


def _known_irreps(group: Group) -> Iterator[Representation]:
    """Yield the irreps of a compact Lie group whose irreps are named, in order of degree."""
    if isinstance(group, SO) and group.m in (2, 3):
        yield from (group.irrep(degree) for degree in count())
    elif isinstance(group, O) and group.m == 2:
        yield group.irrep(0)
        yield group.determinant().rename("det", "real")
        yield from (group.irrep(frequency) for frequency in count(1))
    elif isinstance(group, O) and group.m == 3:
        yield from (group.irrep(degree, parity) for degree in count() for parity in (1, -1))
    elif isinstance(group, UnitQuaternions) or (isinstance(group, SU) and group.n == 2):
        yield from (group.irrep(doubled / 2) for doubled in count())
    elif isinstance(group, U) and group.n == 1:
        yield from (group.representation(str(frequency)) for frequency in count())
    else:
        raise TypeError(f"The irreps of {group!r} are not known by name, so nothing can be branched into them.")
