"""Moving tensor factors between the two sides of an intertwiner, so that neither side is large."""

import math

from gdl_core.representations.algebra import TensorProduct
from gdl_core.representations.base import Representation


def balanced(rep_in: Representation, rep_out: Representation) -> tuple[Representation, Representation]:
    """Return the split of the same tensors W into two sides that is the most even.

    Hom(I, A ⊗ B) = Hom(B* ⊗ I, A) and Hom(A ⊗ B, O) = Hom(B, O ⊗ A*), with the entries of W in the same row-major
    order. Invariants of V^⊗6 are then maps from V*^⊗3 to V^⊗3, whose constraints are matrices of d³ rows instead of d⁶.
    Returns the representations given where no split is better.
    """
    legs_out, legs_in = _factors(rep_out), _factors(rep_in)
    dims = [leg.dim for leg in (*legs_out, *legs_in)]
    here = len(legs_out)

    def larger(place: int) -> int:
        return max(math.prod(dims[:place]), math.prod(dims[place:]))

    best = min(range(len(dims) + 1), key=lambda place: (larger(place), abs(place - here)))
    if larger(best) == larger(here):
        return rep_in, rep_out
    if best < here:
        return _product([leg.dual for leg in legs_out[best:]] + legs_in, rep_in), _product(legs_out[:best], rep_in)
    moved = best - here
    return _product(legs_in[moved:], rep_in), _product(legs_out + [leg.dual for leg in legs_in[:moved]], rep_in)


def _factors(rep: Representation) -> list[Representation]:
    return [*_factors(rep.left), *_factors(rep.right)] if isinstance(rep, TensorProduct) else [rep]


def _product(legs: list[Representation], like: Representation) -> Representation:
    found = legs[0] if legs else like.group.trivial()
    for leg in legs[1:]:
        found = found * leg
    return found
