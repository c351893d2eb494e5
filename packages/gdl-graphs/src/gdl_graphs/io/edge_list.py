"""Lists of edges as text, and GraphML."""

from pathlib import Path

import networkx
import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_graphs.convert import from_networkx
from gdl_graphs.graph import Graph
from gdl_graphs.io.files import finite, opened, read_table, whole


def read_edge_list(
    path: str | Path,
    num_nodes: int,
    *,
    delimiter: str | None = None,
    comments: str = "#",
    first: int = 0,
    undirected: bool = False,
) -> Graph:
    """Read ``sender receiver [weight [features…]]`` per line, plain or `.gz`.

    Args:
        path: the file.
        num_nodes: given, never guessed, so that isolated nodes count.
        delimiter: between the numbers; None for white space.
        comments: what begins a line, or the rest of one, that is left out.
        first: the number of the first node, 0 or 1.
        undirected: whether each line stands for both directions.

    Raises:
        DataError: if the file is absent, damaged or of another format, or a node is out of range; the edge is named.
    """
    table = read_table(path, delimiter, comments)
    if table.size == 0:
        table = np.zeros((0, 2))
    if table.shape[1] < 2:
        raise DataError(f"{path}: expected a sender and a receiver per line, got {table.shape[1]} number.")
    ends = whole(table[:, :2], path) - first
    wrong = ((ends < 0) | (ends >= num_nodes)).any(1)
    if wrong.any():
        edge = int(wrong.argmax())
        raise DataError(
            f"{path}: edge {edge} goes from {ends[edge, 0] + first} to {ends[edge, 1] + first}, expected nodes from "
            f"{first} to {num_nodes - 1 + first}."
        )
    rest = torch.from_numpy(finite(table[:, 2:], path)).float()
    sender, receiver = torch.from_numpy(ends).T
    weight = rest[:, 0] if rest.shape[1] else None
    features = rest[:, 1:] if rest.shape[1] > 1 else None
    if undirected:
        turned = sender != receiver
        sender, receiver = torch.cat([sender, receiver[turned]]), torch.cat([receiver, sender[turned]])
        weight = None if weight is None else torch.cat([weight, weight[turned]])
        features = None if features is None else torch.cat([features, features[turned]])
    return Graph.from_edges(sender, receiver, num_nodes, edge_weight=weight, edge_features=features)


def read_graphml(path: str | Path, weight: str | None = "weight") -> tuple[Graph, list[str]]:
    """Read GraphML through NetworkX: the graph, and the names of its nodes in the order of the file.

    Args:
        path: the file, plain or `.gz`.
        weight: the attribute of edges that is their weight, where all edges have it.

    Raises:
        DataError: if the file is absent, damaged or no GraphML.
    """
    with opened(path) as file:
        try:
            found = networkx.read_graphml(file)
        except (networkx.NetworkXError, SyntaxError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is no GraphML, or a damaged file: {error}.") from error
    return from_networkx(found, weight=weight, names=True)
