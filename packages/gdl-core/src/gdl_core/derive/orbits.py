"""The orbit route: both representations permute, so a basis element is an orbit of index pairs."""

import numpy as np
import scipy.sparse
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from gdl_core.derive.basis import Basis, labels_to_basis
from gdl_core.representations.base import Representation


def orbit_labels(images: Tensor) -> Tensor:
    """Return the orbit number of each of p things under generators that permute them, `images[k, p]` -> `[p]`.

    The connected components of the graph that joins each thing to its images: linear in k·p.
    """
    generators, size = images.shape
    if generators == 0 or size == 0:
        return torch.arange(size)
    targets = images.T.to(torch.int32).reshape(-1).numpy()
    starts = np.arange(0, size * generators + 1, generators, dtype=np.int32)
    ones = np.ones(size * generators)
    graph = scipy.sparse.csr_array((ones, targets, starts), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    return torch.from_numpy(labels.astype(np.int64))


def orbit_basis(rep_in: Representation, rep_out: Representation) -> Basis:
    """Return the intertwiners of two permutation representations: one per orbit of pairs (i, j). Exact."""
    rows, columns = rep_out.dim, rep_in.dim
    generators = rep_in.group.generators()
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    images = [(rep_out.images(g)[:, None] * columns + rep_in.images(g)[None, :]).reshape(-1) for g in generators]
    stacked = torch.stack(images) if images else torch.empty(0, rows * columns, dtype=torch.int64)
    return labels_to_basis(orbit_labels(stacked), rows, columns, row, column)
