"""Graph classification: data sets of the TU collection, with the folds of a cross-validation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.train.source import Source, Splits, unpack
from torch import Tensor

from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.io.dgcnn import read_dgcnn
from gdl_graphs.io.graph_set import GraphSet
from gdl_graphs.io.tu import read_tu


class TU(Source):
    """Graphs of one data set of the TU collection (Morris et al. 2020), classified; one fold is the test set.

    The features of a node are its label as one of k and its attributes. Where the data has neither, or the same label
    everywhere, it is the degree as one of k, as Xu et al. (2019) do.

    Args:
        name: of the data set, such as NCI1.
        root: the folder with its files (`read_tu`), or with one file `name.txt` (`read_dgcnn`), compressed or not; it
            is read when training begins, not before.
        fold: the test fold, from 0.
        folds: how many folds. Each has its share of every class, by a fixed permutation.
        seed: of the permutation.
        classes: how many classes.
    """

    def __init__(
        self,
        name: str = "NCI1",
        root: str | None = None,
        fold: int = 0,
        folds: int = 10,
        seed: int = 0,
        classes: int = 2,
    ):
        if folds < 2 or not 0 <= fold < folds:
            raise ValueError(f"fold: expected a number from 0 to {max(folds, 2) - 1} of at least 2 folds, got {fold}")
        self.name, self.root, self.fold, self.folds, self.seed = name, root, fold, folds, seed
        self.classes = tuple(str(number) for number in range(classes))

    def splits(self) -> Splits:
        data = self.graphs()
        fold = folds_of(data.target, self.folds, self.seed)
        x = node_features(data)
        parts = [torch.nonzero(mask)[:, 0] for mask in (fold != self.fold, fold == self.fold)]
        train, test = (GraphBatches(x, data.graph, data.target, part) for part in parts)
        return Splits(train, test)

    def graphs(self) -> GraphSet:
        """Read the data; raises DataError."""
        if self.root is None:
            raise DataError(f"TU needs the folder with the files of {self.name}: give --data.root FOLDER.")
        for path in (Path(self.root, f"{self.name}.txt"), Path(self.root, f"{self.name}.txt.gz")):
            if path.is_file():
                return read_dgcnn(path)
        return read_tu(self.root, self.name)

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack


def folds_of(target: Tensor, folds: int, seed: int = 0) -> Tensor:
    """Return ``int64[b]``, the fold of each sample: every class is spread evenly, in a fixed random order."""
    order = np.random.default_rng(seed).permutation(len(target))
    labels = target.numpy()[order]
    fold = np.zeros(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):  # go on where the class before ended, or small classes would fill the first folds
        members = order[labels == label]
        fold[members] = (start + np.arange(len(members))) % folds
        start += len(members)
    return torch.from_numpy(fold)


def node_features(data: GraphSet) -> Tensor:
    """Return ``float32[n, c]``: labels as one of k, then attributes; degrees as one of k where these say nothing."""
    columns = []
    if data.node_labels is not None and len(torch.unique(data.node_labels)) > 1:
        columns = [one_of_k(column) for column in data.node_labels.reshape(data.graph.num_nodes, -1).T]
    if data.node_attributes is not None:
        columns.append(data.node_attributes.float())
    return torch.cat(columns or [one_of_k(data.graph.degree())], 1)


def one_of_k(numbers: Tensor, known: Sequence[int] | None = None, what: str = "a label") -> Tensor:
    """Return ``float32[n, k]``, a column for each of `known`, by default the different numbers in rising order.

    Raises:
        DataError: if a number is not known; the sentence says `what` it is.
    """
    values = torch.unique(numbers) if known is None else torch.tensor(known)
    columns = numbers[:, None] == values
    missing = ~columns.any(1)
    if bool(missing.any()):
        raise DataError(f"{what} must be one of {values.tolist()}, got {int(numbers[missing][0])}.")
    return columns.float()
