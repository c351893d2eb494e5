"""Spectral clustering, for use where graphs come from data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gdl_graphs.graph import Graph

DENSE = 1500  # nodes up to which all eigenvectors are computed, by a dense solver
STEPS = 100  # of k-means


def spectral_clusters(graph: Graph, k: int) -> Tensor:
    """Cluster each sample by the k smoothest eigenvectors of its normalised Laplacian; return labels ``int64[n]``.

    The rows of the eigenvectors of ``D^-½ (W + Wᵀ)/2 D^-½`` with the k largest eigenvalues, scaled to length 1, are
    clustered by k-means, which starts from rows far from each other. It follows a renumbering of the nodes unless rows
    are as far from each other, or the k-th eigenvalue occurs more than once.

    Args:
        graph: the graph, or a batch; edges count in both directions.
        k: the number of clusters; a sample of fewer nodes has one for each node.

    Raises:
        ValueError: if k is not positive, or a weight is negative.

    Source: Ng, Jordan & Weiss 2002; von Luxburg 2007, §4.
    """
    if k < 1:
        raise ValueError(f"spectral_clusters makes at least one cluster, got k={k}.")
    if graph.edge_weight is not None and bool((graph.edge_weight < 0).any()):
        raise ValueError("spectral_clusters expects weights from 0, got a negative one.")
    labels = []
    for sample in graph.unbatch():
        count = min(k, sample.num_nodes)
        labels.append(_k_means(_embedding(sample, count), count).to(graph.device))
    missing = graph.num_nodes - sum(map(len, labels))  # nodes of padding are nobody's
    return torch.cat([*labels, torch.full((missing,), -1, dtype=torch.int64, device=graph.device)])


@dataclass(frozen=True)
class SpectralClusters:
    """`spectral_clusters` with k clusters, for `ClusterPool`.

    Args:
        k: the number of clusters of each sample.
    """

    k: int

    def __call__(self, graph: Graph) -> Tensor:
        return spectral_clusters(graph, self.k)


def _embedding(graph: Graph, k: int) -> Tensor:
    """``float64[n, k]`` rows of length 1 (or 0)."""
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import eigsh

    n, (sender, receiver) = graph.num_nodes, graph.edge_index().cpu().numpy()
    weight = torch.ones(graph.num_edges) if graph.edge_weight is None else graph.edge_weight.detach()
    matrix = coo_array((weight.double().cpu().numpy(), (receiver, sender)), shape=(n, n)).tocsr()
    matrix = (matrix + matrix.T) / 2
    matrix = matrix + diags_array((matrix.sum(1) == 0).astype(float))  # an isolated node is a component of its own
    degree = torch.as_tensor(matrix.sum(1))
    scale = diags_array(degree.rsqrt().numpy())
    matrix = scale @ matrix @ scale
    if n <= DENSE or k >= n:
        vectors = torch.linalg.eigh(torch.as_tensor(matrix.toarray())).eigenvectors[:, n - k :]
    else:
        start = (degree + degree.mean()).numpy()  # the same for every numbering of the nodes
        vectors = torch.as_tensor(eigsh(matrix, k, which="LA", v0=start)[1].copy())
    length = vectors.norm(dim=1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


def _k_means(rows: Tensor, k: int) -> Tensor:
    """Lloyd's algorithm from a start in which each centre is the row farthest from those before it."""
    if len(rows) <= k:
        return torch.arange(len(rows))
    nearest = (rows - rows.mean(0)).square().sum(1)
    centres = rows[:0]
    for _ in range(k):
        centres = torch.cat([centres, rows[nearest.argmax()][None]])
        nearest = torch.cdist(rows, centres).min(1).values
    label = torch.full((len(rows),), -1)
    for _ in range(STEPS):
        found = torch.cdist(rows, centres).argmin(1)
        if torch.equal(found, label):
            break
        label = found
        count = torch.bincount(label, minlength=k)[:, None]
        total = torch.zeros_like(centres).index_add(0, label, rows)
        centres = torch.where(count > 0, total / count.clamp(min=1), centres)
    return label
