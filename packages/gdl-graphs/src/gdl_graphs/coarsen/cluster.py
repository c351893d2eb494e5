"""Coarsenings whose clusters do not depend on the features: given labels, Graclus, spectral clusters, voxels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.incidence import reduce
from gdl_core.incidence.operations import Reduction
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.coarsen.contract import contract
from gdl_graphs.coarsen.select import pool
from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import check_name, graph_of


class ClusterPool(Coarsening):
    """x'[k] = mean, sum, maximum or minimum of x[i] over the nodes i of cluster k; edges by `contract`.

    How many clusters there are is data, so this synchronises. For graphs that stay the same, `contract` once and `pool`
    onto the result.

    Args:
        type: invariant channels.
        select: a function from a graph to labels ``int64[n]``, such as `graclus`, `VoxelGrid(size)` or
            `SpectralClusters(k)`; or the labels themselves, for one graph. Negative labels drop nodes. With labels the
            layer claims no symmetry: they would have to be renumbered with the nodes.
        reduction: "mean", "sum", "max" or "min".
        self_loops: whether the edges inside a cluster become a self-loop.

    Shapes: `[n, c] -> [m, c]` and the coarse graph.

    Raises:
        UnknownNameError: for another reduction. TypeError: if called without a graph.

    Source: "Select, Reduce, Connect" in Grattarola et al. 2022.
    """

    claims = ("permutation",)

    def __init__(
        self,
        type: FieldType | int,
        select: Callable[[Graph], Tensor] | Tensor,
        reduction: Reduction = "mean",
        self_loops: bool = False,
    ):
        super().__init__(type, type)
        check_name(reduction, get_args(Reduction), "reduction", self)
        self.reduction: Reduction = reduction
        self.self_loops = self_loops
        self.select = None
        if isinstance(select, Tensor):
            self.register_buffer("cluster", select)
            self.claims = ()
        else:
            self.select = select

    def out_domain(self, domain: Domain) -> Domain:
        """Return the coarse graph, which is known before the features are."""
        if not isinstance(domain, Graph):
            return domain
        label = self.cluster if self.select is None else self.select(domain)
        return contract(domain, label, self_loops=self.self_loops)  # type: ignore[arg-type]

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        coarse = self.out_domain(graph_of(x, domain, self))
        assert isinstance(coarse, Graph)
        return pool(x, coarse, self.reduction), coarse

    def extra_repr(self) -> str:
        chosen = "given clusters" if self.select is None else getattr(self.select, "__name__", repr(self.select))
        return f"{self.in_type}, {chosen}, {self.reduction}"


@dataclass(frozen=True)
class VoxelGrid:
    """Nodes in the same box of a grid in space are a cluster: label = ⌊(position - origin) / size⌋, per axis.

    Args:
        size: the edge of a box, or one per axis, in the unit of the positions.
        origin: a corner of a box, one number or one per axis; if left out, the least coordinates of each sample, so
            that a translation of a sample changes nothing.

    Calling it on a graph with positions gives ``int64[n]``, for `ClusterPool` or `contract`.

    Raises:
        ValueError: if a size is not positive, or the graph has no positions or other axes.

    Source: Simonovsky & Komodakis 2017, §3.3; PyG's `voxel_grid`.
    """

    size: float | Sequence[float]
    origin: float | Sequence[float] | None = None

    def __post_init__(self):
        if not bool((torch.as_tensor(self.size) > 0).all()):
            raise ValueError(f"VoxelGrid expects boxes of a positive size, got {self.size}.")

    def __call__(self, graph: Graph) -> Tensor:
        place = graph.positions
        if place is None:
            raise ValueError("VoxelGrid needs a graph with positions, got one without.")
        size, axes = place.new_tensor(self.size), place.shape[1]
        start = reduce(graph.ptr, place, "min").index_select(0, graph.owner)
        if self.origin is not None:
            start = place.new_tensor(self.origin)
        for name, given in (("size", size), ("origin", start)):
            if given.dim() and given.shape[-1] != axes:
                raise ValueError(f"VoxelGrid expects {name} to be one number or {axes}, got {given.shape[-1]}.")
        box = ((place - start) / size).floor().long()
        return torch.unique(box, dim=0, return_inverse=True)[1]
