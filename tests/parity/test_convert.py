"""Conversions with real `torch_geometric` objects, both ways."""

import pytest

torch_geometric = pytest.importorskip("torch_geometric")

import torch  # noqa: E402
from gdl_graphs import Graph, from_pyg, to_pyg  # noqa: E402
from torch_geometric.data import Batch, Data  # noqa: E402
from torch_geometric.utils import coalesce, to_dense_adj  # noqa: E402


def drawn(nodes, edges, seed=0):
    g = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.randn(nodes, 3, generator=g),
        edge_index=torch.randint(max(nodes, 1), (2, edges if nodes else 0), generator=g),
        edge_attr=torch.randn(edges if nodes else 0, 2, generator=g),
        pos=torch.randn(nodes, 3, generator=g),
        num_nodes=nodes,
    )


@pytest.mark.parametrize(("nodes", "edges"), [(6, 20), (4, 0), (0, 0), (1, 3)])
def test_data_and_back_is_the_same_up_to_the_order_of_edges(nodes, edges):
    data = drawn(nodes, edges)
    graph, x = from_pyg(data)
    back = to_pyg(graph, x)
    back.validate(raise_on_error=True)
    assert back.num_nodes == nodes and torch.equal(back.x, data.x) and torch.equal(back.pos, data.pos)
    ours, theirs = (coalesce(d.edge_index, d.edge_attr, nodes) for d in (back, data))
    assert torch.equal(ours[0], theirs[0]) and torch.allclose(ours[1], theirs[1])
    if nodes:  # they write receivers as columns
        assert torch.equal(graph.to_dense(), to_dense_adj(data.edge_index, max_num_nodes=nodes)[0].T)


def test_a_batch_is_a_batch_and_comes_back():
    parts = [drawn(n, 3 * n, n) for n in (3, 1, 5)]
    batch = Batch.from_data_list(parts)
    graph, x = from_pyg(batch)
    each = [from_pyg(part)[0] for part in parts]
    joined = Graph.collate(each)
    assert torch.equal(graph.ptr, joined.ptr) and torch.equal(graph.edge_index(), joined.edge_index())
    assert torch.equal(graph.edge_features, joined.edge_features) and torch.equal(x, batch.x)
    back = to_pyg(graph, x)
    assert torch.equal(back.batch, batch.batch) and torch.equal(from_pyg(back)[0].edge_features, graph.edge_features)


def test_weights_survive():
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=torch.tensor([0.5, 2.0]), num_nodes=2)
    graph, _ = from_pyg(data)
    assert graph.edge_weight.tolist() == [2.0, 0.5]
    assert from_pyg(to_pyg(graph))[0].edge_weight.tolist() == [2.0, 0.5]
