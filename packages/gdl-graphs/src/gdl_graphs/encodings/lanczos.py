"""The lowest eigenvectors of a large sparse Laplacian: one component at a time, with a fixed start, none missed."""

from typing import Any

import numpy as np
import scipy.sparse
import torch
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, splu
from torch import Tensor

from gdl_graphs.encodings.eigen import reach
from gdl_graphs.graph import Graph

MOST_COPIES = 256
RESTARTS = 200  # of the plain iteration, before the Laplacian is factorised


def lowest_of_components(
    graph: Graph, weight: Tensor, degree: Tensor, nodes: Tensor, k: int, normalized: bool, keep: str, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Return the lowest eigenpairs of one sample, ``[m]`` and ``[n, m]``: enough for k that `keep` lets in.

    The eigenspaces of these are whole. The null space is known without computing: each component has one vector in it.
    With ``keep="positive"`` one of them stands for all.
    """
    laplacian, null = _sparse_laplacian(graph, weight, degree, nodes, normalized)
    count, component = connected_components(laplacian, directed=False)
    scale = 2.0 if normalized else float(2 * laplacian.diagonal().max(initial=0.5))
    values, columns = [0.0] * (1 if keep == "positive" else count), []
    for c in range(len(values)):
        columns.append(_scattered(null, component == c))
    for c in range(count):
        where = np.flatnonzero(component == c)
        block = laplacian[where][:, where]
        unit = null[where] / np.linalg.norm(null[where])
        for value, vector in zip(*lowest_positive(block, unit, k, scale, tolerance)):
            column = np.zeros(len(nodes))
            column[where] = vector
            values.append(float(value))
            columns.append(column)
    order = np.argsort(values, kind="stable")
    sorted_values = np.asarray(values)[order]
    last = min(len(order), k + (keep != "all")) - 1
    enough = sorted_values <= reach(float(sorted_values[last]), tolerance, scale)
    chosen = np.stack([columns[place] for place in order[enough]], 1)
    return torch.from_numpy(sorted_values[enough]), torch.from_numpy(chosen)


def lowest_positive(
    laplacian: Any, null: np.ndarray, k: int, scale: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k lowest eigenpairs of a connected graph above 0, and all that are as low: ``[m]`` and ``[m, n]``.

    A Krylov space sees one vector of each eigenspace; so the iteration is repeated on what is orthogonal to those
    found, until it gives nothing as low, or the last eigenspace has more than MOST_COPIES dimensions (a star's has one
    per leaf): of these, some are returned.
    """
    size = len(null)
    if size <= max(3 * k, 64):
        values, vectors = np.linalg.eigh(laplacian.toarray())
        upto = values <= reach(float(values[min(k, size - 1)]), tolerance, scale)
        return values[upto][1:], vectors.T[upto][1:]
    values, vectors = np.zeros(0), np.zeros((0, size))
    while len(values) < min(size - 1, k + MOST_COPIES):
        missing = max(k - len(values), 2)
        known = np.concatenate([null[None], vectors])
        new_values, new_vectors = _largest(laplacian, known, min(missing, size - len(known)), scale)
        enough = len(values) >= k
        low = new_values <= (reach(float(values[k - 1]), tolerance, scale) if enough else np.inf)
        if not low.any():
            break
        values, vectors = np.append(values, new_values[low]), np.append(vectors, new_vectors[low], 0)
        order = np.argsort(values, kind="stable")
        values, vectors = values[order], vectors[order]
    upto = values <= reach(float(values[min(k, len(values)) - 1]), tolerance, scale)
    return values[upto], vectors[upto]


def _largest(laplacian: Any, known: np.ndarray, count: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` lowest eigenpairs orthogonal to the rows of `known`, by iteration on scale - L.

    Where eigenvalues crowd at 0 (long paths, fine meshes) that converges slowly, and L is factorised instead.
    """
    size = laplacian.shape[0]
    start = np.cos(np.arange(size) * 1.7 + 0.3)  # fixed, and orthogonal to nothing on purpose
    start -= known.T @ (known @ start)

    def without_known(x: np.ndarray) -> np.ndarray:
        return x - known.T @ (known @ x)

    def run(apply: Any, restarts: int | None) -> Any:
        operator = _Operator((size, size), lambda x: without_known(apply(without_known(x))))
        # rng: an iteration that meets an invariant subspace, as on a star, goes on from a random vector
        return eigsh(operator, k=count, which="LA", v0=start, ncv=min(size, 2 * count + 40), maxiter=restarts, rng=0)

    try:
        found = run(lambda x: scale * x - laplacian @ x, RESTARTS)
    except ArpackError:
        factor = splu((laplacian + 1e-6 * scale * scipy.sparse.eye_array(size)).tocsc())
        found = run(factor.solve, None)
    vectors = np.linalg.qr(without_known(found[1]))[0].T
    values = np.einsum("in,in->i", vectors, (laplacian @ vectors.T).T)  # Rayleigh quotients
    order = np.argsort(values, kind="stable")
    return values[order], vectors[order]


class _Operator(LinearOperator):
    """A symmetric matrix given by what it does to a vector."""

    def __init__(self, shape: tuple[int, int], apply: Any):
        super().__init__(np.dtype(float), shape)
        self.apply = apply

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        return self.apply(x.reshape(-1))


def _sparse_laplacian(
    graph: Graph, weight: Tensor, degree: Tensor, nodes: Tensor, normalized: bool
) -> tuple[Any, np.ndarray]:
    """The Laplacian of one sample and a vector in its null space."""
    ptr, incidence = graph.incidence.ptr.long(), graph.incidence
    first, size = int(nodes[0]), len(nodes)
    low, high = int(ptr[first]), int(ptr[first + size])
    ends = (incidence.receiver[low:high].cpu() - first, incidence.sender[low:high].cpu() - first)
    adjacency = scipy.sparse.csr_array((weight[low:high].cpu().numpy(), ends), shape=(size, size))
    own = degree[first : first + size].cpu().numpy()
    if not normalized:
        return scipy.sparse.csr_array(scipy.sparse.diags_array(own) - adjacency), np.ones(size)
    root = scipy.sparse.diags_array(np.where(own > 0, np.where(own > 0, own, 1.0) ** -0.5, 0.0))
    laplacian = scipy.sparse.diags_array((own > 0).astype(float)) - root @ adjacency @ root
    return scipy.sparse.csr_array(laplacian), np.where(own > 0, np.sqrt(own), 1.0)


def _scattered(null: np.ndarray, where: np.ndarray) -> np.ndarray:
    column = np.where(where, null, 0.0)
    return column / np.linalg.norm(column)
