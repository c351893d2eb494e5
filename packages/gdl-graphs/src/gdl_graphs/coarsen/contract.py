"""Connect: the edges of a coarser graph."""

import torch
from gdl_core.incidence import Incidence, aggregate
from torch import Tensor

from gdl_graphs.coarsen.select import number_clusters, pool
from gdl_graphs.graph import Graph
from gdl_graphs.points import offsets


def contract(graph: Graph, cluster: Tensor, *, self_loops: bool = False, features: str = "mean") -> Graph:
    """Make each cluster a node, joined as its members were: A' = Cᵀ A C for the membership matrix C.

    Edges between the same two clusters become one, whose weight is the sum of theirs; an edge without a weight counts
    as 1. Positions are the means over the members. The clusters are numbered by their smallest member. Its sizes are
    data, so this synchronises; use it once, where a graph comes from data, and `pool` and `lift` after.

    Args:
        graph: the graph, or a batch.
        cluster: ``[n]`` integer labels; negative drops a node and its edges. A label names a cluster of each sample.
        self_loops: whether the edges inside a cluster become a self-loop; else they go.
        features: "mean" or "sum", what the features of joined edges become.

    Raises:
        TypeError: if labels are not integers, or edge features not floating-point.
        ValueError: if there is not one label for each node, or for other `features`.
    """
    if features not in ("mean", "sum"):
        raise ValueError(f"contract joins edge features by mean or sum, got {features!r}.")
    if graph.edge_features is not None and not graph.edge_features.is_floating_point():
        kind = graph.edge_features.dtype
        raise TypeError(f"contract takes the {features} of edge features, which must be floating-point, got {kind}.")
    cluster, count = number_clusters(cluster, graph.owner)
    sender, receiver = cluster[graph.edge_index()]
    kept = (sender >= 0) & (receiver >= 0)
    if not self_loops:
        kept &= sender != receiver
    edges = kept.nonzero()[:, 0]
    joined, which = torch.unique(receiver[edges] * count + sender[edges], return_inverse=True)  # canonical order
    merge = Incidence.from_edges(edges, which, graph.num_edges, len(joined))
    weight = graph.edge_weight
    if weight is None:
        kind = torch.get_default_dtype() if graph.positions is None else graph.positions.dtype
        weight = torch.ones(graph.num_edges, dtype=kind, device=graph.device)
    values = graph.edge_features
    step = max(count, 1)
    coarse = _clusters(graph, cluster, count).replace(
        incidence=Incidence.from_edges(joined % step, torch.div(joined, step, rounding_mode="floor"), count, count),
        edge_weight=aggregate(merge, weight),
        edge_features=None if values is None else aggregate(merge, values, mean=features == "mean"),
    )
    return coarse if graph.positions is None else coarse.replace(positions=pool(graph.positions, coarse))


def _clusters(graph: Graph, cluster: Tensor, count: int) -> Graph:
    """Return the clusters as a graph without edges."""
    first = torch.zeros(count, dtype=torch.int64, device=graph.device)
    kept = cluster >= 0
    sample = first.scatter(0, cluster[kept], graph.owner[kept].long())  # any member has the sample of all
    ptr, owner = offsets(torch.bincount(sample, minlength=graph.batch_size).tolist())
    none = torch.empty(2, 0, dtype=torch.int64, device=graph.device)
    incidence = Incidence.from_edge_index(none, count)
    return Graph(incidence, ptr.to(graph.device), owner.to(graph.device), parent=graph, cluster=cluster)
