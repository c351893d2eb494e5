"""What readers return: `NodeData`, one graph with classes of nodes, and `GraphSet`, many graphs with targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from gdl_core import points
from torch import Tensor

from gdl_graphs.graph import Graph


@dataclass(frozen=True)
class NodeData:
    """One graph whose nodes are classified.

    Args:
        graph: the graph.
        features: ``float32[n, c]``; zero where unknown.
        labels: ``int64[n]``, the class of each node; -1 where unknown.
        train, val, test: ``bool[n]``, the published split.
        known: ``bool[n]``, which nodes have features.
    """

    graph: Graph
    features: Tensor
    labels: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    known: Tensor

    @property
    def num_classes(self) -> int:
        return int(self.labels.max()) + 1


@dataclass(frozen=True)
class GraphSet:
    """Many graphs with a target each, held side by side as one batch: a few large tensors instead of many small ones.

    Args:
        graph: all graphs; `edge_features` holds the attributes of edges.
        target: ``int64[b]`` class numbers from 0, or ``float[b, ...]`` values.
        node_labels: ``int64[n]`` or ``[n, k]``, as the file has them.
        node_attributes: ``float32[n, k]``.
        edge_labels: ``int64[e]`` or ``[e, k]``, as the file has them, in canonical order.
        classes: what the file calls class 0, 1, …
        splits: ``int64`` graph numbers by the name of the split.
        folds: the test graphs of each fold of a cross-validation.
    """

    graph: Graph
    target: Tensor
    node_labels: Tensor | None = None
    node_attributes: Tensor | None = None
    edge_labels: Tensor | None = None
    classes: tuple[int, ...] = ()
    splits: Mapping[str, Tensor] = field(default_factory=dict)
    folds: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return self.graph.batch_size

    def select(self, graphs: Tensor | Sequence[int]) -> "GraphSet":
        """Return the graphs of these numbers, in this order, as one batch; the same may come twice.

        It costs a few index operations, however many graphs; splits and folds, which are numbers of all, are left out.

        Raises:
            IndexError: if a number is out of range.
        """
        chosen, nodes, edges = select(self.graph, graphs)

        def cut(values: Tensor | None, rows: Tensor) -> Tensor | None:
            return None if values is None else values[rows]

        return replace(
            self,
            graph=chosen,
            target=self.target[torch.as_tensor(graphs, dtype=torch.int64)],
            node_labels=cut(self.node_labels, nodes),
            node_attributes=cut(self.node_attributes, nodes),
            edge_labels=cut(self.edge_labels, edges),
            splits={},
            folds=(),
        )

    def __getitem__(self, graphs: int | slice | Sequence[int] | Tensor) -> "GraphSet":
        numbers = torch.arange(len(self))[graphs]
        return self.select(numbers.reshape(-1))


def select(graph: Graph, samples: Tensor | Sequence[int]) -> tuple[Graph, Tensor, Tensor]:
    """Return the batch of the given samples of `graph`, and which of its nodes and edges they are.

    The same as collating these parts of ``graph.unbatch()``, bit for bit, without taking the batch apart.

    Raises:
        IndexError: if a sample is out of range.
    """
    found = points.select(graph.incidence, graph.ptr, samples)

    def cut(values: Tensor | None, rows: Tensor) -> Tensor | None:
        return None if values is None else values.index_select(0, rows)

    weight, features = cut(graph.edge_weight, found.edges), cut(graph.edge_features, found.edges)
    chosen = Graph(found.incidence, found.ptr, found.owner, weight, features, cut(graph.positions, found.points))
    return chosen, found.points, found.edges
