"""The folklore Weisfeiler–Leman test on tuples of nodes: the bound of PPGN and its relatives."""

import itertools

import numpy as np
import torch
from torch import Tensor

from gdl_graphs.expressive.colours import row_ranks, rows
from gdl_graphs.expressive.wl import refine
from gdl_graphs.graph import Graph

MOST_ENTRIES = 2**29  # of the table of all tuples by all nodes


def folklore_weisfeiler_leman(graph: Graph, k: int = 2, rounds: int | None = None) -> Tensor:
    """Refine colours of k-tuples of nodes: c(v) ← (c(v), {{ (c(v[1←w]), …, c(v[k←w])) : w }}). Exact.

    k-FWL is as strong as (k + 1)-WL (Cai, Fürer, Immerman 1992); 2-FWL bounds PPGN (Maron et al. 2019). Graphs of a
    batch are refined together, as in `weisfeiler_leman`. A tuple starts with which of its entries are equal and the
    number of edges between any two. Time O(n^(k+1) log n) per graph and round.

    Args:
        graph: a graph or a batch.
        k: the length of the tuples, at least 2.
        rounds: how many rounds; until nothing changes if None.

    Returns:
        ``int64[Σ n_s^k]``, tuples in row-major order, sample after sample; ``multisets`` over these offsets compares
        graphs.

    Raises:
        ValueError: if k is below 2, or the table of all tuples by all nodes would be too large.
    """
    if k < 2:
        raise ValueError(f"Folklore WL works on tuples of at least 2 nodes, got k = {k}; use weisfeiler_leman.")
    sizes = graph.ptr.diff().tolist()
    entries = sum(size ** (k + 1) for size in sizes)
    if entries > MOST_ENTRIES:
        raise ValueError(f"{k}-FWL on {graph} needs a table of {entries} entries, more than {MOST_ENTRIES}.")
    start = rows(torch.cat([_atomic(part, k) for part in graph.unbatch()] or [torch.zeros(0, 1)]))

    def surroundings(colours: Tensor) -> Tensor:
        count, place, found = int(colours.max()) + 1, 0, []
        for size in sizes:
            cube = colours[place : place + size**k].reshape((size,) * k)
            found.append(_replaced(cube, count))
            place += size**k
        return _ranks_of_uneven(found)

    return refine(start, surroundings, rounds) if start.shape[0] else start


def tuple_offsets(graph: Graph, k: int = 2) -> Tensor:
    """Return ``int64[b + 1]``, where the k-tuples of each sample start."""
    return torch.nn.functional.pad((graph.ptr.diff().long().cpu() ** k).cumsum(0), (1, 0))


def _atomic(graph: Graph, k: int) -> Tensor:
    """The isomorphism type of each tuple, ``[n^k, 2 k (k - 1) + k]``: equal entries, edges between entries, loops."""
    size = graph.num_nodes
    edges = graph.incidence.to_dense().long().cpu()
    index = torch.cartesian_prod(*[torch.arange(size)] * k).reshape(-1, k)
    columns = [edges[index[:, a], index[:, a]] for a in range(k)]
    for a, b in itertools.permutations(range(k), 2):
        columns += [edges[index[:, a], index[:, b]], (index[:, a] == index[:, b]).long()]
    return torch.stack(columns, 1)


def _replaced(cube: Tensor, count: int) -> np.ndarray:
    """For each tuple the sorted colours of its k replacements by every node, packed: ``[n^k, n]``."""
    k, size = cube.dim(), cube.shape[0]
    packed = torch.zeros((size,) * (k + 1), dtype=torch.int64)
    for position in range(k):
        replaced = cube.movedim(position, -1).unsqueeze(position)  # entry `position` is the node of the last axis
        if count ** (position + 1) >= 2**62:
            raise ValueError(f"{count} colours of {k}-tuples do not fit one number; use smaller graphs.")
        packed = packed * count + replaced
    table = packed.reshape(size**k, size).numpy()
    table.sort(axis=1)
    return table


def _ranks_of_uneven(tables: list[np.ndarray]) -> Tensor:
    """Rank the rows of tables, comparing those of equal width."""
    found: list[Tensor] = [torch.zeros(0, dtype=torch.int64)] * len(tables)
    next_rank = 0
    for width in sorted({table.shape[1] for table in tables}):
        which = [place for place, table in enumerate(tables) if table.shape[1] == width]
        if not sum(tables[place].shape[0] for place in which):
            continue
        ranks = next_rank + row_ranks(np.concatenate([tables[place] for place in which]))
        next_rank = int(ranks.max()) + 1
        for place, part in zip(which, ranks.split([tables[place].shape[0] for place in which])):
            found[place] = part
    return torch.cat(found)
