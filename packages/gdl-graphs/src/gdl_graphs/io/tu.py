"""The text format of TUDataset (Morris et al., 2020, arXiv 2007.08663)."""

from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_graphs.graph import Graph
from gdl_graphs.io.files import find, find_optional, finite, read_table, whole
from gdl_graphs.io.graph_set import GraphSet


def read_tu(root: str | Path, name: str) -> GraphSet:
    """Read the graphs of ``NAME_A.txt``, ``NAME_graph_indicator.txt`` and what lies beside them, plain or `.gz`.

    ``NAME_graph_labels`` become classes from 0, in rising order (`GraphSet.classes` has the originals); without them
    ``NAME_graph_attributes`` are the targets. ``NAME_node_labels``, ``_node_attributes``, ``_edge_labels`` and
    ``_edge_attributes`` are read where they exist; attributes of edges become `Graph.edge_features`.

    Args:
        root: the folder of the files, or the one that has a folder `name` with them.
        name: of the data set, such as MUTAG.

    Raises:
        DataError: if a file is absent, damaged, of another format, or does not fit the others.
    """
    folder = Path(root, name) if Path(root, name).is_dir() else Path(root)
    path = find(folder, f"{name}_graph_indicator.txt")
    owner = _column(whole(read_table(path), path), path) - 1
    nodes = len(owner)
    if nodes and (owner[0] < 0 or (np.diff(owner) < 0).any()):
        raise DataError(f"{path}: expected graph numbers from 1 that never fall: the nodes of a graph are together.")
    target, classes, graphs = _targets(folder, name, int(owner[-1]) + 1 if nodes else 0)
    graph = _graph(find(folder, f"{name}_A.txt"), owner, graphs)
    edges = graph.num_edges
    edge_attributes = _optional(folder, name, "edge_attributes", edges, "edge")
    if edge_attributes is not None:
        graph = graph.replace(edge_features=graph.incidence.from_given(edge_attributes.float()))
    edge_labels = _optional(folder, name, "edge_labels", edges, "edge")
    node_attributes = _optional(folder, name, "node_attributes", nodes, "node")
    return GraphSet(
        graph,
        target,
        node_labels=_optional(folder, name, "node_labels", nodes, "node"),
        node_attributes=None if node_attributes is None else node_attributes.float(),
        edge_labels=None if edge_labels is None else graph.incidence.from_given(edge_labels),
        classes=classes,
    )


def _graph(path: Path, owner: np.ndarray, graphs: int) -> Graph:
    ends = whole(read_table(path), path) - 1
    if ends.size == 0:
        ends = ends.reshape(0, 2)
    if ends.shape[1] != 2:
        raise DataError(f"{path}: expected two node numbers per line, got {ends.shape[1]}.")
    wrong = ((ends < 0) | (ends >= len(owner))).any(1)
    if wrong.any():
        line = int(wrong.argmax())
        raise DataError(
            f"{path}: line {line + 1} joins the nodes {(ends[line] + 1).tolist()}, but there are {len(owner)} nodes."
        )
    across = owner[ends[:, 0]] != owner[ends[:, 1]]
    if across.any():
        line = int(across.argmax())
        raise DataError(f"{path}: line {line + 1} joins the nodes {(ends[line] + 1).tolist()} of two different graphs.")
    return batch(torch.from_numpy(ends[:, 0].copy()), torch.from_numpy(ends[:, 1].copy()), owner, graphs)


def batch(sender: torch.Tensor, receiver: torch.Tensor, owner: np.ndarray, graphs: int) -> Graph:
    """Return the batch of `graphs` graphs with these edges, where node i belongs to graph ``owner[i]``."""
    ptr = torch.from_numpy(np.searchsorted(owner, np.arange(graphs + 1))).int()
    graph = Graph.from_edges(sender, receiver, len(owner))
    return graph.replace(ptr=ptr, owner=torch.from_numpy(owner).int())


def _targets(folder: Path, name: str, graphs: int) -> tuple[torch.Tensor, tuple[int, ...], int]:
    path = find_optional(folder, f"{name}_graph_labels.txt")
    if path is None:
        path = find(folder, f"{name}_graph_attributes.txt")
        values = finite(read_table(path), path)
        return torch.from_numpy(_fits(values, path, graphs, "graph")).float(), (), len(values)
    values = _fits(_column(whole(read_table(path), path), path), path, graphs, "graph")
    classes, target = np.unique(values, return_inverse=True)
    return torch.from_numpy(target.astype(np.int64)), tuple(classes.tolist()), len(values)


def _optional(folder: Path, name: str, what: str, count: int, of: str) -> torch.Tensor | None:
    """``[count]`` for one column, ``[count, k]`` for more, None without the file; attributes always ``[count, k]``."""
    path = find_optional(folder, f"{name}_{what}.txt")
    if path is None:
        return None
    values = _fits(read_table(path), path, count, of)
    if what.endswith("attributes"):
        return torch.from_numpy(finite(values, path))
    values = whole(values, path)
    return torch.from_numpy(values[:, 0].copy() if values.shape[1] == 1 else values)


def _column(values: np.ndarray, path: Path) -> np.ndarray:
    if values.size and values.shape[1] != 1:
        raise DataError(f"{path}: expected one number per line, got {values.shape[1]}.")
    return values.reshape(-1)


def _fits(values: np.ndarray, path: Path, count: int, of: str) -> np.ndarray:
    if len(values) < count or (len(values) > count and of != "graph"):
        raise DataError(f"{path}: expected {count} lines, one per {of}, got {len(values)}.")
    return values
