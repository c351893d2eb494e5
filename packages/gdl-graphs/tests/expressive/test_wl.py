"""Weisfeiler–Leman colours: exact, canonical, and as strong as theory says."""

import itertools

import networkx as nx
import pytest
import torch
from gdl_graphs import Graph, folklore_weisfeiler_leman, multisets, weisfeiler_leman
from gdl_graphs.expressive.colours import ranks, rows, same
from gdl_graphs.expressive.fwl import tuple_offsets


def of(graph):
    return Graph.from_dense(torch.as_tensor(nx.to_numpy_array(graph)) != 0)


def shuffled(graph, seed=0):
    return graph.relabel(torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(seed)))


def pair(a, b):
    return Graph.collate([a, b])


def wl_agrees(a, b):
    batch = pair(a, b)
    return bool(same(multisets(batch.ptr, weisfeiler_leman(batch))))


def fwl_agrees(a, b, k=2):
    batch = pair(a, b)
    return bool(same(multisets(tuple_offsets(batch, k), folklore_weisfeiler_leman(batch, k))))


ROOK = nx.line_graph(nx.complete_bipartite_graph(4, 4))
SHRIKHANDE = nx.Graph(
    [((i, j), ((i + di) % 4, (j + dj) % 4)) for i in range(4) for j in range(4) for di, dj in ((0, 1), (1, 0), (1, 1))]
)


def test_rows_of_a_table_are_ranked_exactly_also_where_they_do_not_fit_one_number():
    draw = torch.Generator().manual_seed(0)
    table = torch.randint(-(2**40), 2**40, (50, 4), generator=draw)[torch.randint(50, (300,), generator=draw)]
    expected = torch.unique(table, dim=0, return_inverse=True)[1]
    assert torch.equal(rows(table), expected)


def test_multisets_agree_exactly_where_sorted_lists_do():
    draw = torch.Generator().manual_seed(1)
    sizes = torch.randint(4, (60,), generator=draw)
    ptr = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    values = torch.randint(3, (int(ptr[-1]),), generator=draw)
    found = multisets(ptr, values)
    lists = [sorted(values[a:b].tolist()) for a, b in itertools.pairwise(ptr)]
    assert [[x == y for x in lists] for y in lists] == (found[:, None] == found[None]).tolist()


def test_ranks_put_no_boundary_between_numbers_that_differ_by_rounding():
    values = torch.tensor([0.5 + 1e-15, 0.5 - 1e-15, 0.25, 0.5])
    assert ranks(values.double(), 1e-9).tolist() == [1, 1, 0, 1]


def test_a_path_has_a_colour_for_each_distance_from_its_end():
    assert weisfeiler_leman(of(nx.path_graph(7))).unique(return_counts=True)[1].tolist() == [2, 2, 2, 1]


def test_rounds_are_counted_and_colours_to_start_from_are_used():
    path = of(nx.path_graph(7))
    assert weisfeiler_leman(path, 0).unique().tolist() == [0]
    assert len(weisfeiler_leman(path, 1).unique()) == 2
    marked = weisfeiler_leman(path, colours=torch.tensor([1, 0, 0, 0, 0, 0, 0]))
    assert len(marked.unique()) == 7
    with pytest.raises(ValueError, match="7 integers"):
        weisfeiler_leman(path, colours=torch.zeros(3).long())
    with pytest.raises(ValueError, match="at least 0"):
        weisfeiler_leman(path, -1)


def test_renaming_nodes_moves_colours_along_and_changes_none():
    graph = of(nx.gnp_random_graph(20, 0.15, seed=3))
    images = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(weisfeiler_leman(graph.relabel(images))[images], weisfeiler_leman(graph))
    pairs = (images[:, None] * 20 + images[None]).reshape(-1)
    assert torch.equal(folklore_weisfeiler_leman(graph.relabel(images))[pairs], folklore_weisfeiler_leman(graph))


def test_a_hexagon_and_two_triangles_look_alike_to_wl_and_differ_for_2_fwl():
    hexagon, triangles = of(nx.cycle_graph(6)), of(nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)))
    assert wl_agrees(hexagon, triangles) and not fwl_agrees(hexagon, triangles)


def test_isomorphic_graphs_agree_and_others_of_other_degrees_do_not():
    graph = of(nx.gnp_random_graph(12, 0.3, seed=1))
    assert wl_agrees(graph, shuffled(graph)) and fwl_agrees(graph, shuffled(graph))
    assert not wl_agrees(of(nx.path_graph(4)), of(nx.star_graph(3)))
    assert not wl_agrees(Graph.empty(3), Graph.empty(4))


def test_rook_and_shrikhande_graphs_agree_for_2_fwl_and_differ_for_3_fwl():
    rook, shrikhande = of(ROOK), of(SHRIKHANDE)
    assert rook.degree().unique().tolist() == shrikhande.degree().unique().tolist() == [6]
    assert fwl_agrees(rook, shrikhande) and not fwl_agrees(rook, shrikhande, k=3)
    assert fwl_agrees(rook, shuffled(rook), k=3)


def test_directed_edges_parallel_edges_loops_and_nothing_at_all():
    forward = Graph.from_edges([0, 1], [1, 2], 3)
    assert len(weisfeiler_leman(forward).unique()) == 3
    assert not wl_agrees(Graph.from_edges([0, 0], [1, 1], 2), Graph.from_edges([0], [1], 2))
    assert not fwl_agrees(Graph.from_edges([0, 0], [1, 1], 2), Graph.from_edges([0, 1], [1, 0], 2))
    assert not fwl_agrees(Graph.from_edges([0], [0], 2), Graph.from_edges([0], [1], 2))
    assert weisfeiler_leman(Graph.empty(0)).shape == folklore_weisfeiler_leman(Graph.empty(0)).shape == (0,)


def test_tuples_of_one_node_and_tables_too_large_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        folklore_weisfeiler_leman(Graph.empty(3), 1)
    with pytest.raises(ValueError, match="entries"):
        folklore_weisfeiler_leman(Graph.empty(100), 5)
