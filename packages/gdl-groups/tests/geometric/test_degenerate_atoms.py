"""No atoms, one, two out of reach, three in one place, neighbours along every axis: energies, forces and the gradients
by which forces are learnt are finite in every network of atoms."""

import pytest
import torch
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.mace import MACE
from gdl_groups.geometric.nequip import NequIP
from gdl_groups.geometric.painn import PaiNN
from gdl_groups.geometric.schnet import SchNet
from gdl_groups.physics.conservative import Conservative

NETWORKS = {
    "schnet": lambda: SchNet(2, 1, channels=8, layers=2),
    "painn": lambda: PaiNN(2, 1, channels=8, layers=2),
    "nequip": lambda: NequIP(2, "4x0e+4x1o", 5.0, layers=2),
    "mace": lambda: MACE(2, "4x0e+4x1o", 5.0, layers=2),
}
ATOMS = {
    "none": torch.zeros(0, 3),
    "one": torch.zeros(1, 3),
    "out-of-reach": torch.tensor([[0.0, 0, 0], [100, 0, 0]]),
    "coincident": torch.zeros(3, 3),
    "axes": torch.cat([torch.zeros(1, 3), torch.eye(3)]),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("atoms", ATOMS)
def test_forces_and_their_gradients_are_finite(network, atoms):
    torch.manual_seed(0)
    positions = ATOMS[atoms].double()
    head = Conservative(NETWORKS[network]().double())
    species = torch.nn.functional.one_hot(torch.arange(len(positions)) % 2, 2).double()
    found = head(species, GeometricGraph.from_positions(positions, 5.0))
    loss = found.energy.sum() + found.forces.square().sum()
    slopes = torch.autograd.grad(loss, list(head.parameters()), allow_unused=True)
    assert found.energy.shape == (1,)
    for tensor in (found.energy, found.forces, *(slope for slope in slopes if slope is not None)):
        assert bool(torch.isfinite(tensor).all())
    if atoms == "coincident":  # no direction is distinguished
        assert float(found.forces.detach().abs().max()) == 0
    if atoms == "axes":  # the check above could pass on zeros
        assert float(found.forces.detach().abs().max()) > 0
