"""Permutations of points act on features, edges, positions and on coarser graphs."""

import pytest
import torch
from gdl_core.groups import YoungSubgroup
from gdl_core.incidence import aggregate
from gdl_graphs import Graph, PointSet
from gdl_graphs.symmetry import images_on, permuted


def elements(domain, count=5):
    return YoungSubgroup(domain.ptr.diff().tolist()).sample(count, torch.Generator().manual_seed(0))


def coarsened(graph, cluster):
    """Return the graph of clusters, as a layer would make it: numbered by smallest member, empty ones last."""
    cluster = torch.as_tensor(cluster)
    kept = (cluster >= 0)[graph.edge_index()].all(0)
    ends = cluster[graph.edge_index()][:, kept]
    owner = [int(graph.owner[(cluster == c).nonzero()[0, 0]]) for c in range(int(cluster.max()) + 1)]
    sizes = torch.bincount(torch.tensor(owner), minlength=graph.batch_size).tolist()
    coarse = Graph.empty(sizes).with_edges(*ends)
    return coarse.replace(parent=graph, cluster=cluster)


def test_values_positions_and_edges_move_together(draw):
    graph = Graph.collate([draw(seed=i, weight=True, positions=2) for i in range(2)])
    symmetry = graph.symmetries()["permutation"]
    x = torch.randn(14, 3, dtype=torch.float64)
    assert symmetry.group == YoungSubgroup([7, 7])
    for g in elements(graph):
        moved_x, moved = symmetry.move(g, x, graph)
        assert torch.equal(moved_x[g], x) and torch.equal(moved.positions[g], graph.positions)
        assert torch.allclose(moved.to_dense()[g][:, g], graph.to_dense())
        y, moved_y = (aggregate(d.incidence, v, d.edge_weight) for v, d in ((x, graph), (moved_x, moved)))
        assert torch.allclose(moved_y[g], y, atol=1e-14)


def test_sets_move_their_positions():
    points = PointSet.of([3, 2], torch.randn(5, 2))
    for g in elements(points):
        x, moved = points.symmetries()["permutation"].move(g, points.positions, points)
        assert torch.equal(moved.positions, x) and torch.equal(x[g], points.positions)
        assert torch.equal(moved.ptr, points.ptr)


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        ([0, 1, 0, 2, 1, 2, 0, 3, 4, 4, 3, 3, 5, 4], "partition"),
        ([0, -1, 0, 1, -1, 1, 0, 2, 3, 3, -1, -1, 2, -1], "some nodes dropped"),
        ([-1, -1, -1, 0, -1, -1, 1, -1, 2, -1, -1, -1, -1, 3], "nodes kept"),
    ],
)
def test_a_permutation_of_nodes_determines_that_of_clusters(draw, cluster, name):
    fine = Graph.collate([draw(seed=i) for i in range(2)])
    coarse = coarsened(fine, cluster)
    cluster = coarse.cluster
    kept = cluster >= 0
    assert torch.equal(images_on(torch.arange(14), coarse), torch.arange(coarse.num_nodes))
    for g in elements(fine):
        images, moved = images_on(g, coarse), permuted(coarse, g)
        assert torch.equal(moved.cluster[g][kept], images[cluster[kept]])  # a node and its cluster go together
        assert (moved.cluster[g][~kept] == -1).all()
        # What the layer would build from the moved graph, from scratch, is the moved coarse graph.
        again = coarsened(moved.parent, moved.cluster)
        assert torch.equal(again.edge_index(), moved.edge_index()) and torch.equal(again.ptr, moved.ptr)


def test_permutations_of_coarse_graphs_compose(draw):
    coarse = coarsened(draw(), [0, 1, 0, 2, 1, 2, 3])
    group = YoungSubgroup([7])
    for g, h in zip(elements(coarse.parent), elements(coarse.parent).flip(0)):
        both = images_on(group.compose(g, h), coarse)
        one_by_one = images_on(g, permuted(coarse, h))[images_on(h, coarse)]
        assert torch.equal(both, one_by_one)


def test_two_levels_of_coarsening_move_together(draw):
    middle = coarsened(draw(), [0, 1, 0, 2, 1, 2, 3])
    top = coarsened(middle, [0, 0, 1, 1])
    for g in elements(middle.parent):
        moved = permuted(top, g)
        assert torch.equal(moved.parent.edge_index(), permuted(middle, g).edge_index())
        assert torch.equal(moved.cluster[images_on(g, middle)], images_on(g, top)[top.cluster])


def test_empty_clusters_stay_in_their_sample():
    fine = Graph.empty([2, 2])
    coarse = Graph.empty([2, 1]).replace(parent=fine, cluster=torch.tensor([0, 0, 2, 2]))  # 1 is empty
    for g in elements(fine):
        assert images_on(g, coarse).tolist() == [0, 1, 2]


def test_soft_clusters_stay():
    fine = Graph.empty([3])
    coarse = Graph.complete(2).replace(parent=fine, cluster=None)
    for g in elements(fine):
        assert images_on(g, coarse).tolist() == [0, 1]
        assert torch.equal(permuted(coarse, g).edge_index(), coarse.edge_index())


def test_other_domains_are_refused():
    from gdl_graphs.symmetry import PointPermutation

    with pytest.raises(TypeError, match="do not act on"):
        PointPermutation("permutation", PointSet.of(2)).move(torch.arange(2), torch.zeros(2, 1), object())
