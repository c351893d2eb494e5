"""Point groups against the tables of the books: Mulliken symbols, characters, crystal classes, harmonics they keep."""

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SO, O
from gdl_core.representations import Matrix
from gdl_groups.named import CRYSTALLOGRAPHIC, PointGroup, branching, embedding
from gdl_groups.named.point import HALF_TURN_X, HALF_TURN_Z, INVERSION, MIRROR_XY, MIRROR_XZ, THREEFOLD, improper, turn

# Order and real irreps (Altmann & Herzig 1994; pairs of complex conjugates are one real E).
TABLES = {
    "C_1": (1, "A"),
    "C_i": (2, "Ag Au"),
    "C_2": (2, "A B"),
    "C_s": (2, "A' A''"),
    "C_2h": (4, "Ag Bg Au Bu"),
    "D_2": (4, "A B1 B2 B3"),
    "C_2v": (4, "A1 A2 B1 B2"),
    "D_2h": (8, "Ag B1g B2g B3g Au B1u B2u B3u"),
    "C_4": (4, "A B E"),
    "S_4": (4, "A B E"),
    "C_4h": (8, "Ag Bg Eg Au Bu Eu"),
    "D_4": (8, "A1 A2 B1 B2 E"),
    "C_4v": (8, "A1 A2 B1 B2 E"),
    "D_2d": (8, "A1 A2 B1 B2 E"),
    "D_4h": (16, "A1g A2g B1g B2g Eg A1u A2u B1u B2u Eu"),
    "C_3": (3, "A E"),
    "S_6": (6, "Ag Eg Au Eu"),
    "D_3": (6, "A1 A2 E"),
    "C_3v": (6, "A1 A2 E"),
    "D_3d": (12, "A1g A2g Eg A1u A2u Eu"),
    "C_6": (6, "A B E1 E2"),
    "C_3h": (6, "A' E' A'' E''"),
    "C_6h": (12, "Ag Bg E1g E2g Au Bu E1u E2u"),
    "D_6": (12, "A1 A2 B1 B2 E1 E2"),
    "C_6v": (12, "A1 A2 B1 B2 E1 E2"),
    "D_3h": (12, "A1' A2' E' A1'' A2'' E''"),
    "D_6h": (24, "A1g A2g B1g B2g E1g E2g A1u A2u B1u B2u E1u E2u"),
    "T": (12, "A E T"),
    "T_h": (24, "Ag Eg Tg Au Eu Tu"),
    "O": (24, "A1 A2 E T1 T2"),
    "T_d": (24, "A1 A2 E T1 T2"),
    "O_h": (48, "A1g A2g Eg T1g T2g A1u A2u Eu T1u T2u"),
    "I": (60, "A T1 T2 G H"),
    "I_h": (120, "Ag T1g T2g Gg Hg Au T1u T2u Gu Hu"),
}


@pytest.mark.parametrize("symbol", TABLES)
def test_orders_and_symbols_are_those_of_the_tables(symbol):
    order, names = TABLES[symbol]
    group = PointGroup(symbol)
    assert len(group.elements()) == order
    assert [irrep.name for irrep in group.irreps()] == names.split()
    assert torch.allclose(group.elements() @ group.elements().mT, torch.eye(3).double(), atol=1e-14)


def test_there_are_thirty_two_crystal_classes_by_either_symbol():
    assert len(CRYSTALLOGRAPHIC) == 32
    for schoenflies, international in CRYSTALLOGRAPHIC.items():
        assert PointGroup(international) == PointGroup(schoenflies) == PointGroup(schoenflies.replace("_", ""))
    # No two share both their order and the multiset of traces: they are different as groups of motions.
    groups = [PointGroup(symbol).elements() for symbol in CRYSTALLOGRAPHIC]
    traces = {tuple(sorted((g.diagonal(dim1=1, dim2=2).sum(1) * torch.linalg.det(g)).round().tolist())) for g in groups}
    kinds = {
        tuple(sorted(zip(g.diagonal(dim1=1, dim2=2).sum(1).round().tolist(), torch.linalg.det(g).round().tolist())))
        for g in groups
    }
    assert len(kinds) == 32 and len(traces) < 32


PHI = (1 + 5**0.5) / 2
FIVEFOLD = turn(5, (0, 1, PHI))
DIAGONAL_MIRROR = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)

# Group: one element of each class that tells irreps apart, then their characters (Cotton, app. IIA).
CHARACTERS = {
    "C_2v": (
        [HALF_TURN_Z, MIRROR_XZ],
        {"A1": (1, 1), "A2": (1, -1), "B1": (-1, 1), "B2": (-1, -1)},
    ),
    "C_4v": (
        [turn(4), HALF_TURN_Z, MIRROR_XZ],
        {"A1": (1, 1, 1), "A2": (1, 1, -1), "B1": (-1, 1, 1), "B2": (-1, 1, -1), "E": (0, -2, 0)},
    ),
    "D_2d": (
        [improper(4), HALF_TURN_Z, HALF_TURN_X],
        {"A1": (1, 1, 1), "A2": (1, 1, -1), "B1": (-1, 1, 1), "B2": (-1, 1, -1), "E": (0, -2, 0)},
    ),
    "D_2": ([HALF_TURN_Z, HALF_TURN_X], {"A": (1, 1), "B1": (1, -1), "B2": (-1, -1), "B3": (-1, 1)}),
    "D_3h": (
        [turn(3), HALF_TURN_X, MIRROR_XY, improper(3)],
        {
            "A1'": (1, 1, 1, 1),
            "A2'": (1, -1, 1, 1),
            "E'": (-1, 0, 2, -1),
            "A1''": (1, 1, -1, -1),
            "A2''": (1, -1, -1, -1),
            "E''": (-1, 0, -2, 1),
        },
    ),
    "D_3d": (
        [turn(3), HALF_TURN_X, INVERSION],
        {
            "A1g": (1, 1, 1),
            "A2g": (1, -1, 1),
            "Eg": (-1, 0, 2),
            "A1u": (1, 1, -1),
            "A2u": (1, -1, -1),
            "Eu": (-1, 0, -2),
        },
    ),
    "D_6": (
        [turn(6), turn(3), HALF_TURN_Z, HALF_TURN_X],
        {
            "A1": (1, 1, 1, 1),
            "A2": (1, 1, 1, -1),
            "B1": (-1, 1, -1, 1),
            "B2": (-1, 1, -1, -1),
            "E1": (1, -1, -2, 0),
            "E2": (-1, -1, 2, 0),
        },
    ),
    "T": ([THREEFOLD, HALF_TURN_Z], {"A": (1, 1), "E": (-1, 2), "T": (0, -1)}),
    "O": (
        [THREEFOLD, HALF_TURN_Z, turn(4), turn(2, (1, 1, 0))],
        {"A1": (1, 1, 1, 1), "A2": (1, 1, -1, -1), "E": (-1, 2, 0, 0), "T1": (0, -1, 1, -1), "T2": (0, -1, -1, 1)},
    ),
    "T_d": (
        [THREEFOLD, HALF_TURN_Z, improper(4), DIAGONAL_MIRROR],
        {"A1": (1, 1, 1, 1), "A2": (1, 1, -1, -1), "E": (-1, 2, 0, 0), "T1": (0, -1, 1, -1), "T2": (0, -1, -1, 1)},
    ),
    "I": (
        [FIVEFOLD, FIVEFOLD @ FIVEFOLD, THREEFOLD, HALF_TURN_Z],
        {
            "A": (1, 1, 1, 1),
            "T1": (PHI, 1 - PHI, 0, -1),
            "T2": (1 - PHI, PHI, 0, -1),
            "G": (-1, -1, 1, 0),
            "H": (0, 0, -1, 1),
        },
    ),
}


@pytest.mark.parametrize("symbol", CHARACTERS)
def test_characters_are_those_of_the_tables(symbol):
    elements, rows = CHARACTERS[symbol]
    group = PointGroup(symbol)
    assert set(rows) == {irrep.name for irrep in group.irreps()}
    for name, row in rows.items():
        found = group.representation(name).character(torch.stack(elements))
        torch.testing.assert_close(found, torch.tensor(row, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("symbol", "name"), [("O_h", "T1u"), ("T_d", "T2"), ("O", "T1"), ("I_h", "T1u"), ("T_h", "Tu")]
)
def test_the_irrep_of_a_vector_has_the_matrices_of_the_group(symbol, name):
    group = PointGroup(symbol)
    torch.testing.assert_close(group.representation(name).matrix(group.elements()), group.elements())


def test_t2g_of_the_cube_is_xz_xy_yz():
    group = PointGroup("O_h")
    x = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def products(v):
        return torch.stack([v[..., 0] * v[..., 2], v[..., 0] * v[..., 1], v[..., 1] * v[..., 2]], -1)

    moved = group.representation("T2g").matrix(group.elements()) @ products(x)
    torch.testing.assert_close(moved, products(group.elements() @ x))


# How often degree l = 0 … 15 is left invariant, and dim End(l) for l = 0 … 6.
INVARIANTS = {
    "T": (1, 0, 0, 1, 1, 0, 2, 1, 1, 2, 2, 1, 3, 2, 2, 3),
    "O": (1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 2, 1, 1, 1),
    "I": (1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1),
}
ENDOMORPHISMS = {"T": (1, 1, 3, 5, 7, 11, 15), "O": (1, 1, 2, 3, 4, 6, 8), "I": (1, 1, 1, 2, 2, 3, 4)}


@pytest.mark.parametrize("symbol", INVARIANTS)
def test_rotations_of_polyhedra_keep_so_many_harmonics(symbol):
    hom = embedding(PointGroup(symbol), SO(3))
    trivial = hom.source.irreps()[0].name
    counts = [branching(SO(3).irrep(degree), hom) for degree in range(16)]
    assert tuple(count.get(trivial, 0) for count in counts) == INVARIANTS[symbol]
    for degree, count in enumerate(counts):
        assert sum(times * hom.source.representation(name).dim for name, times in count.items()) == 2 * degree + 1


@pytest.mark.parametrize("symbol", ENDOMORPHISMS)
def test_so_many_maps_of_a_degree_commute_with_the_rotations_of_polyhedra(symbol):
    hom = embedding(PointGroup(symbol), SO(3))
    restricted = [SO(3).irrep(degree).restrict(hom) for degree in range(7)]
    assert tuple(len(intertwiners(rep, rep)) for rep in restricted) == ENDOMORPHISMS[symbol]


def test_the_crystal_field_splits_d_orbitals_as_the_books_say():
    """Bethe 1929: five d orbitals become E + T2 in a cube, H in an icosahedron."""
    for symbol, expected in {"O": {"E": 1, "T2": 1}, "T": {"E": 1, "T": 1}, "I": {"H": 1}, "D_4": None}.items():
        found = branching(SO(3).irrep(2), embedding(PointGroup(symbol), SO(3)))
        assert found == (expected or {"A1": 1, "B1": 1, "B2": 1, "E": 1})
    f_orbitals = branching(O(3).irrep(3, -1), embedding(PointGroup("O_h"), O(3)))
    assert f_orbitals == {"A2u": 1, "T1u": 1, "T2u": 1}


def symmetric_square(rep, name):
    """Sym²(ρ) in the orthonormal basis e_i e_i, (e_i e_j + e_j e_i)/√2."""
    pairs = [(i, j) for i in range(rep.dim) for j in range(i, rep.dim)]
    basis = torch.zeros(rep.dim, rep.dim, len(pairs), dtype=torch.float64)
    for position, (i, j) in enumerate(pairs):
        basis[i, j, position] = basis[j, i, position] = 1.0 if i == j else 0.5**0.5
    basis = basis.flatten(0, 1)
    square = rep * rep
    return Matrix(
        rep.group,
        name,
        len(pairs),
        lambda g: basis.T @ square.matrix(g) @ basis,
        derivative=lambda a: basis.T @ square.derivative(a) @ basis,
        orthogonal=True,
    )


STRESS = symmetric_square(O(3).irrep(1, -1), "Sym2")
ELASTICITY = symmetric_square(STRESS, "Sym2Sym2")
# Independent constants of each crystal class (Nye, Physical Properties of Crystals, tables 7 and 9).
ELASTIC = {
    **dict.fromkeys(("C_1", "C_i"), 21),
    **dict.fromkeys(("C_2", "C_s", "C_2h"), 13),
    **dict.fromkeys(("D_2", "C_2v", "D_2h"), 9),
    **dict.fromkeys(("C_4", "S_4", "C_4h", "C_3", "S_6"), 7),
    **dict.fromkeys(("D_4", "C_4v", "D_2d", "D_4h", "D_3", "C_3v", "D_3d"), 6),
    **dict.fromkeys(("C_6", "C_3h", "C_6h", "D_6", "C_6v", "D_3h", "D_6h"), 5),
    **dict.fromkeys(("T", "T_h", "O", "T_d", "O_h"), 3),
    **dict.fromkeys(("I", "I_h"), 2),
}
PIEZOELECTRIC = {
    "C_1": 18,
    "C_2": 8,
    "C_s": 10,
    "D_2": 3,
    "C_2v": 5,
    "C_4": 4,
    "S_4": 4,
    "D_4": 1,
    "C_4v": 3,
    "D_2d": 2,
}
PIEZOELECTRIC |= {"C_3": 6, "D_3": 2, "C_3v": 4, "C_6": 4, "C_3h": 2, "D_6": 1, "C_6v": 3, "D_3h": 1, "T": 1, "T_d": 1}


@pytest.mark.parametrize("symbol", ELASTIC)
def test_crystals_have_so_many_elastic_and_piezoelectric_constants(symbol):
    hom = embedding(PointGroup(symbol), O(3))
    trivial = hom.source.trivial()
    assert len(intertwiners(trivial, ELASTICITY.restrict(hom))) == ELASTIC[symbol]
    vector, stress = (rep.restrict(hom) for rep in (O(3).irrep(1, -1), STRESS))
    assert len(intertwiners(stress, vector)) == PIEZOELECTRIC.get(symbol, 0)


def test_the_elasticity_tensor_is_two_scalars_two_quadrupoles_and_a_degree_four():
    assert ELASTICITY.dim == 21
    counts = {name: len(intertwiners(O(3).representation(name), ELASTICITY)) for name in ("0e", "1e", "2e", "3e", "4e")}
    assert counts == {"0e": 2, "1e": 0, "2e": 2, "3e": 0, "4e": 1}
    assert len(intertwiners(O(3).representation("1o"), ELASTICITY)) == 0
