"""Orders of nodes and edges that do not depend on how the nodes are numbered."""

from collections.abc import Callable

import torch
from gdl_core.incidence import Incidence
from torch import Tensor

from gdl_graphs.graph import Graph

ROUNDS = 4


def colours(graph: Graph, rounds: int = ROUNDS) -> Tensor:
    """Return ``int64[n]``, a hash of each node's surroundings: `rounds` rounds of Weisfeiler-Leman refinement.

    Sums of hashes are sums of integers, so they do not depend on the order of the edges. Nodes that differ by degree,
    by the degrees of their neighbours, and so on, differ in colour; weights and features are not looked at.
    """
    i = graph.incidence
    colour = mix(torch.zeros(graph.num_nodes, dtype=torch.int64, device=graph.device))
    for _ in range(rounds):
        heard = torch.zeros_like(colour).index_add(0, i.receiver.long(), mix(colour).index_select(0, i.sender))
        told = torch.zeros_like(colour).index_add(0, i.sender.long(), mix(colour + 1).index_select(0, i.receiver))
        colour = mix(mix(colour) + 3 * heard + 5 * told)
    return colour


def mix(key: Tensor) -> Tensor:
    """Scramble 64-bit integers: the finaliser of SplitMix64 (Steele, Lea & Flood 2014), in wrapping arithmetic."""
    key = key + -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number, and so on
    key = (key ^ _shifted(key, 30)) * -4658895280553007687
    key = (key ^ _shifted(key, 27)) * -7723592293110705685
    return key ^ _shifted(key, 31)


def _shifted(key: Tensor, bits: int) -> Tensor:
    """The unsigned shift to the right."""
    return (key >> bits) & ((1 << (64 - bits)) - 1)


def falling(score: Tensor, colour: Callable[[], Tensor], group: Tensor | None = None) -> Tensor:
    """Return the order ``int64[n]`` by rising group, falling score, rising colour, and number (synchronises).

    Colours are asked for only if there are equal scores in a group.
    """
    order = torch.argsort(score, descending=True, stable=True)
    order = _then(order, group)
    tied = score[order[1:]] == score[order[:-1]]
    if group is not None:
        tied &= group[order[1:]] == group[order[:-1]]
    if not bool(tied.any()):
        return order
    order = torch.argsort(colour(), stable=True)
    order = order[torch.argsort(score[order], descending=True, stable=True)]
    return _then(order, group)


def _then(order: Tensor, group: Tensor | None) -> Tensor:
    return order if group is None else order[torch.argsort(group[order], stable=True)]


def runs(incidence: Incidence) -> tuple[Tensor, Tensor]:
    """Return the first of each run of parallel edges, ``int64[p]``, and the offsets of the runs, ``int32[p + 1]``."""
    sender, receiver, edges = incidence.sender, incidence.receiver, incidence.num_edges
    starts = torch.ones(edges, dtype=torch.bool, device=incidence.device)
    starts[1:] = (sender[1:] != sender[:-1]) | (receiver[1:] != receiver[:-1])
    first = starts.nonzero()[:, 0]
    return first, torch.cat([first, first.new_full((1,), edges)]).int()


def pairs(graph: Graph) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Join the edges between two nodes, of both directions, to pairs a < b; self-loops join nothing.

    Returns:
        ``a[p]``, ``b[p]``, sorted by a, then b; ``edges[e']``, pair by pair; and ``ptr[p + 1]``, where those of each
        pair start among them.
    """
    sender, receiver = graph.incidence.sender, graph.incidence.receiver
    edges = (sender != receiver).nonzero()[:, 0]
    sender, receiver = sender.index_select(0, edges), receiver.index_select(0, edges)
    low, high = torch.minimum(sender, receiver), torch.maximum(sender, receiver)
    ordered = Incidence.from_edges(high, low, graph.num_nodes, graph.num_nodes)
    first, ptr = runs(ordered)
    a, b = (end.index_select(0, first).long() for end in (ordered.receiver, ordered.sender))
    return a, b, edges.index_select(0, ordered.edge_id), ptr
