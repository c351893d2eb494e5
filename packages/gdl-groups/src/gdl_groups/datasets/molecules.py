"""Energies and forces of molecules, liquids and crystals, read from files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.train.source import Source, Splits, unpack
from torch import Tensor

from gdl_groups.datasets.graph_samples import EnergyForces, GraphSamples
from gdl_groups.datasets.xyz import Frames, read_frames
from gdl_groups.geometric.graph import GeometricGraph

CHUNK = 64  # configurations whose neighbours are found at once


class Molecules(Source):
    """Configurations of atoms with energies and forces; the values of an atom are its element as one of k.

    Targets are `EnergyForces`: energies from which Σ_i shift[z_i] is taken, and forces, in the units of the file. The
    shifts are fitted to the training energies by least squares (of smallest norm where compositions do not tell
    elements apart), so that the network learns what is left. Neighbours within the cut-off are found once.

    Args:
        root: the folder with the files; they are read when training begins, not before.
        train, test: files in it (`.xyz`, `.xyz.gz`, `.npz`) or folders of DeePMD, see `read_frames`; several training
            files are joined by commas. Without a test file, the test set is what `size` and `valid` leave.
        elements: atomic numbers that there may be, in the order of the channels.
        size: how many configurations are learnt from, those for validation not counted; all if left out.
        valid: how many are kept apart of the training file to choose the best epoch.
        cutoff: in the unit of the positions.
        seed: of the choice.

    Raises:
        DataError: when read: a file is absent, cut off or damaged, has another element, or too few configurations.
    """

    def __init__(
        self,
        root: str | None = None,
        train: str = "train.xyz.gz",
        test: str | None = None,
        elements: Sequence[int] = (1, 6, 8),
        size: int | None = None,
        valid: int = 50,
        cutoff: float = 5.0,
        seed: int = 0,
    ):
        if valid < 1 or (size is not None and size < 1):
            raise ValueError(f"size, valid: expected whole numbers from 1, got {size} and {valid}")
        if test is None and size is None:
            raise ValueError("size: expected how many configurations to learn from, where no file is the test set")
        self.root, self.train, self.test, self.elements = root, train, test, tuple(elements)
        self.size, self.valid, self.cutoff, self.seed = size, valid, cutoff, seed

    def splits(self) -> Splits:
        frames = self._read(self.train)
        order = np.random.default_rng(self.seed).permutation(len(frames))
        size = len(order) - self.valid if self.size is None else self.size
        needed = size + self.valid + (self.test is None)
        if size < 1 or len(order) < needed:
            raise DataError(f"{self.train} has {len(order)} configurations, {max(needed, self.valid + 1)} are needed.")
        learnt, kept = frames.select(order[:size]), frames.select(order[size : size + self.valid])
        tested = frames.select(order[size + self.valid :]) if self.test is None else self._read(self.test)
        shifts = element_shifts(learnt, self.elements)
        train, valid, test = (self._samples(part, shifts) for part in (learnt, kept, tested))
        return Splits(train, test, valid)

    def signal(self, inputs: Any) -> Signal:
        values, domain = inputs
        return Signal(values, domain, FieldType.scalars(len(self.elements)))

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack

    def _read(self, names: str) -> Frames:
        if self.root is None:
            raise DataError("Molecules needs the folder with its files: give --data.root FOLDER.")
        return join_frames([read_frames(Path(self.root, name.strip())) for name in names.split(",")])

    def _samples(self, frames: Frames, shifts: np.ndarray) -> GraphSamples:
        x = one_of(frames, self.elements)
        energy = frames.energy - composition(frames, self.elements) @ shifts
        numbers = (energy, frames.forces, frames.sizes)
        targets = EnergyForces(*(torch.from_numpy(values).float() for values in numbers))
        return GraphSamples(x, graphs(frames, self.cutoff), targets)


def graphs(frames: Frames, cutoff: float, dtype: torch.dtype = torch.float32) -> GeometricGraph:
    """Return all configurations as one batch, with the neighbours within the cut-off."""
    positions = torch.from_numpy(frames.positions).to(dtype)
    cell = None if frames.cell is None else torch.from_numpy(frames.cell).to(dtype)
    ends = np.concatenate([[0], np.cumsum(frames.sizes)])
    found = []
    for start in range(0, len(frames), CHUNK):
        sizes = frames.sizes[start : start + CHUNK].tolist()
        found.append(
            GeometricGraph.from_positions(
                positions[ends[start] : ends[start + len(sizes)]],
                cutoff,
                sizes=sizes,
                cell=None if cell is None else cell[start : start + len(sizes)],
                periodic=None if cell is None else frames.periodic,
            )
        )
    return GeometricGraph.collate(found)


def one_of(frames: Frames, elements: Sequence[int]) -> Tensor:
    """Return ``float32[n, k]``, a column for each of `elements`.

    Raises:
        DataError: if there is another element.
    """
    columns = frames.numbers[:, None] == np.asarray(elements)
    other = ~columns.any(1)
    if other.any():
        raise DataError(
            f"elements: expected one of {list(elements)}, got an atom of number {frames.numbers[other][0]}."
        )
    return torch.from_numpy(columns).float()


def composition(frames: Frames, elements: Sequence[int]) -> np.ndarray:
    """Return ``float64[b, k]``, how many atoms of each element a configuration has."""
    counts = np.zeros((len(frames), len(elements)))
    np.add.at(counts, np.repeat(np.arange(len(frames)), frames.sizes), one_of(frames, elements).numpy())
    return counts


def element_shifts(frames: Frames, elements: Sequence[int]) -> np.ndarray:
    """Return ``float64[k]``, the energy of an atom of each element that fits all energies best."""
    return np.linalg.lstsq(composition(frames, elements), frames.energy, rcond=None)[0]


def join_frames(parts: Sequence[Frames]) -> Frames:
    """Return the configurations of all parts.

    Raises:
        DataError: if some repeat in space and others do not, or along other axes.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.periodic for part in parts}) > 1:
        raise DataError(f"Files that repeat along different axes cannot be joined: {[p.periodic for p in parts]}.")
    names = ("numbers", "positions", "sizes", "energy", "forces")
    numbers, positions, sizes, energy, forces = (
        np.concatenate([getattr(part, name) for part in parts]) for name in names
    )
    cells = [part.cell for part in parts if part.cell is not None]
    cell = np.concatenate(cells) if cells else None
    return Frames(numbers, positions, sizes, energy, forces, cell, parts[0].periodic)
