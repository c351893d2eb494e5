"""Speeds on the roads of a city: a signal on a fixed graph that changes with time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.train.files import find_file
from gdl_core.train.source import Source, Splits, unpack
from torch import Tensor
from torch.utils.data import Dataset

from gdl_graphs.graph import Graph
from gdl_graphs.io.files import finite, opened, read_table


class Traffic(Source):
    """Predict the speeds at the sensors of a road network from the speeds before (Los-loop, Zhao et al. 2020, T-GCN).

    A sample is one moment: at each sensor the last `history` speeds, less their mean over the training part and in
    units of their deviation there. The targets are how many miles per hour the next `horizon` speeds lie above the
    last one, so that errors are those of the speeds and an output of zero is "it stays as it is". Windows do not reach
    from one part into another. Edges have the weight of the adjacency matrix as their only feature, in both directions
    where the matrix is symmetric; its diagonal is the self-loops.

    Args:
        root: the folder with the files; it is read when training begins, not before.
        speeds: the speeds, ``[times, sensors]`` with a first line of names, comma-separated, plain or `.gz`.
        adjacency: the weights, ``[sensors, sensors]``, receivers by senders, no header.
        history: how many steps are seen (12 steps of 5 minutes).
        horizon: how many are predicted (3 steps: 15 minutes).
        train_fraction: the first part in time; the rest is the test set.
        valid_fraction: the last part of the training part, which chooses the best epoch.
    """

    def __init__(
        self,
        root: str | None = None,
        speeds: str = "los_speed.csv",
        adjacency: str = "los_adj.csv",
        history: int = 12,
        horizon: int = 3,
        train_fraction: float = 0.8,
        valid_fraction: float = 0.1,
    ):
        if history < 1 or horizon < 1:
            raise ValueError(f"history and horizon: expected at least one step, got {history} and {horizon}")
        if not 0 < train_fraction < 1 or not 0 < valid_fraction < 1:
            raise ValueError(f"fractions: expected numbers in (0, 1), got {train_fraction} and {valid_fraction}")
        self.root, self.speeds, self.adjacency = root, speeds, adjacency
        self.history, self.horizon = history, horizon
        self.train_fraction, self.valid_fraction = train_fraction, valid_fraction

    def splits(self) -> Splits:
        values, graph = self.read_speeds()
        first = int(len(values) * self.train_fraction)
        kept = first - int(first * self.valid_fraction)
        mean, deviation = float(values[:kept].mean()), float(values[:kept].std())
        parts = []
        for part in (values[:kept], values[first:], values[kept:first]):
            if len(part) < self.history + self.horizon:
                raise DataError(
                    f"{self.speeds}: every part needs at least {self.history + self.horizon} moments, got {len(part)}."
                )
            parts.append(Windows(part, graph, self.history, self.horizon, mean, deviation))
        return Splits(*parts)

    def read_speeds(self) -> tuple[Tensor, Graph]:
        """Return the speeds ``float32[times, n]`` and the graph of the sensors; raises DataError."""
        path = find_file(self.root, [self.speeds, f"{self.speeds}.gz"], "Traffic")
        with opened(path) as file:
            names = file.readline().decode("utf-8", "replace").count(",") + 1
        values = finite(read_table(path, skip=1), path)
        place = find_file(self.root, [self.adjacency, f"{self.adjacency}.gz"], "Traffic")
        weights = finite(read_table(place), place)
        if values.shape[1:] != (names,) or weights.shape != (names, names):
            raise DataError(
                f"{path} names {names} sensors; expected as many columns and {place.name} [{names}, {names}], got "
                f"{values.shape[1]} and {list(weights.shape)}."
            )
        if not len(values) or np.ptp(values) == 0:
            raise DataError(f"{path}: expected speeds that change, got {len(values)} moments of one value.")
        graph = Graph.from_dense(torch.from_numpy(weights).float())
        assert graph.edge_weight is not None  # the matrix is of floats
        graph = graph.replace(edge_weight=None, edge_features=graph.edge_weight[:, None])
        return torch.from_numpy(values).float(), graph

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack


class Windows(Dataset):
    """Windows of a signal on one graph; a batch of b is b copies of the graph side by side.

    Args:
        values: ``[times, n]``.
        graph: of n nodes.
        history, horizon: steps that are seen, and that are predicted.
        mean, deviation: what inputs are normalised with.
    """

    def __init__(self, values: Tensor, graph: Graph, history: int, horizon: int, mean: float, deviation: float):
        self.seen = ((values - mean) / deviation).unfold(0, history, 1)[:-horizon]  # views, [samples, n, steps]
        self.next = values.unfold(0, horizon, 1)[history:]
        self.last = values[history - 1 : -horizon]
        self.graph, self._batches = graph, {1: graph}

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        count = len(indices)
        if count not in self._batches:  # one or two sizes occur in a run
            self._batches[count] = Graph.collate([self.graph] * count)
        change = self.next[indices] - self.last[indices][..., None]
        return [((self.seen[indices].flatten(0, 1), self._batches[count]), change.flatten(0, 1))]
