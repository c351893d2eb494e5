"""Functions of directions: Clebsch-Gordan coefficients, spherical harmonics, Wigner matrices, frames."""

from gdl_groups.angular.coupling import clebsch_gordan, coupling_entries, exact_coupling, su2_coupling
from gdl_groups.angular.harmonics import spherical_harmonics, unit
from gdl_groups.angular.interchange import (
    from_e3nn,
    from_mul_ir,
    linear_from_e3nn,
    linear_to_e3nn,
    to_e3nn,
    to_mul_ir,
)
from gdl_groups.angular.rotations import (
    align,
    check_rotation,
    from_axis_angle,
    from_euler,
    from_quaternion,
    to_axis_angle,
    to_euler,
    to_quaternion,
)
from gdl_groups.angular.wigner import wigner_blocks, wigner_d

__all__ = [
    "align",
    "check_rotation",
    "clebsch_gordan",
    "coupling_entries",
    "exact_coupling",
    "from_axis_angle",
    "from_e3nn",
    "from_euler",
    "from_mul_ir",
    "from_quaternion",
    "linear_from_e3nn",
    "linear_to_e3nn",
    "spherical_harmonics",
    "su2_coupling",
    "to_axis_angle",
    "to_e3nn",
    "to_euler",
    "to_mul_ir",
    "to_quaternion",
    "unit",
    "wigner_blocks",
    "wigner_d",
]
