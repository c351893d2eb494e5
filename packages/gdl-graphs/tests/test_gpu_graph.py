"""Graphs on a GPU: what is made of a graph there is what is made of it on the CPU, bit for bit."""

import pytest
import torch
from gdl_graphs import Graph, edge_mask, grid, neighbour_graph, node_mask, pad, unpad
from gdl_graphs.io import select
from torch.utils import _pytree

DEVICE = "cuda"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def same(there, here):
    leaves = zip(_pytree.tree_leaves(there), _pytree.tree_leaves(here), strict=True)
    return all(
        (a is None and b is None) or (a.device.type == DEVICE and a.dtype == b.dtype and torch.equal(a.cpu(), b))
        for a, b in leaves
    )


@pytest.fixture
def batch(draw):
    return Graph.collate([draw(nodes=7, edges=30, seed=i, weight=True, features=2, positions=3) for i in range(3)])


MADE = {
    "loops": lambda g: g.with_self_loops(0.5),
    "no loops": lambda g: g.without_self_loops(),
    "undirected": lambda g: g.to_undirected(),
    "reversed": lambda g: g.reversed(),
    "relabelled": lambda g: g.relabel(torch.cat([torch.randperm(7) + 7 * i for i in range(3)]).to(g.device)),
    "subgraph": lambda g: g.subgraph(torch.arange(g.num_nodes, device=g.device) % 3 > 0),
    "fewer edges": lambda g: g.keep_edges(torch.arange(g.num_edges, device=g.device) % 2 == 0),
    "unbatched": lambda g: g.unbatch(),
    "selected": lambda g: select(g, [2, 0, 2])[0],
    "padded": lambda g: pad(g, 30, 120, 5),
    "unpadded": lambda g: unpad(pad(g, 30, 120, 5)),
    "masks": lambda g: [mask(pad(g, 30, 120, 5)) for mask in (node_mask, edge_mask)],
    "rebuilt": lambda g: Graph.from_edges(
        *g.edge_index().flip(1), g.num_nodes, edge_weight=g.edge_weight.flip(0), positions=g.positions
    ),
    "dense": lambda g: Graph.from_dense(g.to_dense()),
    "collated": lambda g: Graph.collate([g, g]),
}


@pytest.mark.parametrize("name", MADE)
def test_the_device_changes_no_bit(batch, name):
    results = []
    for device in (DEVICE, "cpu"):
        torch.manual_seed(0)
        results.append(MADE[name](batch.to(device)))
    assert same(*results)


def test_permutations_act_there(batch):
    symmetry = batch.symmetries()["permutation"]
    g, x = symmetry.group.sample(1)[0], torch.randn(21, 4)
    here = symmetry.move(g, x, batch)
    there = symmetry.move(g.to(DEVICE), x.to(DEVICE), batch.to(DEVICE))
    assert torch.equal(there[0].cpu(), here[0]) and same(there[1], here[1])


@pytest.mark.parametrize("limits", [{"k": 4}, {"radius": 1.2}])
def test_neighbours_are_found_there(limits):
    x = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cell = 3 * torch.eye(3, dtype=torch.float64)
    there, here = (neighbour_graph(x.to(d), cell=cell.to(d), **limits) for d in (DEVICE, "cpu"))
    assert torch.equal(there.edge_index().cpu(), here.edge_index())
    assert torch.allclose(there.edge_features.cpu(), here.edge_features, atol=1e-15)


def test_bad_edges_are_told_there_before_a_kernel_runs():
    with pytest.raises(ValueError, match="Edge 0 goes from sender 0 to receiver 9"):
        Graph.from_edges(torch.tensor([0], device=DEVICE), torch.tensor([9], device=DEVICE), 3)
    ends, weight = torch.tensor([[0, 1], [1, 0]], device=DEVICE), torch.tensor([1.0, float("nan")], device=DEVICE)
    with pytest.raises(ValueError, match="edge_weight is NaN at edge 1"):
        Graph.from_edge_index(ends, 2, edge_weight=weight)
    assert grid([2, 2]).to(DEVICE).device.type == DEVICE
