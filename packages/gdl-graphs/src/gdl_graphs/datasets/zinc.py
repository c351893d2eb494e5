"""Molecules of ZINC and their penalised logP."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.train.files import find_file
from gdl_core.train.source import Source, Splits, unpack

from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.datasets.tu import one_of_k
from gdl_graphs.encodings.random_walk import random_walk_encoding
from gdl_graphs.io.files import read_npz
from gdl_graphs.io.tu import batch

ATOMS, BONDS = 28, 3  # kinds, as in ZINC-12k
KINDS = {
    "atom_ptr": "iu", "bond_ptr": "iu", "atom_type": "iu", "bond_src": "iu", "bond_dst": "iu", "bond_type": "iu",
    "y": "f", "train_substitute": "iu", "val": "iu", "test": "iu",
}  # fmt: skip


class ZINC(Source):
    """Molecules as graphs; the target is a number, the penalised logP (Dwivedi et al. 2023, "ZINC-12k").

    Read from an archive `zinc.npz` with the arrays `atom_ptr`, `bond_ptr`, `atom_type`, `bond_src`, `bond_dst` (numbers
    within the molecule, each bond once), `bond_type` (1, 2, 3), `y`, and the numbers of the molecules of each split in
    `train_substitute`, `val`, `test`. Nodes have the atom's type as one of 28, edges that of the bond as one of 3.

    Args:
        root: the folder with the file; it is read when training begins, not before.
        walk_steps: append to each node the probabilities to return after 1, 2, … so many random steps.
    """

    def __init__(self, root: str | None = None, walk_steps: int = 0):
        if walk_steps < 0:
            raise ValueError(f"walk_steps: expected a number from 0, got {walk_steps}")
        self.root, self.walk_steps = root, walk_steps

    def splits(self) -> Splits:
        path = find_file(self.root, ["zinc.npz"], "ZINC")
        arrays = read_npz(path, KINDS)
        graph = _molecules(path, arrays)
        x = one_of_k(torch.from_numpy(arrays["atom_type"].astype(np.int64)), range(ATOMS))
        if self.walk_steps:
            x = torch.cat([x, random_walk_encoding(graph, self.walk_steps, torch.float32)], 1)
        targets = torch.from_numpy(arrays["y"]).float()[:, None]
        parts = {}
        for name in ("train_substitute", "val", "test"):
            chosen = arrays[name].astype(np.int64)
            _require(path, 0 <= chosen.min(initial=0) <= chosen.max(initial=0) < len(targets), f"molecules of {name!r}")
            parts[name] = GraphBatches(x, graph, targets, torch.from_numpy(chosen))
        return Splits(parts["train_substitute"], parts["test"], parts["val"])

    def collate(self) -> Any:
        return unpack


def _molecules(path: Path, arrays: dict[str, np.ndarray]) -> Any:
    """Return all molecules as one batch, with both directions of each bond."""
    atoms, bonds = (arrays[name].astype(np.int64) for name in ("atom_ptr", "bond_ptr"))
    ends = [arrays[name].astype(np.int64) for name in ("bond_src", "bond_dst")]
    for ptr, count, what in ((atoms, len(arrays["atom_type"]), "atoms"), (bonds, len(ends[0]), "bonds")):
        _require(path, len(ptr) > 0 and ptr[0] == 0 and ptr[-1] == count and (np.diff(ptr) >= 0).all(), what)
    graphs = len(atoms) - 1
    _require(path, len(bonds) == graphs + 1 == len(arrays["y"]) + 1, "molecules")
    owner, size = np.repeat(np.arange(graphs), np.diff(bonds)), np.diff(atoms)
    kind = arrays["bond_type"].astype(np.int64)
    _require(path, len(kind) == len(ends[1]) == len(owner) and bool(((kind >= 1) & (kind <= BONDS)).all()), "bonds")
    _require(path, all(((end >= 0) & (end < size[owner])).all() for end in ends), "ends of bonds")
    source, target = (torch.from_numpy(end + atoms[owner]) for end in ends)
    graph = batch(torch.cat([source, target]), torch.cat([target, source]), np.repeat(np.arange(graphs), size), graphs)
    features = one_of_k(torch.from_numpy(np.concatenate([kind, kind])), range(1, BONDS + 1))
    return graph.replace(edge_features=graph.incidence.from_given(features))


def _require(path: Path, fits: Any, what: str) -> None:
    if not fits:
        raise DataError(f"{path}: the arrays of its {what} do not fit together.")
