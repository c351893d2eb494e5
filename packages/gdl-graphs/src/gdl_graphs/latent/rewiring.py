"""`Rewiring`: a part that gives the points other edges; and how it goes through the samples."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.incidence import broadcast, reduce
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.latent.search import sorted_incidence
from gdl_graphs.point_set import PointSet


class Rewiring(Coarsening):
    """`x, graph = layer(x, domain)`: the same points and values with edges made from the values.

    To a `Blueprint` it is a coarsening that keeps all points.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int):
        super().__init__(type, type)

    def out_domain(self, domain: Domain) -> Domain:
        """Return the points without edges: which they get depends on the features."""
        if not isinstance(domain, Points):
            return domain
        none = torch.empty(0, dtype=torch.int64, device=domain.owner.device)
        return rewired(domain, none, none)


def rewired(
    domain: Points,
    sender: Tensor,
    receiver: Tensor,
    edge_weight: Tensor | None = None,
    edge_features: Tensor | None = None,
) -> Graph:
    """Return a graph on the points of `domain` with the edges given, sorted by receiver and sender."""
    incidence = sorted_incidence(sender, receiver, domain.num_points)
    if isinstance(domain, Graph):
        # `real` counts edges of before, so it goes
        return domain.replace(incidence=incidence, edge_weight=edge_weight, edge_features=edge_features, real=None)
    return Graph(incidence, domain.ptr, domain.owner, edge_weight, edge_features, domain.positions)


def centred(x: Tensor, domain: Points) -> Tensor:
    """Return x less the mean of its sample, in at least float32."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return x - broadcast(domain.ptr, reduce(domain.ptr, x, "mean"), x.shape[0])


class Picks(NamedTuple):
    """What each point chose: canonical edges, and a value for each."""

    sender: Tensor  # int64[e]
    receiver: Tensor  # int64[e]
    value: Tensor | None  # [e]


def pick_edges(
    x: Tensor, domain: Points, k: int, loop: bool, choose: Callable[[Tensor, int, int], tuple[Tensor, Tensor | None]]
) -> Picks:
    """Let `choose` pick up to k points for each point, sample by sample, and sort the picks as edges.

    Equal samples (a `PointSet` with a `size`) go through together, without synchronising; others one by one.

    Args:
        choose: from ``x[s, n, c]``, k and the number of the first point to picks ``int64[s, n, k]`` and ``[s, n, k]``
            values of them or None.
    """
    if isinstance(domain, PointSet) and domain.size is not None:
        size, starts = domain.size, [0]
        groups = [x.reshape(domain.batch_size, size, x.shape[1])]
    else:
        starts = domain.ptr.tolist()
        groups = [x[a:b][None] for a, b in itertools.pairwise(starts)]
    senders, receivers, values = [], [], []
    for start, group in zip(starts, groups, strict=False):
        samples, size = group.shape[:2]
        picks, value = choose(group, max(min(k, size if loop else size - 1), 0), start)
        sender, order = picks.sort(-1)
        point = start + torch.arange(samples * size, device=x.device).reshape(samples, size, 1)
        first = point[:, :1] if size else point
        senders.append((sender + first).reshape(-1))
        receivers.append(point.expand_as(sender).reshape(-1))
        if value is not None:
            values.append(value.gather(-1, order).reshape(-1))
    none = torch.empty(0, dtype=torch.int64, device=x.device)
    return Picks(torch.cat([none, *senders]), torch.cat([none, *receivers]), torch.cat(values) if values else None)
