"""Subgroups: restriction, induction (Frobenius reciprocity), quotients, character tables."""

import pickle

import pytest
import torch
from gdl_core.groups import DihedralGroup, SymmetricGroup, subgroup
from gdl_core.representations.irreps import multiplicities


def test_character_table_of_the_square():
    """Rows are orthogonal under the sizes of the classes (Serre 1977, §2.3)."""
    group = DihedralGroup(4)
    table = group.character_table()
    assert table.shape == (5, 5)
    sizes = torch.bincount(group.classes).double()
    assert torch.allclose(table @ torch.diag(sizes) @ table.T, 8 * torch.eye(5, dtype=torch.float64), atol=1e-10)


def test_whole_numbers_of_a_character_table_are_whole_and_the_others_are_kept():
    for group in (SymmetricGroup(4), DihedralGroup(3)):  # characters of symmetric groups are whole numbers
        table = group.character_table()
        assert torch.equal(table, table.round()) and not bool(torch.signbit(table[table == 0]).any())
    golden = (5**0.5 - 1) / 2  # 2 cos 72°, which rounding must not touch
    assert float(DihedralGroup(5).character_table().sub(golden).abs().min()) < 1e-12


def test_restriction_to_quarter_turns_makes_the_plane_complex():
    rotations = subgroup(DihedralGroup(4), torch.tensor([[0, 1]]))
    assert rotations.source.order == 4
    restricted = DihedralGroup(4).standard().restrict(rotations)
    ((count, irrep),) = multiplicities(restricted)
    assert (count, irrep.endomorphism) == (1, "complex")


def test_frobenius_reciprocity_for_every_irrep():
    """<Ind ψ, χ> = <ψ, Res χ>, counted by dimensions of intertwiners."""
    from gdl_core.derive import intertwiners

    group = SymmetricGroup(4)
    inclusion = subgroup(group, torch.tensor([[1, 2, 0, 3]]), "C3")
    for small in inclusion.source.irreps():
        for large in group.irreps():
            up = len(intertwiners(small.induce(inclusion), large, method="nullspace"))
            down = len(intertwiners(small, large.restrict(inclusion), method="nullspace"))
            assert up == down


def test_the_quotient_by_the_mirrors_permutes_the_cosets():
    mirror = subgroup(DihedralGroup(6), torch.tensor([[1, 0]]))
    quotient = mirror.source.trivial().induce(mirror)
    assert quotient.is_permutation
    assert quotient.dim == 6
    assert sum(count * irrep.dim for count, irrep in multiplicities(quotient)) == 6


def test_generators_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"have the shape \[k, \*\[2\]\], got \[1, 3\]"):
        subgroup(DihedralGroup(4), torch.tensor([[0, 1, 1]]))


def test_restricted_and_induced_representations_pickle_with_their_embedding():
    hom = subgroup(DihedralGroup(4), torch.tensor([[1, 0]]), "mirror")
    for rep in (DihedralGroup(4).representation("standard").restrict(hom), hom.source.trivial().induce(hom)):
        again = pickle.loads(pickle.dumps(rep))
        g = rep.group.elements()
        assert torch.equal(again.matrix(g), rep.matrix(g))
