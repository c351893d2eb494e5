"""Soft coarsenings: every node belongs to k clusters of its sample, by shares that are learned."""

from abc import abstractmethod

import torch
from gdl_core.geometry import Coarsening, Domain, Layer
from gdl_core.incidence import Incidence, aggregate, broadcast, edge_dot, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.coarsen.select import SoftGraph, assignment_of, shares, transfer
from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import graph_of


def complete_samples(samples: int, k: int, device: torch.device) -> tuple[Incidence, Tensor, Tensor]:
    """Return the complete graphs on k nodes of each sample, with self-loops, and their `ptr` and `owner`.

    Sizes are numbers, so nothing synchronises. Edge i k + j goes from the j-th node of the sample to node i.
    """
    edge = torch.arange(samples * k * k, dtype=torch.int32, device=device)
    here = edge // k
    there = here // k * k + edge % k
    ptr = torch.arange(samples * k + 1, dtype=torch.int32, device=device) * k
    relation = Incidence(ptr, there, here, ptr, there, there * k + here % k, edge)
    first = torch.arange(samples + 1, dtype=torch.int32, device=device) * k
    return relation, first, torch.arange(samples * k, dtype=torch.int32, device=device) // k


class SoftPool(Coarsening):
    """x' = Sᵀ x and A' = Sᵀ A S with S = softmax(assign(x)): what `DiffPool` and `MinCutPool` share.

    The coarse graph is complete, its weights are A', and it keeps S, so `Unpool` gives S x'. Nothing of the size n² is
    made, and nothing synchronises.

    Args:
        type: invariant channels.
        clusters: k, the nodes of each coarse sample.
        assign: a layer from `type` to k channels; a linear map with a bias if left out.

    Raises:
        ValueError: unless k is positive and `assign` has k channels.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, clusters: int, assign: Layer | None = None):
        super().__init__(type, type)
        where = self.__class__.__name__
        if clusters < 1:
            raise ValueError(f"{where} makes at least one cluster, got clusters={clusters}.")
        if assign is not None and assign.out_type.channels != clusters:
            raise ValueError(f"{where} assigns {clusters} clusters, but `assign` gives {assign.out_type!r}.")
        self.clusters = clusters
        self.assign = nn.Linear(self.in_type.channels, clusters) if assign is None else assign

    def assignment(self, x: Tensor, graph: Graph) -> Tensor:
        """Return S, ``[n, k]``: the share of each node in each cluster."""
        logits = self.assign(x, graph) if isinstance(self.assign, Layer) else self.assign(x)
        return logits.softmax(-1)

    def connect(self, adjacency: Tensor) -> Tensor:
        """Return the weights ``[b, k, k]`` of the coarse edges, receivers by senders, from ``Sᵀ A S``."""
        return adjacency

    @abstractmethod
    def losses(self, coarse: Graph) -> dict[str, Tensor]:
        """Return the auxiliary losses by name, read off what `forward` returned; add them to the loss."""

    def out_domain(self, domain: Domain) -> Domain:
        """Return the coarse graph with weights of one: those it will have depend on the features."""
        if not isinstance(domain, Graph):
            return domain
        relation, ptr, owner = complete_samples(domain.batch_size, self.clusters, domain.device)
        return SoftGraph(relation, ptr, owner, torch.ones(relation.num_edges, device=domain.device), parent=domain)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        graph = graph_of(x, domain, self)
        share = self.assignment(x, graph)
        samples, k = graph.batch_size, self.clusters
        heard = aggregate(graph.incidence, share, graph.edge_weight)
        belong = shares(graph, k)
        weight = self.connect(transfer(belong, share, heard).reshape(samples, k, k))
        relation, ptr, owner = complete_samples(samples, k, x.device)
        coarse = SoftGraph(relation, ptr, owner, weight.reshape(-1), parent=graph, assignment=share)
        return transfer(belong, share, x), coarse

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.clusters} clusters"


class DiffPool(SoftPool):
    """x' = Sᵀ x and A' = Sᵀ A S with S = softmax(assign(x)).

    `losses(coarse)`: "link", the mean over samples of ‖A - S Sᵀ‖_F / n², and "entropy", the mean over samples of the
    mean entropy of the rows of S.

    Args:
        type: invariant channels. Ying et al. pool what another layer makes of x: put that before this one.
        clusters: k, the nodes of each coarse sample.
        assign: a layer from `type` to k channels; a linear map with a bias if left out.

    Shapes: `[n, c] -> [b k, c]` and the complete weighted graph on k nodes per sample.

    Raises:
        ValueError: unless k is positive and `assign` has k channels. TypeError: if called without a graph.

    Source: Ying et al. 2018, eq. 3-4 and §3.3; PyG's `dense_diff_pool`.
    """

    def losses(self, coarse: Graph) -> dict[str, Tensor]:
        graph, share = _parts(coarse, self)
        i = graph.incidence
        edges = i.ptr.index_select(0, graph.ptr)
        weight = torch.ones_like(share[:1, 0]).expand(i.num_edges) if graph.edge_weight is None else graph.edge_weight
        # ‖A - SSᵀ‖² = ‖A‖² - 2 Σ_e w_e <S_r, S_s> + ‖SᵀS‖²: no n² numbers. ‖A‖² adds parallel edges up first.
        square = reduce(edges, weight * _parallel(i, weight), "sum")
        cross = reduce(edges, weight * edge_dot(i, share, share).to(weight), "sum")
        gram = _gram(share, graph)
        distance = (square - 2 * cross + gram.square().sum((1, 2))).clamp(min=0)
        nodes = graph.ptr.diff().clamp(min=1)
        link = torch.where(distance > 0, distance, 1).sqrt() * (distance > 0) / nodes.square()
        floor = torch.finfo(share.dtype).tiny  # the derivative of s log s at 0 is infinite
        entropy = reduce(graph.ptr, -(share * share.clamp(min=floor).log()).sum(-1), "mean")
        return {"link": link.mean(), "entropy": entropy.mean()}


class MinCutPool(SoftPool):
    """x' = Sᵀ x and A' = D^-½ Â D^-½ with Â = Sᵀ A S without its diagonal, and D its row sums; S = softmax(assign(x)).

    `losses(coarse)`: "cut", the mean over samples of -tr(Sᵀ A S) / tr(Sᵀ D S), and "orthogonality", that of
    ‖SᵀS / ‖SᵀS‖ - I / √k‖. Samples without edges count as a cut of 0.

    Args:
        type: invariant channels.
        clusters: k, the nodes of each coarse sample.
        assign: a layer from `type` to k channels; a linear map with a bias if left out.

    Shapes: `[n, c] -> [b k, c]` and the complete weighted graph on k nodes per sample, its self-loops of weight 0.

    Raises:
        ValueError: unless k is positive and `assign` has k channels. TypeError: if called without a graph.

    Source: Bianchi, Grattarola & Alippi 2020, eq. 6-9; PyG's `dense_mincut_pool`.
    """

    def connect(self, adjacency: Tensor) -> Tensor:
        k = self.clusters
        loose = adjacency * (1 - torch.eye(k, dtype=adjacency.dtype, device=adjacency.device))
        degree = loose.sum(-1)
        scale = torch.where(degree > 0, degree, 1).rsqrt() * (degree > 0)
        return loose * scale[:, :, None] * scale[:, None, :]

    def losses(self, coarse: Graph) -> dict[str, Tensor]:
        graph, share = _parts(coarse, self)
        i = graph.incidence
        edges = i.ptr.index_select(0, graph.ptr)
        weight = torch.ones_like(share[:1, 0]).expand(i.num_edges) if graph.edge_weight is None else graph.edge_weight
        inside = reduce(edges, weight * edge_dot(i, share, share).to(weight), "sum")
        degree = reduce(i, weight, "sum")
        total = reduce(graph.ptr, degree * share.square().sum(-1), "sum")
        cut = -inside / torch.where(total != 0, total, 1)
        gram = _gram(share, graph)
        norm = _norm(gram)
        unit = torch.eye(self.clusters, dtype=gram.dtype, device=gram.device) / self.clusters**0.5
        apart = gram / torch.where(norm > 0, norm, 1)[:, None, None] - unit
        return {"cut": cut.mean(), "orthogonality": _norm(apart).mean()}


def _parts(coarse: Graph, where: nn.Module) -> tuple[Graph, Tensor]:
    soft = assignment_of(coarse)
    if soft is None:
        raise TypeError(f"losses takes the graph that {type(where).__name__} returned, got {coarse}.")
    return soft[1], soft[0]


def _gram(share: Tensor, graph: Graph) -> Tensor:
    """SᵀS of each sample, ``[b, k, k]``."""
    k = share.shape[1]
    return transfer(shares(graph, k), share, share).reshape(graph.batch_size, k, k)


def _norm(matrices: Tensor) -> Tensor:
    """The Frobenius norm of each, with the gradient 0 at 0."""
    square = matrices.square().sum((1, 2))
    return torch.where(square > 0, square, 1).sqrt() * (square > 0)


def _parallel(incidence: Incidence, weight: Tensor) -> Tensor:
    """For each edge the sum of the weights of the edges with the same ends, which stand together."""
    sender, receiver, edges = incidence.sender, incidence.receiver, incidence.num_edges
    starts = (sender[1:] != sender[:-1]) | (receiver[1:] != receiver[:-1])
    run = torch.cat([torch.zeros_like(starts[:1]), starts])[:edges].cumsum(0)
    places = torch.arange(edges, dtype=torch.int32, device=run.device)
    ptr = places.new_full((edges + 1,), edges).scatter_reduce(0, run, places, "amin")  # empty rows after the last run
    return broadcast(ptr, reduce(ptr, weight, "sum"), edges)
