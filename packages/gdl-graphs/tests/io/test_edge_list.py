"""Edge lists and GraphML."""

import gzip

import networkx
import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.io import read_edge_list, read_graphml

TEXT = "# from to weight\n0 1 0.5\n2 1 1.5  # a remark\n\n2 2 -1\n"


def test_edges_weights_and_features_are_read(tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text(TEXT)
    graph = read_edge_list(path, 5)
    assert graph.num_nodes == 5 and graph.edge_index().tolist() == [[0, 2, 2], [1, 1, 2]]
    assert graph.edge_weight.tolist() == [0.5, 1.5, -1.0] and graph.edge_features is None
    path.write_bytes(gzip.compress(b"1,2,1,7,8\n3,2,1,9,10\n"))
    graph = read_edge_list(path, 3, delimiter=",", first=1)
    assert graph.edge_index().tolist() == [[0, 2], [1, 1]] and graph.edge_features.tolist() == [[7, 8], [9, 10]]


def test_an_undirected_list_gives_both_directions_and_self_loops_once(tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text(TEXT)
    graph = read_edge_list(path, 3, undirected=True)
    assert torch.equal(graph.to_dense(), torch.tensor([[0, 0.5, 0], [0.5, 0, 1.5], [0, 1.5, -1]]))


def test_an_empty_file_has_no_edges(tmp_path):
    path = tmp_path / "edges.txt"
    for text in ("", "\n\n", "# nothing\n"):
        path.write_text(text)
        assert read_edge_list(path, 4).num_edges == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 1\n1 3\n", "edge 1 goes from 1 to 3, expected nodes from 0 to 2"),
        ("0 1\n-1 2\n", "edge 1 goes from -1 to 2"),
        ("0\n1\n", "expected a sender and a receiver per line, got 1 number"),
        ("0 1 nan\n", r"expected finite numbers, got \[nan\] in line 1"),
        ("0 1 2\n0 1\n", "the number of columns changed from 3 to 2"),
        ("0.5 1\n", "expected whole numbers"),
        ("a b\n", "could not convert string 'a'"),
    ],
)
def test_damaged_lists_are_told(tmp_path, text, words):
    path = tmp_path / "edges.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_edge_list(path, 3)
    assert "edges.txt" in str(caught.value)


def test_graphml_keeps_the_order_and_names_of_nodes(tmp_path):
    made = networkx.Graph()
    made.add_nodes_from(["c", "a", "b"])
    made.add_edge("a", "b", weight=2.0)
    made.add_edge("c", "a", weight=0.5)
    networkx.write_graphml(made, tmp_path / "graph.graphml")
    graph, names = read_graphml(tmp_path / "graph.graphml")
    assert names == ["c", "a", "b"]
    assert torch.equal(graph.to_dense(), torch.tensor([[0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]]))


@pytest.mark.parametrize(
    "content",
    # mtime: the content is part of the test's name, which must not tell the time
    [b"", b"not xml", b"<graphml><graph>", b"<html></html>", gzip.compress(b"<graphml>" * 99, mtime=0)[:-12]],
)
def test_what_is_no_graphml_is_told(tmp_path, content):
    path = tmp_path / "graph.graphml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"graph\.graphml is (no GraphML|a damaged or cut off gzip)"):
        read_graphml(path)
