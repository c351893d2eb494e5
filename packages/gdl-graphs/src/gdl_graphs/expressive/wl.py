"""The Weisfeiler–Leman test: the bound of message passing."""

import torch
from torch import Tensor

from gdl_graphs.expressive.colours import multisets, rows
from gdl_graphs.graph import Graph


def weisfeiler_leman(graph: Graph, rounds: int | None = None, colours: Tensor | None = None) -> Tensor:
    """Refine node colours by the multiset of neighbours' colours: c(i) ← (c(i), {{c(j) : j → i}}). Exact.

    All graphs of a batch are refined together, so their colours compare: two graphs that differ in
    ``multisets(graph.ptr, colours)`` are not isomorphic, and no message passing network tells apart two that agree
    (Xu et al. 2019, Morris et al. 2019; the book, §5.3). A colour is the rank of what it stands for, so renaming nodes
    moves colours along and changes none. Parallel edges count; weights and features do not.

    Args:
        graph: a graph or a batch.
        rounds: how many rounds; until nothing changes if None.
        colours: ``[n]`` integers to start from, for example types of atoms; all alike if None.

    Returns:
        ``int64[n]``.

    Raises:
        ValueError: if `colours` has not one entry per node, or `rounds` is negative.
    """
    if colours is not None and (colours.shape != (graph.num_nodes,) or colours.is_floating_point()):
        raise ValueError(f"colours must be {graph.num_nodes} integers, got {colours.dtype} {list(colours.shape)}.")
    now = torch.zeros(graph.num_nodes, dtype=torch.int64) if colours is None else rows(colours[:, None])
    sender = graph.incidence.sender.long().cpu()
    return refine(now, lambda c: multisets(graph.incidence.ptr, c[sender]), rounds)


def refine(colours: Tensor, surroundings, rounds: int | None) -> Tensor:
    """Repeat c ← (c, surroundings(c)) `rounds` times, or until the number of colours stays the same."""
    if rounds is not None and rounds < 0:
        raise ValueError(f"The number of rounds is at least 0, got {rounds}.")
    count, done = colours.unique().shape[0], 0
    while rounds is None or done < rounds:
        colours = rows(torch.stack([colours, surroundings(colours)], 1))
        before, count, done = count, int(colours.max()) + 1 if colours.shape[0] else 0, done + 1
        if count == before:
            break  # a refinement that adds no colour adds none ever after
    return colours
