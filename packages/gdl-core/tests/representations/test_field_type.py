"""Field types: the parser and its inverse, layout, action, errors, pickling."""

import pickle

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, Group, Homomorphism, O, SymmetricGroup, TrivialGroup
from gdl_core.representations import FieldType, as_type
from gdl_core.testing import group_elements, random_field_type

D4 = DihedralGroup(4)
GROUPS: list[Group] = [TrivialGroup(), CyclicGroup(5), D4, SymmetricGroup(3), SO(2), SO(3), O(2), O(3)]
NAMES = {cls.__name__: cls for cls in (FieldType, TrivialGroup, CyclicGroup, DihedralGroup, SymmetricGroup, SO, O)}

random_types = pytest.mark.parametrize(
    "type", [random_field_type(group, seed) for group in GROUPS for seed in range(3)], ids=repr
)


@pytest.mark.parametrize(
    ("group", "text", "channels", "shown"),
    [
        (D4, "2xtrivial + 3xstandard", 8, "2xtrivial+3xstandard"),
        (D4, "64", 64, "64xtrivial"),
        (D4, "regular", 8, "1xregular"),
        (D4, "4 x regular+E1", 34, "4xregular+1xE1"),
        (D4, "2x(standard*regular)+1x(2xA2+1xE1)", 36, "2x(standard*regular)+1x(2xA2+1xE1)"),
        (D4, "0xregular+1xA1", 1, "1xA1"),
        (O(3), "16x0e+8x1o", 40, "16x0e+8x1o"),
        (SO(3), "3x0+2x2", 13, "3x0+2x2"),
    ],
)
def test_the_parser_reads_sums_multiples_and_formulas(group, text, channels, shown):
    found = FieldType(group, text)
    assert found.channels == channels
    assert str(found) == shown


def test_a_dual_is_spelled_with_a_star():
    plane = SO(3).standard().rename("plane")
    plane.is_orthogonal = False  # so that its dual is another representation
    assert str(FieldType(SO(3), [(1, plane.dual)])) == "1xplane*"
    assert FieldType(SO(3), "2xstandard*").channels == 6


@random_types
def test_the_repr_makes_the_type_again(type):
    assert eval(repr(type), NAMES) == type
    assert FieldType(type.group, str(type)) == type


@random_types
def test_types_pickle_and_hash_by_content(type):
    again = pickle.loads(pickle.dumps(type))
    assert again == type and hash(again) == hash(type)
    assert again.group == type.group and again.channels == type.channels


@random_types
def test_slices_cover_the_channels_in_order(type):
    covered = [channel for part in type.slices() for channel in range(part.start, part.stop)]
    assert covered == list(range(type.channels))
    assert [part.stop - part.start for part in type.slices()] == [count * rep.dim for count, rep in type.fields]


@random_types
def test_the_action_is_a_homomorphism_of_component_major_channels(type):
    g, h = group_elements(type.group)[-2:]
    x = torch.randn(2, type.channels, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    twice = type.act(g, type.act(h, x, dim=1), dim=1)
    torch.testing.assert_close(twice, type.act(type.group.compose(g, h), x, dim=1), atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.einsum("ij,bjn->bin", type.matrix(g), x), type.act(g, x, dim=1))
    for (count, rep), part in zip(type.fields, type.slices()):
        field = x[:, part].reshape(2, rep.dim, count, 3)  # dimension first, multiplicity contiguous
        expected = torch.einsum("ij,bjcn->bicn", rep.matrix(g), field).reshape(2, -1, 3)
        torch.testing.assert_close(type.act(g, x, dim=1)[:, part], expected)


@random_types
def test_the_representation_has_the_flags_and_the_character_of_the_type(type):
    g = group_elements(type.group)[-1]
    rep = type.representation()
    assert rep.dim == type.channels
    assert (rep.is_permutation, rep.is_orthogonal) == (type.is_permutation, type.is_orthogonal)
    torch.testing.assert_close(rep.character(g), type.matrix(g).trace(), atol=1e-9, rtol=0)


def test_invariant_types_fit_every_group_and_others_do_not():
    assert FieldType(D4, "8") == FieldType.scalars(8) == as_type(8)
    assert FieldType(D4, "8") != FieldType.scalars(9)
    assert FieldType(D4, "1xregular") != FieldType.scalars(8)
    assert FieldType(D4, "1xregular") != FieldType(DihedralGroup(2), "2xregular")
    assert FieldType(D4, "1xA2").is_invariant is False and FieldType(D4, "1xA1").is_invariant is True
    assert FieldType(D4, "2xregular").is_permutation and not FieldType(D4, "2xstandard").is_permutation


def test_types_add_multiply_and_restrict():
    type = FieldType(D4, "2xregular")
    assert str(type + FieldType(D4, "1xA2")) == "2xregular+1xA2"
    assert (3 * type).channels == 48
    rotations = Homomorphism(CyclicGroup(4), D4, lambda k: torch.stack([torch.zeros_like(k), k], -1))
    small = FieldType(D4, "2xregular+1xE1").restrict(rotations)
    assert small.group == CyclicGroup(4) and small.channels == 18
    k = torch.tensor(3)
    torch.testing.assert_close(small.matrix(k), FieldType(D4, "2xregular+1xE1").matrix(rotations(k)))


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: FieldType("D4", "1xregular"), TypeError, "takes a group first, got str"),
        (lambda: FieldType(D4, "1xreglar"), UnknownNameError, "Did you mean 'regular'"),
        (lambda: FieldType(D4, "2x"), (ValueError, UnknownNameError), "2x"),
        (lambda: FieldType(D4, "1xA1++1xA2"), (ValueError, UnknownNameError), "not a field|no representation"),
        (lambda: FieldType(D4, -1), ValueError, "-1"),
        (lambda: FieldType(D4, [(-1, "regular")]), ValueError, "must be a whole number from 0, got -1"),
        (lambda: FieldType(D4, [(1, SO(2).standard())]), TypeError, "a representation of another group"),
        (lambda: FieldType(D4, "1xA1") + FieldType(SO(2), "1x1"), TypeError, "types of different groups"),
        (
            lambda: FieldType(D4, "1xE1").act(D4.identity(), torch.zeros(3)),
            ValueError,
            "has 2 channels, got an axis of 3",
        ),
    ],
)
def test_bad_types_raise_a_sentence(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_random_types_repeat_under_their_seed_and_stay_in_their_room():
    for group in GROUPS:
        drawn = [random_field_type(group, seed, max_channels=20) for seed in range(8)]
        assert drawn == [random_field_type(group, seed, max_channels=20) for seed in range(8)]
        assert all(0 < type.channels <= 20 for type in drawn)


def test_a_bare_number_that_also_names_an_irrep_is_refused():
    """Of SO(3), "1" is a vector to whoever writes it, and must not become a scalar without a word."""
    assert FieldType(O(3), "64") == FieldType(DihedralGroup(4), "64") == FieldType.scalars(64)
    for text in ("1", "4x0 + 1", "(0+1)"):
        with pytest.raises(ValueError, match=r"may mean the irrep . of SO\(3\) or . invariant channels: write '1x"):
            FieldType(SO(3), text)
    assert FieldType(SO(3), 1) == FieldType(SO(3), "1xtrivial") == FieldType.scalars(1)
