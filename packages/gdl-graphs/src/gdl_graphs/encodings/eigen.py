"""Eigenproblems of Laplacians: samples of one size together, large ones by Lanczos iteration on each component."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from gdl_graphs.graph import Graph

T = TypeVar("T", Tensor, float)
ROUNDING = 1e-11  # how far from 0 a zero eigenvalue may be found, relative to the largest
DENSE_NODES = 512  # up to here a dense eigenproblem is faster than an iteration, and knows the whole spectrum


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenpairs of `b` samples of one size `n`, in the canonical gauge.

    Attributes:
        samples, nodes: which, ``[b]`` and ``[b, n]``.
        values, vectors: ``[b, k]`` and ``[b, n, k]``.
        group, multiplicity: ``[b, k]``.
    """

    samples: Tensor
    nodes: Tensor
    values: Tensor
    vectors: Tensor
    group: Tensor
    multiplicity: Tensor


def lowest_pairs(
    graph: Graph, weight: Tensor, degree: Tensor, k: int, normalized: bool, keep: str, tolerance: float
) -> Iterator[Eigenpairs]:
    """Yield the first k eigenpairs that `keep` lets in, for the samples of each size."""
    for samples, nodes in by_size(graph):
        if k == 0 or nodes.shape[1] == 0:
            continue
        if nodes.shape[1] <= DENSE_NODES:
            for part, where in zip(samples.split(256), nodes.split(256)):
                values, vectors = torch.linalg.eigh(laplacians(graph, weight, degree, where, normalized))
                trivial = _trivial(degree.cpu()[where], normalized)
                yield _selected(part, where, values, vectors, trivial, k, keep, tolerance)
        else:
            from gdl_graphs.encodings.lanczos import lowest_of_components

            for part, where in zip(samples.split(1), nodes.split(1)):
                values, vectors = lowest_of_components(graph, weight, degree, where[0], k, normalized, keep, tolerance)
                trivial = _trivial(degree.cpu()[where], normalized)
                yield _selected(part, where, values[None], vectors[None], trivial, k, keep, tolerance)


def eigenvalues(graph: Graph, weight: Tensor, degree: Tensor, normalized: bool) -> Tensor:
    """Return all eigenvalues, ascending within each sample."""
    found = torch.zeros(graph.num_nodes, dtype=torch.float64)
    for _, nodes in by_size(graph):
        if nodes.shape[1] == 0:
            continue
        for where in nodes.split(max(1, 2**22 // max(1, nodes.shape[1] ** 2))):
            found[where] = torch.linalg.eigvalsh(laplacians(graph, weight, degree, where, normalized))
    return found


def by_size(graph: Graph) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the samples of each size and their nodes, ``[b]`` and ``[b, n]``."""
    sizes, starts = graph.ptr.diff().long().cpu(), graph.ptr.long().cpu()
    for size in torch.unique(sizes).tolist():
        samples = (sizes == size).nonzero()[:, 0]
        yield samples, starts[samples][:, None] + torch.arange(size)


def laplacians(graph: Graph, weight: Tensor, degree: Tensor, nodes: Tensor, normalized: bool) -> Tensor:
    """Return the dense Laplacians ``[b, n, n]`` of the samples whose nodes are ``nodes[b, n]``."""
    count, size = nodes.shape
    offsets = graph.incidence.ptr.long().cpu()
    place = torch.full((graph.num_nodes,), -1, dtype=torch.int64)
    place[nodes.reshape(-1)] = torch.arange(count * size)
    first, counts = offsets[nodes[:, 0]], offsets[nodes[:, -1] + 1] - offsets[nodes[:, 0]]
    edges = torch.arange(int(counts.sum())) + (first - counts.cumsum(0) + counts).repeat_interleave(counts)
    receiver = place[graph.incidence.receiver.long().cpu()[edges]]
    sender = place[graph.incidence.sender.long().cpu()[edges]]
    adjacency = torch.zeros(count * size, size, dtype=torch.float64)
    adjacency.index_put_((receiver, sender % size), weight.cpu()[edges], accumulate=True)
    adjacency, degree = adjacency.reshape(count, size, size), degree.cpu()[nodes]
    if not normalized:
        return torch.diag_embed(degree) - adjacency
    root = torch.where(degree > 0, degree, torch.inf).rsqrt()
    return torch.diag_embed((degree > 0).double()) - root[:, :, None] * adjacency * root[:, None, :]


def _trivial(degree: Tensor, normalized: bool) -> Tensor:
    """The eigenvector ``[b, n]`` of the eigenvalue 0 that every graph has: D^(1/2) 1, or 1."""
    vector = degree.sqrt() if normalized else torch.ones_like(degree)
    empty = vector.sum(1, keepdim=True) == 0  # without any edge, every vector has the eigenvalue 0
    return torch.nn.functional.normalize(torch.where(empty, 1.0, vector), dim=1)


def _selected(
    samples: Tensor,
    nodes: Tensor,
    values: Tensor,
    vectors: Tensor,
    trivial: Tensor,
    k: int,
    keep: str,
    tolerance: float,
) -> Eigenpairs:
    """Group near-equal eigenvalues, choose the pairs to keep, and bring their vectors into the canonical gauge."""
    gaps = values[:, 1:] > reach(values[:, :-1], tolerance, values.abs().amax(1, keepdim=True).clamp_min(1.0))
    group = torch.nn.functional.pad(gaps.long(), (1, 0)).cumsum(1)
    dropped = torch.zeros_like(group, dtype=torch.bool)
    if keep == "positive":
        dropped = group == 0  # every Laplacian has the eigenvalue 0, and none below
    elif keep == "nontrivial":
        dropped[:, 0] = True
    order = torch.argsort(dropped.long(), dim=1, stable=True)[:, :k]  # what is kept comes first, ascending
    kept = ~dropped.gather(1, order)
    wanted = torch.where(kept, group.gather(1, order), -1)
    multiplicity = ((wanted[:, :, None] == group[:, None, :]) & ~dropped[:, None, :]).sum(2)
    given = trivial if keep == "nontrivial" else torch.zeros_like(trivial)
    found = pivoted_bases(vectors, group, wanted, given)
    first = wanted[:, :1]  # kept groups count from 0
    return Eigenpairs(
        samples,
        nodes,
        torch.where(kept, values.gather(1, order), 0.0),
        found,
        torch.where(kept, wanted - first, -1),
        multiplicity,
    )


def reach(value: T, tolerance: float, scale: T | float) -> T:
    """Return the largest eigenvalue that counts as equal to `value`: within `tolerance` of it, or within rounding."""
    return value + tolerance * value + ROUNDING * scale


def pivoted_bases(vectors: Tensor, group: Tensor, wanted: Tensor, given: Tensor) -> Tensor:
    """Return a basis that depends on the eigenspaces alone, by pivoted Cholesky factorisation of their projectors.

    Each vector is the column of what remains of the projector at the node where its diagonal is largest, within 1e-6,
    ties to the first. Without pivoting, columns would be nearly dependent.

    Args:
        vectors: ``[b, n, m]``, orthonormal, from any eigensolver.
        group: ``[b, m]``, the eigenspace of each.
        wanted: ``[b, k]``, the eigenspace of each vector to return, ascending; -1 for none.
        given: ``[b, n]``, a vector of eigenspace 0 that is left out of it; zero for none.
    """
    count, size, _ = vectors.shape
    batch = torch.arange(count)
    found = torch.zeros(count, size, wanted.shape[1] + 1, dtype=vectors.dtype)
    found[:, :, 0] = given
    of = torch.nn.functional.pad(wanted, (1, 0))
    for step in range(wanted.shape[1]):
        space = vectors * (group == wanted[:, step : step + 1])[:, None, :]
        done = found[:, :, : step + 1] * (of[:, : step + 1] == wanted[:, step : step + 1])[:, None, :]
        rest = space.square().sum(2) - done.square().sum(2)
        pivot = (rest >= (1 - 1e-6) * rest.amax(1, keepdim=True)).int().argmax(1)
        column = (space @ space[batch, pivot][:, :, None] - done @ done[batch, pivot][:, :, None])[:, :, 0]
        found[:, :, step + 1] = torch.nn.functional.normalize(column, dim=1)
    return found[:, :, 1:]
