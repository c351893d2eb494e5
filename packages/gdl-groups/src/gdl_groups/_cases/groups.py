"""Small groups of every kind, for the conformance kit."""

from collections.abc import Callable
from functools import partial

from gdl_core.plugins import Case

from gdl_groups import named
from gdl_groups.named.wallpaper import MOTIONS


def no_signal(seed, dtype, device):
    """A group has no input; the kit asks for none."""
    raise TypeError("A group acts on the features of a domain and has no signals of its own.")


def listed(make: Callable, *arguments: tuple) -> list[Case]:
    """Return one case per tuple of arguments of `make`, named after them."""
    return [
        Case("-".join(str(value).lower() for value in values) or "group", partial(make, *values), no_signal)
        for values in arguments
    ]


CASES = {
    ("group", "point"): listed(
        named.PointGroup, *[(symbol,) for symbol in (*named.CRYSTALLOGRAPHIC, "I", "I_h", "D_5d")]
    ),
    ("group", "wallpaper"): listed(named.WallpaperGroup, *[(symbol, 2) for symbol in MOTIONS]),
    ("group", "alternating"): listed(named.AlternatingGroup, (3,), (4,), (5,)),
    ("group", "klein-four"): listed(named.KleinFourGroup, ()),
    ("group", "rubiks-cube"): listed(named.RubiksCube, ()),
    ("group", "quaternion"): listed(named.QuaternionGroup, ()),
    ("group", "binary-polyhedral"): listed(named.BinaryPolyhedralGroup, ("2T",), ("2O",), ("2I",)),
    ("group", "unit-quaternions"): listed(named.UnitQuaternions, ()),
    ("group", "unitary"): listed(named.U, (1,), (2,), (3,)),
    ("group", "special-unitary"): listed(named.SU, (2,), (3,)),
    ("group", "symplectic"): listed(named.Sp, (2,), (4,)),
    ("group", "special-linear"): listed(named.SL, (2,), (3,), (2, "complex")),
    ("group", "general-linear"): listed(named.GL, (1,), (2,), (3,)),
    ("group", "lorentz"): listed(named.Lorentz, (1,), (3,), (2, True), (3, True)),
    ("group", "poincare"): listed(named.Poincare, (3,), (1, True)),
    ("group", "galilei"): listed(named.Galilei, (2,), (3,)),
    ("group", "translations"): listed(named.Translations, (1,), (3,)),
    ("group", "special-euclidean"): listed(named.SE, (2,), (3,)),
    ("group", "euclidean"): listed(named.E, (1,), (2,), (3,)),
    ("group", "scaling"): listed(named.Scaling, (1,), (3,)),
    ("group", "scale-rotations"): listed(named.ScaleRotations, (2,), (3,)),
}
