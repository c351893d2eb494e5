"""`audit` measures energies, forces and stresses of one network, each by its own law, and names what breaks it."""

import pytest
import torch
from gdl_core.geometry import Domain, Signal
from gdl_core.representations import FieldType
from gdl_core.verify import audit, equivariance_error
from gdl_groups import Conservative, GeometricGraph, NequIP, PaiNN
from gdl_groups.physics.conservative import Prediction
from torch import Tensor, nn

MOTIONS = ("permutation", "translation", "rotation", "orthogonal")


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    monkeypatch.setenv("GDL_KERNELS", "reference")  # compiling kernels would take longer than the audits


def molecules(cell: bool = False) -> Signal:
    draw = torch.Generator().manual_seed(0)
    positions = 1.2 * torch.randn(9, 3, generator=draw, dtype=torch.float64)
    box = 4 * torch.eye(3) + 0.3 * torch.randn(2, 3, 3, generator=draw, dtype=torch.float64) if cell else None
    graph = GeometricGraph.from_positions(positions, 3.0, sizes=(5, 4), cell=box)
    return Signal(torch.eye(3, dtype=torch.float64)[torch.arange(9) % 3], graph, FieldType.scalars(3))


def nequip() -> nn.Module:
    torch.manual_seed(0)
    return NequIP(3, "2x0e+2x1o+1x2e", 3.0, layers=2, radial=(8,))


@pytest.mark.parametrize("cell", [False, True])
def test_energy_is_invariant_forces_turn_as_vectors_and_stress_as_a_matrix(cell):
    signal = molecules(cell)
    head = Conservative(nequip(), stress=cell).double()
    assert len([part for part in head(signal.values, signal.domain) if part is not None]) == 2 + cell
    found = audit(head, signal, samples=2)
    assert {row.cells[name].verdict for row in found.rows for name in MOTIONS} == {"exact"}
    assert "model" in [row.name for row in found.layers]  # the energy has a row of its own
    assert [found.first_lost(name) for name in MOTIONS] == [None] * 4


class AbsolutePositions(nn.Module):
    """An energy that depends on where the molecule is: what the audit must find."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.place = model, Placing()

    def forward(self, x: Tensor, domain: Domain) -> Tensor:
        return self.model(self.place(x, domain), domain)


class Placing(nn.Module):
    def forward(self, x: Tensor, domain: GeometricGraph) -> Tensor:
        return x + 0.1 * domain.positions[:, :1]


class TurnedForces(Conservative):
    """The forces, turned by a quarter about z: derivatives of nothing, and no vectors under reflections."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Prediction:
        energy, forces, stress = super().forward(x, domain)
        return Prediction(energy, torch.stack([-forces[:, 1], forces[:, 0], forces[:, 2]], 1), stress)


class TransposedSquare(Conservative):
    """The first row of each stress repeated: no matrix of space."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Prediction:
        energy, forces, stress = super().forward(x, domain)
        return Prediction(energy, forces, None if stress is None else stress[:, :1].expand(-1, 3, -1).clone())


def test_a_layer_that_looks_at_absolute_positions_is_named():
    found = audit(Conservative(AbsolutePositions(nequip())).double(), molecules(), MOTIONS, samples=1)
    assert found.verdict("permutation") == "exact"
    for name in MOTIONS[1:]:
        assert found.verdict(name) == "lost" and found.first_lost(name) == "model.place"


@pytest.mark.parametrize(("kind", "cell"), [(TurnedForces, False), (TransposedSquare, True)])
def test_forces_and_stress_that_do_not_turn_with_the_molecule_are_lost_at_the_output(kind, cell):
    head = kind(PaiNN(3, channels=4, layers=1, cutoff=3.0), stress=cell).double()
    found = audit(head, molecules(cell), MOTIONS, samples=1)
    assert [found.verdict(name) for name in MOTIONS] == ["exact", "exact", "lost", "lost"]
    assert {row.cells["rotation"].verdict for row in found.layers} == {"exact"}
    assert found.first_lost("rotation") == "(output)"
    assert equivariance_error(head, molecules(cell), "rotation", samples=2).max > 0.1
