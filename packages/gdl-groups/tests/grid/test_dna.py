"""Reverse complementation: the group of two strands, its types, its convolution."""

import pytest
import torch
from gdl_core.geometry import Blueprint, Pointwise, Signal
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_groups import ReverseComplementConv
from gdl_groups.grid import dna
from gdl_groups.grid.readout import GlobalPool

STRANDS = CyclicGroup(2)
READS = ["ACGTTGCAAN", "TTTACCGGTA"]


def test_the_other_strand_is_the_reflection_of_the_signal():
    x = dna.encode(READS, torch.float64)
    other = dna.encode([dna.reverse_complement(read) for read in READS], torch.float64)
    grid = Grid((10,), "zero")
    flipped = grid.symmetries()["reflection"].act(torch.tensor([1]), Signal(x, grid, dna.strand_type()))
    assert torch.equal(flipped.values, other)
    assert not torch.equal(x, other)


def network(hidden):
    type = FieldType(STRANDS, hidden)
    torch.manual_seed(0)
    first, second = ReverseComplementConv(dna.strand_type(), type, 5), ReverseComplementConv(type, type, 3)
    middle = [Pointwise(type)] if type.is_permutation else []
    return Blueprint([first, *middle, second], Grid((10,), "zero")).double()


@pytest.mark.parametrize("hidden", ["3xregular", "2x0+3x1", "1xregular+1x1"])
def test_both_strands_give_the_same_features_exchanged(hidden):
    net = network(hidden)
    x = dna.encode(READS, torch.float64)
    s = Signal(x, net.domain, dna.strand_type())
    assert equivariance_error(net, s, net.domain.symmetries()["reflection"]).max <= 1e-12
    other = net(dna.encode([dna.reverse_complement(read) for read in READS], torch.float64))
    assert not torch.allclose(other, net(x))  # equivariant, not invariant


def test_a_readout_does_not_tell_the_strands_apart_and_a_plain_convolution_does():
    type = FieldType(STRANDS, "4xregular")
    conv = ReverseComplementConv(dna.strand_type(), type, 5).double()
    net = Blueprint([conv, Pointwise(type), GlobalPool(type)], Grid((10,), "zero"))
    plain = torch.nn.Conv1d(4, 8, 5, padding=2).double()
    x = dna.encode(READS, torch.float64)
    other = dna.encode([dna.reverse_complement(read) for read in READS], torch.float64)
    torch.testing.assert_close(net(x), net(other), atol=1e-12, rtol=0)
    assert not torch.allclose(plain(x).relu().mean(2), plain(other).relu().mean(2), atol=1e-3)


def test_the_filter_of_one_strand_is_that_of_the_other_reversed_and_complemented():
    weight = ReverseComplementConv(dna.strand_type(), FieldType(STRANDS, "1xregular"), 5).expand()[0]
    assert torch.equal(weight[1], weight[0].flip(0, 1))  # channels A, C, G, T reversed are T, G, C, A


def test_letters_that_are_none_are_named():
    with pytest.raises(ValueError, match="sequence 1 has 'X' at 2"):
        dna.encode(["ACG", "ACX"])
    with pytest.raises(ValueError, match="one length"):
        dna.encode(["ACG", "AC"])
    with pytest.raises(TypeError, match="takes types of"):
        ReverseComplementConv(1, 2)
    with pytest.raises(TypeError):
        ReverseComplementConv(FieldType(DihedralGroup(1), "1xregular"), 2)
    with pytest.raises(ValueError, match="odd size"):
        ReverseComplementConv(dna.strand_type(), FieldType(STRANDS, "1xregular"), 4)
