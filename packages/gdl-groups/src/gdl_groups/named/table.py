"""Every group by its usual name."""

import ast
import inspect
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

    Point groups go by any symbol that `PointGroup` takes and `GROUPS` does not mean otherwise: `"D_5h"`, `"Oh"`,
    `"m-3m"`. `"SO(1,3)"` and `"O(1,3)"` are the Lorentz groups, `"SL(2,C)"` and `"SL(2,R)"` say over which numbers.

    >>> group("O_h"), group("SO(3)"), group("p4m(4)"), group("Lorentz(3, full=True)"), group("D(5)")
    (PointGroup('O_h'), SO(3), WallpaperGroup('p4m', 4), Lorentz(3, full=True), DihedralGroup(5))

    Raises:
        TypeError: if `name` is no string.
        UnknownNameError: for a name that is not in the table, or could mean two groups.
        ValueError: for arguments that the group does not take.
    """
    if not isinstance(name, str):
        raise TypeError(f"A group is named by a string such as 'SO(3)' or 'O_h', got {name!r}.")
    match = re.fullmatch(r"([^()]*?)\s*(\(.*\))?", name.strip())
    stem, arguments = (match[1], match[2]) if match else (name, None)
    if name.strip() in GROUPS:  # "Spin(3)" is a name with its parentheses
        return _call(name, GROUPS[name.strip()], "()")
    if stem in POINTS_AND_FAMILIES and arguments is not None:
        return _family(name, stem, arguments)
    if stem in GROUPS:
        return _call(name, GROUPS[stem], arguments or "()")
    if arguments is None and not re.fullmatch(r"[CDSA]\d+|[1-9]", stem):
        try:
            return PointGroup(stem)
        except ValueError:
            pass
    raise UnknownNameError(f"There is no group {name!r} in gdl_groups.named.GROUPS.{_meant(stem)}")


# Letters that are a group of their own and, with arguments, a family.
POINTS_AND_FAMILIES: dict[str, Callable[..., Group]] = {"O": O, "SO": SO, "SL": SL, "GL": GL}


def _family(name: str, stem: str, arguments: str) -> Group:
    """Return the group `stem` of these arguments: O and SO take a signature too, SL and GL the field of numbers."""
    signature = re.fullmatch(r"\(1,\s*(\d+)\)", arguments)
    if signature and stem in ("O", "SO"):
        return Lorentz(int(signature[1]), full=stem == "O")
    field = re.fullmatch(r"\((\d+),\s*([RC])\)", arguments)
    if field and stem in ("SL", "GL") and (stem, field[2]) != ("GL", "C"):
        return SL(int(field[1]), "complex") if field[2] == "C" else POINTS_AND_FAMILIES[stem](int(field[1]))
    return _call(name, POINTS_AND_FAMILIES[stem], arguments)


def _meant(stem: str) -> str:
    """Say what a name could mean: turns of the plane or of space, permutations, or something spelled alike."""
    letter, number = stem[:1].upper(), stem[1:].lstrip("_")
    if letter in ("C", "D", "S", "A") and number.isdigit():
        of = {"C": "turns of the plane", "D": "of the plane", "S": "permutations", "A": "even permutations"}[letter]
        point = "" if letter == "A" or f"{letter}_{number}" not in GROUPS else f" or '{letter}_{number}' (of space)"
        return f" Did you mean '{letter}({number})' ({of}){point}?"
    sized = re.fullmatch(r"([A-Za-z]+?)(\d+)", stem)
    if sized and sized[1] in GROUPS:
        return f" Did you mean '{sized[1]}({sized[2]})'?"
    return closest(stem, GROUPS)


def _call(name: str, factory: Callable[..., Group], arguments: str) -> Group:
    try:
        plain, named = _arguments(arguments)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{name!r} is not how a group is written, as in 'SO(3)' or 'O_h': {error}.") from error
    try:
        return factory(*plain, **named)
    except TypeError as error:
        stem = name.partition("(")[0]
        raise ValueError(
            f"{name!r} has other arguments than the group takes, {stem}{inspect.signature(factory)}."
        ) from error


def _arguments(text: str) -> tuple[list, dict]:
    call = ast.parse(f"f{text}", mode="eval").body
    if not isinstance(call, ast.Call):
        raise ValueError(f"{text} is no list of arguments")
    plain = [ast.literal_eval(argument) for argument in call.args]
    return plain, {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
