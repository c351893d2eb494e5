"""Padding a batch to static sizes, so that a compiled program meets one shape (as jraph's `pad_with_graphs` does)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_graphs.graph import Graph


def pad(graph: Graph, num_nodes: int, num_edges: int, num_graphs: int) -> Graph:
    """Return the batch with more nodes, edges and graphs at the end; what is real is untouched, bit for bit.

    The first padding graph has all surplus nodes, which carry the surplus edges as loops, evenly; further padding
    graphs are empty. Padding has weight 1, features and positions 0. No edge leads from padding to what is real, so
    real nodes compute what they did; only sums over all nodes or graphs need `node_mask` or `graph_mask`.

    Args:
        graph: a batch without padding.
        num_nodes, num_edges, num_graphs: the sizes after padding.

    Raises:
        ValueError: if the batch is larger or padded already, or nothing could carry the surplus edges or nodes.
    """
    if graph.real is not None or graph.parent is not None:
        what = "padded already" if graph.real is not None else "made by a coarsening"
        raise ValueError(f"pad takes a batch as it comes from data, got one that is {what}.")
    have = (graph.batch_size, graph.num_nodes, graph.num_edges)
    graphs, nodes, edges = (new - old for new, old in zip((num_graphs, num_nodes, num_edges), have, strict=True))
    if min(graphs, nodes, edges) < 0:
        raise ValueError(
            f"pad expects room for {have[0]} graphs, {have[1]} nodes and {have[2]} edges, "
            f"got {num_graphs}, {num_nodes} and {num_edges}."
        )
    if (nodes and not graphs) or (edges and not nodes):
        carried, carrier = ("edges", "node") if edges and not nodes else ("nodes", "graph")
        count = edges if carried == "edges" else nodes
        raise ValueError(f"pad needs at least one padding {carrier} to carry {count} padding {carried}, got none.")
    device, i = graph.device, graph.incidence
    # Padding node p carries the padding edges k with floor(k nodes / edges) = p; both orders of edges are this one.
    place = torch.arange(1, nodes + 1, device=device)
    stops = (have[2] + (place * edges + nodes - 1) // max(nodes, 1)).int()
    own = torch.arange(edges, device=device)
    ends = (have[1] + own * nodes // max(edges, 1)).int()
    own = (have[2] + own).int()
    incidence = i.replace(
        ptr=torch.cat([i.ptr, stops]),
        sender=torch.cat([i.sender, ends]),
        receiver=torch.cat([i.receiver, ends]),
        ptr_t=torch.cat([i.ptr_t, stops]),
        receiver_t=torch.cat([i.receiver_t, ends]),
        perm=torch.cat([i.perm, own]),
        edge_id=torch.cat([i.edge_id, own]),
    )
    weight = graph.edge_weight
    return graph.replace(
        incidence=incidence,
        ptr=torch.cat([graph.ptr, graph.ptr.new_full((graphs,), num_nodes)]),
        owner=torch.cat([graph.owner, graph.owner.new_full((nodes,), have[0])]),
        edge_weight=None if weight is None else torch.cat([weight, weight.new_ones(edges)]),
        edge_features=None if graph.edge_features is None else pad_rows(graph.edge_features, num_edges),
        positions=None if graph.positions is None else pad_rows(graph.positions, num_nodes),
        real=torch.tensor(have, dtype=torch.int32, device=device),
    )


def unpad(graph: Graph) -> Graph:
    """Return the batch that `pad` was given, bit for bit; a batch without padding is returned as it is."""
    if graph.real is None:
        return graph
    graphs, nodes, edges = graph.real.tolist()
    i = graph.incidence

    def cut(values: Tensor | None, rows: int) -> Tensor | None:
        return None if values is None else values[:rows]

    return graph.replace(
        incidence=i.replace(
            ptr=i.ptr[: nodes + 1],
            sender=i.sender[:edges],
            receiver=i.receiver[:edges],
            ptr_t=i.ptr_t[: nodes + 1],
            receiver_t=i.receiver_t[:edges],
            perm=i.perm[:edges],
            edge_id=i.edge_id[:edges],
        ),
        ptr=graph.ptr[: graphs + 1],
        owner=graph.owner[:nodes],
        edge_weight=cut(graph.edge_weight, edges),
        edge_features=cut(graph.edge_features, edges),
        positions=cut(graph.positions, nodes),
        real=None,
    )


def pad_rows(values: Tensor, rows: int) -> Tensor:
    """Return ``values[n, ...]`` with zero rows at the end, ``[rows, ...]``.

    Raises:
        ValueError: if there are more rows than that.
    """
    if values.shape[0] > rows:
        raise ValueError(f"pad_rows expects at most {rows} rows, got {list(values.shape)}.")
    return F.pad(values, [0] * (2 * (values.dim() - 1)) + [0, rows - values.shape[0]])


def graph_mask(graph: Graph) -> Tensor:
    """Return ``bool[b]``, which graphs are no padding; without asking the device."""
    return _mask(graph, graph.batch_size, 0)


def node_mask(graph: Graph) -> Tensor:
    """Return ``bool[n]``, which nodes are no padding; without asking the device."""
    return _mask(graph, graph.num_nodes, 1)


def edge_mask(graph: Graph) -> Tensor:
    """Return ``bool[e]``, which edges are no padding; without asking the device."""
    return _mask(graph, graph.num_edges, 2)


def _mask(graph: Graph, count: int, what: int) -> Tensor:
    places = torch.arange(count, device=graph.device)
    return places >= 0 if graph.real is None else places < graph.real[what]
