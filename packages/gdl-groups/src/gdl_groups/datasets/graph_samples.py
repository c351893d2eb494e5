"""`GraphSamples`: many geometric graphs as samples, a batch at a time."""

from typing import Any, NamedTuple

import torch
from gdl_core.points.select import runs
from torch import Tensor
from torch.utils.data import Dataset

from gdl_groups.geometric.graph import GeometricGraph


class EnergyForces(NamedTuple):
    """Targets of molecules."""

    energy: Tensor  # [b]
    forces: Tensor  # [n, d]
    atoms: Tensor  # [b], how many


class GraphSamples(Dataset):
    """Values at the points of many graphs and what is to be predicted, held as one batch, of which batches are cut.

    `__getitems__` returns a list of one batch ((x, graph), targets), which `gdl_core.train.source.unpack` opens: a
    batch costs a few index operations, however many graphs it has.

    Args:
        x: ``[n, c]``.
        graph: all graphs.
        targets: ``[n, ...]``, a row per point, or energies per graph and forces per point.
        chosen: ``int64[k]``, the graphs that are samples; all of them if left out.
    """

    def __init__(self, x: Tensor, graph: GeometricGraph, targets: Tensor | EnergyForces, chosen: Tensor | None = None):
        graph.check(x, "GraphSamples")
        rows = targets if isinstance(targets, Tensor) else targets.forces
        if len(rows) != graph.num_points:
            raise ValueError(f"GraphSamples expects a target per point, got {len(rows)} for {graph.num_points}.")
        self.x, self.graph, self.targets = x, graph, targets
        self.chosen = torch.arange(graph.batch_size) if chosen is None else chosen

    def subset(self, places: Tensor) -> "GraphSamples":
        """Return the samples at these places."""
        return GraphSamples(self.x, self.graph, self.targets, self.chosen[places])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        numbers = self.chosen[indices]
        points = runs(self.graph.ptr.long(), numbers)[0]
        inputs = (self.x.index_select(0, points), self.graph.select(numbers))
        if isinstance(self.targets, Tensor):
            return [(inputs, self.targets.index_select(0, points))]
        energy, forces, atoms = self.targets
        rows = (energy.index_select(0, numbers), forces.index_select(0, points), atoms.index_select(0, numbers))
        return [(inputs, EnergyForces(*rows))]
