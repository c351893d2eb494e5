"""SchNet: the sum written out, the cut-off, small graphs."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.testing import assert_equivariant
from gdl_groups import GeometricGraph, SchNet, SchNetConv
from gdl_groups._cases.geometric import CRYSTAL, cloud

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def test_a_convolution_is_the_sum_over_neighbours_written_out():
    torch.manual_seed(0)
    graph, layer, x = cloud(), SchNetConv(4, 1.5, 6).double(), drawn(9, 4)
    expected = torch.zeros(9, 4, dtype=F64)
    for (j, i), v in zip(graph.incidence.edge_index().T.tolist(), graph.vectors()):
        r = v.norm()
        weight = layer.filter(torch.exp(-0.5 * ((r - torch.linspace(0, 1.5, 6, dtype=F64)) / 0.3) ** 2))
        if r < 1.5:
            expected[i] += x[j] * weight * 0.5 * (1 + torch.cos(torch.pi * r / 1.5))
    torch.testing.assert_close(layer(x, graph), expected, rtol=0, atol=1e-12)


def test_neighbours_beyond_the_cutoff_do_not_count():
    torch.manual_seed(0)
    layer, x = SchNetConv(3, 1.2).double(), drawn(9, 3)
    positions = cloud().positions
    near, far = (GeometricGraph.from_positions(positions, radius, sizes=[5, 4]) for radius in (1.2, 4.0))
    assert near.num_edges < far.num_edges
    torch.testing.assert_close(layer(x, near), layer(x, far), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["permutation", "translation", "rotation", "orthogonal"])
@pytest.mark.parametrize("graph", [cloud((6, 4)), CRYSTAL], ids=["open", "periodic"])
def test_energies_are_invariant(name, graph):
    torch.manual_seed(0)
    model = SchNet(3, 2, channels=8, layers=2, cutoff=1.8).double()
    assert_equivariant(model, Signal(drawn(graph.num_points, 3), graph, model.in_type), graph.symmetries()[name], 1e-10)


def test_the_energy_of_systems_apart_is_the_sum_of_theirs():
    torch.manual_seed(0)
    model = SchNet(2, channels=8, cutoff=1.8, scale=3.0).double()
    graph, x = cloud((5, 4)), drawn(9, 2)
    apart = torch.cat([graph.positions[:5], graph.positions[5:] + 100])
    together = GeometricGraph.from_positions(apart, 1.8)
    torch.testing.assert_close(model(x, together)[0], model(x, graph).sum(0))
    one = GeometricGraph.from_positions(torch.zeros(1, 3, dtype=F64), 1.8)
    assert bool(torch.isfinite(model(x[:1], one)).all())
