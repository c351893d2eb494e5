"""Groups by name, their irreps and embeddings."""

from gdl_groups.named.affine import SE, E, Galilei, Motions, Poincare, Translations
from gdl_groups.named.checks import check_element, check_orthogonal, check_rotation, check_unit_quaternion
from gdl_groups.named.classical import GL, SL, Lorentz, ScaleRotations, Scaling, Sp
from gdl_groups.named.embeddings import about_axis, embedding
from gdl_groups.named.finite import AlternatingGroup, KleinFourGroup, RubiksCube
from gdl_groups.named.matrix import FormGroup, MatrixGroup, adjoint
from gdl_groups.named.point import CRYSTALLOGRAPHIC, PointGroup
from gdl_groups.named.quaternion import BinaryPolyhedralGroup, QuaternionGroup, quaternion_product, quaternion_rotation
from gdl_groups.named.quotients import branching, quotient
from gdl_groups.named.table import GROUPS, group
from gdl_groups.named.unitary import SU, U, UnitQuaternions
from gdl_groups.named.wallpaper import WallpaperGroup
from gdl_groups.named.young import YoungIrrep, partitions

__all__ = [
    "CRYSTALLOGRAPHIC",
    "GL",
    "GROUPS",
    "SE",
    "SL",
    "SU",
    "AlternatingGroup",
    "BinaryPolyhedralGroup",
    "E",
    "FormGroup",
    "Galilei",
    "KleinFourGroup",
    "Lorentz",
    "MatrixGroup",
    "Motions",
    "Poincare",
    "PointGroup",
    "QuaternionGroup",
    "RubiksCube",
    "ScaleRotations",
    "Scaling",
    "Sp",
    "Translations",
    "U",
    "UnitQuaternions",
    "WallpaperGroup",
    "YoungIrrep",
    "about_axis",
    "adjoint",
    "branching",
    "check_element",
    "check_orthogonal",
    "check_rotation",
    "check_unit_quaternion",
    "embedding",
    "group",
    "partitions",
    "quaternion_product",
    "quaternion_rotation",
    "quotient",
]
