"""Representations: characters, irreps, decomposition, restriction and induction, the irreps of SO(3) and O(3)."""

import math
import pickle
from itertools import islice

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.errors import UnknownNameError
from gdl_core.groups import (
    SO,
    CyclicGroup,
    DihedralGroup,
    FiniteGroup,
    Group,
    Homomorphism,
    LieGroup,
    O,
    ProductGroup,
    SymmetricGroup,
    TrivialGroup,
)
from gdl_core.representations import Matrix, Representation, decompose
from gdl_core.representations.field_type import algebraic
from gdl_core.testing import check_representation, random_representation
from torch import Tensor


def quaternion_group() -> FiniteGroup:
    i = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]
    j = [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]
    return FiniteGroup.from_generators("Q8", torch.tensor([i, j], dtype=torch.float64))


def tetrahedral_group() -> FiniteGroup:
    turns = [[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]]
    return FiniteGroup.from_generators("T", torch.tensor(turns, dtype=torch.float64))


# The dimensions of the real irreps, and their types: r(eal), c(omplex), q(uaternionic).
IRREPS: dict[FiniteGroup, tuple[list[int], str]] = {
    TrivialGroup(): ([1], "r"),
    CyclicGroup(2): ([1, 1], "rr"),
    CyclicGroup(3): ([1, 2], "rc"),
    CyclicGroup(6): ([1, 2, 2, 1], "rccr"),
    DihedralGroup(1): ([1, 1], "rr"),
    DihedralGroup(2): ([1, 1, 1, 1], "rrrr"),
    DihedralGroup(3): ([1, 1, 2], "rrr"),
    DihedralGroup(4): ([1, 1, 1, 1, 2], "rrrrr"),
    SymmetricGroup(3): ([1, 1, 2], "rrr"),
    SymmetricGroup(4): ([1, 1, 2, 3, 3], "rrrrr"),
    SymmetricGroup(5): ([1, 1, 4, 4, 5, 5, 6], "rrrrrrr"),
    quaternion_group(): ([1, 1, 1, 1, 4], "rrrrq"),
    tetrahedral_group(): ([1, 2, 3], "rcr"),
    ProductGroup([CyclicGroup(3), CyclicGroup(2)]): ([1, 1, 2, 2], "rrcc"),
}
SIZES = {"r": 1, "c": 2, "q": 4}
LETTERS = {"real": "r", "complex": "c", "quaternionic": "q"}
LIE: list[Group] = [SO(2), SO(3), SO(4), O(1), O(2), O(3), ProductGroup([SO(2), CyclicGroup(3)])]

finite = pytest.mark.parametrize("group", IRREPS, ids=repr)


@finite
def test_irreps_have_the_dimensions_and_types_of_the_tables(group):
    irreps, (dimensions, types) = group.irreps(), IRREPS[group]
    assert [irrep.dim for irrep in irreps] == dimensions
    assert "".join(LETTERS[irrep.endomorphism] for irrep in irreps) == types
    assert sum(d * d // SIZES[t] for d, t in zip(dimensions, types)) == group.order
    for irrep in irreps:
        check_representation(irrep)


@finite
def test_characters_of_irreps_are_orthogonal(group):
    """<χ_i, χ_j> is zero for i ≠ j, and 1, 2 or 4 for i = j."""
    elements = group.elements()
    characters = torch.stack([irrep.character(elements) for irrep in group.irreps()])
    expected = torch.diag(torch.tensor([SIZES[t] for t in IRREPS[group][1]], dtype=torch.float64))
    torch.testing.assert_close(characters @ characters.T / group.order, expected, atol=1e-10, rtol=0)


@finite
def test_characters_are_constant_on_conjugacy_classes(group):
    classes = group.classes
    for irrep in group.irreps():
        character = irrep.character(group.elements())
        for number in classes.unique():
            torch.testing.assert_close(character[classes == number].std(correction=0).item(), 0.0, atol=1e-9, rtol=0)


def reconstruct(rep: Representation, elements: Tensor) -> Tensor:
    """Q (⊕ m ψ(g)) Q⁻¹."""
    found = decompose(rep)
    blocks = [irrep.matrix(elements) for irrep, _ in found.copies()]
    whole = torch.zeros(len(elements), rep.dim, rep.dim, dtype=torch.float64)
    for block, (_, columns) in zip(blocks, found.copies()):
        whole[:, columns, columns] = block
    q = found.change_of_basis
    return q @ whole @ torch.linalg.inv(q)


@finite
def test_the_regular_representation_holds_each_irrep_dim_over_type_times(group):
    found = {irrep.name: count for count, irrep in group.regular().decompose().irreps}
    assert found == {irrep.name: irrep.dim // SIZES[LETTERS[irrep.endomorphism]] for irrep in group.irreps()}


@finite
@pytest.mark.parametrize("seed", range(3))
def test_decompositions_rebuild_random_representations(group, seed):
    rep = random_representation(group, seed)
    check_representation(rep)
    elements = group.elements()
    torch.testing.assert_close(reconstruct(rep, elements), rep.matrix(elements), atol=1e-9, rtol=0)


@finite
def test_decompositions_rebuild_representations_that_are_not_orthogonal(group):
    """S ρ S⁻¹ for a shear S, and its dual."""
    base = group.regular()
    shear = torch.eye(base.dim, dtype=torch.float64) + 0.3 * torch.ones(base.dim, base.dim).triu(1).double() / base.dim
    back = torch.linalg.inv(shear)
    rep = Matrix(group, "sheared", base.dim, lambda g: shear @ base.matrix(g) @ back)
    elements = group.elements()
    for one in (rep, rep.dual):
        check_representation(one)
        torch.testing.assert_close(reconstruct(one, elements), one.matrix(elements), atol=1e-9, rtol=0)
    assert rep.dual.dual == rep


@pytest.mark.parametrize("group", LIE, ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_random_representations_of_lie_groups_are_representations(group, seed):
    check_representation(random_representation(group, seed))


def test_random_representations_repeat_under_their_seed():
    group = DihedralGroup(4)
    drawn = [random_representation(group, seed) for seed in range(12)]
    assert drawn == [random_representation(group, seed) for seed in range(12)]
    assert len(set(map(repr, drawn))) > 6 and max(rep.dim for rep in drawn) <= 24


def test_sums_products_and_multiples_have_the_characters_of_the_formula():
    group = SymmetricGroup(4)
    elements = group.elements()
    a, b = group.standard(), group.irreps()[2]
    chi_a, chi_b = a.character(elements), b.character(elements)
    torch.testing.assert_close((a + b).character(elements), chi_a + chi_b)
    torch.testing.assert_close((a * b).character(elements), chi_a * chi_b)
    torch.testing.assert_close((3 * a).character(elements), 3 * chi_a)
    torch.testing.assert_close((2 * a + b).matrix(elements)[:, 8:, 8:], b.matrix(elements))
    torch.testing.assert_close((a * b).matrix(elements[5]), torch.kron(a.matrix(elements[5]), b.matrix(elements[5])))
    assert (a * a).is_permutation and not (a * b).is_permutation and (a + b).is_orthogonal


def rotations_of(n: int) -> Homomorphism:
    return Homomorphism(CyclicGroup(n), DihedralGroup(n), lambda k: torch.stack([torch.zeros_like(k), k], -1))


def stabiliser(n: int) -> Homomorphism:
    """S_{n-1} in S_n, fixing the last point."""
    last = torch.tensor([n - 1])
    return Homomorphism(
        SymmetricGroup(n - 1), SymmetricGroup(n), lambda p: torch.cat([p, last.expand(*p.shape[:-1], 1)], -1)
    )


def inner(a: Representation, b: Representation) -> float:
    elements = a.group.elements()
    return float((a.character(elements) * b.character(elements)).mean())


@pytest.mark.parametrize("hom", [rotations_of(4), rotations_of(5), stabiliser(4)], ids=repr)
def test_frobenius_reciprocity(hom):
    """<Ind ρ, σ>_G = <ρ, Res σ>_H for every pair of irreps."""
    for small in hom.source.irreps():
        induced = small.induce(hom)
        check_representation(induced)
        assert induced.dim == small.dim * hom.target.order // hom.source.order
        for big in hom.target.irreps():
            check_representation(big.restrict(hom))
            assert math.isclose(inner(induced, big), inner(small, big.restrict(hom)), abs_tol=1e-9)


def test_inducing_the_trivial_representation_permutes_cosets():
    hom = stabiliser(4)
    quotient = hom.source.trivial().induce(hom)
    assert quotient.is_permutation and quotient.dim == 4
    assert math.isclose(inner(quotient, quotient), inner(hom.target.standard(), hom.target.standard()))
    assert str(quotient.decompose()) == str(hom.target.standard().decompose())


def test_restriction_to_a_lie_subgroup_has_the_derivative_of_the_chain_rule():
    """SO(2) turns about z: degree l of SO(3) falls into the frequencies 0 … l."""

    def about_z(g: Tensor) -> Tensor:
        whole = torch.zeros(*g.shape[:-2], 3, 3, dtype=g.dtype)
        return whole + torch.nn.functional.pad(g, (0, 1, 0, 1)) + torch.diag(torch.tensor([0.0, 0, 1], dtype=g.dtype))

    hom = Homomorphism(SO(2), SO(3), about_z, check=True)
    rep = SO(3).irrep(3).restrict(hom)
    check_representation(rep)
    frequencies = torch.linalg.eigvals(rep.derivative(SO(2).algebra()[0])).imag.sort().values
    torch.testing.assert_close(frequencies, torch.arange(-3, 4).double(), atol=1e-9, rtol=0)


# ---- the conventions of SO(3) and O(3): those of e3nn, y is the polar axis ----


def degree_2(p: Tensor) -> Tensor:
    x, y, z = p.unbind(-1)
    root = math.sqrt(3)
    return torch.stack(
        [root * x * z, root * x * y, y * y - (x * x + z * z) / 2, root * y * z, root / 2 * (z * z - x * x)], -1
    )


def degree_3(p: Tensor) -> Tensor:
    x, y, z = p.unbind(-1)
    flat = x * x + z * z
    two = degree_2(p)
    return torch.stack(
        [
            math.sqrt(5 / 6) * (two[..., 0] * z + two[..., 4] * x),
            math.sqrt(5) * two[..., 0] * y,
            math.sqrt(3 / 8) * (4 * y * y - flat) * x,
            y * (2 * y * y - 3 * flat) / 2,
            math.sqrt(3 / 8) * z * (4 * y * y - flat),
            math.sqrt(5) * two[..., 4] * y,
            math.sqrt(5 / 6) * (two[..., 4] * z - two[..., 0] * x),
        ],
        -1,
    )


def test_the_harmonics_of_this_test_are_those_of_e3nn():
    """Fixtures in e3nn's `norm` normalisation, computed once in float64."""
    tilted = torch.tensor([0.6, 0, 0.8], dtype=torch.float64)
    oblique = torch.tensor([1.0, 2, 3], dtype=torch.float64) / math.sqrt(14)
    for point, two, three in (
        (
            tilted,
            [0.831384, 0, -0.5, 0, 0.242487],
            [0.739973, 0, -0.367423, 0, -0.489898, 0, -0.278280],
        ),
        (
            oblique,
            [0.371154, 0.247436, -0.071429, 0.742307, 0.494872],
            [0.392393, 0.443614, 0.070141, -0.419982, 0.210424, 0.591485, 0.271657],
        ),
    ):
        torch.testing.assert_close(degree_2(point), torch.tensor(two, dtype=torch.float64), atol=1e-6, rtol=0)
        torch.testing.assert_close(degree_3(point), torch.tensor(three, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("degree", "harmonic"), [(2, degree_2), (3, degree_3)])
def test_spherical_harmonics_turn_by_the_irreps(degree, harmonic):
    """Y(Rp) = D(R) Y(p), for SO(3) and for O(3) with the parity of the degree."""
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(20, 3, generator=draw, dtype=torch.float64)
    turns = SO(3).sample(6, draw)
    moved = harmonic(torch.einsum("rij,pj->rpi", turns, points))
    torch.testing.assert_close(moved, torch.einsum("rij,pj->rpi", SO(3).irrep(degree).matrix(turns), harmonic(points)))
    turns = O(3).sample(6, draw)
    moved = harmonic(torch.einsum("rij,pj->rpi", turns, points))
    rep = O(3).representation(f"{degree}{'e' if degree % 2 == 0 else 'o'}")
    torch.testing.assert_close(moved, torch.einsum("rij,pj->rpi", rep.matrix(turns), harmonic(points)))


def test_the_vector_of_o3_is_the_matrix_and_the_pseudovector_its_determinant_times_it():
    g = O(3).sample(10, torch.Generator().manual_seed(0))
    torch.testing.assert_close(O(3).representation("1o").matrix(g), g)
    torch.testing.assert_close(O(3).representation("1e").matrix(g), torch.linalg.det(g)[:, None, None] * g)
    torch.testing.assert_close(O(3).representation("0o").matrix(g)[:, 0, 0], torch.linalg.det(g))
    assert bool((O(3).representation("0e").matrix(g) == 1).all())
    a, b = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    turned = torch.linalg.cross((g @ a[..., None])[..., 0], (g @ b[..., None])[..., 0])
    expected = (O(3).representation("1e").matrix(g) @ torch.linalg.cross(a, b)[..., None])[..., 0]
    torch.testing.assert_close(turned, expected)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1.0, math.pi - 1e-9, math.pi])
@pytest.mark.parametrize("degree", [1, 2, 4])
def test_the_irreps_of_so3_are_accurate_at_every_angle(angle, degree):
    axes = torch.nn.functional.normalize(
        torch.randn(8, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    )
    axes = torch.cat([axes, torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    group, rep = SO(3), SO(3).irrep(degree)
    tangent = torch.einsum("na,aij->nij", axes, group.algebra())
    matrices = rep.matrix(group.exp(angle * tangent))
    torch.testing.assert_close(matrices, torch.linalg.matrix_exp(angle * rep.derivative(tangent)), atol=1e-8, rtol=0)


@pytest.mark.parametrize("degree", [1, 2, 5, 8])
def test_the_character_of_degree_l_is_the_dirichlet_kernel(degree):
    """χ_l(angle) = sin((2l + 1) angle / 2) / sin(angle / 2)."""
    angles = torch.linspace(0.1, 3.1, 12, dtype=torch.float64)
    turns = SO(3).exp(angles[:, None, None] * SO(3).algebra()[1])
    expected = torch.sin((degree + 0.5) * angles) / torch.sin(angles / 2)
    torch.testing.assert_close(SO(3).irrep(degree).character(turns), expected, atol=1e-9, rtol=1e-9)


# ---- values: equality, repr, pickle ----

G = DihedralGroup(4)
VALUES = [
    G.regular(),
    G.standard(),
    G.trivial(),
    G.representation("E1"),
    G.standard() * G.sign() + 2 * G.regular(),
    SO(3).irrep(2) * SO(3).standard(),
    O(3).representation("1e"),
    quaternion_group().irreps()[4],
    LieGroup("line", torch.tensor([[[0.0, 1], [0, 0]]]), is_compact=False).standard().dual,
]


@pytest.mark.parametrize("rep", VALUES, ids=repr)
def test_representations_pickle_and_compare_by_content(rep):
    again = pickle.loads(pickle.dumps(rep))
    assert again == rep and hash(again) == hash(rep)
    g = rep.group.sample(3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.matrix(g), rep.matrix(g))
    assert (again.is_permutation, again.is_orthogonal, again.endomorphism) == (
        rep.is_permutation,
        rep.is_orthogonal,
        rep.endomorphism,
    )


@pytest.mark.parametrize("rep", VALUES[:7], ids=repr)
def test_the_repr_makes_the_representation_again(rep):
    names = {"DihedralGroup": DihedralGroup}
    if isinstance(rep.group, DihedralGroup):
        assert eval(repr(rep), names) == rep
    assert repr(rep.group) in repr(rep)


def test_errors_name_both_sides():
    a, b = DihedralGroup(4).standard(), CyclicGroup(4).standard()
    for operation in (lambda: a + b, lambda: a * b):
        with pytest.raises(TypeError, match=r"mixes groups: DihedralGroup\(4\).*CyclicGroup\(4\)"):
            operation()
    with pytest.raises(ValueError, match="acts on 2 components, got an axis of 3"):
        a.act(DihedralGroup(4).identity(), torch.zeros(3))
    with pytest.raises(TypeError, match="does not permute coordinates"):
        a.images(DihedralGroup(4).identity())
    with pytest.raises(TypeError, match="cannot be restricted along"):
        b.restrict(rotations_of(4))
    with pytest.raises(TypeError, match=r"irreps of O\(5\) are not known by name"):
        (O(5).standard() * O(5).standard()).decompose()


@pytest.mark.parametrize(
    ("group", "formula", "expected"),
    [
        (SO(3), "(1*2)", {"1": 1, "2": 1, "3": 1}),
        (SO(3), "(standard*standard)", {"0": 1, "1": 1, "2": 1}),
        (SO(3), "(1*(1*1))", {"0": 1, "1": 3, "2": 2, "3": 1}),  # spins 1, 1, 1
        (O(3), "(1o*1o)", {"0e": 1, "1e": 1, "2e": 1}),
        (O(3), "(1o*(1o*1o))", {"0o": 1, "1o": 3, "2o": 2, "3o": 1}),
        (SO(2), "(1*2)", {"1": 1, "3": 1}),
        (SO(2), "(1*1)", {"0": 2, "2": 1}),
        (O(2), "(1*1)", {"0": 1, "det": 1, "2": 1}),
    ],
)
def test_products_of_rotations_split_as_the_tables_say(group, formula, expected):
    """Clebsch-Gordan series; the change of basis carries the sum of the irreps to the product, and is orthogonal."""
    rep = algebraic(group, formula)
    found = rep.decompose()
    assert {irrep.name: times for times, irrep in found.irreps} == expected
    g, q = group.sample(1, torch.Generator().manual_seed(0))[0], found.change_of_basis
    blocks = torch.block_diag(*[irrep.matrix(g) for irrep, _ in found.copies()])
    assert torch.allclose(q @ blocks @ q.T, rep.matrix(g), atol=1e-10)
    assert torch.allclose(q.T @ q, torch.eye(rep.dim, dtype=torch.float64), atol=1e-10)


def test_an_irrep_of_every_group_is_asked_for_by_name():
    for group in (DihedralGroup(4), SymmetricGroup(4), SO(2), SO(3), O(2), O(3)):
        series = group._irrep_series()
        assert series is not None
        for irrep in islice(series, 5):
            assert group.irrep(irrep.name) == irrep
    assert SO(3).irrep("2") == SO(3).irrep(2) and O(3).irrep("1o") == O(3).irrep(1, -1)
    with pytest.raises(UnknownNameError, match="no irrep named 'B3', its irreps 'A1', 'A2', 'B1', 'B2', 'E1'"):
        DihedralGroup(4).irrep("B3")
    with pytest.raises(UnknownNameError, match=r"named '1'; it has .* and its irreps '0e', '0o', '1e', '1o'"):
        O(3).representation("1")
    for wrong in (-1, 1.5):
        with pytest.raises(ValueError, match="is a whole number from 0, got"):
            SO(3).irrep(wrong)  # type: ignore[arg-type]


def test_the_check_of_representations_can_fail():
    group = DihedralGroup(3)
    good = group.standard()
    wrong = {
        "is_orthogonal claims": Matrix(
            group, "x", 2, lambda g: SHEAR @ good.matrix(g) @ SHEAR.inverse(), orthogonal=True
        ),
        "ρ.gh. = ρ.g.ρ.h.": Matrix(group, "x", 2, lambda g: good.matrix(g).mT),
        "claims the type complex": Matrix(group, "x", 2, good.matrix, orthogonal=True, endomorphism="complex"),
        "dρ.a. = d/dt": Matrix(SO(2), "x", 2, lambda g: g, derivative=lambda a: 2 * a, orthogonal=True),
    }
    for sentence, rep in wrong.items():
        with pytest.raises(AssertionError, match=sentence):
            check_representation(rep)


SHEAR = torch.tensor([[1.0, 0.5], [0, 1]], dtype=torch.float64)


@pytest.mark.parametrize("group", [O(3), SO(3), SO(2), DihedralGroup(4)], ids=repr)
def test_a_group_has_one_trivial_representation_by_whatever_name(group):
    names = {"O(3)": "0e", "DihedralGroup(4)": "A1"}
    irrep = group.representation(names.get(repr(group), "0"))
    assert irrep == group.trivial()
    assert hash(irrep) == hash(group.trivial())
    assert pickle.loads(pickle.dumps(irrep)).name == irrep.name
    assert irrep != group.representation("det" if isinstance(group, O) else "standard")
    assert len(intertwiners(group.trivial(), irrep)) == 1  # Schur: the same irrep, so one map


def test_the_determinant_of_the_plane_is_an_irrep():
    det = O(2).representation("det")
    assert det.endomorphism == "real"
    assert pickle.loads(pickle.dumps(det)) == det
    check_representation(det)
    assert [len(intertwiners(det, other)) for other in (det, O(2).trivial(), O(2).irrep(1))] == [1, 0, 0]
    assert len(intertwiners(O(3).representation("det"), O(3).representation("0o"))) == 1
