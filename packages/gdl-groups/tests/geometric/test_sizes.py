"""Networks of atoms refuse sizes that make no network, and name the size; the smallest sizes work."""

import pytest
import torch
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_groups.geometric.egnn import EGNN
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.mace import MACE
from gdl_groups.geometric.nequip import NequIP
from gdl_groups.geometric.painn import PaiNN
from gdl_groups.geometric.schnet import SchNet
from gdl_groups.geometric.se3_attention import SE3Attention


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NequIP(0, "2x0e"), "NequIP's species must be a whole number from 1, got 0"),
        (lambda: NequIP(2, "2x0e", layers=0), "NequIP's layers must be a whole number from 1, got 0"),
        (lambda: NequIP(2, "2x0e", readout=0), "NequIP's readout must be a whole number from 1, got 0"),
        (lambda: NequIP(2, "2x0e", radial=(8, 0)), "width of hidden layers must be a whole number from 1, got 0"),
        (lambda: NequIP(2, "2x0e", degree=-1), "degree of the harmonics must be a whole number from 0, got -1"),
        (lambda: MACE(0, "2x0e"), "MACE's species must be a whole number from 1, got 0"),
        (lambda: MACE(2, "2x0e", layers=-1), "MACE's layers must be a whole number from 1, got -1"),
        (lambda: PaiNN(0), "channels of PaiNN's in_type must be a whole number from 1, got 0"),
        (lambda: PaiNN(2, layers=0), "PaiNN's layers must be a whole number from 1, got 0"),
        (lambda: PaiNN(2, channels=1), "PaiNN's channels must be a whole number from 2, got 1"),
        (lambda: SchNet(2, 0), "channels of SchNet's out_type must be a whole number from 1, got 0"),
        (lambda: SchNet(2, layers=0), "SchNet's layers must be a whole number from 1, got 0"),
        (lambda: SchNet(2, channels=1), "SchNet's channels must be a whole number from 2, got 1"),
        (lambda: EGNN(0, 1), "channels of EGNN's in_type must be a whole number from 1, got 0"),
        (lambda: EGNN(2, 1, layers=0), "EGNN's layers must be a whole number from 1, got 0"),
        (lambda: EGNN(2, 1, hidden=0), "EGNN's hidden must be a whole number from 1, got 0"),
        (lambda: SE3Attention(0, 1, 2.0), "channels of SE3Attention's in_type must be a whole number from 1, got 0"),
        (lambda: SE3Attention(2, 1, 2.0, 0), "SE3Attention's heads must be a whole number from 1, got 0"),
    ],
)
def test_a_size_that_makes_no_network_is_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_size_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError, match=r"NequIP's species must be a whole number from 1, got 2\.5"):
        NequIP(2.5, "2x0e")  # type: ignore[arg-type]


def test_the_smallest_sizes_work():
    graph = GeometricGraph.from_positions(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), 3.0)
    x = torch.ones(4, 1)
    for network in (
        NequIP(1, "1x0e", 4.0, layers=1, degree=0, readout=1, radial=(1,)),
        MACE(1, "1x0e", 4.0, layers=1, order=1, degree=0, readout=1, radial=(1,)),
        PaiNN(1, channels=2, layers=1),
        SchNet(1, channels=2, layers=1),
    ):
        assert network(x, graph).shape == (1, 1)
    for layer in (EGNN(1, FieldType(O(3), "1x1o"), hidden=1, layers=1), SE3Attention(1, FieldType(O(3), "1x1o"), 4.0)):
        assert layer(x, graph).shape == (4, 3)
