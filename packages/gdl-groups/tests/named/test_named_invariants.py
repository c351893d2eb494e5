"""Known dimensions of invariant tensors of the named groups, by the solver and by the character formula."""

import itertools
import math

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, FiniteGroup, O, SymmetricGroup
from gdl_core.representations import Matrix
from gdl_core.representations.algebra import direct_sum
from gdl_groups.named import (
    GL,
    SL,
    SU,
    AlternatingGroup,
    E,
    Lorentz,
    Poincare,
    PointGroup,
    QuaternionGroup,
    Scaling,
    Sp,
    U,
    UnitQuaternions,
    embedding,
)


def power(rep, k):
    product = rep
    for _ in range(k - 1):
        product = product * rep
    return product


def invariants(group, k):
    return len(intertwiners(group.trivial(), power(group.representation("standard"), k)))


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (SO(3), [0, 1, 1, 3, 6, 15]),  # Riordan numbers
        (O(3), [0, 1, 0, 3, 0, 15]),
        (SO(2), [0, 2, 0, 6, 0, 20]),
        (U(1), [0, 2, 0, 6, 0, 20]),
        (O(2), [0, 1, 0, 3, 0, 10]),
        (SO(4), [0, 1, 0, 4, 0, 25]),
        (O(4), [0, 1, 0, 3, 0, 15]),
        (Lorentz(3), [0, 1, 0, 4, 0, 25]),
        (Lorentz(3, full=True), [0, 1, 0, 3, 0, 15]),
        (Lorentz(2), [0, 1, 1, 3, 6, 15]),  # SO(2, 1) is a real form of SO(3)
        (Lorentz(1, full=True), [0, 1, 0, 3, 0, 10]),  # and O(1, 1) of O(2)
        (Sp(2), [0, 1, 0, 2, 0, 5]),  # Catalan numbers
        (SL(2), [0, 1, 0, 2, 0, 5]),
        (Sp(4), [0, 1, 0, 3, 0, 14]),
        (SL(3), [0, 0, 1, 0, 0, 5]),  # standard tableaux of rectangles
        (GL(2), [0, 0, 0, 0]),
        (SU(2), [0, 4, 0, 32]),  # R^4 is 2 + 2 over the complex numbers: 2^k Catalan(k/2)
        (UnitQuaternions(), [0, 4, 0, 32]),
        (SU(3), [0, 2, 2, 12]),
        (U(3), [0, 2, 0, 12]),
        (CyclicGroup(3), [0, 2, 2, 6, 10, 22]),
        (CyclicGroup(4), [0, 2, 0, 8, 0, 32]),
        (CyclicGroup(6), [0, 2, 0, 6, 0, 22]),
        (CyclicGroup(8), [0, 2, 0, 6, 0, 20]),
        (DihedralGroup(3), [0, 1, 1, 3, 5, 11]),
        (DihedralGroup(4), [0, 1, 0, 4, 0, 16]),
        (DihedralGroup(6), [0, 1, 0, 3, 0, 11]),
        (DihedralGroup(8), [0, 1, 0, 3, 0, 10]),
        (SymmetricGroup(3), [1, 2, 5, 14, 41, 122]),
        (SymmetricGroup(4), [1, 2, 5, 15, 51]),
        (SymmetricGroup(5), [1, 2, 5, 15, 52]),
        (AlternatingGroup(4), [1, 2, 6, 22]),  # (1/12)(4^k + 8)
        (PointGroup("I"), [0, 1, 1, 3, 6, 16]),  # one more than SO(3): degree 6
        (PointGroup("O"), [0, 1, 1, 4, 10, 31]),
        (PointGroup("O_h"), [0, 1, 0, 4, 0, 31]),
        (QuaternionGroup(), [0, 4, 0, 64]),  # (4^k + (-4)^k)/8
    ],
    ids=repr,
)
def test_invariant_tensors_of_the_defining_representation(group, expected):
    assert [invariants(group, k) for k in range(1, len(expected) + 1)] == expected
    if isinstance(group, FiniteGroup):
        character = group.representation("standard").character(group.elements())
        assert [round(float((character**k).mean())) for k in range(1, len(expected) + 1)] == expected


def test_only_the_identity_is_invariant_under_all_matrices():
    for n in (2, 3):
        vector = GL(n).representation("standard")
        assert len(intertwiners(vector, vector)) == 1
        assert len(intertwiners(vector * vector, vector * vector)) == 2  # and the exchange (Schur-Weyl)
        assert len(intertwiners(GL(n).trivial(), vector * vector.dual)) == 1


def test_the_lorentz_metric_is_kept_and_is_the_only_bilinear_invariant():
    group = Lorentz(3, full=True)
    g = group.sample(20, torch.Generator().manual_seed(0))
    torch.testing.assert_close(g.mT @ group.metric @ g, group.metric.expand_as(g), atol=1e-12, rtol=1e-12)
    momentum = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moved = (g @ momentum[..., None]).squeeze(-1)
    mass = (momentum @ group.metric * momentum).sum(-1)
    torch.testing.assert_close((moved @ group.metric * moved).sum(-1), mass, atol=1e-11, rtol=1e-11)
    covector = group.representation("standard").dual
    (found,) = intertwiners(group.trivial(), covector * covector).dense()
    torch.testing.assert_close(found.reshape(4, 4) / found[0, 0], group.metric, atol=1e-10, rtol=0)


def exterior_power(rep, k):
    """Λ^k ρ on the orthonormal basis of antisymmetric tensors."""
    if k == 0:
        return rep.group.trivial()
    sets = list(itertools.combinations(range(rep.dim), k))
    basis = torch.zeros(*[rep.dim] * k, len(sets), dtype=torch.float64)
    for position, chosen in enumerate(sets):
        for order in itertools.permutations(range(k)):
            sign = torch.linalg.det(torch.eye(k, dtype=torch.float64)[list(order)]).round()
            basis[(*[chosen[i] for i in order], position)] = sign / math.factorial(k) ** 0.5
    basis = basis.flatten(0, -2)
    whole = power(rep, k)

    def matrix(g):
        return basis.T @ whole.matrix(g) @ basis

    def derivative(a):
        return basis.T @ whole.derivative(a) @ basis

    return Matrix(rep.group, f"exterior{k}", len(sets), matrix, derivative=derivative)


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        (E(3).representation("standard").dual, 9),  # planes; grade projections, and four that multiply by e_0
        (Lorentz(3, full=True).representation("standard"), 5),  # grade projections alone
        (Lorentz(3).representation("standard"), 10),  # and with the pseudoscalar
    ],
    ids=repr,
)
def test_linear_maps_of_multivectors_are_those_of_geometric_algebra_transformers(vector, expected):
    """Brehmer et al. 2023, prop. 2, for E(3); Spinner et al. 2024, §2.3, for the Lorentz group."""
    multivector = direct_sum([exterior_power(vector, k) for k in range(5)])
    assert multivector.dim == 16
    assert len(intertwiners(multivector, multivector)) == expected


def test_boosts_add_rapidities_and_keep_the_light_cone():
    group = Lorentz(1)
    boost = group.exp(torch.tensor([0.3, 0.9], dtype=torch.float64)[:, None, None] * group.algebra()[0])
    torch.testing.assert_close(boost[:, 0, 0], torch.cosh(torch.tensor([0.3, 0.9]).double()))
    torch.testing.assert_close(group.compose(boost[0], boost[1])[0, 1], torch.sinh(torch.tensor(1.2).double()))
    light = torch.tensor([1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(boost[0] @ light, light * torch.exp(torch.tensor(0.3).double()))


def test_the_electromagnetic_field_has_two_quadratic_invariants():
    """E² - B² and E·B; space inversion leaves the first (Jackson, Classical Electrodynamics, §11.9)."""
    for full, expected in ((False, 2), (True, 1)):
        field = Lorentz(3, full).representation("adjoint")
        assert len(intertwiners(field, field)) == (1 if full else 2)
        assert len(intertwiners(field.group.trivial(), field * field)) == expected


def test_symplectic_matrices_keep_the_form_and_unitary_ones_are_among_them():
    group = Sp(4)
    g = group.sample(10, torch.Generator().manual_seed(0))
    torch.testing.assert_close(g.mT @ group.form @ g, group.form.expand_as(g), atol=1e-11, rtol=0)
    u = embedding(U(2), group)(U(2).sample(10, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(u.mT @ group.form @ u, group.form.expand_as(u), atol=1e-12, rtol=0)


def test_scalings_weigh_powers_and_pair_only_opposite_ones():
    group = Scaling(2)
    plane = group.representation("standard")
    assert len(intertwiners(plane, 2 * group.representation("s^1"))) == 4
    assert len(intertwiners(plane, group.representation("s^2"))) == 0
    assert len(intertwiners(plane * plane, group.representation("s^2"))) == 4
    assert len(intertwiners(group.representation("s^-1") * plane, group.trivial())) == 2


def test_differences_of_events_are_vectors_but_events_are_not():
    group = Poincare(3)
    event, vector = group.representation("standard"), group.representation("vector")
    assert len(intertwiners(vector, event)) == 1  # a vector is an event with 0 at the end
    assert len(intertwiners(event, vector)) == 0
    assert len(intertwiners(event, group.trivial())) == 1  # the last entry
