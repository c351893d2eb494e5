"""The constructive procedure: every linear map that commutes with a declared symmetry."""

from gdl_core.derive.basis import Basis
from gdl_core.derive.linear import EquivariantLinear
from gdl_core.derive.operator import EquivariantOperator, operators
from gdl_core.derive.solve import intertwiners

__all__ = ["Basis", "EquivariantLinear", "EquivariantOperator", "intertwiners", "operators"]
