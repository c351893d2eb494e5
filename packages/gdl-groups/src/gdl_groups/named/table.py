"""Every group by its usual name."""

import ast
import re
from collections.abc import Callable
from functools import partial

from gdl_core.errors import UnknownNameError, closest
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, Group, O, SymmetricGroup, TrivialGroup

from gdl_groups.named.affine import SE, E, Galilei, Poincare, Translations
from gdl_groups.named.classical import GL, SL, Lorentz, ScaleRotations, Scaling, Sp
from gdl_groups.named.finite import AlternatingGroup, KleinFourGroup, RubiksCube
from gdl_groups.named.point import CRYSTALLOGRAPHIC, PointGroup
from gdl_groups.named.quaternion import BinaryPolyhedralGroup, QuaternionGroup
from gdl_groups.named.unitary import SU, U, UnitQuaternions
from gdl_groups.named.wallpaper import MOTIONS, WallpaperGroup

_CLASSES: tuple[Callable[..., Group], ...] = (
    *(TrivialGroup, CyclicGroup, DihedralGroup, SymmetricGroup, AlternatingGroup, KleinFourGroup, QuaternionGroup),
    *(BinaryPolyhedralGroup, RubiksCube, PointGroup, WallpaperGroup, SO, O, SU, U, UnitQuaternions, Sp, SL, GL),
    *(Lorentz, Poincare, Galilei, Translations, SE, E, Scaling, ScaleRotations),
)

# What makes each group: classes by their names, and groups or families by their symbols.
GROUPS: dict[str, Callable[..., Group]] = {
    **{cls.__name__: cls for cls in _CLASSES},  # type: ignore[attr-defined]
    "Z": CyclicGroup,
    "C": CyclicGroup,
    "D": DihedralGroup,
    "S": SymmetricGroup,
    "A": AlternatingGroup,
    "V4": KleinFourGroup,
    "Q8": QuaternionGroup,
    "Spin(3)": UnitQuaternions,
    "Sp(1)": UnitQuaternions,
    **{symbol: partial(BinaryPolyhedralGroup, symbol) for symbol in ("2T", "2O", "2I")},
    **{symbol: partial(PointGroup, symbol) for symbol in (*CRYSTALLOGRAPHIC, "I", "I_h")},
    **{symbol: partial(WallpaperGroup, symbol) for symbol in MOTIONS},
}


def group(name: str) -> Group:
    """Return the group called `name`: a key of `GROUPS`, with arguments in parentheses where it takes some.

    >>> group("O_h"), group("SO(3)"), group("p4m(4)"), group("Lorentz(3, full=True)"), group("D(5)")
    (PointGroup('O_h'), SO(3), WallpaperGroup('p4m', 4), Lorentz(3, full=True), DihedralGroup(5))

    Raises:
        UnknownNameError: for a name that is not in the table.
        ValueError: for arguments that the group does not take.
    """
    if name in GROUPS:
        return _call(name, GROUPS[name], "()")
    match = re.fullmatch(r"(\w+)(\(.*\))", name)
    if match is None or match[1] not in GROUPS:
        stem = match[1] if match else name
        raise UnknownNameError(f"There is no group {name!r} in gdl_groups.named.GROUPS.{closest(stem, GROUPS)}")
    return _call(name, GROUPS[match[1]], match[2])


def _call(name: str, factory: Callable[..., Group], arguments: str) -> Group:
    try:
        plain, named = _arguments(arguments)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{name!r} is not how a group is written, as in 'SO(3)' or 'O_h': {error}.") from error
    try:
        return factory(*plain, **named)
    except TypeError as error:
        raise ValueError(f"{name!r} has arguments that the group does not take: {error}.") from error


def _arguments(text: str) -> tuple[list, dict]:
    call = ast.parse(f"f{text}", mode="eval").body
    if not isinstance(call, ast.Call):
        raise ValueError(f"{text} is no list of arguments")
    plain = [ast.literal_eval(argument) for argument in call.args]
    return plain, {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
