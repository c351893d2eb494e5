"""Networks put together from convolutions keep what their parts keep."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.geometry import Signal
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_core.testing import assert_equivariant
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.models.e3 import e3_network

VECTOR = FieldType(O(3), "1x1o")


@pytest.fixture(autouse=True)
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("convolution", ["product", "so2", "attention"])
def test_vectors_in_vectors_out(convolution):
    graph = GeometricGraph.from_positions(torch.randn(7, 3), 2.5, sizes=(4, 3))
    network = e3_network(VECTOR, VECTOR, "4x0e+4x1o", 2.5, layers=2, convolution=convolution, domain=graph)
    assert set(network.symmetries()) == {"permutation", "translation", "orthogonal", "rotation"}
    for name in network.symmetries():
        assert_equivariant(network, Signal(torch.randn(7, 3), graph, VECTOR), graph.symmetries()[name], 1e-10)


@pytest.mark.parametrize("readout", ["sum", "mean"])
def test_one_vector_per_sample(readout):
    graph = GeometricGraph.from_positions(torch.randn(7, 3), 2.5, sizes=(4, 3))
    network = e3_network(2, VECTOR, "4x0e+4x1o", 2.5, layers=2, readout=readout)
    x, turn = torch.randn(7, 2), O(3).sample(1)[0]
    y = network(x, graph)
    assert y.shape == (2, 3)
    assert torch.allclose(network(x, graph.moved(graph.positions @ turn.T)), y @ turn.T, atol=1e-12)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="attention"):
        e3_network(2, 2, convolution="atention")
    with pytest.raises(UnknownNameError, match="mean"):
        e3_network(2, 2, readout="meen")
