"""Molecules of ZINC and their penalised logP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gdl_core.train.files import find_file
from gdl_core.train.source import Source, Splits, unpack

from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.datasets.tu import one_of_k
from gdl_graphs.encodings.random_walk import random_walk_encoding
from gdl_graphs.io.graph_set import GraphSet
from gdl_graphs.io.zinc import read_zinc

ATOMS, BONDS = 28, 3  # kinds of atoms of ZINC-12k; single, double and triple bonds


class ZINC(Source):
    """Molecules as graphs; the target is a number, the penalised logP (Dwivedi et al. 2023, "ZINC-12k").

    Nodes have the kind of the atom as one of 28, edges that of the bond as one of 3. Read from `zinc.npz`, see
    `read_zinc`.

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
        data = read_zinc(path)
        train, valid, test = (self._batches(data.select(data.splits[part]), path) for part in ("train", "val", "test"))
        return Splits(train, test, valid)

    def _batches(self, data: GraphSet, path: Path) -> GraphBatches:
        assert data.node_labels is not None and data.edge_labels is not None  # every file has them
        x = one_of_k(data.node_labels, range(ATOMS), f"{path}: the kind of an atom")
        if self.walk_steps:
            x = torch.cat([x, random_walk_encoding(data.graph, self.walk_steps, torch.float32)], 1)
        bonds = one_of_k(data.edge_labels, range(1, BONDS + 1), f"{path}: the kind of a bond")
        return GraphBatches(x, data.graph.replace(edge_features=bonds), data.target.float()[:, None])

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack
