"""Two processes (gloo) take the steps of one: the gradients of every step agree."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gdl_graphs import Graph
from gdl_graphs.sampling import GraphStore

SCRIPT = Path(__file__).parent / "training.py"
sys.path.insert(0, str(SCRIPT.parent))
import training  # noqa: E402


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no distributed package")
def test_two_processes_have_the_gradients_of_one(tmp_path):
    g = torch.Generator().manual_seed(0)
    graph = Graph.from_edge_index(torch.randint(80, (2, 800), generator=g), 80)
    x = torch.randn(80, 4, generator=g, dtype=torch.float64)
    folder = tmp_path / "store"
    GraphStore.create(folder, graph, x, torch.randint(3, (80,), generator=g))
    meet, outs = str(tmp_path / "meet"), [tmp_path / "first.pt", tmp_path / "second.pt"]
    children = [
        subprocess.Popen([sys.executable, str(SCRIPT), str(rank), "2", str(folder), meet, str(out)])
        for rank, out in enumerate(outs)
    ]
    try:
        alone = training.steps(0, 1, folder, lambda network: network)
        assert [child.wait(120) for child in children] == [0, 0]
    finally:
        for child in children:
            child.kill()
    first, second = map(torch.load, outs)
    assert len(alone) == 4 * 5 + 4  # the gradients of five steps, and the last weights
    for a, b, c in zip(first, second, alone, strict=True):
        assert torch.equal(a, b)
        assert torch.allclose(a, c, rtol=0, atol=1e-14)
    assert not torch.equal(alone[0], alone[4])
