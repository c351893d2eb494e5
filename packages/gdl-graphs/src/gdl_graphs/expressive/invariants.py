"""Colours of nodes and graphs by their walks and by their spectrum."""

import torch
from torch import Tensor

from gdl_graphs.encodings.laplacian import laplacian_spectrum
from gdl_graphs.encodings.random_walk import random_walk_encoding
from gdl_graphs.expressive.colours import multisets, ranks, rows
from gdl_graphs.graph import Graph


def random_walk_colours(graph: Graph, steps: int = 20, tolerance: float = 1e-9) -> Tensor:
    """Return ``int64[n]``, equal for nodes with the same return probabilities up to `steps`, within `tolerance`."""
    encoding = random_walk_encoding(graph, steps, dtype=torch.float64)
    return rows(torch.stack([ranks(column, tolerance) for column in encoding.T], 1))


def spectrum_colours(graph: Graph, normalized: bool = True, tolerance: float = 1e-8) -> Tensor:
    """Return ``int64[b]``, equal for graphs whose Laplacians have the same eigenvalues within `tolerance`."""
    return multisets(graph.ptr, ranks(laplacian_spectrum(graph, normalized), tolerance))
