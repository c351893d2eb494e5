"""`Graph`: points with edges, the domain of graph neural networks."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Self

import torch
from gdl_core.geometry import Symmetry
from gdl_core.incidence import Incidence
from gdl_core.points import Points, Sizes, check_count, check_positions, join, join_offsets, offsets
from gdl_core.pytree import tensor_dataclass
from torch import Tensor

from gdl_graphs.edges import (
    ascending,
    check_apart,
    check_edge_values,
    check_mask,
    check_permutation,
    complete_edges,
    loops_missing,
    parallel_order,
)


@tensor_dataclass(name="gdl.Graph")
class Graph(Points):
    """A graph, or a batch of graphs side by side (the book, §4.1 and §5.3). Values are `[n, c]`.

    Messages go from sender to receiver; an undirected graph has both directions. Edge values are in *canonical order*
    (by receiver, then sender), which is the same however the edges were listed: `incidence.from_given` brings values
    there. Self-loops are edges like others: no layer adds any, `with_self_loops` does.

    Made by `from_edges` and its relatives, which validate; the constructor does not.

    Args:
        incidence: the edges, from nodes to nodes.
        ptr, owner: ``int32[b + 1]`` and ``int32[n]``, see `Points`.
        edge_weight, edge_features: ``[e]`` and ``[e, ...]``.
        positions: ``[n, d]``.
        real: ``int32[3]``, how many samples, nodes and edges of a padded graph are no padding.
        parent: the graph that a coarsening made this one of.
        cluster: ``int64[n of the parent]``, where each of the parent's nodes went; -1 for none, None if softly to many.
    """

    incidence: Incidence
    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[n]
    edge_weight: Tensor | None = None  # [e]
    edge_features: Tensor | None = None  # [e, ...]
    positions: Tensor | None = None  # [n, d]
    real: Tensor | None = None  # int32[3]: samples, points, edges that are not padding
    cluster: Tensor | None = None  # int64[n of the parent]
    parent: Self | None = field(default=None, metadata={"static": False})

    def symmetries(self) -> Mapping[str, Symmetry]:
        from gdl_graphs.symmetry import PointPermutation

        return {"permutation": PointPermutation("permutation", self)}

    @classmethod
    def from_edges(
        cls,
        sender: Any,
        receiver: Any,
        num_nodes: int,
        *,
        edge_weight: Tensor | None = None,
        edge_features: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Self:
        """Build one graph from two lists of edge ends. Repeated edges are kept.

        Args:
            sender, receiver: ``[e]`` integers in ``[0, num_nodes)``; messages go from sender to receiver.
            num_nodes: given, never guessed, so that isolated nodes count.
            edge_weight, edge_features: ``[e]`` and ``[e, ...]``, in the order of the edges given.
            positions: ``[n, d]``.

        Raises:
            TypeError: if an index is not an integer, a weight not a floating-point tensor, or `num_nodes` no number.
            ValueError: if shapes do not fit, an index is out of range or a weight is NaN; the first such edge is named.
        """
        num_nodes = check_count(num_nodes, "num_nodes")
        sender, receiver = torch.as_tensor(sender), torch.as_tensor(receiver)
        incidence = Incidence.from_edges(sender, receiver, num_nodes, num_nodes)
        check_edge_values(edge_weight, edge_features, sender, receiver)
        check_positions(positions, num_nodes)
        order = parallel_order(incidence, edge_weight, edge_features)
        if order is not None:
            incidence = incidence.replace(edge_id=incidence.edge_id[order])
        ptr, owner = offsets(num_nodes)
        return cls(
            incidence=incidence,
            ptr=ptr.to(incidence.device),
            owner=owner.to(incidence.device),
            edge_weight=None if edge_weight is None else incidence.from_given(edge_weight),
            edge_features=None if edge_features is None else incidence.from_given(edge_features),
            positions=positions,
        )

    @classmethod
    def from_edge_index(cls, edge_index: Any, num_nodes: int, **values: Any) -> Self:
        """Build from ``[2, e]``, senders above receivers, as PyTorch Geometric does; `values` as in `from_edges`."""
        edge_index = torch.as_tensor(edge_index)
        if edge_index.dim() != 2 or edge_index.shape[0] != 2:
            raise ValueError(f"edge_index must have the shape [2, e], got {list(edge_index.shape)}.")
        return cls.from_edges(edge_index[0], edge_index[1], num_nodes, **values)

    @classmethod
    def from_dense(cls, adjacency: Tensor, positions: Tensor | None = None) -> Self:
        """Build from ``[n, n]``, receivers by senders: an edge for each entry that is not zero, which is its weight."""
        adjacency = torch.as_tensor(adjacency)
        if adjacency.dim() != 2 or adjacency.shape[0] != adjacency.shape[1]:
            raise ValueError(f"An adjacency matrix is square, [n, n], got {list(adjacency.shape)}.")
        receiver, sender = adjacency.nonzero(as_tuple=True)
        weight = adjacency[receiver, sender] if adjacency.is_floating_point() else None
        return cls.from_edges(sender, receiver, adjacency.shape[0], edge_weight=weight, positions=positions)

    @classmethod
    def empty(cls, sizes: Sizes) -> Self:
        """Return graphs of the given sizes without edges: a batch of sets."""
        return cls._without_positions(torch.empty(2, 0, dtype=torch.int64), sizes)

    @classmethod
    def complete(cls, sizes: Sizes, self_loops: bool = True) -> Self:
        """Return graphs with an edge between any two nodes of a sample: where a Transformer lives (the book, §5.4)."""
        edges = complete_edges(offsets(sizes)[0])
        return cls._without_positions(edges if self_loops else edges[:, edges[0] != edges[1]], sizes)

    @classmethod
    def causal(cls, sizes: Sizes) -> Self:
        """Return graphs where each node hears itself and the nodes before it: where a causal decoder lives."""
        edges = complete_edges(offsets(sizes)[0])
        return cls._without_positions(edges[:, edges[0] <= edges[1]], sizes)

    @classmethod
    def _without_positions(cls, edges: Tensor, sizes: Sizes) -> Self:
        ptr, owner = offsets(sizes)
        return cls(Incidence.from_edge_index(edges, owner.shape[0]), ptr, owner)

    @property
    def num_nodes(self) -> int:
        return self.num_points

    @property
    def num_edges(self) -> int:
        return self.incidence.num_edges

    @property
    def device(self) -> torch.device:
        return self.owner.device

    def degree(self) -> Tensor:
        """Return ``int32[n]``, the number of edges that each node receives."""
        return self.incidence.degree()

    def edge_index(self) -> Tensor:
        """Return ``int64[2, e]``, senders above receivers, in canonical order."""
        return self.incidence.edge_index()

    def edge_owner(self) -> Tensor:
        """Return ``int32[e]``, the sample of each edge."""
        return self.owner.index_select(0, self.incidence.receiver)

    def to_dense(self) -> Tensor:
        """Return ``[n, n]``, receivers by senders: the sum of the weights (of ones) of the edges of each pair."""
        return self.incidence.to_dense(self.edge_weight)

    def with_self_loops(self, weight: float = 1.0, features: Any = 0.0) -> Self:
        """Return the graph with an edge of `weight` and `features` from each node to itself that has none."""
        loops = loops_missing(self.incidence)
        return self.with_edges(loops, loops, weight, features)

    def without_self_loops(self) -> Self:
        """Return the graph without the edges from a node to itself."""
        return self.keep_edges(self.incidence.sender != self.incidence.receiver)

    def with_edges(self, sender: Tensor, receiver: Tensor, weight: float = 1.0, features: Any = 0.0) -> Self:
        """Return the graph with more edges, which all have `weight` and `features` where the graph has such.

        Raises:
            ValueError: if an index is out of range, or an edge would join two samples of a batch.
        """
        count = sender.shape[0]
        ends = torch.cat([self.edge_index(), torch.stack([sender, receiver]).long()], 1)
        values = []
        for old, new in ((self.edge_weight, weight), (self.edge_features, features)):
            if old is not None:
                new = torch.as_tensor(new, dtype=old.dtype, device=old.device).expand(count, *old.shape[1:])
                old = torch.cat([old, new])
            values.append(old)
        return self._with(ends, *values)

    def keep_edges(self, keep: Tensor) -> Self:
        """Return the graph with only the edges where the mask ``bool[e]`` holds."""
        check_mask(keep, self.num_edges, "edges")
        values = (None if v is None else v[keep] for v in (self.edge_weight, self.edge_features))
        return self._with(self.edge_index()[:, keep], *values)

    def to_undirected(self) -> Self:
        """Return the graph with the reverse of every edge that has no reverse; the reverse has the same values."""
        sender, receiver = self.edge_index()
        count = max(self.num_nodes, 1)
        lonely = ~torch.isin(receiver * count + sender, sender * count + receiver)
        ends = torch.cat([self.edge_index(), self.edge_index().flip(0)[:, lonely]], 1)
        values = (None if v is None else torch.cat([v, v[lonely]]) for v in (self.edge_weight, self.edge_features))
        return self._with(ends, *values)

    def reversed(self) -> Self:
        """Return the graph with every edge turned around."""
        incidence, order = self.incidence.transpose(), self.incidence.perm
        values = (None if v is None else v.index_select(0, order) for v in (self.edge_weight, self.edge_features))
        weight, features = values
        return self.replace(incidence=incidence, edge_weight=weight, edge_features=features)

    def relabel(self, images: Tensor) -> Self:
        """Return the graph with node i renamed ``images[i]``, positions included.

        Raises:
            ValueError: if ``images[n]`` is no permutation, or one that moves a node to another sample of the batch.
        """
        images = images.to(self.device, torch.int64)
        check_permutation(images, self.owner)
        source = torch.argsort(images)
        positions = None if self.positions is None else self.positions.index_select(0, source)
        moved = self._with(images[self.edge_index()], self.edge_weight, self.edge_features)
        return moved.replace(positions=positions)

    def subgraph(self, nodes: Tensor) -> Self:
        """Return the graph on the nodes where the mask ``bool[n]`` holds, renumbered in order."""
        check_mask(nodes, self.num_nodes, "nodes")
        new = nodes.cumsum(0) - 1
        ends = self.edge_index()
        kept = nodes[ends].all(0)
        values = (None if v is None else v[kept] for v in (self.edge_weight, self.edge_features))
        weight, features = values
        counts = torch.zeros(self.batch_size, dtype=torch.int64, device=self.device)
        sizes = counts.index_add_(0, self.owner.long(), nodes.long()).tolist()
        ptr, owner = (t.to(self.device) for t in offsets(sizes))
        bare = type(self)(
            self.incidence, ptr, owner, positions=None if self.positions is None else self.positions[nodes]
        )
        return bare._with(new[ends[:, kept]], weight, features)

    def _with(self, ends: Tensor, weight: Tensor | None = None, features: Tensor | None = None) -> Self:
        """Return the graph on the same nodes with other edges ``[2, e]`` and their values, in the order given.

        `edge_id` then counts from this order, not from what the user once gave.
        """
        incidence = Incidence.from_edge_index(ends, self.num_nodes)
        check_apart(incidence, self.owner)
        order = parallel_order(incidence, weight, features)
        if order is not None:
            incidence = incidence.replace(edge_id=incidence.edge_id[order])
        weight, features = (None if v is None else incidence.from_given(v) for v in (weight, features))
        incidence = incidence.replace(edge_id=ascending(incidence))
        return self.replace(incidence=incidence, edge_weight=weight, edge_features=features)

    @classmethod
    def collate(cls, domains: Sequence["Graph"]) -> "Graph":
        """Return the graphs side by side, which `unbatch` takes apart exactly.

        Raises:
            ValueError: if there is none; if some have weights, features or positions and others do not, or of another
                shape or dtype; if one is padded.
        """
        if not domains:
            raise ValueError("Graph.collate needs at least one graph, got an empty list.")
        if any(domain.real is not None for domain in domains):
            raise ValueError("Graph.collate joins graphs without padding, got a padded one; `unpad` takes it off.")
        if any(domain.parent is not None for domain in domains):
            raise ValueError("Graph.collate joins graphs as they come from data, got one made by a coarsening.")
        ptr, owner = join_offsets(domains)
        return Graph(
            incidence=Incidence.collate([domain.incidence for domain in domains]).replace(splits=None),
            ptr=ptr,
            owner=owner,
            edge_weight=join([domain.edge_weight for domain in domains], "edge weights"),
            edge_features=join([domain.edge_features for domain in domains], "edge features"),
            positions=join([domain.positions for domain in domains], "positions"),
        )

    def unbatch(self) -> list["Graph"]:
        """Return the graphs that `collate` joined; padding is left out."""
        nodes = self.ptr.tolist()
        edges = self.incidence.ptr.index_select(0, self.ptr).tolist()
        count = self.batch_size if self.real is None else int(self.real[0])
        splits = torch.tensor([nodes, nodes, edges], device=self.device)
        incidences = self.incidence.replace(splits=splits).unbatch()

        def cut(values: Tensor | None, bounds: list[int], s: int) -> Tensor | None:
            return None if values is None else values[bounds[s] : bounds[s + 1]]

        parts = []
        for s in range(count):
            ptr, owner = (t.to(self.device) for t in offsets(nodes[s + 1] - nodes[s]))
            weight, features = (cut(v, edges, s) for v in (self.edge_weight, self.edge_features))
            parts.append(Graph(incidences[s], ptr, owner, weight, features, cut(self.positions, nodes, s)))
        return parts

    def __str__(self) -> str:
        samples = f"{self.batch_size} graphs, " if self.batch_size != 1 else ""
        return f"Graph({samples}{self.num_nodes} nodes, {self.num_edges} edges)"

    def __repr__(self) -> str:
        extra = [name for name in ("edge_weight", "edge_features", "positions") if getattr(self, name) is not None]
        return f"{str(self)[:-1]}{''.join(', ' + name for name in extra)})"
