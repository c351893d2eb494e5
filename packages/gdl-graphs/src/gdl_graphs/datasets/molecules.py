"""Molecules of a table, with values that were measured."""

from collections.abc import Callable
from typing import Any

import torch
from gdl_core.errors import DataError
from gdl_core.train.files import find_file
from gdl_core.train.source import Source, Splits, unpack

from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.encodings.random_walk import random_walk_encoding
from gdl_graphs.io.molecules import read_molecules


class Molecules(Source):
    """Predict a number of each molecule from its atoms and bonds (MoleculeNet, Wu et al. 2018: ESOL, FreeSolv).

    Read from SMILES, see `read_molecules`, which gives atoms 22 channels and bonds 5. Molecules without the value are
    left out; of the others, random tenths are the validation and the test set.

    Args:
        root: the folder with the file; it is read when training begins, not before.
        file: comma-separated, plain or `.gz`.
        target: the column of the value.
        smiles: the column of the molecules.
        walk_steps: append to each atom the probabilities to return after 1, 2, … so many random steps.
        seed: of the split.
    """

    def __init__(
        self,
        root: str | None = None,
        file: str = "esol_delaney-processed.csv",
        target: str = "measured log solubility in mols per litre",
        smiles: str = "smiles",
        walk_steps: int = 0,
        seed: int = 0,
    ):
        if walk_steps < 0:
            raise ValueError(f"walk_steps: expected a number from 0, got {walk_steps}")
        self.root, self.file, self.target, self.smiles = root, file, target, smiles
        self.walk_steps, self.seed = walk_steps, seed

    def splits(self) -> Splits:
        path = find_file(self.root, [self.file, f"{self.file}.gz"], "Molecules")
        data = read_molecules(path, [self.target], self.smiles)
        known = torch.nonzero(data.target[:, 0].isfinite())[:, 0]
        tenth = len(known) // 10
        if not tenth:
            raise DataError(f"{path}: expected at least ten molecules with {self.target!r}, got {len(known)}.")
        assert data.node_attributes is not None  # every molecule has them
        x = data.node_attributes
        if self.walk_steps:
            x = torch.cat([x, random_walk_encoding(data.graph, self.walk_steps, torch.float32)], 1)
        order = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(self.seed))]
        parts = (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])
        return Splits(*(GraphBatches(x, data.graph, data.target, part) for part in parts))

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack
