"""How permutations act on sets, graphs, and the coarser graphs that a network makes of them."""

from functools import cached_property

import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import Group, YoungSubgroup
from gdl_core.points import Points
from torch import Tensor

from gdl_graphs.coarsen.select import SoftGraph
from gdl_graphs.graph import Graph
from gdl_graphs.point_set import PointSet


class PointPermutation(Symmetry):
    """Point i becomes point g(i): features, positions and connectivity move together (the book, eq. 5.1 ff.).

    The points of a coarser graph are numbered by the smallest member of each cluster, so that a permutation of the
    fine points determines that of the clusters; soft clusters are numbered by the layer and stay.
    """

    def __init__(self, name: str, domain: Points):
        self.name, self.domain = name, domain

    @cached_property
    def group(self) -> Group:  # type: ignore[override]  # made when asked for: it reads sizes from the device
        return YoungSubgroup(finest(self.domain).ptr.diff().tolist())

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        if not isinstance(domain, Points):
            raise TypeError(f"Permutations of points do not act on {domain!r}.")
        images = images_on(g.to(values.device), domain)
        return values.index_select(0, torch.argsort(images)), permuted(domain, g.to(values.device))


def finest(domain: Points) -> Points:
    """Return the graph that `domain` was made of by coarsenings; itself if by none."""
    parent = getattr(domain, "parent", None)
    return domain if parent is None else finest(parent)


def images_on(g: Tensor, domain: Points) -> Tensor:
    """Return `[n]`, where each point of `domain` goes when the points of the finest domain move by g."""
    parent = getattr(domain, "parent", None)
    if parent is None:
        return g
    if domain.cluster is None:  # type: ignore[attr-defined]
        return torch.arange(domain.num_points, device=g.device)
    fine, cluster = images_on(g, parent), domain.cluster.long()  # type: ignore[attr-defined]
    kept = cluster >= 0
    # An empty cluster comes after the others of its sample: between twice its last point and the next one.
    none = 2 * parent.ptr.index_select(0, domain.owner + 1).long() - 1
    smallest = none.scatter_reduce(0, cluster[kept], 2 * fine[kept], "amin")
    return torch.argsort(torch.argsort(smallest, stable=True))


def permuted(domain: Points, g: Tensor) -> Points:
    """Return `domain` with its points renumbered: point i becomes point `images_on(g, domain)[i]`."""
    images = images_on(g, domain)
    if isinstance(domain, PointSet):
        positions = domain.positions
        return domain.replace(positions=None if positions is None else positions.index_select(0, torch.argsort(images)))
    if not isinstance(domain, Graph):
        raise TypeError(f"Permutations of points do not act on {domain!r}.")
    moved = domain.relabel(images)
    if domain.parent is None:
        return moved
    parent = permuted(domain.parent, g)
    source = torch.argsort(images_on(g, domain.parent))
    if isinstance(moved, SoftGraph) and moved.assignment is not None:
        moved = moved.replace(assignment=moved.assignment.index_select(0, source))
    if domain.cluster is None:
        return moved.replace(parent=parent)
    old = domain.cluster.long()
    new = torch.where(old >= 0, images[old.clamp(min=0)], old)
    cluster = new.index_select(0, source).to(domain.cluster.dtype)
    return moved.replace(parent=parent, cluster=cluster)
