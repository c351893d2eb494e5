"""Encodings and GPSConv against PyTorch Geometric in float64: return probabilities, Laplacian vectors, gradients."""

import pytest
import torch

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import (  # noqa: E402
    GINConv,
    GPSConv,
    Graph,
    laplacian_encoding,
    mlp,
    random_walk_encoding,
)
from torch_geometric import nn as pyg  # noqa: E402
from torch_geometric.data import Data  # noqa: E402
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE  # noqa: E402
from torch_geometric.utils import erdos_renyi_graph  # noqa: E402

F64 = torch.float64


def random_edges(nodes: int, density: float, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return erdos_renyi_graph(nodes, density)


MIXED = torch.tensor([[0, 1, 1, 2, 3, 3, 0, 0, 4, 2], [1, 0, 2, 1, 4, 4, 2, 2, 3, 2]])  # parallel edges and a loop
EDGES = {
    "mixed": (MIXED, 7),  # nodes 5 and 6 are isolated
    "no-edges": (torch.empty(2, 0, dtype=torch.int64), 4),
    "undirected": (random_edges(20, 0.3, 0), 20),
}


@pytest.mark.parametrize("name", EDGES)
def test_return_probabilities_agree_on_simple_graphs_directed_or_not(name):
    edges, nodes = EDGES[name]
    edges = torch.unique(edges, dim=1)
    theirs = AddRandomWalkPE(8, attr_name="pe")(Data(edge_index=edges, num_nodes=nodes)).pe.to(F64)
    ours = random_walk_encoding(Graph.from_edge_index(edges, nodes), 8, dtype=F64)
    assert float((ours - theirs).abs().max()) <= 1e-6  # PyG computes in float32


def test_of_parallel_edges_pyg_counts_one_and_of_weights_the_sum_alone():
    edges = torch.tensor([[0, 0, 0, 1, 2], [1, 1, 2, 0, 0]])  # from 0 twice to 1, once to 2
    graph = Graph.from_edge_index(edges, 3)
    theirs = AddRandomWalkPE(2, attr_name="pe")(Data(edge_index=edges, num_nodes=3)).pe
    assert random_walk_encoding(graph, 2)[:, 1].tolist() == pytest.approx([1, 2 / 3, 1 / 3])
    assert theirs[:, 1].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3])  # a third of the walks is lost
    weight = torch.tensor([0.2, 0.1, 0.2, 0.1])
    edges = torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]])
    theirs = AddRandomWalkPE(2, attr_name="pe")(Data(edge_index=edges, num_nodes=3, edge_weight=weight)).pe
    ours = random_walk_encoding(Graph.from_edge_index(edges, 3, edge_weight=weight), 2)
    assert ours[:, 1].tolist() == pytest.approx([1, 2 / 3, 1 / 3])
    assert theirs[:, 1].tolist() == pytest.approx([2, 1, 1])  # no probabilities


@pytest.mark.parametrize("nodes", [12, 20, 150])
def test_laplacian_vectors_agree_up_to_sign_on_connected_graphs(nodes):
    edges = random_edges(nodes, 0.5 if nodes < 100 else 0.1, nodes)
    torch.manual_seed(0)
    theirs = AddLaplacianEigenvectorPE(4, attr_name="pe")(Data(edge_index=edges, num_nodes=nodes)).pe.to(F64)
    ours = laplacian_encoding(Graph.from_edge_index(edges, nodes), 4, dtype=F64)
    assert ours.multiplicity.tolist() == [[1] * 4]
    assert float((ours.vectors.abs() - theirs.abs()).abs().max()) <= 1e-4  # PyG solves in float32


def test_on_two_components_pyg_keeps_a_vector_of_eigenvalue_zero_and_we_do_not():
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    data = Data(edge_index=torch.cat([triangles, triangles.flip(0)], 1), num_nodes=6)
    theirs = AddLaplacianEigenvectorPE(1, attr_name="pe", is_undirected=True)(data).pe.to(F64)[:, 0]
    graph = Graph.from_edge_index(data.edge_index, 6)
    dense = graph.to_dense().double() / 2
    assert float((dense @ theirs - theirs).abs().max()) <= 1e-6  # L v = 0
    assert float(laplacian_encoding(graph, 1).values[0, 0]) == pytest.approx(1.5)
    fiedler = laplacian_encoding(graph, 1, keep="nontrivial", dtype=F64).vectors[:, 0]
    assert float((fiedler.reshape(2, 3) - fiedler.reshape(2, 3)[:, :1]).abs().max()) <= 1e-12


def copied(ours: GPSConv, theirs: pyg.GPSConv) -> None:
    state = theirs.state_dict()
    attention = {
        "in_proj.weight": state["attn.in_proj_weight"],
        "in_proj.bias": state["attn.in_proj_bias"],
        "out_proj.weight": state["attn.out_proj.weight"],
        "out_proj.bias": state["attn.out_proj.bias"],
    }
    ours.attention.load_state_dict(attention)
    ours.local.nn.load_state_dict(theirs.conv.nn.state_dict())
    ours.inner.load_state_dict(theirs.mlp[0].state_dict())
    ours.outer.load_state_dict(theirs.mlp[3].state_dict())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", EDGES)
def test_gps_conv_agrees_with_its_gradients(name, training):
    edges, nodes = EDGES[name]
    torch.manual_seed(0)
    theirs = pyg.GPSConv(8, pyg.GINConv(mlp([8, 8, 8])), heads=2).to(F64).train(training)
    ours = GPSConv(8, GINConv(8, 8, mlp([8, 8, 8])), 2).to(F64).train(training)
    copied(ours, theirs)
    graph = Graph.collate([Graph.from_edge_index(edges, nodes), Graph.from_edge_index(edges, nodes)])
    both, owner = torch.cat([edges, edges + nodes], 1), graph.owner.long()
    x = torch.randn(2 * nodes, 8, dtype=F64)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = ours(a, graph), theirs(b, both, owner)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (z * weights).sum().backward()
    assert float((y - z).abs().max().detach()) <= 1e-10
    assert a.grad is not None and b.grad is not None
    assert float((a.grad - b.grad).abs().max()) <= 1e-10
    pairs = [
        (ours.attention.in_proj.weight, theirs.attn.in_proj_weight),
        (ours.attention.out_proj.bias, theirs.attn.out_proj.bias),
        (ours.local.nn[0].weight, theirs.conv.nn[0].weight),
        (ours.inner.weight, theirs.mlp[0].weight),
        (ours.outer.bias, theirs.mlp[3].bias),
        (ours.norm.weight, theirs.norm3.module.weight),
        (ours.local_norm.weight, theirs.norm1.module.weight),
        (ours.attention_norm.bias, theirs.norm2.module.bias),
    ]
    for mine, other in pairs:
        assert float((mine.grad - other.grad).abs().max()) <= 1e-10
