"""`EnergyForcesLoss`: the objective of a network that gives energies and their forces."""

from typing import Any

from gdl_core.train.objective import Objective
from torch import Tensor

from gdl_groups.datasets.graph_samples import EnergyForces
from gdl_groups.physics.conservative import Prediction


class EnergyForcesLoss(Objective):
    """loss = w_E mean (ΔE / n)² + w_F mean |ΔF|², n the atoms of a sample; figures: mean |ΔF|, mean |ΔE|.

    Args:
        energy: w_E.
        forces: w_F.

    Source: Batzner et al. 2022 (NequIP), eq. 11, with the energy per atom as Batatia et al. 2022 (MACE) have it.
    """

    figures = ("forces_mae", "energy_mae")

    def __init__(self, energy: float = 1.0, forces: float = 1.0):
        if energy < 0 or forces < 0 or energy + forces == 0:
            raise ValueError(f"energy, forces: expected weights from 0, not both 0, got {energy} and {forces}")
        self.energy, self.forces = energy, forces

    def check(self, output: Any, targets: Any) -> str | None:
        if not isinstance(targets, EnergyForces):
            return f"EnergyForcesLoss learns energies and forces, the data has targets {type(targets).__name__}."
        expected = f"energies {list(targets.energy.shape)} and forces {list(targets.forces.shape)}"
        if not isinstance(output, Prediction):
            return f"The model gives {type(output).__name__}, the data needs {expected}: use `Conservative`."
        if output.energy.shape != targets.energy.shape or output.forces.shape != targets.forces.shape:
            got = f"energies {list(output.energy.shape)} and forces {list(output.forces.shape)}"
            return f"The model gives {got}, the data needs {expected}."
        return None

    def measure(self, output: Prediction, targets: EnergyForces) -> dict[str, tuple[Tensor, Tensor | int]]:
        de, df = output.energy - targets.energy, output.forces - targets.forces
        samples, atoms = len(de), len(df)
        loss = self.energy * (de / targets.atoms).square().mean() + self.forces * df.square().mean()
        return {
            "loss": (loss, samples),
            "forces_mae": (df.abs().mean(), atoms),
            "energy_mae": (de.abs().mean(), samples),
        }
