"""Selecting graphs of a batch is collating them, bit for bit."""

import pytest
import torch
from gdl_graphs import Graph
from gdl_graphs.io import GraphSet, select
from torch.utils import _pytree


def same(a, b):
    leaves = zip(_pytree.tree_leaves(a), _pytree.tree_leaves(b), strict=True)
    return all((x is None and y is None) or (x.dtype == y.dtype and torch.equal(x, y)) for x, y in leaves)


@pytest.mark.parametrize("chosen", [[2, 0], [], [1, 1, 1], [4, 3, 2, 1, 0], [5]])
def test_a_selection_is_the_collated_parts(draw, chosen):
    sizes = ((5, 9), (1, 0), (3, 14), (0, 0), (4, 7), (6, 20))
    graphs = [draw(nodes=n, edges=e, seed=n, weight=True, features=2, positions=3) for n, e in sizes]
    batch = Graph.collate(graphs)
    found, nodes, edges = select(batch, chosen)
    if chosen:
        assert same(found, Graph.collate([graphs[i] for i in chosen]))
    else:
        assert (found.batch_size, found.num_nodes, found.num_edges) == (0, 0, 0)
    assert torch.equal(found.positions, batch.positions[nodes])
    assert torch.equal(found.edge_weight, batch.edge_weight[edges])


def test_labels_and_targets_come_along(draw):
    graphs = [draw(nodes=n, edges=4 * n, seed=n) for n in (2, 3, 4)]
    graph = Graph.collate(graphs)
    data = GraphSet(
        graph,
        target=torch.tensor([2, 0, 1]),
        node_labels=torch.arange(9),
        edge_labels=torch.arange(36),
        node_attributes=torch.arange(18.0).reshape(9, 2),
        classes=(7, 8, 9),
        splits={"test": torch.tensor([0])},
    )
    part = data[[2, 0]]
    assert len(part) == 2 and part.target.tolist() == [1, 2] and part.classes == (7, 8, 9) and part.splits == {}
    assert part.node_labels.tolist() == [5, 6, 7, 8, 0, 1] and part.edge_labels.tolist() == [*range(20, 36), *range(8)]
    assert part.node_attributes[0].tolist() == [10, 11]
    assert len(data[1]) == 1 and data[1].target.tolist() == [0] and data[-1].target.tolist() == [1]
    assert data[:2].target.tolist() == [2, 0] and data[torch.tensor([True, False, True])].target.tolist() == [2, 1]


@pytest.mark.parametrize("wrong", [[3], [0, -1]])
def test_graphs_that_there_are_not_are_told(draw, wrong):
    with pytest.raises(IndexError, match=r"samples from 0 to 2, got (3|-1)"):
        select(Graph.collate([draw(seed=i) for i in range(3)]), wrong)
