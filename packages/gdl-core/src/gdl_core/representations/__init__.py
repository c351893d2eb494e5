"""Representations and field types."""

from gdl_core.representations.algebra import DirectSum, Dual, Restricted, TensorProduct, direct_sum
from gdl_core.representations.base import Matrix, Permutation, Representation, Trivial
from gdl_core.representations.field_type import FieldType, as_type
from gdl_core.representations.induced import Induced
from gdl_core.representations.irreps import Decomposition, decompose

__all__ = [
    "Decomposition",
    "DirectSum",
    "Dual",
    "FieldType",
    "Induced",
    "Matrix",
    "Permutation",
    "Representation",
    "Restricted",
    "TensorProduct",
    "Trivial",
    "as_type",
    "decompose",
    "direct_sum",
]
