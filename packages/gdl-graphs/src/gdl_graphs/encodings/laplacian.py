"""Eigenvalues and eigenvectors of the graph Laplacian, the same on every machine and for every batch."""

from typing import Literal, Self

import torch
from gdl_core.incidence import reduce
from gdl_core.pytree import TensorDataclass, tensor_dataclass
from torch import Tensor

from gdl_graphs.encodings.eigen import Eigenpairs, eigenvalues, lowest_pairs
from gdl_graphs.graph import Graph

Keep = Literal["positive", "nontrivial", "all"]


@tensor_dataclass(name="gdl.LaplacianEncoding")
class LaplacianEncoding(TensorDataclass):
    """The first k eigenvectors of each sample's Laplacian. Columns that a sample does not have are 0, with group -1.

    Args:
        values: ``[b, k]`` eigenvalues, ascending.
        vectors: ``[n, k]``, of norm 1 on each sample.
        group: ``int32[b, k]``, the eigenspace of each vector, counted from 0 within the sample.
        multiplicity: ``int32[b, k]``, the dimension of that eigenspace. Where the group has fewer vectors than that, k
            cuts through it, and what is left has no meaning of its own.
    """

    values: Tensor  # [b, k]
    vectors: Tensor  # [n, k]
    group: Tensor  # int32[b, k]
    multiplicity: Tensor  # int32[b, k]

    def features(self, graph: Graph) -> Tensor:
        """Return ``[n, 2 k]``, each node's entries of the vectors and then the eigenvalues, for `SignNet`."""
        return torch.cat([self.vectors, self.values.index_select(0, graph.owner)], 1)

    def whole(self, graph: Graph) -> Self:
        """Return the encoding without the vectors of eigenspaces that k cuts through: 0, of group -1."""
        members = (self.group[:, :, None] == self.group[:, None, :]).sum(2)
        keep = (members == self.multiplicity) & (self.group >= 0)
        return type(self)(
            torch.where(keep, self.values, 0),
            torch.where(keep.index_select(0, graph.owner), self.vectors, 0),
            torch.where(keep, self.group, -1),
            torch.where(keep, self.multiplicity, 0),
        )


def laplacian_encoding(
    graph: Graph,
    k: int,
    normalized: bool = True,
    keep: Keep = "positive",
    tolerance: float = 1e-6,
    dtype: torch.dtype | None = None,
) -> LaplacianEncoding:
    """Return the k eigenvectors of the Laplacian with the smallest eigenvalues that `keep` lets in, per sample.

    L = I - D^(-1/2) A D^(-1/2), or D - A; isolated nodes have an eigenvalue 0 of their own (Chung 1997). Deterministic:
    eigenvalues no further apart than `tolerance` are one eigenspace, whose basis is the pivoted Cholesky factor of its
    projector: each vector is positive at the node where what remains of the eigenspace is largest (ties by index).
    For a simple eigenvalue this makes the first entry of largest magnitude positive. Signs and bases still depend on
    the numbering of nodes, as they must: `SignNet` and `BasisNet` do not.

    Args:
        graph: an undirected graph or a batch; self-loops count as they stand in A and D.
        k: how many vectors.
        normalized: which Laplacian.
        keep: ``"positive"`` leaves out all eigenvalues 0, of which there is one per component; ``"nontrivial"`` leaves
            out only the vector D^(1/2) 1 (or 1) of the whole sample, so that components are told apart; ``"all"``
            none.
        tolerance: relative to the eigenvalues compared.
        dtype: of the result, by default torch's default; the computation is in float64, by dense eigenproblems up to
            512 nodes, by SciPy's Lanczos iteration on each component beyond.

    Raises:
        ValueError: if the graph is not symmetric, a weight is negative, or k is negative.
    """
    if k < 0 or keep not in ("positive", "nontrivial", "all"):
        raise ValueError(f"laplacian_encoding takes k from 0 and keep positive, nontrivial or all; got {k}, {keep!r}.")
    dtype = dtype or torch.get_default_dtype()
    values = torch.zeros(graph.batch_size, k, dtype=torch.float64)
    vectors = torch.zeros(graph.num_nodes, k, dtype=torch.float64)
    group, multiplicity = (torch.full((graph.batch_size, k), -1, dtype=torch.int32) for _ in range(2))
    weight, degree = checked_weights(graph)
    for pairs in lowest_pairs(graph, weight, degree, k, normalized, keep, tolerance):
        _write(pairs, values, vectors, group, multiplicity)
    found = (values.to(dtype), vectors.to(dtype), group, multiplicity.clamp_min(0))
    return LaplacianEncoding(*(tensor.to(graph.device) for tensor in found))


def _write(pairs: Eigenpairs, values: Tensor, vectors: Tensor, group: Tensor, multiplicity: Tensor) -> None:
    """Put the pairs of samples of one size where they belong."""
    count = pairs.values.shape[1]
    values[pairs.samples, :count] = pairs.values
    group[pairs.samples, :count] = pairs.group.int()
    multiplicity[pairs.samples, :count] = pairs.multiplicity.int()
    vectors[pairs.nodes, :count] = pairs.vectors


def laplacian_spectrum(graph: Graph, normalized: bool = True) -> Tensor:
    """Return ``float64[n]``, all eigenvalues of each sample's Laplacian, ascending, sample after sample.

    Args:
        graph: an undirected graph or a batch.
        normalized: I - D^(-1/2) A D^(-1/2), or D - A.

    Raises:
        ValueError: if the graph is not symmetric, or a weight is negative.
    """
    weight, degree = checked_weights(graph)
    return eigenvalues(graph, weight, degree, normalized).to(graph.device)


def checked_weights(graph: Graph) -> tuple[Tensor, Tensor]:
    """Return the weights and degrees, ``float64[e]`` and ``[n]``, of a graph that has a Laplacian.

    Raises:
        ValueError: if the graph is not symmetric, or a weight is negative.
    """
    weight = torch.ones(graph.num_edges) if graph.edge_weight is None else graph.edge_weight.detach().double()
    weight, incidence = weight.double().to(graph.device), graph.incidence
    backwards = weight.index_select(0, incidence.perm)
    if bool((weight < 0).any()):
        edge = int((weight < 0).int().argmax())
        raise ValueError(f"A Laplacian needs weights from 0, got {float(weight[edge])} at edge {edge}.")
    ends = torch.equal(incidence.ptr, incidence.ptr_t) and torch.equal(incidence.sender, incidence.receiver_t)
    if not ends or not torch.equal(weight, backwards):
        raise ValueError(f"A Laplacian needs an undirected graph, got {graph}; use graph.to_undirected().")
    return weight, reduce(incidence.ptr, weight, "sum")
