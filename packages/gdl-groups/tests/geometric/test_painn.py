"""PaiNN: the published sums written out, equivariance, forces that can be learnt."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.testing import assert_equivariant
from gdl_groups import GeometricGraph, PaiNN, PaiNNMessage, PaiNNUpdate
from gdl_groups._cases.geometric import CRYSTAL, cloud

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def test_a_message_is_the_sum_over_neighbours_written_out():
    torch.manual_seed(0)
    graph, c = cloud(), 3
    layer, x = PaiNNMessage(c, 1.5, 4).double(), drawn(9, 12)
    s, v = x[:, :c], x[:, c:].reshape(9, 3, c)
    new_s, new_v = s.clone(), v.clone()
    for (j, i), away in zip(graph.incidence.edge_index().T.tolist(), graph.vectors()):
        r = away.norm()
        if r >= 1.5:
            continue
        phi = layer.network(s[j]) * layer.filter(layer.basis(r)) * 0.5 * (1 + torch.cos(torch.pi * r / 1.5))
        new_s[i] += phi[:c]
        new_v[i] += v[j] * phi[c : 2 * c] + away[:, None] / r * phi[2 * c :]
    expected = torch.cat([new_s, new_v.reshape(9, 9)], 1)
    torch.testing.assert_close(layer(x, graph), expected, rtol=0, atol=1e-12)


def test_an_update_is_the_published_one_at_each_point():
    torch.manual_seed(0)
    c, graph = 3, cloud()
    layer, x = PaiNNUpdate(c).double(), drawn(9, 12)
    s, v = x[:, :c], x[:, c:].reshape(9, 3, c)
    U, V = layer.mix.weight[:c], layer.mix.weight[c:]
    a, b = v @ U.T, v @ V.T
    gates = layer.network(torch.cat([s, b.norm(dim=1)], 1))
    new_s = s + gates[:, :c] + gates[:, c : 2 * c] * (a * b).sum(1)
    new_v = v + gates[:, None, 2 * c :] * a
    expected = torch.cat([new_s, new_v.reshape(9, 9)], 1)
    torch.testing.assert_close(layer(x, graph), expected, rtol=0, atol=1e-7)  # ε under the root


@pytest.mark.parametrize("name", ["permutation", "translation", "rotation", "orthogonal"])
@pytest.mark.parametrize("graph", [cloud((6, 4)), CRYSTAL], ids=["open", "periodic"])
def test_energies_are_invariant(name, graph):
    torch.manual_seed(0)
    model = PaiNN(3, 2, channels=8, layers=3, cutoff=1.8).double()
    assert_equivariant(model, Signal(drawn(graph.num_points, 3), graph, model.in_type), graph.symmetries()[name], 1e-10)


def test_vectors_tell_angles_apart_that_distances_do_not():
    bent = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=F64)
    straight = torch.tensor([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0]], dtype=F64)
    torch.manual_seed(0)
    model = PaiNN(1, channels=8, layers=2, cutoff=1.3).double()
    ends = torch.tensor([0, 1, 0, 2]), torch.tensor([1, 0, 2, 0])  # the ends of the molecule do not see each other
    x = torch.ones(3, 1, dtype=F64)
    energies = [model(x, GeometricGraph.from_edges(*ends, positions)).item() for positions in (bent, straight)]
    assert abs(energies[0] - energies[1]) > 1e-4


def test_small_and_degenerate_graphs_have_finite_derivatives_of_second_order():
    torch.manual_seed(0)
    model = PaiNN(1, channels=2, layers=2, cutoff=2.0, basis=3).double()
    for places in ([[0.0, 0, 0]], [[0.0, 0, 0], [0, 0, 0]], [[0.0, 0, 0], [2.0, 0, 0], [9, 9, 9]]):
        positions = torch.tensor(places, dtype=F64, requires_grad=True)
        energy = model(torch.ones(len(places), 1, dtype=F64), GeometricGraph.from_positions(positions, 2.0))
        (first,) = torch.autograd.grad(energy.sum(), positions, create_graph=True)
        second = torch.autograd.grad(
            first.square().sum() + energy.sum(), [positions, *model.parameters()], allow_unused=True
        )
        assert all(bool(torch.isfinite(d).all()) for d in (energy, first, *second) if d is not None)
