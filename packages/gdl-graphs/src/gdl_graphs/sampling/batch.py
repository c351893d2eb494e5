"""Drawing a batch: the seeds, some of their neighbours, some of theirs, as one small graph."""

from collections.abc import Sequence
from dataclasses import field

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.incidence import Incidence
from gdl_core.kernels.cpu import run_rows
from gdl_core.points import offsets
from gdl_core.pytree import TensorDataclass, tensor_dataclass
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.padding import pad, pad_rows
from gdl_graphs.sampling.store import GraphStore

_ALL = -1  # the fan-out that takes every neighbour


@tensor_dataclass(name="gdl.SampledBatch")
class SampledBatch(TensorDataclass):
    """A piece of a large graph around some seeds; made by `sample`.

    Args:
        graph: the edges drawn. The seeds are its first nodes, then come nodes nearer to them before those further away;
            the furthest have no edges, they only send.
        nodes: ``int64[n]``, which nodes of the store these are; -1 for padding.
        edges: ``int64[e]``, which edges of the store, in canonical order; -1 for padding.
        x: ``[n, c]``, the features of the nodes.
        y: ``int64[s]``, the labels of the seeds.
        num_seeds: s.
    """

    graph: Graph
    nodes: Tensor  # int64[n]
    edges: Tensor  # int64[e]
    x: Tensor | None = None  # [n, c]
    y: Tensor | None = None  # int64[s]
    num_seeds: int = field(default=0, metadata={"static": True})


def sample(
    store: GraphStore,
    seeds: Tensor | Sequence[int],
    fanouts: Sequence[int],
    *,
    seed: int = 0,
    epoch: int = 0,
    pad_to: tuple[int, int] | None = None,
    features: bool = True,
) -> SampledBatch:
    """Draw up to ``fanouts[h]`` edges of each node met first after h steps, uniformly and without replacement.

    A node with k edges or fewer keeps all, so a network of ``len(fanouts)`` layers gives the seeds what it would
    give them on the whole graph if every fan-out is -1 (all). What is drawn for a node depends on (seed, epoch, node)
    only, by a counter-based generator: any number of workers, threads and processes draws the same. With equal fan-outs
    the result of a seed does not even depend on the other seeds of its batch.

    Time is proportional to the edges drawn, memory to the batch.

    Args:
        store: the graph.
        seeds: distinct nodes.
        fanouts: per step, from 0; -1 for all.
        seed, epoch: choose the draw.
        pad_to: numbers of nodes and edges to pad the graph to; see `sizes_at_most`.
        features: whether to fetch the features of the nodes, if the store has any.

    Raises:
        ValueError: if a seed is no node or comes twice, a fan-out is negative, or `pad_to` is too small.
        TypeError: if seeds are no integers.
        DataError: if the files of the store are damaged.

    Source: Hamilton, Ying, Leskovec (NeurIPS 2017), algorithm 2, with sets instead of multisets.
    """
    from gdl_graphs.sampling import cpu

    wrong = [fanout for fanout in fanouts if fanout < _ALL]
    if wrong:
        raise ValueError(f"A fan-out is a number of edges from 0, or -1 for all, got {wrong[0]}.")
    given = torch.as_tensor(seeds)
    if given.numel() and (given.is_floating_point() or given.dtype == torch.bool):
        raise TypeError(f"Seeds are whole numbers, got {given.dtype}; of a mask, mask.nonzero()[:, 0].")
    frontier = given.long().cpu().numpy()
    _check_seeds(store, frontier)
    key = tuple(np.uint64(number % 2**64) for number in (seed, epoch))
    table = _Table(frontier)
    if table.count != len(frontier):
        raise ValueError(f"Seeds must be distinct, got {len(frontier) - table.count} repeated.")
    pointers, senders, edges, drawn = [np.zeros(1, np.int64)], [], [], 0
    for fanout in fanouts:
        start, stop = store.ptr[frontier], store.ptr[frontier + 1]
        degree = stop - start
        if len(frontier) and not (degree.min() >= 0 and start.min() >= 0 and stop.max() <= store.num_edges):
            raise DataError(f"{store.folder}: ptr must rise from 0 to {store.num_edges}; the file is damaged.")
        counts = degree if fanout == _ALL else np.minimum(degree, fanout)
        ptr = np.concatenate([[0], np.cumsum(counts)])
        found, edge = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], np.int64)
        run_rows(cpu.draw, ptr, 64, frontier, store.ptr, store.sender, *key, found, edge)
        if len(found) and not 0 <= found.min() <= found.max() < store.num_nodes:
            raise DataError(f"{store.folder}: senders must be from 0 to {store.num_nodes - 1}; the file is damaged.")
        local, frontier = table.add(found)
        pointers.append(ptr[1:] + drawn)
        senders.append(local)
        edges.append(edge)
        drawn += int(ptr[-1])
    rows = np.concatenate(pointers)
    ptr = np.concatenate([rows, np.full(table.count + 1 - len(rows), drawn)]).astype(np.int32)
    sender = np.concatenate([np.zeros(0, np.int32), *senders])
    edge = np.concatenate([np.zeros(0, np.int64), *edges])
    run_rows(cpu.sort_rows, ptr, 16, sender, edge)
    graph = _graph(ptr, sender, store, edge)
    x = np.take(store.features, table.nodes(), axis=0) if features and store.features is not None else None
    return _assemble(store, graph, table.nodes(), edge, len(table.first), x, pad_to)


def sizes_at_most(num_seeds: int, fanouts: Sequence[int]) -> tuple[int, int]:
    """Return how many nodes and edges a batch can have, with one node more, for the padding: a `pad_to` that does.

    Batches have far fewer where they meet nodes again; then what a few batches had, and a tenth more, is better.

    Raises:
        ValueError: if a fan-out is -1, which has no bound.
    """
    if any(fanout < 0 for fanout in fanouts):
        raise ValueError(f"Only fan-outs from 0 bound the size of a batch, got {list(fanouts)}.")
    nodes, edges, frontier = num_seeds, 0, num_seeds
    for fanout in fanouts:
        frontier *= fanout
        nodes, edges = nodes + frontier, edges + frontier
    return nodes + 1, edges


class _Table:
    """The nodes of a batch and their numbers in it: an open hash table of the size of the batch, not of the graph."""

    def __init__(self, first: np.ndarray):
        self.first, self.count = first, 0
        self.keys = np.full(16, -1, np.int64)
        self.slots = np.zeros(16, np.int32)
        self._nodes = np.zeros(0, np.int64)
        self.add(first)

    def nodes(self) -> np.ndarray:
        return self._nodes[: self.count]

    def add(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of these nodes, and the nodes among them that are new."""
        from gdl_graphs.sampling.cpu import number

        before, need = self.count, self.count + len(found)
        if len(self._nodes) < need:
            self._nodes = np.concatenate([self.nodes(), np.zeros(2 * need - self.count, np.int64)])
        if 2 * need > len(self.keys):
            size = 1 << (2 * need).bit_length()
            known = self.nodes().copy()
            self.keys, self.slots = np.full(size, -1, np.int64), np.zeros(size, np.int32)
            number(known, self.keys, self.slots, self._nodes, np.empty(len(known), np.int32), np.zeros(1, np.int64))
        local, count = np.empty(len(found), np.int32), np.array([before])
        number(found.astype(np.int64), self.keys, self.slots, self._nodes, local, count)
        self.count = int(count[0])
        return local, self._nodes[before : self.count].copy()


def _check_seeds(store: GraphStore, seeds: np.ndarray) -> None:
    if seeds.ndim != 1:
        raise ValueError(f"Seeds are a list of nodes, got an array of shape {list(seeds.shape)}.")
    wrong = (seeds < 0) | (seeds >= store.num_nodes)
    if wrong.any():
        raise ValueError(f"Seeds are nodes from 0 to {store.num_nodes - 1}, got {seeds[wrong.argmax()]}.")


def _graph(ptr: np.ndarray, sender: np.ndarray, store: GraphStore, edge: np.ndarray) -> Graph:
    from gdl_graphs.sampling.cpu import transpose

    nodes, edges = len(ptr) - 1, len(sender)
    receiver, receiver_t, perm = (np.empty(edges, np.int32) for _ in range(3))
    ptr_t = np.empty(nodes + 1, np.int32)
    transpose(ptr, sender, receiver, ptr_t, receiver_t, perm)
    arrays = (ptr, sender, receiver, ptr_t, receiver_t, perm, np.arange(edges, dtype=np.int32))
    weight = None if store.edge_weight is None else torch.from_numpy(store.edge_weight[edge])
    return Graph(Incidence(*map(torch.from_numpy, arrays)), *offsets(nodes), edge_weight=weight)


def _assemble(
    store: GraphStore,
    graph: Graph,
    nodes: np.ndarray,
    edge: np.ndarray,
    seeds: int,
    features: np.ndarray | None,
    pad_to: tuple[int, int] | None,
) -> SampledBatch:
    """Fetch the labels, make tensors, and pad."""
    x = None if features is None else torch.from_numpy(features)
    y = None if store.labels is None else torch.from_numpy(store.labels[nodes[:seeds]])
    node, edges = torch.from_numpy(nodes.copy()), torch.from_numpy(edge)
    if pad_to is not None:
        graph = pad(graph, *pad_to, 2)
        x = None if x is None else pad_rows(x, pad_to[0])
        node = torch.nn.functional.pad(node, (0, pad_to[0] - len(node)), value=-1)
        edges = torch.nn.functional.pad(edges, (0, pad_to[1] - len(edges)), value=-1)
    return SampledBatch(graph, node, edges, x, y, seeds)
