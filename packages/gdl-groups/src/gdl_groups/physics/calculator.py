"""`AtomsCalculator`: a learned energy as a calculator of ASE, for molecular dynamics and relaxation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.physics.conservative import Conservative

try:  # ASE asks for a subclass; without it the module still imports, and the constructor says what to install
    from ase.calculators.calculator import Calculator, all_changes
except ImportError:
    Calculator, all_changes = object, []  # type: ignore[assignment, misc]


class AtomsCalculator(Calculator):  # type: ignore[misc, valid-type]
    """E = head(elements, atoms) + Σ_i shift[z_i], with forces and stress, wherever ASE takes a calculator.

    Units are those of the data that the head learnt from; ASE's are eV and Å. Forces come from `head` as derivatives of
    the energy, so that a motion without a thermostat conserves E + kinetic energy as far as the step allows.

    Args:
        head: a `Conservative` model in the unit eV; with `stress=True` it gives stress too. Put into evaluation.
        elements: atomic numbers, in the order of the model's channels.
        cutoff: within which atoms are joined, Å; that of the model.
        shifts: the energy of an atom of each element, which `Molecules` takes from the targets; zero if left out.
        skin: atoms are joined within `cutoff + skin` and searched for again only when one has moved by half of it; for
            models whose interactions vanish at the cut-off (not `EGNN`). 0 searches at every step.

    Shapes: energy a number, forces `[n, 3]`, stress `[6]` in Voigt's order (xx, yy, zz, yz, xz, xy), eV/Å³.

    Raises:
        ImportError: without ASE.
        TypeError: if `head` is no `Conservative`.
        ValueError: if there are not as many shifts as elements, a length is negative, or atoms are of another element.

    Source: Larsen et al. 2017 (the Atomic Simulation Environment), §"Calculators".

    >>> from ase import Atoms
    >>> from gdl_groups import Conservative, NequIP
    >>> water = Atoms("H2O", [[0.0, 0.8, 0.6], [0.0, -0.8, 0.6], [0.0, 0.0, 0.0]])
    >>> water.calc = AtomsCalculator(Conservative(NequIP(species=2, hidden="4x0e+4x1o")), elements=[1, 8], cutoff=4.0)
    >>> water.get_forces().shape
    (3, 3)
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(
        self,
        head: Conservative,
        elements: Sequence[int],
        cutoff: float,
        *,
        shifts: Sequence[float] | None = None,
        skin: float = 0.0,
    ):
        if Calculator is object:
            raise ImportError('AtomsCalculator needs ASE: pip install "gdl-groups[molecules]".')
        if not isinstance(head, Conservative):
            raise TypeError(
                f"AtomsCalculator takes a Conservative head, which gives forces, got {type(head).__name__}."
            )
        shifts = [0.0] * len(elements) if shifts is None else list(shifts)
        if len(shifts) != len(elements):
            raise ValueError(f"shifts: expected one energy for each of {len(elements)} elements, got {len(shifts)}.")
        if not cutoff > 0 or not skin >= 0:
            raise ValueError(f"cutoff, skin: expected lengths above 0 and from 0, got {cutoff} and {skin}.")
        super().__init__()
        self.head, self.elements, self.cutoff = head.eval(), np.asarray(elements), float(cutoff)
        self.shifts, self.skin = np.asarray(shifts, np.float64), float(skin)
        if not head.stress:
            self.implemented_properties = ["energy", "free_energy", "forces"]
        self._graph: GeometricGraph | None = None
        self._fixed: tuple = ()  # what a kept list of neighbours depends on, beside the positions
        self._where = np.zeros((0, 3))  # positions when neighbours were last searched for

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """Fill `results` with energy, forces and, where the head gives it, stress."""
        super().calculate(atoms, properties, system_changes)
        columns = self.atoms.numbers[:, None] == self.elements
        if not columns.any(1).all():
            other = self.atoms.numbers[~columns.any(1)][0]
            raise ValueError(f"elements: expected atoms of {self.elements.tolist()}, got one of number {other}.")
        like = next((p for p in self.head.parameters() if p.is_floating_point()), torch.zeros(()))
        graph = self._neighbours(like)
        energy, forces, stress = self.head(torch.from_numpy(columns).to(like), graph)
        total = float(energy.detach()) + float(columns.sum(0) @ self.shifts)
        self.results = {"energy": total, "free_energy": total, "forces": _numpy(forces)}
        if stress is not None:
            self.results["stress"] = _numpy(stress)[0][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

    def _neighbours(self, like: Tensor) -> GeometricGraph:
        """Return the atoms as a graph; neighbours are kept while none can have come nearer than the cut-off."""
        atoms = self.atoms
        positions = torch.from_numpy(atoms.positions).to(like)
        cell = torch.from_numpy(atoms.cell.complete().array).to(like) if atoms.pbc.any() else None
        fixed = (atoms.pbc.tolist(), atoms.cell.array.tolist(), like.dtype, like.device)
        kept = self._graph is not None and self.skin > 0 and self._fixed == fixed and len(atoms) == len(self._where)
        if kept and len(atoms):
            kept = np.linalg.norm(atoms.positions - self._where, axis=1).max() <= 0.5 * self.skin
        if not kept:
            self._graph = GeometricGraph.from_positions(
                positions, self.cutoff + self.skin, cell=cell, periodic=None if cell is None else atoms.pbc.tolist()
            )
            self._fixed, self._where = fixed, atoms.positions.copy()
        assert self._graph is not None  # for type checkers
        return self._graph.moved(positions)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().to("cpu", torch.float64).numpy()
