"""Irreps of the symmetric group by partition: hook lengths, characters, branching, agreement with numerical irreps."""

import itertools
import math
import pickle

import pytest
import torch
from gdl_core.derive import intertwiners
from gdl_core.groups import SymmetricGroup
from gdl_core.testing.algebra import check_representation
from gdl_groups.named import YoungIrrep, embedding, partitions


def hook_length_dimension(partition):
    columns = [sum(row > j for row in partition) for j in range(partition[0])]
    hooks = [row - j + columns[j] - i - 1 for i, row in enumerate(partition) for j in range(row)]
    return math.factorial(sum(partition)) // math.prod(hooks)


def test_partitions_are_counted_by_euler():
    assert [len(partitions(n)) for n in range(1, 11)] == [1, 2, 3, 5, 7, 11, 15, 22, 30, 42]


@pytest.mark.parametrize("partition", [p for n in range(1, 6) for p in partitions(n)], ids=str)
def test_irreps_are_homomorphisms_of_the_dimension_of_the_hook_formula(partition):
    rep = YoungIrrep(partition)
    check_representation(rep)
    assert rep.dim == hook_length_dimension(partition)
    assert pickle.loads(pickle.dumps(rep)) == rep == eval(repr(rep))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_irreps_are_all_of_them_and_those_found_numerically(n):
    group = SymmetricGroup(n)
    elements = group.elements()
    ours = torch.stack([YoungIrrep(partition).character(elements) for partition in partitions(n)])
    torch.testing.assert_close(ours @ ours.T / len(elements), torch.eye(len(ours)).double(), atol=1e-12, rtol=0)
    theirs = {tuple(irrep.character(elements).round().int().tolist()) for irrep in group.irreps()}
    assert {tuple(row.round().int().tolist()) for row in ours} == theirs


def test_the_characters_of_s4_are_those_of_the_books():
    """Classes e, (12), (12)(34), (123), (1234) (Fulton & Harris, §2.3)."""
    classes = torch.tensor([[0, 1, 2, 3], [1, 0, 2, 3], [1, 0, 3, 2], [1, 2, 0, 3], [1, 2, 3, 0]])
    table = {(4,): (1, 1, 1, 1, 1), (3, 1): (3, 1, -1, 0, -1), (2, 2): (2, 0, 2, -1, 0)}
    table |= {(2, 1, 1): (3, -1, -1, 0, 1), (1, 1, 1, 1): (1, -1, 1, 1, -1)}
    for partition, row in table.items():
        found = YoungIrrep(partition).character(classes)
        torch.testing.assert_close(found, torch.tensor(row).double(), atol=1e-12, rtol=0)


def test_known_representations_are_equivalent_to_their_partitions():
    group = SymmetricGroup(5)
    for partition, other, maps in (
        ((5,), group.trivial(), 1),
        ((1,) * 5, group.sign(), 1),
        ((4, 1), group.standard(), 1),
        ((3, 2), group.standard() * group.standard(), 1),
        ((3, 1, 1), group.standard(), 0),
    ):
        assert len(intertwiners(YoungIrrep(partition), other)) == maps


def test_restriction_takes_away_one_box():
    """The branching rule, S_5 to S_4; and only once each."""
    hom = embedding(SymmetricGroup(4), SymmetricGroup(5))
    for large, small in itertools.product(partitions(5), partitions(4)):
        padded = (*small, *[0] * (len(large) - len(small)))
        inside = len(small) <= len(large) and all(b <= a for a, b in zip(large, padded))
        assert len(intertwiners(YoungIrrep(small), YoungIrrep(large).restrict(hom))) == inside


def test_large_groups_are_not_enumerated():
    rep = YoungIrrep((18, 2))
    assert rep.dim == 170  # n(n - 3)/2
    g, h = rep.group.sample(2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rep.matrix(rep.group.compose(g, h)), rep.matrix(g) @ rep.matrix(h), atol=1e-10, rtol=0)


@pytest.mark.parametrize("partition", [(), (1, 2), (3, 0), (2.0,)])
def test_what_is_no_partition_is_refused(partition):
    with pytest.raises(ValueError, match="A partition is whole numbers"):
        YoungIrrep(partition)
