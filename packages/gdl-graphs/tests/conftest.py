"""Where the real data are, how scripts on Triton kernels run, and random graphs."""

import importlib.util
from pathlib import Path

import pytest
import torch
from gdl_core.testing.fixtures import run_triton, shared_data
from gdl_graphs import Graph

__all__ = ["draw", "run_triton", "shared_data", "small_data"]


@pytest.fixture
def draw():
    """Return a function that makes a random graph with parallel edges, self-loops and isolated nodes."""

    def make(nodes=7, edges=30, seed=0, weight=False, features=0, positions=0):
        g = torch.Generator().manual_seed(seed)
        ends = torch.randint(max(nodes - 2, 1), (2, edges), generator=g)
        values = {
            "edge_weight": torch.rand(edges, generator=g, dtype=torch.float64) if weight else None,
            "edge_features": torch.randn(edges, features, generator=g, dtype=torch.float64) if features else None,
            "positions": torch.randn(nodes, positions, generator=g, dtype=torch.float64) if positions else None,
        }
        return Graph.from_edges(ends[0], ends[1], nodes, **values)

    return make


@pytest.fixture(scope="session")
def small_data():
    """Return the module that writes small files in the formats of the data sets."""
    path = Path(__file__).parent / "datasets" / "write.py"
    spec = importlib.util.spec_from_file_location("gdl_graphs_small_data", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
