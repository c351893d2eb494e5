"""`GraphBatches`: many graphs as samples, a batch at a time."""

from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from gdl_graphs.graph import Graph
from gdl_graphs.io.graph_set import select


class GraphBatches(Dataset):
    """Graphs with values at their nodes and a target each, held as one batch, of which batches are cut.

    `__getitems__` returns a list of one batch ((x, graph), targets), which `gdl_core.train.source.unpack` opens: a
    batch costs a few index operations, however many graphs it has.

    Args:
        x: ``[n, c]``.
        graph: all graphs.
        targets: ``[b, ...]``, one row per graph.
        chosen: ``int64[k]``, the graphs that are samples; all of them if left out.
    """

    def __init__(self, x: Tensor, graph: Graph, targets: Tensor, chosen: Tensor | None = None):
        if len(targets) != graph.batch_size:
            raise ValueError(f"GraphBatches expects a target per graph, got {len(targets)} for {graph.batch_size}.")
        graph.check(x, "GraphBatches")
        self.x, self.graph, self.targets, self.chosen = x, graph, targets, chosen

    def __len__(self) -> int:
        return len(self.targets) if self.chosen is None else len(self.chosen)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        numbers = indices if self.chosen is None else self.chosen[indices]
        graph, nodes, _ = select(self.graph, numbers)
        return [((self.x.index_select(0, nodes), graph), self.targets[numbers])]
