"""Every group of core satisfies the axioms, and so do all representations that it names."""

import itertools
import math
import pickle

import pytest
import torch
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
    SemidirectProduct,
    SymmetricGroup,
    TrivialGroup,
    realify,
)
from gdl_core.testing import check_group

I, J = (
    [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
    [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
)


def quaternion_group() -> FiniteGroup:
    """Q8 as left multiplication of the quaternions by i and j."""
    return FiniteGroup.from_generators("Q8", torch.tensor([I, J], dtype=torch.float64))


def tetrahedral_group() -> FiniteGroup:
    turns = [[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]]
    return FiniteGroup.from_generators("T", torch.tensor(turns, dtype=torch.float64), order=12)


def su2() -> LieGroup:
    pauli = torch.tensor([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128)
    return LieGroup("SU(2)", realify(-0.5j * pauli))


def turn_shift(g: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """D4 acts on the shifts of a 4 x 4 torus by its integer matrices."""
    matrix = DihedralGroup(4).standard().matrix(g).round().to(torch.int64)
    return (matrix * n.unsqueeze(-2)).sum(-1) % 4


def p4m() -> SemidirectProduct:
    return SemidirectProduct(ProductGroup([CyclicGroup(4), CyclicGroup(4)]), DihedralGroup(4), turn_shift, "p4m(4)")


def euclidean() -> LieGroup:
    """SE(2) as 3 x 3 matrices: not compact, not orthogonal."""
    algebra = torch.zeros(3, 3, 3)
    algebra[0, 0, 2] = algebra[1, 1, 2] = algebra[2, 1, 0] = 1
    algebra[2, 0, 1] = -1
    return LieGroup("SE(2)", algebra, is_compact=False)


ORDERS: dict[Group, int] = {TrivialGroup(): 1}
ORDERS |= {CyclicGroup(n): n for n in range(1, 9)}
ORDERS |= {DihedralGroup(n): 2 * n for n in range(1, 9)}
ORDERS |= {SymmetricGroup(n): math.factorial(n) for n in range(1, 6)}
ORDERS |= {
    ProductGroup([CyclicGroup(2), DihedralGroup(3)]): 12,
    ProductGroup([CyclicGroup(2), SymmetricGroup(3), CyclicGroup(3)]): 36,
    p4m(): 128,
    quaternion_group(): 8,
    tetrahedral_group(): 12,
    FiniteGroup.from_generators("rectangle", [[1, 0, 3, 2], [2, 3, 0, 1]]): 4,
}
DIMENSIONS: dict[Group, int] = {
    SO(2): 1,
    SO(3): 3,
    SO(4): 6,
    O(1): 0,
    O(2): 1,
    O(3): 3,
    O(4): 6,
    su2(): 3,
    euclidean(): 3,
}
DIMENSIONS |= {ProductGroup([SO(2), O(1)]): 1, ProductGroup([SO(3), CyclicGroup(3)]): 3}


@pytest.mark.parametrize("group", [*ORDERS, *DIMENSIONS], ids=repr)
def test_the_axioms_hold_and_named_representations_are_homomorphisms(group):
    check_group(group)


@pytest.mark.parametrize(("group", "order"), ORDERS.items(), ids=map(repr, ORDERS))
def test_finite_groups_have_their_order(group, order):
    assert group.order == order == group.elements().shape[0]
    assert group.algebra().shape[0] == 0


@pytest.mark.parametrize(("group", "dimension"), DIMENSIONS.items(), ids=map(repr, DIMENSIONS))
def test_lie_groups_have_their_dimension(group, dimension):
    assert group.order is None
    assert group.algebra().shape == (dimension, *group.element_shape)
    if dimension:
        exp = group.exp(group.algebra())
        assert exp.shape == group.algebra().shape


@pytest.mark.parametrize("m", [2, 3, 4])
def test_samples_of_orthogonal_groups_are_haar(m):
    """E[R_ij R_kl] = δ_ik δ_jl / m, and SO has determinant one where O has both signs."""
    draw = torch.Generator().manual_seed(0)
    for group, signs in ((SO(m), {1}), (O(m), {1, -1})):
        sample = group.sample(20_000, draw)
        assert {round(float(d)) for d in torch.linalg.det(sample)} == signs
        moments = torch.einsum("nij,nkl->ijkl", sample, sample) / sample.shape[0]
        expected = torch.einsum("ik,jl->ijkl", torch.eye(m), torch.eye(m)).double() / m
        if m == 2 and isinstance(group, SO):  # rotations of the plane commute, so one more invariant remains
            turn = torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64)
            expected = sum(torch.einsum("ij,kl->ijkl", a, a) / 2 for a in (torch.eye(2).double(), turn))
        torch.testing.assert_close(moments, expected, atol=0.03, rtol=0)


def test_finite_samples_are_uniform():
    group = SymmetricGroup(3)
    counts = torch.bincount(group.index(group.sample(6000, torch.Generator().manual_seed(0))), minlength=6)
    assert int(counts.min()) > 850 and int(counts.max()) < 1150


def test_no_elements_have_no_positions():
    assert tetrahedral_group().index(torch.empty(0, 3, 3)).shape == (0,)
    assert SymmetricGroup(3).index(torch.empty(2, 0, 3, dtype=torch.int64)).shape == (2, 0)


def test_the_rotation_algebra_is_right_handed():
    x, y, z = SO(3).algebra()
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        torch.testing.assert_close(a @ b - b @ a, c)
    quarter = SO(3).exp(math.pi / 2 * z) @ torch.tensor([1.0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(quarter, torch.tensor([0.0, 1, 0], dtype=torch.float64))


def test_realify_is_a_homomorphism():
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 3, dtype=torch.complex128, generator=draw)
    torch.testing.assert_close(realify(a @ b), realify(a) @ realify(b))


def test_su2_covers_so3_twice():
    minus = su2().exp(2 * math.pi * su2().algebra()[2])
    torch.testing.assert_close(minus, -torch.eye(4, dtype=torch.float64))


def test_subgroups_have_cosets_and_homomorphisms_are_checked():
    rotations = Homomorphism(
        CyclicGroup(4), DihedralGroup(4), lambda k: torch.stack([torch.zeros_like(k), k], -1), check=True
    )
    representatives, coset, inner = rotations.cosets()
    assert representatives.shape[0] == 2
    group = DihedralGroup(4)
    rebuilt = group.compose(representatives[coset], rotations(CyclicGroup(4).elements()[inner]))
    assert torch.equal(rebuilt, group.elements())
    with pytest.raises(ValueError, match="is not a homomorphism"):
        Homomorphism(CyclicGroup(4), DihedralGroup(4), lambda k: torch.stack([k % 2, k], -1), check=True)


def test_equal_groups_are_equal_and_different_groups_are_not():
    groups = [*ORDERS, *DIMENSIONS]
    for a, b in itertools.combinations(groups, 2):
        assert a != b, (a, b)
    assert CyclicGroup(4) == CyclicGroup(4) and hash(quaternion_group()) == hash(quaternion_group())


@pytest.mark.parametrize("group", [*ORDERS, *DIMENSIONS], ids=repr)
def test_groups_pickle(group):
    assert pickle.loads(pickle.dumps(group)) == group


NAMESPACE = {
    cls.__name__: cls for cls in (TrivialGroup, CyclicGroup, DihedralGroup, SymmetricGroup, SO, O, ProductGroup)
}
NAMED = [CyclicGroup(3), DihedralGroup(2), SymmetricGroup(4), SO(3), O(2), ProductGroup([SO(2), CyclicGroup(3)])]


@pytest.mark.parametrize("group", NAMED, ids=repr)
def test_the_repr_makes_the_group_again(group):
    assert eval(repr(group), NAMESPACE) == group


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: CyclicGroup(0), "CyclicGroup takes a positive whole number, got 0"),
        (lambda: DihedralGroup(2.0), "DihedralGroup takes a positive whole number, got 2.0"),
        (lambda: SO(1), "SO takes a whole number of at least 2, got 1"),
        (lambda: O(0), "O takes a whole number of at least 1, got 0"),
        (lambda: ProductGroup([]), "at least one factor"),
        (lambda: FiniteGroup.from_generators("x", [[0, 0, 1]]), "Generator 0 of x is not a permutation"),
        (lambda: FiniteGroup.from_generators("x", torch.zeros(1, 2, 2)), "A generator of x is not invertible"),
        (lambda: FiniteGroup.from_generators("x", torch.zeros(1, 2, 3)), "must be square matrices"),
        (
            lambda: FiniteGroup.from_generators("x", [[1, 0]], order=3).elements(),
            "declared with order 3, but its generators give 2",
        ),
        (lambda: FiniteGroup.from_elements("x", [[0, 1, 2], [1, 2, 0]]), "not closed under composition"),
        (lambda: LieGroup("x", torch.zeros(3, 2)), "must be square matrices"),
        (lambda: CyclicGroup(3).exp(torch.zeros(())), "has no Lie algebra"),
        (lambda: tetrahedral_group().index(2 * torch.eye(3)), "is not one of its elements"),
    ],
)
def test_bad_groups_raise_a_sentence(make, sentence):
    with pytest.raises((ValueError, NotImplementedError), match=sentence):
        make()


def test_an_infinite_matrix_group_is_refused_before_memory_runs_out(monkeypatch):
    monkeypatch.setattr("gdl_core.groups.finite.MAX_ENUMERATED", 500)
    angle = torch.tensor(1.0, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    with pytest.raises(ValueError, match="has more than 500 elements; enumerating it was stopped"):
        FiniteGroup.from_generators("irrational", turn[None]).elements()


def test_an_unknown_representation_offers_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'regular'"):
        DihedralGroup(4).representation("reglar")


def test_the_check_of_groups_can_fail():
    class Broken(CyclicGroup):
        """A ring that forgets to wrap."""

        def inverse(self, g):
            return g

    with pytest.raises(AssertionError, match="g g⁻¹ = e does not hold"):
        check_group(Broken(5))

    class Stuck(DihedralGroup):
        """Its generators reach the rotations only."""

        def generators(self):
            return super().generators()[:1]

    with pytest.raises(AssertionError, match="the generators reach 5 of 10 elements"):
        check_group(Stuck(5))
