"""Quaternions and spins: covers, spin-statistics of tensor products, agreement with core's spherical harmonics."""

import math

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SO
from gdl_core.testing.algebra import check_representation
from gdl_groups.named import (
    SU,
    BinaryPolyhedralGroup,
    UnitQuaternions,
    embedding,
    quaternion_product,
    quaternion_rotation,
)
from gdl_groups.named.quaternion import rotation_vector
from gdl_groups.named.unitary import spin_algebra

SPINS = ("0", "1/2", "1", "3/2", "2", "5/2", "3", "7/2")


@pytest.mark.parametrize("group", [SU(2), UnitQuaternions()], ids=repr)
@pytest.mark.parametrize("name", SPINS)
def test_spins_are_irreducible_representations_of_their_type(group, name):
    rep = group.representation(name)
    check_representation(rep)
    half = name.endswith("/2")
    doubled = int(name[:-2]) if half else 2 * int(name)
    assert rep.dim == (doubled + 1) * (2 if half else 1)
    assert rep.endomorphism == ("quaternionic" if half else "real")
    assert len(intertwiners(rep, rep, method="nullspace")) == (4 if half else 1)
    minus = rep.matrix(-group.identity())
    torch.testing.assert_close(minus, (-1) ** doubled * torch.eye(rep.dim).double(), atol=1e-10, rtol=0)


def test_whole_spins_are_the_irreps_of_rotations():
    q = UnitQuaternions().sample(20, torch.Generator().manual_seed(0))
    for degree in range(5):
        expected = SO(3).irrep(degree).matrix(quaternion_rotation(q))
        torch.testing.assert_close(UnitQuaternions().irrep(degree).matrix(q), expected, atol=1e-12, rtol=0)


def test_spin_one_half_is_the_defining_representation():
    g = SU(2).sample(10, torch.Generator().manual_seed(0))
    torch.testing.assert_close(SU(2).irrep(0.5).matrix(g), g, atol=1e-13, rtol=0)


@pytest.mark.parametrize("spin", [0.5, 1, 1.5, 2, 2.5, 7.5])
def test_the_generators_satisfy_the_commutation_relations_and_the_casimir(spin):
    x, y, z = spin_algebra(spin)
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        torch.testing.assert_close(a @ b - b @ a, c, atol=1e-12, rtol=0)
    casimir = -(x @ x + y @ y + z @ z)
    torch.testing.assert_close(casimir, spin * (spin + 1) * torch.eye(len(x)).double(), atol=1e-12, rtol=0)


def test_products_of_spins_follow_the_triangle_rule():
    """Real dimensions of Hom(j1 ⊗ j2, j3): over the complex numbers half-odd spins are doubled, 2j ⊗ 2j is 4 copies."""
    group = UnitQuaternions()
    for first, second in ((0.5, 0.5), (0.5, 1), (1, 1.5), (1.5, 1.5), (2, 1)):
        product = group.irrep(first) * group.irrep(second)
        for third in (0, 0.5, 1, 1.5, 2, 2.5, 3):
            whole = [float(spin).is_integer() for spin in (first, second, third)]
            triangle = abs(first - second) <= third <= first + second and float(first + second + third).is_integer()
            copies = math.prod(1 if is_whole else 2 for is_whole in whole)
            assert len(intertwiners(product, group.irrep(third))) == (copies if triangle else 0)


def test_a_turn_by_full_circle_is_minus_one_and_by_two_is_one():
    group = UnitQuaternions()
    axis = group.algebra()[2]
    torch.testing.assert_close(group.exp(2 * math.pi * axis), -group.identity(), atol=1e-12, rtol=0)
    torch.testing.assert_close(group.exp(4 * math.pi * axis), group.identity(), atol=1e-12, rtol=0)
    quarter = quaternion_rotation(group.exp(math.pi / 2 * axis))
    torch.testing.assert_close(quarter @ torch.eye(3).double()[0], torch.eye(3).double()[1], atol=1e-12, rtol=0)


def test_the_rotation_vector_is_the_logarithm_also_near_plus_and_minus_one():
    group = UnitQuaternions()
    draw = torch.Generator().manual_seed(0)
    axis = torch.nn.functional.normalize(torch.randn(40, 3, generator=draw, dtype=torch.float64), dim=-1)
    near = torch.tensor(
        [0.0, 1e-13, 1e-8, 1e-3, 1.0, math.pi, 6.0, 2 * math.pi - 1e-8, 2 * math.pi - 1e-13, 2 * math.pi]
    )
    vector = axis * near.double().repeat(4)[:, None]
    q = group.exp(torch.cat([torch.zeros(40, 1).double(), vector / 2], -1))
    back = group.exp(torch.cat([torch.zeros(40, 1).double(), rotation_vector(q) / 2], -1))
    torch.testing.assert_close(back, q, atol=1e-12, rtol=0)


def test_haar_samples_of_unit_quaternions_turn_every_vector_everywhere():
    q = UnitQuaternions().sample(40000, torch.Generator().manual_seed(0))
    r = quaternion_rotation(q)
    torch.testing.assert_close(torch.einsum("nij,nkl->ijkl", r, r) / len(r), haar_moments(3), atol=0.02, rtol=0)
    u = SU(3).sample(40000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(u.mean(0), torch.zeros(6, 6).double(), atol=0.02, rtol=0)


def haar_moments(m):
    eye = torch.eye(m, dtype=torch.float64)
    return torch.einsum("ik,jl->ijkl", eye, eye) / m


def test_the_product_of_quaternions_is_hamiltons():
    one, i, j, k = torch.eye(4, dtype=torch.int64)
    for a, b, c in ((i, j, k), (j, k, i), (k, i, j)):
        assert torch.equal(quaternion_product(a, b), c) and torch.equal(quaternion_product(b, a), -c)
    for unit in (i, j, k):
        assert torch.equal(quaternion_product(unit, unit), -one)
    draw = torch.Generator().manual_seed(0)
    p, q = torch.randn(2, 5, 4, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(quaternion_product(p, q).norm(dim=-1), p.norm(dim=-1) * q.norm(dim=-1))


@pytest.mark.parametrize(("symbol", "kept"), [("2T", "3"), ("2O", "4"), ("2I", "6")])
def test_binary_groups_first_keep_a_tensor_of_klein(symbol, kept):
    """The first whole spin with an invariant under 2T, 2O, 2I: 3, 4 and 6, the degrees of Klein's forms halved."""
    group = BinaryPolyhedralGroup(symbol)
    hom = embedding(group, UnitQuaternions())
    found = []
    for doubled in range(1, 2 * int(kept) + 1):
        character = UnitQuaternions().irrep(doubled / 2).restrict(hom).character(group.elements())
        if round(float(character.mean())) > 0:
            found.append(doubled)
    assert found == [2 * int(kept)]
