"""TU text files: counts of the literature, every optional file, damaged files."""

import gzip

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.io import read_dgcnn_set, read_tu

SMALL = {  # two graphs: a triangle with a tail, and a pair
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n3, 1\n1, 3\n3, 4\n4, 3\n5, 6\n6, 5\n",
    "graph_indicator": "1\n1\n1\n1\n2\n2\n",
    "graph_labels": "1\n-1\n",
    "node_labels": "0\n3\n0\n3\n3\n3\n",
    "node_attributes": "".join(f"{i}.5, {-i}\n" for i in range(6)),
    "edge_labels": "".join(f"{i}\n" for i in range(10)),
    "edge_attributes": "".join(f"{i}e-1\n" for i in range(10)),
}


@pytest.fixture
def small(tmp_path):
    for name, text in SMALL.items():
        (tmp_path / f"TOY_{name}.txt").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "graphs", "classes", "nodes", "edges"),
    [("MUTAG", 188, 2, 17.93, 19.79), ("ENZYMES", 600, 6, 32.63, 62.14), ("Cuneiform", 267, 30, 21.27, 44.80)],
)
def test_counts_are_those_of_the_literature(shared_data, name, graphs, classes, nodes, edges):
    data = read_tu(shared_data("tu"), name)
    assert (len(data), len(data.classes)) == (graphs, classes)
    assert round(data.graph.num_nodes / graphs, 2) == nodes and round(data.graph.num_edges / graphs / 2, 2) == edges
    assert torch.equal(data.graph.reversed().edge_index(), data.graph.edge_index())
    assert data.node_labels is not None and len(data.node_labels) == data.graph.num_nodes


def test_attributes_and_labels_of_the_real_files(shared_data):
    mutag, enzymes, cuneiform = (read_tu(shared_data("tu") / n, n) for n in ("MUTAG", "ENZYMES", "Cuneiform"))
    assert mutag.classes == (-1, 1) and torch.bincount(mutag.target).tolist() == [63, 125]
    assert torch.unique(mutag.node_labels).tolist() == list(range(7)) and mutag.node_attributes is None
    assert torch.unique(mutag.edge_labels).tolist() == list(range(4))
    assert enzymes.node_attributes.shape == (19580, 18) and torch.bincount(enzymes.target).tolist() == [100] * 6
    assert cuneiform.graph.edge_features.shape == (23922, 2) and cuneiform.node_labels.shape == (5680, 2)
    # Both directions of an edge have the same label.
    i = mutag.graph.incidence
    assert torch.equal(mutag.edge_labels[i.perm], mutag.edge_labels)


def test_both_formats_of_mutag_hold_the_same_graphs(shared_data):
    ours, theirs = read_tu(shared_data("tu"), "MUTAG"), read_dgcnn_set(shared_data("tu") / "dgcnn_format", "MUTAG")
    assert ours.graph.num_edges == theirs.graph.num_edges
    degrees = [sorted(sorted(g.degree().tolist()) for g in data.graph.unbatch()) for data in (ours, theirs)]
    assert degrees[0] == degrees[1]


def test_every_file_is_read_as_written(small):
    data = read_tu(small, "TOY")
    assert data.graph.ptr.tolist() == [0, 4, 6] and data.graph.owner.tolist() == [0, 0, 0, 0, 1, 1]
    given = data.graph.incidence.to_given
    assert given(data.graph.edge_index()[0]).tolist() == [0, 1, 1, 2, 2, 0, 2, 3, 4, 5]
    assert given(data.edge_labels).tolist() == list(range(10))
    assert torch.allclose(given(data.graph.edge_features), torch.arange(10.0)[:, None] / 10)
    assert data.node_labels.tolist() == [0, 3, 0, 3, 3, 3] and data.node_labels.dtype == torch.int64
    assert data.node_attributes[2].tolist() == [2.5, -2.0] and data.node_attributes.dtype == torch.float32
    assert data.target.tolist() == [1, 0] and data.classes == (-1, 1)


def test_optional_files_may_be_absent_and_any_file_compressed(small):
    for name in ("node_labels", "node_attributes", "edge_labels", "edge_attributes"):
        (small / f"TOY_{name}.txt").unlink()
    path = small / "TOY_A.txt"
    (small / "TOY_A.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    data = read_tu(small, "TOY")
    assert data.graph.num_edges == 10 and data.graph.edge_features is None
    assert data.node_labels is None and data.edge_labels is None and data.node_attributes is None


def test_without_labels_the_attributes_of_graphs_are_targets(small):
    (small / "TOY_graph_labels.txt").rename(small / "TOY_graph_attributes.txt")
    (small / "TOY_graph_attributes.txt").write_text("0.5, 1\n-2, 3\n")
    data = read_tu(small, "TOY")
    assert data.target.tolist() == [[0.5, 1], [-2, 3]] and data.classes == ()


def test_graphs_without_edges_and_without_nodes_count(small):
    (small / "TOY_graph_indicator.txt").write_text("1\n1\n1\n1\n3\n3\n")
    (small / "TOY_graph_labels.txt").write_text("1\n2\n3\n4\n")
    assert read_tu(small, "TOY").graph.ptr.tolist() == [0, 4, 4, 6, 6]
    for name in ("A", "edge_labels", "edge_attributes"):
        (small / f"TOY_{name}.txt").write_text("")
    assert read_tu(small, "TOY").graph.num_edges == 0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("A", "1, 2\n2, 9\n", r"TOY_A.txt: line 2 joins the nodes \[2, 9\], but there are 6 nodes"),
        ("A", "1, 2\n0, 1\n", r"line 2 joins the nodes \[0, 1\]"),
        ("A", "1, 2\n4, 5\n", r"line 2 joins the nodes \[4, 5\] of two different graphs"),
        ("A", "1, 2, 3\n", "expected two node numbers per line, got 3"),
        ("A", "1 2\n", "expected a text file of numbers: could not convert string '1 2'"),
        ("A", "1, 2\n2\n", "expected a text file of numbers: .*number of columns changed from 2 to 1"),
        ("A", "1, 2\n1.5, 2\n", r"expected whole numbers, got \[1.5, 2.0\] in line 2"),
        ("A", "1, 2\nnan, 2\n", r"expected whole numbers, got \[nan, 2.0\] in line 2"),
        ("A", "<html>", "expected a text file of numbers"),
        ("A", b"\xff\xfe\x00\x01", "expected a text file of numbers"),
        ("graph_indicator", "1\n1\n2\n1\n2\n2\n", "graph numbers from 1 that never fall"),
        ("graph_indicator", "0\n1\n1\n1\n2\n2\n", "graph numbers from 1"),
        ("graph_indicator", "1, 1\n", "expected one number per line, got 2"),
        ("graph_labels", "1\n", "expected 2 lines, one per graph, got 1"),
        ("graph_labels", "0.5\n1\n", "expected whole numbers, got .* in line 1"),
        ("node_labels", "0\n1\n", "TOY_node_labels.txt: expected 6 lines, one per node, got 2"),
        ("edge_labels", "0\n", "expected 10 lines, one per edge, got 1"),
        ("node_attributes", "0\n1\nnan\n3\n4\n5\n", r"expected finite numbers, got \[nan\] in line 3"),
        ("edge_attributes", "", "expected 10 lines, one per edge, got 0"),
    ],
)
def test_damaged_files_are_named(small, name, text, words):
    path = small / f"TOY_{name}.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words) as caught:
        read_tu(small, "TOY")
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_absent_files_and_folders_are_told(small):
    (small / "TOY_A.txt").unlink()
    with pytest.raises(
        DataError, match=r"Expected the file TOY_A\.txt or TOY_A\.txt\.gz .* which has TOY_edge_attributes"
    ):
        read_tu(small, "TOY")
    with pytest.raises(DataError, match="There is no folder"):
        read_tu(small / "nowhere", "TOY")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_compressed_file_is_named(small, share):
    path = small / "TOY_graph_indicator.txt"
    content = gzip.compress(b"1\n" * 5000 + b"2\n" * 5000)
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"TOY_graph_indicator\.txt is a damaged or cut off gzip file"):
        read_tu(small, "TOY")
