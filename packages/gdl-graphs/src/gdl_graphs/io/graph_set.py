"""What readers return: `NodeData`, one graph with classes of nodes, and `GraphSet`, many graphs with targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from gdl_core.incidence import Incidence
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
    samples = torch.as_tensor(samples, dtype=torch.int64, device=graph.device)
    if bool(((samples < 0) | (samples >= graph.batch_size)).any()):
        wrong = samples[(samples < 0) | (samples >= graph.batch_size)]
        raise IndexError(f"Expected samples from 0 to {graph.batch_size - 1}, got {int(wrong[0])}.")
    i = graph.incidence
    nodes, node_ptr, node_move = _runs(graph.ptr.long(), samples)
    edges, edge_ptr, edge_move = _runs(i.ptr.index_select(0, graph.ptr).long(), samples)
    sizes, counts = node_ptr.diff(), edge_ptr.diff()
    to_node = node_move.repeat_interleave(counts).int()  # [e], what to add to a node's number
    to_edge = edge_move.repeat_interleave(counts).int()
    last = edge_ptr[-1:].int()

    def starts(ptr: Tensor) -> Tensor:
        return torch.cat([ptr.index_select(0, nodes) + edge_move.repeat_interleave(sizes).int(), last])

    incidence = Incidence(
        ptr=starts(i.ptr),
        sender=i.sender.index_select(0, edges) + to_node,
        receiver=i.receiver.index_select(0, edges) + to_node,
        ptr_t=starts(i.ptr_t),
        receiver_t=i.receiver_t.index_select(0, edges) + to_node,
        perm=i.perm.index_select(0, edges) + to_edge,
        edge_id=i.edge_id.index_select(0, edges) + to_edge,
    )

    def cut(values: Tensor | None, rows: Tensor) -> Tensor | None:
        return None if values is None else values.index_select(0, rows)

    owner = torch.arange(len(samples), dtype=torch.int32, device=graph.device).repeat_interleave(sizes)
    weight, features = cut(graph.edge_weight, edges), cut(graph.edge_features, edges)
    chosen = Graph(incidence, node_ptr.int(), owner, weight, features, cut(graph.positions, nodes))
    return chosen, nodes, edges


def _runs(ptr: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The places ``ptr[r] … ptr[r + 1]`` of all rows in turn, the offsets of their runs, and how far each run moves."""
    first = ptr.index_select(0, rows)
    counts = ptr.index_select(0, rows + 1) - first
    new = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    move = new[:-1] - first
    places = torch.arange(int(new[-1]), device=ptr.device) - move.repeat_interleave(counts)
    return places, new, move
