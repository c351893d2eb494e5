"""Every named group: axioms, order or dimension, irreps that fill the group algebra, pickling, names that lead back."""

import itertools
import math
import pickle

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.errors import UnknownNameError
from gdl_core.groups import FiniteGroup, O
from gdl_core.testing import check_group
from gdl_core.testing.algebra import check_representation, named_representations
from gdl_groups.named import (
    CRYSTALLOGRAPHIC,
    GL,
    GROUPS,
    SE,
    SL,
    SU,
    AlternatingGroup,
    BinaryPolyhedralGroup,
    E,
    Galilei,
    KleinFourGroup,
    Lorentz,
    Poincare,
    PointGroup,
    QuaternionGroup,
    RubiksCube,
    ScaleRotations,
    Scaling,
    Sp,
    Translations,
    U,
    UnitQuaternions,
    WallpaperGroup,
    adjoint,
    group,
)
from gdl_groups.named.wallpaper import MOTIONS

TYPE = {"real": 1, "complex": 2, "quaternionic": 4}
FURTHER_POINT_GROUPS = {"I": 60, "I_h": 120, "C_5v": 10, "D_5d": 20, "D_4d": 16, "S_8": 8, "C_7": 7, "D_5h": 20}
FINITE = {
    **{PointGroup(symbol): order for symbol, order in FURTHER_POINT_GROUPS.items()},
    **{PointGroup(symbol): None for symbol in CRYSTALLOGRAPHIC},
    **{AlternatingGroup(n): math.factorial(n) // 2 for n in (3, 4, 5)},
    KleinFourGroup(): 4,
    QuaternionGroup(): 8,
    **{BinaryPolyhedralGroup(symbol): order for symbol, order in (("2T", 24), ("2O", 48), ("2I", 120))},
    **{WallpaperGroup(symbol, 2): None for symbol in MOTIONS},
}
DIMENSIONS = {
    **{U(n): n * n for n in (1, 2, 3)},
    **{SU(n): n * n - 1 for n in (2, 3, 4)},
    UnitQuaternions(): 3,
    **{Sp(m): m * (m + 1) // 2 for m in (2, 4, 6)},
    **{SL(n): n * n - 1 for n in (2, 3)},
    SL(2, "complex"): 6,
    **{GL(n): n * n for n in (1, 2, 3)},
    **{Lorentz(d, full): d * (d + 1) // 2 for d in (1, 2, 3) for full in (False, True)},
    **{Poincare(d, full): (d + 1) * (d + 2) // 2 for d in (1, 3) for full in (False, True)},
    **{Galilei(n): n * (n + 3) // 2 + 1 for n in (2, 3)},
    **{Translations(n): n for n in (1, 2, 3)},
    **{SE(n): n * (n + 1) // 2 for n in (2, 3)},
    **{E(n): n * (n + 1) // 2 for n in (1, 2, 3)},
    **{Scaling(n): 1 for n in (1, 3)},
    **{ScaleRotations(n): n * (n - 1) // 2 + 1 for n in (2, 3)},
}
EVERY = [*FINITE, *DIMENSIONS, RubiksCube()]


@pytest.mark.parametrize("group", EVERY, ids=repr)
def test_the_axioms_hold_and_named_representations_are_homomorphisms(group):
    check_group(group)


@pytest.mark.parametrize("group", FINITE, ids=repr)
def test_the_irreps_fill_the_group_algebra_and_are_orthogonal_to_each_other(group):
    irreps = group.irreps()
    elements = group.elements()
    characters = torch.stack([irrep.character(elements) for irrep in irreps])
    gram = characters @ characters.T / len(elements)
    norms = [TYPE[irrep.endomorphism] for irrep in irreps]
    torch.testing.assert_close(gram, torch.diag(torch.tensor(norms)).double(), atol=1e-10, rtol=0)
    assert sum(irrep.dim**2 / TYPE[irrep.endomorphism] for irrep in irreps) == len(elements) == group.order
    assert len({irrep.name for irrep in irreps}) == len(irreps)
    if FINITE[group] is not None:
        assert group.order == FINITE[group]


@pytest.mark.parametrize("group", [*DIMENSIONS, QuaternionGroup(), PointGroup("O_h"), PointGroup("C_6")], ids=repr)
def test_names_of_irreps_are_not_given_twice(group):
    """Schur's lemma goes by names: two equivalent irreps of different names would be taken for different ones."""
    known = [rep for rep in named_representations(group) if rep.dim <= 8]
    known += [group.representation(name) for name in ("1/2", "3/2") if group in (SU(2), UnitQuaternions())]
    for first, second in itertools.combinations_with_replacement(known, 2):
        by_name = len(intertwiners(first, second))
        assert by_name == len(intertwiners(first, second, method="nullspace")), (first, second)


@pytest.mark.parametrize(("group", "dimension"), DIMENSIONS.items(), ids=map(repr, DIMENSIONS))
def test_lie_groups_have_their_dimension_and_their_bracket_stays_inside(group, dimension):
    algebra = group.algebra()
    assert algebra.shape[0] == dimension
    if algebra.dim() == 3:  # quaternions multiply otherwise
        bracket = (algebra[:, None] @ algebra[None] - algebra[None] @ algebra[:, None]).flatten(0, 1).flatten(1)
        rank = torch.linalg.matrix_rank(torch.cat([algebra.flatten(1), bracket]))
        assert int(rank) == dimension


@pytest.mark.parametrize("make", [SU, SL, Sp, U, Lorentz], ids=lambda make: make.__name__)
def test_the_adjoint_representation_is_one(make):
    found = adjoint(make(2))
    check_representation(found)
    assert found.dim == len(found.group.algebra())


def test_the_adjoint_representation_of_rotations_is_the_vector():
    from gdl_core.groups import SO

    g = SO(3).sample(5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(adjoint(SO(3)).matrix(g), g)


@pytest.mark.parametrize("found", EVERY, ids=repr)
def test_groups_pickle_and_are_found_again_by_their_repr(found):
    assert pickle.loads(pickle.dumps(found)) == found
    if not isinstance(found, RubiksCube):  # equality compares generators only, but let it be the same class
        assert type(group(repr(found))) is type(found)
    assert group(repr(found)) == found


def test_different_groups_differ():
    assert len(set(EVERY)) == len(EVERY) and len({found.key for found in EVERY}) == len(EVERY)


def test_the_table_makes_groups_from_their_usual_names():
    for name, shown in {
        "O_h": "PointGroup('O_h')",
        "SO(3)": "SO(3)",
        "p4m(4)": "WallpaperGroup('p4m', 4)",
        "Lorentz(3, full=True)": "Lorentz(3, full=True)",
        "A(5)": "AlternatingGroup(5)",
        "Q8": "QuaternionGroup()",
        "Spin(3)": "UnitQuaternions()",
        "2I": "BinaryPolyhedralGroup('2I')",
    }.items():
        assert repr(group(name)) == shown
    assert len({cls for cls in GROUPS.values() if isinstance(cls, type)}) >= 26


def test_usual_spellings_lead_to_the_group():
    """What a letter means alone and with an argument, symbols of chemistry and crystals, signatures and fields."""
    spelled = {
        "O": PointGroup("O"),
        "O(3)": O(3),
        "O(2)": O(2),
        "Oh": PointGroup("O_h"),
        "C4v": PointGroup("C_4v"),
        "D_5h": PointGroup("D_5h"),
        "m-3m": PointGroup("O_h"),
        "-1": PointGroup("C_i"),
        "SO(1,3)": Lorentz(3),
        "O(1, 2)": Lorentz(2, full=True),
        "SL(2,C)": SL(2, "complex"),
        "GL(3,R)": GL(3),
        " SU(3) ": SU(3),
    }
    assert {name: group(name) for name in spelled} == spelled


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("Lorenz(3)", UnknownNameError, "Did you mean 'Lorentz'"),
        ("O_g", UnknownNameError, "There is no group 'O_g'"),
        ("SO(3, 4)", ValueError, "has other arguments than the group takes"),
        ("SO(x)", ValueError, "'SO\\(x\\)' is not how a group is written"),
        ("SO(1)", ValueError, "SO takes a whole number of at least 2"),
        ("p4m", ValueError, r"has other arguments than the group takes, p4m\(n: int\)"),
        ("D4", UnknownNameError, r"Did you mean 'D\(4\)' \(of the plane\) or 'D_4' \(of space\)"),
        ("A5", UnknownNameError, r"Did you mean 'A\(5\)' \(even permutations\)\?$"),
        ("SU3", UnknownNameError, r"Did you mean 'SU\(3\)'"),
        ("SO(3", UnknownNameError, "There is no group"),
        ("GL(2,C)", ValueError, "is not how a group is written"),
        (3, TypeError, "named by a string such as 'SO\\(3\\)' or 'O_h', got 3"),
    ],
)
def test_unknown_names_and_arguments_raise_a_sentence(name, error, sentence):
    with pytest.raises(error, match=sentence):
        group(name)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PointGroup("D_2x"), "PointGroup takes a Schoenflies symbol .* got 'D_2x'"),
        (lambda: PointGroup("C_1v"), "got 'C_1v'"),
        (lambda: PointGroup("S_5"), "got 'S_5'"),
        (lambda: PointGroup(3), "got 3"),
        (lambda: WallpaperGroup("p5", 2), "WallpaperGroup takes one of p1, .* got 'p5'"),
        (lambda: WallpaperGroup("p4", 0), "positive whole number of cells, got 0"),
        (lambda: AlternatingGroup(2), "at least 3, got 2"),
        (lambda: BinaryPolyhedralGroup("2D"), "'2T', '2O' or '2I', got '2D'"),
        (lambda: Sp(3), "Sp takes an even number"),
        (lambda: SU(1), "SU takes a whole number of at least 2, got 1"),
        (lambda: SL(2, "p-adic"), "'real' or 'complex', got 'p-adic'"),
        (lambda: Lorentz(0), "Lorentz takes a whole number of at least 1, got 0"),
        (lambda: SE(2.0), "SE takes a whole number of at least 2, got 2.0"),
        (lambda: SU(3).irrep(1), "SU\\(3\\) has no irrep \\(1\\): its Dynkin labels are 2 whole numbers from 0"),
        (lambda: SU(2).irrep(0.3), "A spin is one of 0, 1/2, 1, 3/2"),
        (lambda: RubiksCube().elements(), "too many to enumerate"),
    ],
)
def test_bad_groups_raise_a_sentence(make, sentence):
    with pytest.raises((ValueError, NotImplementedError), match=sentence):
        make()


def test_the_order_of_rubiks_cube_agrees_with_the_schreier_sims_algorithm():
    combinatorics = pytest.importorskip("sympy.combinatorics")
    cube = RubiksCube()
    turns = [combinatorics.Permutation(images) for images in cube.generators().tolist()]
    assert combinatorics.PermutationGroup(turns).order() == cube.order
    for turn in cube.generators():
        fourth = cube.compose(cube.compose(turn, turn), cube.compose(turn, turn))
        assert torch.equal(fourth, cube.identity()) and int((turn != cube.identity()).sum()) == 20


def test_rubiks_cube_keeps_corners_and_edges_apart_with_one_sign_for_both():
    cube = RubiksCube()
    g = cube.sample(20, torch.Generator().manual_seed(0))
    corners, edges = cube.representation("corners"), cube.representation("edges")
    check_representation(corners)
    torch.testing.assert_close(corners.character(g) + edges.character(g), cube.representation("standard").character(g))
    # An arrangement of cubies is solvable only if the permutations of corners and of edges have the same sign.
    corner_places = cube.stickers[:, 0].abs().sum(1) == 3
    for element in g:
        signs = []
        for chosen in (corner_places, ~corner_places):
            places = cube.stickers[chosen, 0].unique(dim=0)
            moved = [cube.stickers[element[(cube.stickers[:, 0] == p).all(1).nonzero()[0, 0]], 0] for p in places]
            permutation = [(places == p).all(1).nonzero()[0, 0] for p in moved]
            signs.append(float(torch.linalg.det(torch.eye(len(places))[torch.stack(permutation)])))
        assert signs[0] == signs[1]


def test_even_permutations_are_even_and_sampled_uniformly():
    found = AlternatingGroup(4)
    assert "sign" not in found._named_representations()
    counts = torch.bincount(found.index(found.sample(6000, torch.Generator().manual_seed(0))), minlength=12)
    assert int(counts.min()) > 400 and int(counts.max()) < 600
    assert len(AlternatingGroup(5).irreps()) == 5  # A, T1, T2, G, H of the icosahedron
    assert sorted(irrep.dim for irrep in AlternatingGroup(5).irreps()) == [1, 3, 3, 4, 5]


@pytest.mark.parametrize("found", [found for found in EVERY if isinstance(found, FiniteGroup)][:8], ids=repr)
def test_an_unknown_irrep_raises(found):
    with pytest.raises(UnknownNameError, match="has no representation named 'Zz'"):
        found.representation("Zz")
