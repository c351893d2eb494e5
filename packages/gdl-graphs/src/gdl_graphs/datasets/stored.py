"""`Stored`: the nodes of a graph in files, learnt from sampled neighbourhoods."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.train.sampling import Draw
from gdl_core.train.source import IGNORED, DrawnSamples, Source, Splits, unpack
from torch import Tensor

from gdl_graphs.datasets.nodes import EXCERPT
from gdl_graphs.graph import Graph
from gdl_graphs.sampling.batch import sample
from gdl_graphs.sampling.loader import Neighbourhoods
from gdl_graphs.sampling.store import TEST, TRAIN, VALID, GraphStore


class Stored(Source):
    """The nodes of a graph in a folder of memory-mapped files, `GraphStore`, classified.

    A training batch is ``loader.batch_size`` nodes with some of their neighbours, drawn anew in every epoch (`sample`);
    it depends on the seed, the epoch and the place in it, not on the number of workers. To validate and to test, the
    network is given (nodes, store) and goes over the whole graph layer by layer, as `GraphSAGE` does.

    Args:
        classes: the number of classes, or their names.
        fanouts: up to how many neighbours are drawn per node, for each layer of the network, the last layer first; -1
            for all.
        root: the folder, with features, labels and split; it is read when training begins, not before.
    """

    def __init__(self, classes: int | list[str], fanouts: list[int], root: str | None = None):
        names = [str(number) for number in range(classes)] if isinstance(classes, int) else classes
        if not names:
            raise ValueError(f"classes: expected at least one, got {classes}.")
        if not fanouts or min(fanouts) < -1:
            raise ValueError(f"fanouts: expected numbers of edges from 0, or -1 for all, one per layer, got {fanouts}.")
        self.classes: tuple[str, ...] = tuple(names)
        self.fanouts, self.root = fanouts, root

    def splits(self) -> Splits:
        if self.root is None:
            raise DataError("Stored needs the folder of a graph store: give --data.root FOLDER.")
        store = GraphStore(self.root)
        absent = [name for name in ("features", "labels", "split") if getattr(store, name) is None]
        if store.features is None or store.labels is None or store.split is None:
            raise DataError(f"{store.folder} holds a graph without {', '.join(absent)}: give them to GraphStore.write.")
        train, valid, test = (torch.from_numpy(np.flatnonzero(store.split == part)) for part in (TRAIN, VALID, TEST))
        for nodes, name in ((train, "training"), (test, "test")):
            if len(nodes) == 0:
                raise DataError(f"{store.folder}: split.npy has no {name} nodes.")
        labels = store.labels[store.split >= 0]
        if not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise DataError(
                f"{store.folder}: expected labels from 0 to {len(self.classes) - 1}, got {labels.min()} to "
                f"{labels.max()}; give --data.classes."
            )

        def whole(nodes: Tensor) -> list[tuple[Any, Tensor]]:
            return [((nodes, store), torch.from_numpy(np.asarray(store.labels)[nodes.numpy()]))]

        drawn = _LabelledNeighbourhoods(Neighbourhoods(store, train, self.fanouts))
        return Splits(drawn, whole(test), whole(valid) if len(valid) else None)

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack

    def excerpt(self, inputs: tuple[Tensor, GraphStore]) -> tuple[Tensor, Graph]:
        """Return the neighbourhoods of a few nodes: their features and their graph, at most `EXCERPT` nodes."""
        nodes, store = inputs
        part = sample(store, nodes[:4], [EXCERPT // 4 - 1])  # four nodes and fifteen neighbours of each
        assert part.x is not None  # `splits` asked for features
        return part.x.float(), part.graph


class _LabelledNeighbourhoods(DrawnSamples):
    """Batches as the task takes them: inputs (x, graph) and a class per node, ignored where the node is no seed."""

    def __init__(self, drawn: Neighbourhoods):
        self.drawn = drawn

    def __len__(self) -> int:
        return len(self.drawn)

    def draw(self, asked: Draw) -> tuple[tuple[Tensor, Graph], Tensor]:
        batch = self.drawn.draw(asked)
        assert batch.x is not None and batch.y is not None  # `splits` asked for both
        targets = torch.full((len(batch.x),), IGNORED)
        targets[: batch.num_seeds] = batch.y
        return (batch.x.float(), batch.graph), targets
