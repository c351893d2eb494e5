"""Functions of directions: Clebsch-Gordan coefficients, spherical harmonics, Wigner matrices, frames."""

from gdl_groups.angular.coupling import clebsch_gordan, coupling_entries, exact_coupling, su2_coupling
from gdl_groups.angular.harmonics import spherical_harmonics
from gdl_groups.angular.interchange import from_e3nn, from_mul_ir, to_e3nn, to_mul_ir
from gdl_groups.angular.rotations import align
from gdl_groups.angular.wigner import wigner_blocks, wigner_d

__all__ = [
    "align",
    "clebsch_gordan",
    "coupling_entries",
    "exact_coupling",
    "from_e3nn",
    "from_mul_ir",
    "spherical_harmonics",
    "su2_coupling",
    "to_e3nn",
    "to_mul_ir",
    "wigner_blocks",
    "wigner_d",
]
