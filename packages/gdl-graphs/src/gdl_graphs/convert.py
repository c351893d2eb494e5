"""To and from NetworkX, SciPy, PyTorch Geometric. Messages go from sender to receiver in all of them.

A matrix has receivers as rows. NetworkX and PyTorch Geometric write an edge (u, v) for a message from u to v.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from gdl_graphs.edges import check_apart
from gdl_graphs.graph import Graph

if TYPE_CHECKING:
    import networkx
    import scipy.sparse


@overload
def from_networkx(
    graph: "networkx.Graph", weight: str | None = ..., position: str | None = ..., *, names: Literal[True]
) -> tuple[Graph, list[Any]]: ...
@overload
def from_networkx(
    graph: "networkx.Graph", weight: str | None = ..., position: str | None = ..., *, names: Literal[False] = ...
) -> Graph: ...
def from_networkx(
    graph: "networkx.Graph", weight: str | None = "weight", position: str | None = "pos", *, names: bool = False
) -> Graph | tuple[Graph, list[Any]]:
    """Take the edges of a NetworkX graph, directed or not, simple or multi; nodes keep their order.

    An undirected edge becomes both directions, a self-loop one edge.

    Args:
        graph: any NetworkX graph.
        weight: the attribute of edges that is their weight, float32; not used where no edge has it.
        position: the attribute of nodes that is their position, float32; not used where no node has it.
        names: also return the nodes as NetworkX names them, in order.

    Raises:
        ValueError: if some edges (nodes) have the attribute and others do not.
        TypeError: if it is no NetworkX graph, or an attribute is not made of numbers.
    """
    if not hasattr(graph, "nodes") or not hasattr(graph, "is_directed"):
        raise TypeError(f"from_networkx takes a NetworkX graph, got {type(graph).__name__}.")
    nodes: list[Hashable] = list(graph.nodes)
    number = {node: place for place, node in enumerate(nodes)}
    edges = list(graph.edges(data=True))
    ends = np.array([(number[u], number[v]) for u, v, _ in edges], np.int64).reshape(-1, 2)
    weights = None if weight is None else _attribute([data for *_, data in edges], weight, "edge")
    if weights is not None and weights.dim() != 1:
        raise TypeError(f"The attribute {weight!r} of edges must be one number, got {list(weights.shape[1:])}.")
    if not graph.is_directed():
        turned = ends[:, 0] != ends[:, 1]
        ends = np.concatenate([ends, ends[turned][:, ::-1]])
        weights = None if weights is None else torch.cat([weights, weights[torch.from_numpy(turned)]])
    places = None if position is None else _attribute([data for _, data in graph.nodes(data=True)], position, "node")
    made = Graph.from_edge_index(
        torch.from_numpy(np.ascontiguousarray(ends.T)), len(nodes), edge_weight=weights, positions=places
    )
    return (made, nodes) if names else made


def to_networkx(graph: Graph, weight: str = "weight", position: str = "pos") -> "networkx.MultiDiGraph":
    """Return nodes 0 … n - 1 and every edge with its direction; weights and positions become attributes."""
    import networkx

    made = networkx.MultiDiGraph()
    made.add_nodes_from(range(graph.num_nodes))
    ends = graph.edge_index().T.tolist()
    if graph.edge_weight is None:
        made.add_edges_from(ends)
    else:
        weights = graph.edge_weight.tolist()
        made.add_edges_from((u, v, {weight: w}) for (u, v), w in zip(ends, weights, strict=True))
    if graph.positions is not None:
        networkx.set_node_attributes(made, dict(enumerate(graph.positions.tolist())), position)
    return made


def from_scipy(matrix: Any) -> Graph:
    """Take a square SciPy sparse matrix, receivers by senders: each stored entry is an edge, and its weight.

    A matrix of booleans or integers gives a graph without weights.

    Raises:
        TypeError: if it is no sparse matrix. ValueError: if it is not square or has NaN.
    """
    if not hasattr(matrix, "tocoo"):
        raise TypeError(f"from_scipy takes a scipy.sparse matrix, got {type(matrix).__name__}.")
    coo = matrix.tocoo()
    if len(coo.shape) != 2 or coo.shape[0] != coo.shape[1]:
        raise ValueError(f"An adjacency matrix is square, [n, n], got {list(coo.shape)}.")
    row, column = (torch.from_numpy(axis.astype(np.int64)) for axis in (coo.row, coo.col))
    weight = torch.from_numpy(coo.data.copy()) if coo.data.dtype.kind == "f" else None
    return Graph.from_edges(column, row, coo.shape[0], edge_weight=weight)


def to_scipy(graph: Graph) -> "scipy.sparse.csr_array":
    """Return the adjacency matrix, receivers by senders, weights (ones) as entries; parallel edges stay apart."""
    from scipy.sparse import csr_array

    incidence = graph.incidence
    weight = graph.edge_weight
    values = np.ones(graph.num_edges, np.float32) if weight is None else weight.detach().cpu().numpy()
    ptr, sender = (t.cpu().numpy() for t in (incidence.ptr, incidence.sender))
    return csr_array((values, sender, ptr), shape=(graph.num_nodes, graph.num_nodes))


def from_pyg(data: Any) -> tuple[Graph, Tensor | None]:
    """Take a `torch_geometric.data.Data` or `Batch`: the graph (or the batch of graphs), and the features ``x``.

    Any object with `edge_index` and `num_nodes` will do; `x`, `edge_attr`, `edge_weight`, `pos` and `batch` are used
    where they are. A one-dimensional `edge_attr` of floats is a weight if there is no `edge_weight`.

    Raises:
        TypeError: if there is no `edge_index`, or `num_nodes` is unknown.
        ValueError: if the numbers do not fit together, or the nodes of a batch are not sorted by graph.
    """
    index, count = getattr(data, "edge_index", None), getattr(data, "num_nodes", None)
    if index is None or count is None:
        raise TypeError(f"from_pyg needs edge_index and num_nodes, {type(data).__name__} has not both.")
    weight, features = getattr(data, "edge_weight", None), getattr(data, "edge_attr", None)
    if weight is None and features is not None and features.dim() == 1 and features.is_floating_point():
        weight, features = features, None
    graph = Graph.from_edge_index(
        index, count, edge_weight=weight, edge_features=features, positions=getattr(data, "pos", None)
    )
    x, owner = getattr(data, "x", None), getattr(data, "batch", None)
    if x is not None and x.shape[0] != graph.num_nodes:
        raise ValueError(f"x must have {graph.num_nodes} rows, one per node, got {list(x.shape)}.")
    if owner is None:
        return graph, x
    if owner.shape != (graph.num_nodes,) or bool((owner.diff() < 0).any()):
        raise ValueError(f"batch must be [{graph.num_nodes}] graph numbers that never fall, got {list(owner.shape)}.")
    samples = getattr(data, "num_graphs", None)
    samples = (int(owner[-1]) + 1 if len(owner) else 0) if samples is None else samples
    if len(owner) and int(owner[0]) < 0:
        raise ValueError(f"batch must be graph numbers from 0, got {int(owner[0])}.")
    if len(owner) and int(owner[-1]) >= samples:
        raise ValueError(f"batch must be graph numbers below the {samples} graphs, got {int(owner[-1])}.")
    ptr = torch.searchsorted(owner.contiguous(), torch.arange(samples + 1, device=owner.device), out_int32=True)
    check_apart(graph.incidence, owner)
    return graph.replace(ptr=ptr, owner=owner.int()), x


def to_pyg(graph: Graph, x: Tensor | None = None) -> Any:
    """Return a `torch_geometric.data.Data` with the edges in canonical order, and `batch` if there are several graphs.

    Raises:
        ImportError: if PyTorch Geometric is not installed.
    """
    from torch_geometric.data import Data  # pyright: ignore[reportMissingImports]

    made = Data(x=x, edge_index=graph.edge_index(), edge_attr=graph.edge_features, pos=graph.positions)
    made.num_nodes = graph.num_nodes
    if graph.edge_weight is not None:
        made.edge_weight = graph.edge_weight
    if graph.batch_size != 1:
        made.batch = graph.owner.long()
    return made


def _attribute(rows: list[dict[str, Any]], name: str, of: str) -> Tensor | None:
    """The attribute as a float32 tensor, None if nobody has it."""
    have = [name in row for row in rows]
    if not any(have):
        return None
    if not all(have):
        raise ValueError(f"The {of} at place {have.index(False)} has no attribute {name!r}, others have.")
    try:
        return torch.tensor([row[name] for row in rows], dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(f"The attribute {name!r} of {of}s is not made of numbers: {error}.") from error
