"""`Nodes`: what the sources of one graph share, whose nodes are classified."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from gdl_core.train.source import IGNORED, Source, Splits
from torch import Tensor

from gdl_graphs.graph import Graph

EXCERPT = 64  # nodes that a checkpoint keeps as an example


class LabelledGraph(NamedTuple):
    """One graph, the features and classes of its nodes, and which of them belong to which split."""

    x: Tensor  # [n, c]
    graph: Graph
    labels: Tensor  # int64[n]
    train: Tensor  # indices
    valid: Tensor | None
    test: Tensor


class Nodes(Source):
    """The nodes of one graph. A batch is the whole graph; the targets of nodes of other splits are ignored.

    A subclass gives `labelled`.
    """

    @abstractmethod
    def labelled(self) -> LabelledGraph:
        """Read the graph; raises DataError."""

    def splits(self) -> Splits:
        data = self.labelled()

        def part(nodes: Tensor) -> Sequence[tuple[Any, Tensor]]:
            targets = torch.full_like(data.labels, IGNORED)
            targets[nodes] = data.labels[nodes]
            return [((data.x, data.graph), targets)]

        valid = None if data.valid is None else part(data.valid)
        return Splits(part(data.train), part(data.test), valid)

    def excerpt(self, inputs: tuple[Tensor, Graph]) -> tuple[Tensor, Graph]:
        """Return the graph on the node of the highest degree and its neighbours, at most `EXCERPT` nodes."""
        x, graph = inputs
        if graph.num_nodes <= EXCERPT:
            return inputs
        hub = int(graph.degree().argmax())
        first, last = graph.incidence.ptr[hub : hub + 2].tolist()
        around = graph.incidence.sender[first:last].long()
        kept = torch.cat([around.new_tensor([hub]), around[around != hub][: EXCERPT - 1]])
        mask = torch.zeros(graph.num_nodes, dtype=torch.bool)
        mask[kept] = True
        return x[mask], graph.subgraph(mask)


def row_normalised(x: Tensor) -> Tensor:
    """Return x with each row divided by its sum; a row of zeros stays."""
    total = x.sum(1, keepdim=True)
    return x / torch.where(total == 0, 1, total)
