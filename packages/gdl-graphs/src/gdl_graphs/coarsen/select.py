"""Select and Reduce: which nodes make up which coarse node, and what becomes of their values; and the way back.

A coarsening returns a graph that knows its `parent`, and either `cluster[n]` (where each of the parent's nodes went) or
an `assignment[n, k]` (to what share each went to each of the k coarse nodes of its sample). `pool` and `lift` read
these, without synchronisation, so that a pyramid of graphs made once from data serves in a compiled program.
"""

from dataclasses import field

import torch
from gdl_core.geometry import Domain, Refinement, check_channels
from gdl_core.incidence import Incidence, aggregate, gather, reduce
from gdl_core.incidence.operations import Reduction
from gdl_core.pytree import tensor_dataclass
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.graph import Graph


@tensor_dataclass(name="gdl.SoftGraph")
class SoftGraph(Graph):
    """A coarse graph whose parent's nodes belong to several of its nodes at once. Made by `DiffPool` and `MinCutPool`.

    Args:
        incidence, ptr, owner, edge_weight, edge_features, positions, real, cluster, parent: as in `Graph`; every sample
            has k nodes, and an edge between any two of them.
        assignment: ``[n of the parent, k]``, S: row i holds the shares of node i.
    """

    parent: Graph | None = field(default=None, metadata={"static": False})
    assignment: Tensor | None = None  # [n of the parent, k]


def number_clusters(label: Tensor, owner: Tensor) -> tuple[Tensor, int]:
    """Number clusters by their smallest member; return ``int64[n]`` and how many there are (synchronises).

    Numbered so, the clusters of a renumbered graph are the renumbered clusters, and those of a sample are consecutive.

    Args:
        label: ``[n]`` integers; nodes of one sample with the same label are a cluster, negative means none.
        owner: ``[n]``, the sample of each node. A label that occurs in two samples names two clusters.

    Raises:
        TypeError: if the labels are not integers. ValueError: if there is not one for each node.
    """
    if label.is_floating_point() or label.is_complex() or label.dtype == torch.bool:
        raise TypeError(f"Clusters are given as integers, one label per node, got {label.dtype}.")
    if label.shape != owner.shape:
        raise ValueError(f"Expected one cluster label per node, [{len(owner)}], got {list(label.shape)}.")
    kept = (label >= 0).nonzero()[:, 0]
    names = torch.unique(label[kept], return_inverse=True)[1]
    found, which = torch.unique(owner[kept].long() * (len(owner) + 1) + names, return_inverse=True)
    smallest = torch.full_like(found, len(owner)).scatter_reduce(0, which, kept, "amin")
    rank = torch.argsort(torch.argsort(smallest))
    cluster = torch.full((len(owner),), -1, dtype=torch.int64, device=label.device)
    cluster[kept] = rank[which]
    return cluster, len(found)


def members(coarse: Graph) -> Incidence:
    """Return the relation of the parent's nodes (senders) to coarse nodes; one more receiver takes those without one.

    Raises:
        ValueError: if `coarse` was not made by a coarsening with hard clusters.
    """
    if coarse.parent is None or coarse.cluster is None:
        raise ValueError(f"Expected a graph made by a coarsening, which knows its parent and clusters, got {coarse}.")
    count, nodes = coarse.num_nodes, coarse.parent.num_nodes
    label = torch.where(coarse.cluster >= 0, coarse.cluster, count)
    receiver, order = label.sort(stable=True)
    places = torch.arange(nodes, dtype=torch.int32, device=coarse.device)
    return Incidence(
        ptr=torch.searchsorted(receiver, torch.arange(count + 2, device=coarse.device), out_int32=True),
        sender=order.int(),
        receiver=receiver.int(),
        ptr_t=torch.arange(nodes + 1, dtype=torch.int32, device=coarse.device),
        receiver_t=label.int(),
        perm=torch.empty_like(places).scatter(0, order, places),
        edge_id=places,
    )


def shares(parent: Graph, k: int) -> Incidence:
    """Return the relation of k coarse nodes per sample (senders) to the nodes of `parent`: edge i k + j goes j to i.

    So ``assignment.flatten()`` are the values of its edges. Its sizes are known, so nothing synchronises.
    """
    nodes, samples, device = parent.num_nodes, parent.batch_size, parent.device
    node = torch.arange(nodes, dtype=torch.int32, device=device)[:, None].expand(nodes, k)
    column = torch.arange(k, dtype=torch.int32, device=device)
    # Sender-major: sample s has the places k ptr[s] ... k ptr[s + 1], of which each coarse node takes one run.
    start, size = (t.index_select(0, parent.owner)[:, None] for t in (parent.ptr[:-1], parent.ptr.diff()))
    local = k * (node - start) + column
    node_t, column_t = start + local % size, local // size
    bounds = torch.arange(samples * k + 1, dtype=torch.int32, device=device)
    sample = (bounds // k).clamp(max=max(samples - 1, 0))
    ptr_t = bounds * 0
    if samples:
        begin, length = parent.ptr.index_select(0, sample), parent.ptr.diff().index_select(0, sample)
        ptr_t = k * begin + (bounds - sample * k) * length
    return Incidence(
        ptr=torch.arange(nodes + 1, dtype=torch.int32, device=device) * k,
        sender=(parent.owner[:, None] * k + column).reshape(-1),
        receiver=node.reshape(-1),
        ptr_t=ptr_t.int(),
        receiver_t=node_t.reshape(-1),
        perm=(node_t * k + column_t).reshape(-1),
        edge_id=torch.arange(nodes * k, dtype=torch.int32, device=device),
    )


def pool(x: Tensor, coarse: Graph, reduction: Reduction = "mean") -> Tensor:
    """Reduce values on the parent of `coarse` over each of its nodes: ``y[k] = sum | mean | max | min x[i], i in k``.

    With an assignment S: ``y = Sᵀ x`` for the sum, and that divided by the column sums of S for the mean.

    Args:
        x: ``[n of the parent, c]``.
        coarse: a graph made by a coarsening. On the parent's nodes that it dropped, x is not looked at.
        reduction: an assignment knows sum and mean.

    Returns:
        ``[n, c]``.

    Raises:
        ValueError: if `coarse` was not made by a coarsening, x has another number of rows, or S has no such reduction.
    """
    soft = assignment_of(coarse)
    if soft is not None:
        return _pool_softly(x, *soft, reduction)
    relation = members(coarse)
    if reduction in ("sum", "mean"):
        return aggregate(relation, x, mean=reduction == "mean")[:-1]
    return reduce(relation, gather(relation, x, "sender"), reduction)[:-1]


def assignment_of(coarse: Graph) -> tuple[Tensor, Graph] | None:
    """Return S and the parent of a graph that a soft coarsening made; None for others."""
    if isinstance(coarse, SoftGraph) and coarse.assignment is not None and coarse.parent is not None:
        return coarse.assignment, coarse.parent
    return None


def _pool_softly(x: Tensor, assignment: Tensor, parent: Graph, reduction: Reduction) -> Tensor:
    if reduction not in ("sum", "mean"):
        raise ValueError(f"A soft assignment pools by sum or mean, got {reduction!r}.")
    relation = shares(parent, assignment.shape[1])
    total = transfer(relation, assignment, x)
    if reduction == "sum":
        return total
    mass = transfer(relation, assignment, torch.ones_like(x[:, :1]))
    return total / torch.where(mass > 0, mass, 1)


def transfer(relation: Incidence, assignment: Tensor, x: Tensor) -> Tensor:
    """Return ``Sᵀ x`` of each sample, ``[b k, c]``, for ``S[n, k]`` and ``x[n, c]``, with `relation` from `shares`."""
    weight = assignment.flatten().index_select(0, relation.perm)  # a permutation: its gradient adds nothing up
    return aggregate(relation.transpose(), x, weight)


def lift(x: Tensor, coarse: Graph) -> Tensor:
    """Bring values on `coarse` to its parent: each node gets the value of its cluster, or 0 if it was dropped.

    With an assignment S: ``y = S x``. The adjoint of ``pool(..., "sum")``.

    Args:
        x: ``[n, c]`` on `coarse`.

    Returns:
        ``[n of the parent, c]``.

    Raises:
        ValueError: if `coarse` was not made by a coarsening, or x has another number of rows.
    """
    soft = assignment_of(coarse)
    if soft is not None:
        assignment, parent = soft
        return aggregate(shares(parent, assignment.shape[1]), x, assignment.flatten())
    relation = members(coarse)
    return aggregate(relation.transpose(), torch.cat([x, x.new_zeros(1, x.shape[1])]))


class Unpool(Refinement):
    """Back to the graph that a coarsening was given: y = `lift`(x), for every coarsening of this package.

    Nodes that the coarsening dropped get 0, where a skip connection may add what they had (Gao & Ji's gUnpool).

    Args:
        type: invariant channels.

    Shapes: `[m, c] -> [n, c]` and the parent graph.

    Raises:
        TypeError: if called without a graph. ValueError: if the graph was not made by a coarsening.

    Source: Gao & Ji 2019, eq. 3; "lift" in Grattarola et al. 2022.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int):
        super().__init__(type, type)

    def out_domain(self, domain: Domain) -> Domain:
        parent = getattr(domain, "parent", None)
        return domain if parent is None else parent

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        check_channels(x, self.in_type, -1, self)
        if not isinstance(domain, Graph) or domain.parent is None:
            got = "no domain" if domain is None else f"{domain}, which knows no parent"
            raise ValueError(f"Unpool undoes a coarsening, so it is called on the graph that one made, got {got}.")
        domain.check(x, "Unpool")
        return lift(x, domain), domain.parent
