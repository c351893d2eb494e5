"""The text format of DGCNN, GIN and EXP: counts of the literature, folds, damaged files."""

import gzip
import json

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.io import read_dgcnn, read_dgcnn_set

SMALL = "2\n3 7\n4 2 1 2\n5 1 0\n4 1 0\n2 -1\n0 1 1\n0 1 0\n"


@pytest.mark.parametrize(
    ("name", "graphs", "classes", "nodes", "edges"),
    [
        ("MUTAG", 188, 2, 17.93, 19.79),
        ("PROTEINS", 1113, 2, 39.06, 72.82),
        ("ENZYMES", 600, 6, 32.63, 62.14),
        ("NCI1", 4110, 2, 29.87, 32.30),
        ("NCI109", 4127, 2, 29.68, 32.13),
        ("IMDBBINARY", 1000, 2, 19.77, 96.53),
        ("IMDBMULTI", 1500, 3, 13.00, 65.94),
        ("PTC", 344, 2, 25.56, 25.96),
    ],
)
def test_counts_are_those_of_the_literature(shared_data, name, graphs, classes, nodes, edges):
    folder = shared_data("tu") / "dgcnn_format"
    if not (folder / f"{name}.txt.gz").is_file():
        pytest.skip(f"{name} is not in the shared data")
    data = read_dgcnn_set(folder, name)
    assert (len(data), len(data.classes)) == (graphs, classes)
    assert round(data.graph.num_nodes / graphs, 2) == nodes and round(data.graph.num_edges / graphs / 2, 2) == edges
    assert torch.equal(data.graph.reversed().edge_index(), data.graph.edge_index())
    tests = torch.cat(data.folds)
    assert len(data.folds) == 10 and len(torch.unique(tests)) == len(tests) > 0.95 * graphs  # some folds drop a rest


@pytest.mark.parametrize("name", ["exp", "cexp"])
def test_exp_has_600_pairs_whose_classes_differ(shared_data, name):
    data = read_dgcnn(shared_data("expressiveness") / name / "GRAPHSAT.txt.gz")
    assert len(data) == 1200 and bool((data.target[::2] != data.target[1::2]).all())
    assert torch.unique(data.node_labels).tolist() == [0, 1]
    assert torch.equal(data.graph.reversed().edge_index(), data.graph.edge_index())


@pytest.mark.parametrize("pack", [False, True])
def test_a_small_file_is_read_as_written(tmp_path, pack):
    content = SMALL.encode()
    path = tmp_path / "toy.txt"
    path.write_bytes(gzip.compress(content) if pack else content)
    data = read_dgcnn(path)
    assert data.graph.ptr.tolist() == [0, 3, 5] and data.node_labels.tolist() == [4, 5, 4, 0, 0]
    assert data.graph.edge_index().tolist() == [[1, 2, 0, 0, 4, 3], [0, 0, 1, 2, 3, 4]]
    assert data.target.tolist() == [1, 0] and data.classes == (-1, 7) and data.node_attributes is None


def test_numbers_after_the_neighbours_are_attributes(tmp_path):
    (tmp_path / "toy.txt").write_text("1\n3 0\n1 2 1 2 0.5 -1\n1 0 2.5 3\n1 1 0 1e2 4\n")
    data = read_dgcnn(tmp_path / "toy.txt")
    assert data.node_attributes.tolist() == [[0.5, -1], [2.5, 3], [100, 4]]
    assert data.graph.edge_index().tolist() == [[1, 2, 0], [0, 0, 2]]


def test_graphs_without_nodes_and_no_graphs(tmp_path):
    (tmp_path / "toy.txt").write_text("3\n0 1\n1 0\n0 0\n0 1\n")
    assert read_dgcnn(tmp_path / "toy.txt").graph.ptr.tolist() == [0, 0, 1, 1]
    (tmp_path / "toy.txt").write_text("0\n")
    assert len(read_dgcnn(tmp_path / "toy.txt")) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected the number of graphs alone in line 1"),
        ("2 3\n", "expected the number of graphs alone in line 1"),
        ("hello world\n", "expected a text file of numbers"),
        ("hello\n", "expected a text file of numbers"),
        ("1.5\n", "expected whole numbers, got 1.5 in line 1"),
        (SMALL + "0 0\n", "expected 8 lines for its 2 graphs, got 9"),
        (SMALL[: SMALL.index("2 -1")], "expected 2 graphs, the file ends in graph 1"),
        (SMALL.replace("3 7", "4 7"), "expected nodes and class of graph 1 in line 7"),
        (SMALL.replace("3 7", "-3 7"), "expected nodes and class of graph 0 in line 2"),
        (SMALL.replace("3 7", "3"), "expected nodes and class of graph 0 in line 2"),
        (SMALL.replace("3 7", "3 0.5"), "expected whole numbers, got 0.5 in line 2"),
        (SMALL.replace("5 1 0", "5 2 0"), "line 4 announces 2 neighbours and has 3 numbers"),
        (SMALL.replace("5 1 0", "5"), "expected a tag and a number of neighbours in line 4"),
        (SMALL.replace("5 1 0", "5 1 3"), "line 4 names neighbour 3 in a graph of 3 nodes"),
        (SMALL.replace("5 1 0", "5 1 -1"), "line 4 names neighbour -1"),
        (SMALL.replace("5 1 0", "5 1 nan"), "expected whole numbers, got nan in line 4"),
        (SMALL.replace("5 1 0", "inf 1 0"), "expected whole numbers, got inf in line 4"),
        (SMALL.replace("5 1 0", "5 1 x"), "expected a text file of numbers"),
    ],
)
def test_damaged_files_are_told(tmp_path, text, words):
    path = tmp_path / "toy.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_dgcnn(path)
    assert str(path) in str(caught.value)


def test_a_truncated_compressed_file_and_an_absent_one_are_told(tmp_path):
    path = tmp_path / "toy.txt.gz"
    path.write_bytes(gzip.compress(SMALL.encode() * 50)[:-9])
    with pytest.raises(DataError, match=r"toy\.txt\.gz is a damaged or cut off gzip file"):
        read_dgcnn(path)
    with pytest.raises(DataError, match="There is no file"):
        read_dgcnn(tmp_path / "nothing.txt")


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ("not json", "expected lists of graph numbers for 'toy'"),
        (json.dumps({"other": []}), "expected lists of graph numbers for 'toy', got KeyError"),
        (json.dumps({"toy": [[0], ["a"]]}), "expected lists of graph numbers"),
        (json.dumps({"toy": [[0], [2]]}), r"a fold of toy names a graph outside 0 … 1"),
        (json.dumps({"toy": [0, 1]}), "a fold of toy"),
    ],
)
def test_damaged_folds_are_told(tmp_path, folds, words):
    (tmp_path / "toy.txt").write_text(SMALL)
    with pytest.raises(DataError, match=r"Expected the file ten_fold_test_indices\.json"):
        read_dgcnn_set(tmp_path, "toy")
    (tmp_path / "ten_fold_test_indices.json").write_text(folds)
    with pytest.raises(DataError, match=words):
        read_dgcnn_set(tmp_path, "toy")
