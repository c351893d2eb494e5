"""Embeddings are homomorphisms, injective where they should be, and lead to the branching rules of the books."""

import pickle

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.errors import UnknownNameError
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, FiniteGroup, O, SymmetricGroup, TrivialGroup
from gdl_core.testing.measure import group_elements
from gdl_groups.named import (
    GL,
    SE,
    SL,
    SU,
    AlternatingGroup,
    BinaryPolyhedralGroup,
    E,
    Galilei,
    Lorentz,
    Poincare,
    PointGroup,
    QuaternionGroup,
    ScaleRotations,
    Scaling,
    Sp,
    Translations,
    U,
    UnitQuaternions,
    about_axis,
    branching,
    check_element,
    embedding,
    quotient,
)

P = PointGroup
EMBEDDINGS = [
    (TrivialGroup(), SO(3)),
    (CyclicGroup(3), CyclicGroup(6)),
    (CyclicGroup(4), DihedralGroup(4)),
    (CyclicGroup(3), DihedralGroup(6)),
    (CyclicGroup(5), SO(2)),
    (CyclicGroup(4), O(3)),
    (CyclicGroup(4), P("O")),
    (DihedralGroup(5), O(2)),
    (DihedralGroup(3), SymmetricGroup(5)),
    (DihedralGroup(4), P("O")),
    (DihedralGroup(4), P("D_4h")),
    (DihedralGroup(6), SO(3)),
    (SymmetricGroup(4), O(4)),
    (SymmetricGroup(3), SymmetricGroup(5)),
    (AlternatingGroup(4), O(4)),
    (SO(2), SO(3)),
    (SO(2), O(4)),
    (O(2), SO(3)),
    (SO(3), O(3)),
    (SO(3), Lorentz(3)),
    (SO(2), Lorentz(3)),
    (O(3), Lorentz(3, full=True)),
    (SO(3), SU(3)),
    (SO(3), SL(3)),
    (O(3), GL(3)),
    (P("T"), P("O")),
    (P("T"), P("I")),
    (P("T"), P("T_d")),
    (P("T_d"), P("O_h")),
    (P("T_h"), P("I_h")),
    (P("D_3"), P("O")),
    (P("D_5"), P("I")),
    (P("D_5d"), P("I_h")),
    (P("C_3v"), P("T_d")),
    (P("D_3d"), P("O_h")),
    (P("I"), SO(3)),
    (P("O_h"), O(3)),
    (P("O"), Lorentz(3)),
    (QuaternionGroup(), SU(2)),
    (QuaternionGroup(), BinaryPolyhedralGroup("2O")),
    (BinaryPolyhedralGroup("2I"), UnitQuaternions()),
    (UnitQuaternions(), SU(2)),
    (SU(2), UnitQuaternions()),
    (SU(2), SU(3)),
    (SU(3), SO(6)),
    (SU(2), SL(2, "complex")),
    (U(1), SU(2)),
    (U(2), Sp(4)),
    (Sp(2), SL(2)),
    (SL(2), Sp(2)),
    (SL(2), GL(3)),
    (SL(2), SL(2, "complex")),
    (SO(3), SE(3)),
    (O(3), E(3)),
    (Translations(3), Galilei(3)),
    (SE(3), Galilei(3)),
    (SE(2), GL(3)),
    (Lorentz(3), Lorentz(3, full=True)),
    (Lorentz(3), Poincare(3, full=True)),
    (Scaling(2), ScaleRotations(2)),
    (ScaleRotations(2), GL(2)),
]
COVERS = [
    (SU(2), SO(3)),
    (UnitQuaternions(), SO(3)),
    (UnitQuaternions(), Lorentz(3)),
    (BinaryPolyhedralGroup("2T"), P("T")),
    (BinaryPolyhedralGroup("2O"), P("O")),
    (BinaryPolyhedralGroup("2I"), P("I")),
    (QuaternionGroup(), SO(3)),
    (SL(2, "complex"), Lorentz(3)),
]


def elements_of(group):
    return group.elements() if isinstance(group, FiniteGroup) else group_elements(group, 6)


@pytest.mark.parametrize(("source", "target"), [*EMBEDDINGS, *COVERS], ids=repr)
def test_known_maps_are_homomorphisms_into_the_target(source, target):
    hom = embedding(source, target)
    hom.check()
    assert hom.source == source and hom.target == target
    g = elements_of(source)
    check_element(target, hom(g))
    assert target.close(hom(source.identity()), target.identity())
    if len(source.algebra()):
        a = source.algebra()
        step = 1e-5
        difference = (hom(source.exp(step * a)) - hom(source.exp(-step * a))) / (2 * step)
        for position in range(len(a)):
            torch.testing.assert_close(hom.derivative(a[position]), difference[position], atol=1e-8, rtol=0)


@pytest.mark.parametrize(("source", "target"), EMBEDDINGS, ids=repr)
def test_embeddings_are_injective(source, target):
    hom = embedding(source, target)
    elements = elements_of(source)
    images = hom(elements).reshape(len(elements), -1).double()
    elements = elements.reshape(len(images), -1).double()
    same = torch.cdist(images, images) < 1e-6
    assert torch.equal(same, torch.cdist(elements, elements) < 1e-6)
    if len(source.algebra()):
        tangents = torch.stack([hom.derivative(a) for a in source.algebra()]).flatten(1)
        assert int(torch.linalg.matrix_rank(tangents)) == len(tangents)


@pytest.mark.parametrize(("source", "target"), COVERS, ids=repr)
def test_double_covers_forget_the_sign(source, target):
    hom = embedding(source, target)
    g = elements_of(source)
    torch.testing.assert_close(hom(-g), hom(g))
    away = (hom(g) - target.identity()).abs().flatten(1).amax(1) > 1e-6
    plus_or_minus = torch.minimum(*[(g - s * source.identity()).abs().flatten(1).amax(1) for s in (1, -1)])
    assert torch.equal(away, plus_or_minus > 1e-6)


def test_groups_may_be_given_by_name():
    assert embedding("T", "SO(3)") is embedding(P("T"), SO(3))
    with pytest.raises(UnknownNameError, match="no group 'Tx'"):
        embedding("Tx", "SO(3)")
    with pytest.raises(TypeError, match="named by a string"):
        embedding(P("T"), 3)  # type: ignore[arg-type]


def test_a_known_embedding_is_one_object_also_after_pickling():
    hom = embedding(P("T"), SO(3))
    assert embedding(P("T"), SO(3)) is hom is pickle.loads(pickle.dumps(hom))
    restricted = SO(3).irrep(1).restrict(hom)
    assert pickle.loads(pickle.dumps(restricted)) == restricted == SO(3).irrep(1).restrict(embedding(P("T"), SO(3)))
    axis = about_axis((1.0, 1.0, 1.0))
    assert pickle.loads(pickle.dumps(axis)) is axis


def test_what_has_no_known_embedding_says_so():
    for source, target in ((SO(3), P("O")), (P("I"), P("O_h")), (CyclicGroup(3), CyclicGroup(4)), (SO(4), SO(3))):
        with pytest.raises(ValueError, match=r"No embedding of .* is known"):
            embedding(source, target)
    with pytest.raises(ValueError, match="nonzero axis"):
        about_axis((0.0, 0.0, 0.0))


def test_rotations_about_an_axis_keep_it():
    hom = about_axis((1.0, 2.0, 2.0))
    hom.check()
    axis = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    g = SO(2).sample(5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(hom(g) @ axis, axis.expand(5, 3))
    torch.testing.assert_close(about_axis((0.0, 0.0, 1.0))(g), embedding(SO(2), SO(3))(g))


def test_degrees_branch_into_frequencies_about_an_axis():
    for axis in ((0.0, 0.0, 1.0), (1.0, 2.0, 2.0)):
        for degree in range(4):
            found = branching(SO(3).irrep(degree), about_axis(axis))
            assert found == {str(frequency): 1 for frequency in range(degree + 1)}


def test_parity_is_forgotten_by_rotations_and_kept_by_reflections():
    hom = embedding(SO(3), O(3))
    for name in ("2e", "2o"):
        assert branching(O(3).representation(name), hom) == {"2": 1}
    assert branching(O(3).representation("1o"), embedding(O(2), O(3))) == {"0": 1, "1": 1}
    assert branching(O(3).representation("1e"), embedding(O(2), O(3))) == {"det": 1, "1": 1}


def test_space_time_vectors_split_into_time_and_space():
    vector = Lorentz(3).representation("standard")
    assert branching(vector, embedding(SO(3), Lorentz(3))) == {"0": 1, "1": 1}
    field = Lorentz(3).representation("adjoint")  # electric and magnetic
    assert branching(field, embedding(SO(3), Lorentz(3))) == {"1": 2}
    full = Lorentz(3, full=True)
    assert branching(full.representation("adjoint"), embedding(O(3), full)) == {"1e": 1, "1o": 1}


def test_quarks_and_gluons_branch_into_isospins():
    """The adjoint of SU(3) under SU(2): a triplet, a singlet and two doublets (Georgi 1999, §9)."""
    hom = embedding(SU(2), SU(3))
    assert branching(SU(3).representation("adjoint"), hom) == {"0": 1, "1/2": 1, "1": 1}
    assert branching(SU(3).representation("standard"), hom) == {"0": 2, "1/2": 1}
    assert branching(SO(6).representation("standard"), embedding(SU(3), SO(6))) == {"(1,0)": 1}
    assert branching(SO(6).irrep((1, 1, 0)), embedding(SU(3), SO(6))) == {"(0,0)": 1, "(1,0)": 1, "(1,1)": 1}


def test_pairs_that_do_not_split_are_refused():
    hom = embedding(SO(2), SE(2))
    assert branching(SE(2).representation("standard"), hom) == {"0": 1, "1": 1}
    with pytest.raises(TypeError, match="irreps of SE\\(2\\) are not known"):
        branching(E(2).representation("standard"), embedding(SE(2), E(2)))


PAIRS = [
    (CyclicGroup(4), DihedralGroup(4)),
    (CyclicGroup(2), DihedralGroup(6)),
    (SymmetricGroup(3), SymmetricGroup(4)),
    (AlternatingGroup(4), SymmetricGroup(4)),
    (P("T"), P("O")),
    (P("D_3"), P("O")),
    (P("T"), P("I")),
    (P("C_5"), P("I")),
    (P("O"), P("O_h")),
    (QuaternionGroup(), BinaryPolyhedralGroup("2T")),
]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=repr)
def test_frobenius_reciprocity(source, target):
    """Hom_G(Ind ψ, χ) and Hom_H(ψ, Res χ) have the same dimension, by characters and by intertwiners."""
    hom = embedding(source, target)
    for small in source.irreps():
        induced = small.induce(hom)
        assert induced.dim == small.dim * target.order // source.order
        for large in target.irreps():
            upstairs = (induced.character(target.elements()) * large.character(target.elements())).mean()
            downstairs = small.character(source.elements()) * large.restrict(hom).character(source.elements())
            torch.testing.assert_close(upstairs, downstairs.mean(), atol=1e-9, rtol=0)
    small, large = source.irreps()[-1], target.irreps()[-1]
    assert len(intertwiners(small.induce(hom), large)) == len(intertwiners(small, large.restrict(hom)))


def test_quotients_permute_cosets():
    """The faces, edges and corners of a cube, and the corners of an icosahedron."""
    for small, large, count in (("C_4", "O", 6), ("C_3", "O", 8), ("C_5", "I", 12), ("C_3", "I", 20), ("T", "T_d", 2)):
        found = quotient(embedding(P(small), P(large)))
        assert found.dim == count and found.is_permutation
        assert len(intertwiners(found, found.group.trivial())) == 1  # one orbit
    faces = quotient(embedding(P("C_4"), P("O"))).decompose()
    assert repr(faces) == "1xA1 + 1xE + 1xT1"
    regular = quotient(embedding(TrivialGroup(), P("T")))
    assert torch.equal(regular.character(P("T").elements()), P("T").regular().character(P("T").elements()))
    with pytest.raises(ValueError, match="is not injective"):
        quotient(embedding(BinaryPolyhedralGroup("2T"), P("T")))
    with pytest.raises(TypeError, match="finite"):
        quotient(embedding(P("T"), SO(3)))


def test_the_search_does_not_invent_embeddings():
    """Orders alone would allow each of these."""
    for small, large in (("C_6", "O_h"), ("D_6", "O_h"), ("S_4", "T_h"), ("C_4", "I")):
        with pytest.raises(ValueError, match="No embedding"):
            embedding(P(small), P(large))


def test_spins_couple_and_parities_branch():
    """Series of SU(2) on real spaces; what vectors and axial vectors become under O_h and D_4h."""
    half = SU(2).irrep("1/2")
    assert {i.name: m for m, i in (half * half).decompose().irreps} == {"0": 4, "1": 4}  # (1/2 + 1/2)² as real spaces
    assert {i.name: m for m, i in (half * SU(2).irrep(1)).decompose().irreps} == {"1/2": 1, "3/2": 1}
    into = embedding(P("O_h"), O(3))
    assert branching(O(3).irrep("1o"), into) == {"T1u": 1}
    assert branching(O(3).irrep("1e"), into) == {"T1g": 1}
    assert branching(O(3).irrep("3o"), into) == {"A2u": 1, "T1u": 1, "T2u": 1}
    assert branching(O(3).irrep("2e"), embedding(P("D_4h"), O(3))) == {"A1g": 1, "B1g": 1, "B2g": 1, "Eg": 1}
    assert branching(P("O").irrep("T2"), embedding(P("D_4"), P("O"))) == {"B2": 1, "E": 1}
