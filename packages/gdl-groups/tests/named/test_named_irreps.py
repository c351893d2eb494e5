"""Irreps by highest weight of SU(n), SL(n), Sp(2n) and the Lorentz groups: characters, Casimir numbers, products."""

import pickle

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.representations import FieldType
from gdl_core.representations.irreps import multiplicities
from gdl_groups import EquivariantMLP
from gdl_groups.named import SL, SU, Lorentz, Sp
from gdl_groups.named.unitary import complexify

OCTET = SU(3).irrep((1, 1))
CASES = [
    (SU(3), (1, 0), 6, "complex"),
    (SU(3), (1, 1), 8, "real"),
    (SU(3), (2, 0), 12, "complex"),
    (SU(3), (3, 0), 20, "complex"),
    (SU(3), (2, 2), 27, "real"),
    (SU(4), (0, 1, 0), 6, "real"),
    (SU(6), (0, 0, 1, 0, 0), 40, "quaternionic"),
    (SL(3), (1, 1), 8, "real"),
    (SL(3), (0, 1), 3, "real"),
    (SL(2, "complex"), (2,), 6, "complex"),
    (Sp(4), (1, 1), 5, "real"),
    (Sp(4), (2, 0), 10, "real"),
    (Lorentz(2), (2,), 5, "real"),
    (Lorentz(3), (1, 0), 6, "complex"),
    (Lorentz(3), (1, 1), 9, "real"),
    (Lorentz(3), (1.5, 0.5), 16, "complex"),
    (Lorentz(4), (1, 1), 10, "real"),
]


@pytest.mark.parametrize(("group", "labels", "dim", "kind"), CASES, ids=lambda x: str(x).replace(" ", ""))
def test_matrices_are_an_irrep_of_the_known_dimension_and_type(group, labels, dim, kind):
    irrep = group.irrep(labels)
    g, h = group.sample(2, torch.Generator().manual_seed(0))
    assert (irrep.dim, irrep.endomorphism) == (dim, kind)
    assert irrep.is_orthogonal == group.is_compact
    size = float(irrep.matrix(g).norm() * irrep.matrix(h).norm())
    torch.testing.assert_close(irrep.matrix(g @ h), irrep.matrix(g) @ irrep.matrix(h), rtol=0, atol=1e-14 * size)
    assert len(intertwiners(irrep, irrep)) == {"real": 1, "complex": 2, "quaternionic": 4}[kind]
    a = group.algebra() / 2
    torch.testing.assert_close(
        irrep.matrix(group.exp(a)), torch.linalg.matrix_exp(irrep.derivative(a)), rtol=0, atol=1e-11
    )
    assert pickle.loads(pickle.dumps(irrep)) == irrep == group.representation(irrep.name)


@pytest.mark.parametrize("labels", [(1, 0), (1, 1), (3, 0), (2, 2)], ids=str)
def test_characters_of_su3_are_schur_polynomials(labels):
    """χ_λ = det(x_i^(λ_j + n - j)) / det(x_i^(n - j)) in the eigenvalues x (Fulton and Harris 1991, eq. 24.10)."""
    irrep, g = SU(3).irrep(labels), SU(3).sample(4, torch.Generator().manual_seed(1))
    p, q = labels
    x = torch.linalg.eigvals(complexify(g))[..., None]
    top, below = (torch.linalg.det(x ** torch.tensor(powers)) for powers in ((p + q + 2, q + 1, 0), (2, 1, 0)))
    character = (top / below).real * (1 if irrep.endomorphism == "real" else 2)
    torch.testing.assert_close(irrep.character(g), character, rtol=0, atol=1e-10)


@pytest.mark.parametrize("labels", [(1, 0), (1, 1), (2, 0), (2, 2)], ids=str)
def test_casimir_numbers_of_su3(labels):
    """C_2 = (p² + q² + p q + 3 p + 3 q) / 3: 4/3 of quarks, 3 of gluons."""
    irrep, (p, q) = SU(3).irrep(labels), labels
    x = irrep.derivative(SU(3).algebra())
    number = (p * p + q * q + p * q + 3 * p + 3 * q) / 3
    torch.testing.assert_close(-(x @ x).sum(0), number * torch.eye(irrep.dim, dtype=torch.float64), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        # 8 x 8 = 1 + 8 + 8 + 10 + 10* + 27; the pair 10, 10* is one real irrep.
        (OCTET * OCTET, {"(0,0)": 1, "(1,1)": 2, "(3,0)": 1, "(2,2)": 1}),
        # (3 + 3*) x (3 + 3*), of real dimension 36: twice 1 + 8, and 3, 6 with their conjugates.
        (SU(3).standard() * SU(3).standard(), {"(0,0)": 2, "(1,0)": 1, "(2,0)": 1, "(1,1)": 2}),
        (SU(4).irrep((0, 1, 0)) * SU(4).irrep((0, 1, 0)), {"(0,0,0)": 1, "(1,0,1)": 1, "(0,2,0)": 1}),
        # A tensor of two vectors: its trace, the electromagnetic field, and the rest.
        (Lorentz(3).standard() * Lorentz(3).standard(), {"(0,0)": 1, "(1,0)": 1, "(1,1)": 1}),
        (Sp(4).standard() * Sp(4).standard(), {"(0,0)": 1, "(1,1)": 1, "(2,0)": 1}),
        (SL(3).standard() * SL(3).standard(), {"(0,1)": 1, "(2,0)": 1}),
    ],
)
def test_products_decompose_as_in_the_tables(product, expected):
    assert {irrep.name: count for count, irrep in multiplicities(product)} == expected


def test_known_representations_are_irreps_under_their_labels():
    for group, labels in ((SU(3), (1, 0)), (Lorentz(3), (0.5, 0.5)), (Sp(4), (1, 0)), (SL(3), (1, 0))):
        g = group.sample(1)[0]
        torch.testing.assert_close(group.irrep(labels).matrix(g), g, rtol=0, atol=1e-14)
    for group, labels in ((SU(3), (1, 1)), (SU(4), (1, 0, 1)), (Lorentz(3), (1, 0)), (Sp(4), (2, 0)), (SL(3), (1, 1))):
        assert len(intertwiners(group.irrep(labels), group.representation("adjoint"))) > 0


def test_conjugate_labels_are_one_real_irrep():
    assert SU(3).irrep((0, 1)) == SU(3).irrep((1, 0))
    assert Lorentz(3).irrep((0, 1)).name == "(1,0)"
    assert Lorentz(3).irrep("(1/2,3/2)").name == "(3/2,1/2)"


def test_a_network_between_irreps_of_the_lorentz_group_is_equivariant():
    group = Lorentz(3)
    into, out = FieldType(group, "2x(1/2,1/2)+1x(1,0)"), FieldType(group, "1x(1,1)+1x(0,0)")
    network = EquivariantMLP(into, out, "3x(0,0)+3x(1/2,1/2)+3x(1,0)+3x(1,1)", layers=2).double()
    g, x = group.sample(1, torch.Generator().manual_seed(2))[0], torch.randn(4, into.channels, dtype=torch.float64)
    with torch.no_grad():
        y, moved = network(x), network(into.act(g, x))
    assert float(y.abs().min()) > 0
    torch.testing.assert_close(moved, out.act(g, y), rtol=1e-9, atol=1e-9)


def test_wrong_labels_are_explained():
    for wrong, sentence in (
        (lambda: SU(3).irrep((1, -1)), r"SU\(3\) has no irrep \(1,-1\): its Dynkin labels are 2 whole numbers from 0"),
        (lambda: SU(2).irrep((1,)), "named by one spin"),
        (lambda: Lorentz(3).irrep((0.5, 0)), r"no irrep \(1/2,0\): it takes two spins .* whose sum is whole"),
        (lambda: Lorentz(3).irrep((1,)), "it takes two spins"),
        (lambda: Sp(4).irrep((0, 1)), "2 whole numbers λ_1 ≥ … ≥ λ_r ≥ 0"),
        (lambda: Lorentz(3, full=True).irrep((1, 1)), "has no irrep named"),
    ):
        with pytest.raises((ValueError, KeyError), match=sentence):
            wrong()
