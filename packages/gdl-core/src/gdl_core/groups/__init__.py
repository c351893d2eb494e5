"""Groups: finite, Lie, products, and the maps between them."""

from gdl_core.groups.base import Group
from gdl_core.groups.finite import FiniteGroup
from gdl_core.groups.homomorphism import Homomorphism
from gdl_core.groups.lie import LieGroup, realify
from gdl_core.groups.named import CyclicGroup, DihedralGroup, SymmetricGroup, TrivialGroup
from gdl_core.groups.orthogonal import SO, O
from gdl_core.groups.product import ProductGroup, SemidirectProduct
from gdl_core.groups.subgroup import Subgroup, subgroup
from gdl_core.groups.young import YoungSubgroup

__all__ = [
    "SO",
    "CyclicGroup",
    "DihedralGroup",
    "FiniteGroup",
    "Group",
    "Homomorphism",
    "LieGroup",
    "O",
    "ProductGroup",
    "SemidirectProduct",
    "Subgroup",
    "SymmetricGroup",
    "TrivialGroup",
    "YoungSubgroup",
    "realify",
    "subgroup",
]
