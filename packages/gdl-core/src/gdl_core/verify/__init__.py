"""Verify: measure how well, and in which layer, any network respects a symmetry."""

from gdl_core.verify.audit import audit
from gdl_core.verify.error import ElementError, Report, equivariance_error
from gdl_core.verify.findings import VERDICTS, Audit, Cell, Row
from gdl_core.verify.lie import GeneratorError, LieReport, lie_derivative
from gdl_core.verify.stability import Deformation, Stability, Trial, deformation_stability

__all__ = [
    "VERDICTS",
    "Audit",
    "Cell",
    "Deformation",
    "ElementError",
    "GeneratorError",
    "LieReport",
    "Report",
    "Row",
    "Stability",
    "Trial",
    "audit",
    "deformation_stability",
    "equivariance_error",
    "lie_derivative",
]
