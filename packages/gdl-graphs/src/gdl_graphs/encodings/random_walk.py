"""Return probabilities of random walks: what node i knows of its surroundings from closed walks."""

import torch
from gdl_core.incidence import aggregate, reduce
from torch import Tensor

from gdl_graphs.graph import Graph

BLOCK = 128  # starting points that walk at once


def random_walk_encoding(graph: Graph, steps: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return diag(P), …, diag(P^steps) with P = A D⁻¹: the probability to be back after t steps (Dwivedi et al. 2022).

    A walker leaves along a drawn edge, in proportion to its weight where there are weights; from a node without edges
    it is lost. Exact: walks start at the first node of every sample at once, then at the second, and so on, in sparse
    products, so the cost is steps · edges · (size of the largest sample), and no n x n matrix is made.

    Args:
        graph: a graph or a batch; weights must not be negative.
        steps: how many steps, from 1.
        dtype: of the result, by default torch's default; the computation is in float64.

    Returns:
        ``[n, steps]``.

    Raises:
        ValueError: if `steps` is below 1, or a weight is negative.
    """
    if steps < 1:
        raise ValueError(f"A random walk takes at least 1 step, got {steps}.")
    share = leaving_shares(graph)
    local = torch.arange(graph.num_nodes, device=graph.device) - graph.ptr.long()[graph.owner.long()]
    largest = int(graph.ptr.diff().max()) if graph.batch_size else 0
    found = share.new_zeros(graph.num_nodes, steps)
    for first in range(0, largest, BLOCK):
        columns = torch.arange(first, min(first + BLOCK, largest), device=graph.device)
        here = (local[:, None] == columns).nonzero(as_tuple=True)  # where a node's place in its sample is the column
        at = share.new_zeros(graph.num_nodes, len(columns))
        at[here] = 1.0
        for step in range(steps):
            at = aggregate(graph.incidence, at, share)
            found[here[0], step] = at[here]
    return found.to(dtype or torch.get_default_dtype())


def leaving_shares(graph: Graph) -> Tensor:
    """Return ``float64[e]``, the probability that a walker at the sender of an edge takes it.

    Raises:
        ValueError: if a weight is negative.
    """
    weight = graph.edge_weight
    if weight is None:
        weight = torch.ones(graph.num_edges, device=graph.device)
    weight = weight.detach().double()
    if bool((weight < 0).any()):
        edge = int((weight < 0).int().argmax())
        raise ValueError(f"A random walk needs weights from 0, got {float(weight[edge])} at edge {edge}.")
    leaving = reduce(graph.incidence.ptr_t, weight.index_select(0, graph.incidence.perm), "sum")
    return weight / leaving.index_select(0, graph.incidence.sender).clamp_min(torch.finfo(torch.float64).tiny)
