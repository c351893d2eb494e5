"""Orders of nodes and edges that do not depend on how the nodes are numbered."""

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


def ranked(keys: list[Tensor]) -> Tensor:
    """Return the order ``[n]`` that sorts by the first of the `keys`, then by the second, and so on."""
    order = torch.arange(len(keys[0]), device=keys[0].device)
    for key in reversed(keys):
        order = order[torch.argsort(key[order], stable=True)]
    return order


def pairs(graph: Graph) -> tuple[Tensor, Tensor, Incidence, Tensor]:
    """Join the edges between two nodes, of both directions, to pairs a < b; self-loops join nothing.

    Returns:
        ``a[p]``, ``b[p]``, the relation of edges (senders) to pairs (receivers), and the edges that it counts:
        ``int64[e']``, its senders in canonical order.
    """
    sender, receiver = graph.edge_index()
    edges = (sender != receiver).nonzero()[:, 0]
    low, high = (f(sender[edges], receiver[edges]) for f in (torch.minimum, torch.maximum))
    found, which = torch.unique(low * graph.num_nodes + high, return_inverse=True)
    relation = Incidence.from_edges(edges, which, graph.num_edges, len(found))
    nodes = max(graph.num_nodes, 1)
    return torch.div(found, nodes, rounding_mode="floor"), found % nodes, relation, relation.sender.long()
