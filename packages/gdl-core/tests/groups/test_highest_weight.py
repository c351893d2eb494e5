"""Irreps of SO(m), m >= 4, by highest weight: against dimensions, Casimir numbers and products from the literature."""

import math
import pickle
from itertools import islice

import pytest
import torch
from gdl_core import EquivariantLinear, FieldType
from gdl_core.derive import intertwiners
from gdl_core.groups import SO
from gdl_core.groups.weights import Classical, labels_name, parse_labels
from gdl_core.representations.irreps import multiplicities

# Dimensions of irreps over the complex numbers: Slansky, Physics Reports 79 (1981), tables 40 and 42 (SO(5) as Sp(4)).
DIMENSIONS = {
    Classical("D", 2): {(1, 0): 4, (1, 1): 3, (1, -1): 3, (2, 0): 9, (2, 1): 8, (3, -3): 7},
    Classical("B", 2): {(1, 0): 5, (1, 1): 10, (2, 0): 14, (2, 1): 35, (3, 0): 30},
    Classical("D", 3): {(1, 0, 0): 6, (1, 1, 0): 15, (1, 1, 1): 10, (2, 0, 0): 20, (2, 1, 0): 64},
    Classical("B", 3): {(1, 0, 0): 7, (1, 1, 0): 21, (1, 1, 1): 35, (2, 0, 0): 27},
    Classical("D", 4): {(1, 0, 0, 0): 8, (1, 1, 0, 0): 28, (1, 1, 1, 1): 35, (1, 1, 1, -1): 35, (2, 0, 0, 0): 35},
    Classical("A", 3): {(1, 0, 0): 3, (2, 1, 0): 8, (2, 0, 0): 6, (3, 0, 0): 10, (4, 2, 0): 27},
    Classical("C", 2): {(1, 0): 4, (1, 1): 5, (2, 0): 10, (2, 1): 16, (3, 0): 20},
}
WEIGHTS = [(4, (1, 0)), (4, (1, 1)), (4, (1, -1)), (4, (2, 1)), (5, (1, 1)), (5, (2, 0)), (5, (2, 1)), (6, (1, 1, 1))]


@pytest.mark.parametrize("algebra", DIMENSIONS, ids=lambda algebra: f"{algebra.kind}{algebra.rank}")
def test_dimensions_are_those_of_the_tables(algebra):
    for weight, dimension in DIMENSIONS[algebra].items():
        assert algebra.is_dominant(weight)
        assert algebra.dimension(weight) == dimension
    first = list(islice(algebra.dominant_weights(), 40))
    sizes = [algebra.dimension(weight) for weight in first]
    assert sizes == sorted(sizes)
    assert len(set(first)) == 40
    assert all(weight in first for weight, d in DIMENSIONS[algebra].items() if d < sizes[-1])


@pytest.mark.parametrize(("m", "weight"), WEIGHTS, ids=str)
def test_matrices_are_an_orthogonal_irrep(m, weight):
    group = SO(m)
    irrep, (g, h) = group.irrep(weight), group.sample(2, torch.Generator().manual_seed(0))
    size = Classical("B" if m % 2 else "D", m // 2).dimension(weight)
    assert irrep.dim == size * (2 if irrep.endomorphism == "complex" else 1)
    eye, a, b = torch.eye(irrep.dim, dtype=torch.float64), irrep.matrix(g), irrep.matrix(h)
    torch.testing.assert_close(irrep.matrix(g @ h), a @ b, rtol=0, atol=1e-12)
    torch.testing.assert_close(a @ a.mT, eye, rtol=0, atol=1e-12)
    assert len(intertwiners(irrep, irrep)) == (2 if irrep.endomorphism == "complex" else 1)
    torch.testing.assert_close(
        irrep.matrix(group.exp(group.algebra())),
        torch.linalg.matrix_exp(irrep.derivative(group.algebra())),
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize(("m", "weight"), WEIGHTS, ids=str)
def test_casimir_numbers_are_those_of_the_weight(m, weight):
    """-Σ dρ(L_ij)² = (λ, λ + 2ρ), with 2ρ = (m - 2, m - 4, …) (Fulton and Harris 1991, eq. 25.14)."""
    irrep = SO(m).irrep(weight)
    x = irrep.derivative(SO(m).algebra())
    number = sum(entry * (entry + m - 2 - 2 * i) for i, entry in enumerate(weight))
    torch.testing.assert_close(-(x @ x).sum(0), number * torch.eye(irrep.dim, dtype=torch.float64), rtol=0, atol=1e-11)


def test_vectors_are_the_standard_representation_and_degrees_are_harmonic_polynomials():
    g = SO(5).sample(1)[0]
    assert torch.equal(SO(5).irrep(1).matrix(g), g)
    for degree in range(5):  # dim H_l(R^m) = C(m + l - 1, l) - C(m + l - 3, l - 2)
        count = math.comb(4 + degree, degree) - (math.comb(2 + degree, degree - 2) if degree > 1 else 0)
        assert SO(5).irrep(degree).dim == count
    assert len(intertwiners(SO(5).irrep(2), SO(5).standard() * SO(5).standard())) == 1


@pytest.mark.parametrize(
    ("m", "left", "right", "expected"),
    [
        (4, (1, 0), (1, 0), {"(0,0)": 1, "(1,-1)": 1, "(1,1)": 1, "(2,0)": 1}),
        (4, (1, 1), (1, -1), {"(2,0)": 1}),
        (5, (1, 0), (2, 0), {"(1,0)": 1, "(3,0)": 1, "(2,1)": 1}),
        (6, (1, 0, 0), (1, 1, 0), {"(1,0,0)": 1, "(1,1,1)": 1, "(2,1,0)": 1}),
    ],
)
def test_products_decompose_as_in_the_tables(m, left, right, expected):
    product = SO(m).irrep(left) * SO(m).irrep(right)
    assert {irrep.name: count for count, irrep in multiplicities(product)} == expected


def test_a_product_is_taken_apart_by_an_orthogonal_matrix():
    product, g = SO(4).standard() * SO(4).standard(), SO(4).sample(1)[0]
    parts = product.decompose()
    blocks = [irrep.matrix(g) for irrep, _ in parts.copies()]
    q = parts.change_of_basis
    torch.testing.assert_close(q @ torch.block_diag(*blocks) @ q.T, product.matrix(g), rtol=0, atol=1e-12)


def test_self_dual_forms_are_what_rotations_of_one_side_turn():
    """SO(4) is left times right multiplication of quaternions; each kind leaves one sort of two-forms alone."""
    group = SO(4)
    left = torch.tensor([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]], dtype=torch.float64)  # q -> i q
    turns = [group.irrep(weight).derivative(left).norm() for weight in ((1, 1), (1, -1))]
    assert min(turns) < 1e-12 < 1 < max(turns)


def test_conjugate_weights_are_one_real_irrep():
    assert SO(6).irrep((1, 1, -1)) == SO(6).irrep((1, 1, 1))
    assert SO(6).irrep((1, 1, 1)).endomorphism == "complex"
    assert SO(4).irrep((1, -1)) != SO(4).irrep((1, 1))
    assert SO(8).irrep((1, 1, 1, -1)).endomorphism == "real"


def test_field_types_take_labels_as_names():
    text = "2x(1,1)+1x(2,0)+3x((1,0)*(1,1))+4x(0,0)"
    type = FieldType(SO(4), text)
    assert str(type) == text and type.channels == 2 * 3 + 9 + 3 * 4 * 3 + 4
    assert eval(repr(type)) == type == pickle.loads(pickle.dumps(type))
    assert [len(weight) for weight in EquivariantLinear(type, FieldType(SO(4), "1x(1,1)+1x(0,0)")).weights] == [1, 1]
    with pytest.raises(ValueError, match=r"SO\(4\) has no irrep \(1,2\)"):
        FieldType(SO(4), "2x(1,2)")
    assert FieldType(SO(3), "2x(1)") == FieldType(SO(3), "2x1")  # here parentheses only group


def test_matrices_can_be_differentiated():
    g = SO(4).sample(1)[0].requires_grad_()
    SO(4).irrep((2, 1)).matrix(g).square().sum().backward()  # constant on the group, so the slope is normal to it
    tangent = g.detach().mT @ g.grad
    assert (tangent - tangent.mT).abs().max() < 1e-10 < 1 < g.grad.norm()


def test_names_are_read_back_and_wrong_ones_explained():
    irrep = SO(4).irrep((2, -1))
    assert irrep == SO(4).irrep("(2, -1)") == SO(4).representation("(2,-1)") == pickle.loads(pickle.dumps(irrep))
    assert labels_name(parse_labels("( 2,-1 )") or ()) == irrep.name
    assert parse_labels("2,-1") is parse_labels("(a)") is parse_labels("(1/0)") is None
    assert SO(4).irrep((0, 0)) == SO(4).trivial()
    for weight in ((1, 2), (1,), (1, 0, 0), (0.5, 0.5)):
        with pytest.raises(ValueError, match=r"SO\(4\) has no irrep .*: its highest weight is 2 whole numbers"):
            SO(4).irrep(weight)
    with pytest.raises(ValueError, match="λ_r ≥ 0"):
        SO(5).irrep((1, -1))
    with pytest.raises(ValueError, match="named by one whole number"):
        SO(3).irrep((1,))
    mirror = torch.diag(torch.tensor([1.0, 1, 1, -1], dtype=torch.float64))
    with pytest.raises(ValueError, match="its determinant is -1"):
        SO(4).irrep((1, 1)).matrix(mirror)
