"""Restriction and induction along an embedding: branching rules and quotient representations."""

from gdl_core.groups import Homomorphism
from gdl_core.representations import Representation
from gdl_core.representations.irreps import multiplicities


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
    return {irrep.name: times for times, irrep in multiplicities(rep.restrict(hom))}
