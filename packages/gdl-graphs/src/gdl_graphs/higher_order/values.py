"""From graphs to values on pairs."""

import torch
from gdl_core.incidence import Incidence, aggregate
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.higher_order.pair_set import PairSet


def pair_values(graph: Graph, x: Tensor | None = None, dtype: torch.dtype | None = None) -> tuple[Tensor, PairSet]:
    """Return values on the pairs of a graph's nodes, and the pairs: what `IGN` and `PPGN` read (Maron et al. 2019).

    The channels are: 1 on the diagonal; the weight of the edge j → i at pair (i, j), 1 where the graph has no weights;
    the features of that edge; and x[i] at (i, i). Parallel edges are summed.

    Args:
        graph: a graph or a batch.
        x: ``[n, c]``, node features, if any.
        dtype: of the result, by default that of `x`, else torch's default.

    Returns:
        ``[p, 2 + c_e + c]`` and the `PairSet`.

    Raises:
        ValueError: if `x` does not fit the graph.
    """
    if x is not None:
        graph.check(x, "pair_values")
    dtype = dtype or (torch.get_default_dtype() if x is None else x.dtype)
    pairs = PairSet.of_points(graph)
    ones = torch.ones(graph.num_nodes, 1, dtype=dtype, device=graph.device)
    weight = graph.edge_weight
    weight = torch.ones(graph.num_edges, device=graph.device) if weight is None else weight
    on_edges = [weight.to(dtype)[:, None]]
    if graph.edge_features is not None:
        on_edges.append(graph.edge_features.to(dtype).reshape(graph.num_edges, -1))
    values = [pairs.on_diagonal(ones), aggregate(edges_to_pairs(graph, pairs), torch.cat(on_edges, 1))]
    if x is not None:
        values.append(pairs.on_diagonal(x.to(dtype)))
    return torch.cat(values, 1), pairs


def edges_to_pairs(graph: Graph, pairs: PairSet) -> Incidence:
    """Return the relation from each edge j → i to the pair (i, j)."""
    sender, receiver = graph.edge_index()
    place = pairs.incidence.ptr.long()[receiver] + sender - graph.ptr.long()[graph.owner.long()[receiver]]
    edges = torch.arange(graph.num_edges, device=graph.device)
    return Incidence.from_edges(edges, place, graph.num_edges, pairs.num_pairs)
