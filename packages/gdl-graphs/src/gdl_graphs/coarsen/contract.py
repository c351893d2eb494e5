"""Connect: the edges of a coarser graph."""

import torch
from gdl_core.incidence import Incidence, reduce
from gdl_core.points import offsets
from torch import Tensor

from gdl_graphs.coarsen.order import runs
from gdl_graphs.coarsen.select import number_clusters, pool
from gdl_graphs.graph import Graph


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
    sender, receiver = (cluster.index_select(0, end) for end in (graph.incidence.sender, graph.incidence.receiver))
    kept = (sender >= 0) & (receiver >= 0)
    if not self_loops:
        kept &= sender != receiver
    edges = kept.nonzero()[:, 0]
    sender, receiver = sender.index_select(0, edges), receiver.index_select(0, edges)
    ordered = Incidence.from_edges(sender, receiver, count, count)
    edges = edges.index_select(0, ordered.edge_id)  # now in runs of those that become one
    first, ptr = runs(ordered)
    weight = graph.edge_weight
    if weight is None:
        kind = torch.get_default_dtype() if graph.positions is None else graph.positions.dtype
        weight = torch.ones(graph.num_edges, dtype=kind, device=graph.device)
    values = graph.edge_features
    how = "mean" if features == "mean" else "sum"
    sender, receiver = (end.index_select(0, first) for end in (ordered.sender, ordered.receiver))
    coarse = _clusters(graph, cluster, count).replace(
        incidence=Incidence.from_edges(sender, receiver, count, count),
        edge_weight=reduce(ptr, weight.index_select(0, edges), "sum"),
        edge_features=None if values is None else reduce(ptr, values.index_select(0, edges), how),
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


def induced(graph: Graph, kept: Tensor) -> Graph:
    """Return the graph on the nodes where the mask ``bool[n]`` holds, in their order, as a coarsening of `graph`.

    Edges stay in order, both ways round, so nothing is sorted; their number is data, so this synchronises.
    """
    i, nodes = graph.incidence, kept.nonzero()[:, 0]
    number = kept.cumsum(0, dtype=torch.int32) - 1
    both = kept.index_select(0, i.sender) & kept.index_select(0, i.receiver)
    both_t = both.index_select(0, i.perm)
    edges, places = both.nonzero()[:, 0], both_t.nonzero()[:, 0]
    perm = (both.cumsum(0, dtype=torch.int32) - 1).index_select(0, i.perm.index_select(0, places))
    incidence = Incidence(
        ptr=_fewer(i.ptr, both, nodes),
        sender=number.index_select(0, i.sender.index_select(0, edges)),
        receiver=number.index_select(0, i.receiver.index_select(0, edges)),
        ptr_t=_fewer(i.ptr_t, both_t, nodes),
        receiver_t=number.index_select(0, i.receiver_t.index_select(0, places)),
        perm=perm,
        edge_id=torch.arange(len(edges), dtype=torch.int32, device=graph.device),
    )
    before = torch.cat([number.new_zeros(1), number + 1])  # how many are kept among the first
    values = (graph.edge_weight, graph.edge_features)
    weight, features = (None if v is None else v.index_select(0, edges) for v in values)
    return Graph(
        incidence=incidence,
        ptr=before.index_select(0, graph.ptr),
        owner=graph.owner.index_select(0, nodes),
        edge_weight=weight,
        edge_features=features,
        positions=None if graph.positions is None else graph.positions.index_select(0, nodes),
        parent=graph,
        cluster=torch.where(kept, number, -1).long(),
    )


def _fewer(ptr: Tensor, kept: Tensor, rows: Tensor) -> Tensor:
    """The offsets of those `rows` that are left when only some of the edges are; the others lose all of theirs."""
    before = torch.cat([ptr.new_zeros(1), kept.cumsum(0, dtype=torch.int32)])
    return torch.cat([before.index_select(0, ptr.index_select(0, rows)), before[-1:]])
