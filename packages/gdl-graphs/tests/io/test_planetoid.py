"""Citation graphs: counts of the literature, both formats alike, pickles that can run nothing, damaged files."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.io import read_planetoid
from scipy.sparse import csr_matrix

# nodes, simple undirected edges, features, classes, training nodes (the published split has 500 and 1000 more)
COUNTS = {
    "cora": (2708, 5278, 1433, 7, 140),
    "citeseer": (3327, 4552, 3703, 6, 120),
    "pubmed": (19717, 44324, 500, 3, 60),
}


def write_original(folder, nodes=14, classes=3, gap=False, y=2):
    """Write a small data set in the original format: two training, 500 validation and four test nodes."""
    g = np.random.default_rng(0)
    first = y + 500
    test = np.array([first + 3, first, first + 1, first + 5 if gap else first + 2])
    total = first + (6 if gap else 4)
    x = (g.random((total, nodes)) < 0.4).astype(np.float32)
    labels = np.eye(classes, dtype=np.int32)[g.integers(0, classes, total)]
    graph = {node: g.integers(0, total, 3).tolist() for node in range(total)}
    content = {
        "x": csr_matrix(x[:y]), "tx": csr_matrix(x[test]), "allx": csr_matrix(x[:first]),
        "y": labels[:y], "ty": labels[test], "ally": labels[:first], "graph": graph,
    }  # fmt: skip
    for name, value in content.items():
        (folder / f"ind.cora.{name}").write_bytes(pickle.dumps(value, protocol=4))
    (folder / "ind.cora.test.index").write_text("".join(f"{i}\n" for i in test))
    return x, labels, graph, test


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_literature(shared_data, name):
    nodes, edges, features, classes, train = COUNTS[name]
    data = read_planetoid(shared_data("planetoid"), name.upper())
    graph = data.graph
    assert (graph.num_nodes, graph.num_edges, data.features.shape[1]) == (nodes, 2 * edges, features)
    assert data.num_classes == classes and data.features.dtype == torch.float32 and data.labels.dtype == torch.int64
    assert [int(mask.sum()) for mask in (data.train, data.val, data.test)] == [train, 500, 1000]
    assert not bool((data.train & data.val | data.val & data.test | data.train & data.test).any())
    assert torch.bincount(data.labels[data.train]).tolist() == [20] * classes
    sender, receiver = graph.edge_index()
    assert not bool((sender == receiver).any())
    assert torch.equal(graph.reversed().edge_index(), graph.edge_index())


def test_cora_has_its_classes_and_homophily(shared_data):
    data = read_planetoid(shared_data("planetoid"), "cora")
    assert torch.bincount(data.labels).tolist() == [351, 217, 418, 818, 426, 298, 180]
    sender, receiver = data.graph.edge_index()
    assert float((data.labels[sender] == data.labels[receiver]).float().mean()) == pytest.approx(0.810, abs=5e-4)


def test_the_nodes_that_citeseer_misses_have_no_label_and_zero_features(shared_data):
    data = read_planetoid(shared_data("planetoid"), "citeseer")
    missing = data.labels < 0
    assert int(missing.sum()) == 15 and torch.equal(missing, ~data.known)
    assert not bool(data.features[missing].any()) and not bool((missing & (data.train | data.val | data.test)).any())
    assert int((data.graph.degree() == 0).sum()) == 48


def test_pubmed_says_which_nodes_have_features(shared_data):
    data = read_planetoid(shared_data("planetoid"), "pubmed")
    assert int(data.known.sum()) == 1060 and torch.equal(data.known, data.train | data.test)


@pytest.mark.parametrize("name", COUNTS)
def test_the_original_files_say_the_same_as_the_arrays(shared_data, tmp_path, name):
    for path in shared_data("planetoid").glob(f"ind.{name}.*"):
        shutil.copy(path, tmp_path)
    ours, theirs = (read_planetoid(root, name) for root in (shared_data("planetoid"), tmp_path))
    assert torch.equal(ours.graph.edge_index(), theirs.graph.edge_index())
    for field in ("features", "labels", "train", "val", "test", "known"):
        assert torch.equal(getattr(ours, field), getattr(theirs, field)), field


@pytest.mark.parametrize("gap", [False, True])
def test_small_original_files_are_read_as_written(tmp_path, gap):
    x, labels, graph, test = write_original(tmp_path, gap=gap)
    data = read_planetoid(tmp_path, "Cora")
    known = np.isin(np.arange(len(x)), [*range(502), *test])
    assert torch.equal(data.features, torch.from_numpy(x * known[:, None]))
    assert torch.equal(data.labels, torch.from_numpy(np.where(known, labels.argmax(1), -1)))
    assert torch.equal(data.known, torch.from_numpy(known)) and (~known).sum() == 2 * gap
    assert data.test.nonzero()[:, 0].tolist() == sorted(test) and data.train.nonzero()[:, 0].tolist() == [0, 1]
    pairs = {(u, v) for a, near in graph.items() for b in near if a != b for u, v in ((a, b), (b, a))}
    assert set(map(tuple, data.graph.edge_index().T.tolist())) == pairs and data.graph.num_edges == len(pairs)


class Bomb:
    def __reduce__(self):
        return os.system, ("echo exploded > exploded",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    write_original(tmp_path)
    (tmp_path / "ind.cora.graph").write_bytes(pickle.dumps(Bomb(), protocol=protocol))
    with pytest.raises(
        DataError, match=r"ind.cora.graph: expected arrays only, the pickle asks for (posix|nt)\.system"
    ):
        read_planetoid(tmp_path, "cora")
    assert not (tmp_path / "exploded").exists()


def damage(name, change):
    def apply(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def pickled(value):
    return lambda old: pickle.dumps(value, protocol=4)


def broken_matrix():
    matrix = csr_matrix(np.eye(4, 14, dtype=np.float32))
    matrix.indices[0] = 10**6  # would be written far outside
    return matrix


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda folder: (folder / "ind.cora.y").unlink(),
            r"Expected the file ind\.cora\.y .* which has ind\.cora\.allx",
        ),
        (damage("ind.cora.tx", lambda old: old[:-40]), r"ind\.cora\.tx is no pickle of arrays, or a damaged one"),
        (damage("ind.cora.tx", lambda old: b""), r"ind\.cora\.tx is no pickle"),
        (damage("ind.cora.tx", lambda old: b"\x89PNG rubbish"), r"ind\.cora\.tx is no pickle"),
        (damage("ind.cora.tx", pickled([1, 2])), r"ind\.cora\.tx: expected a matrix of numbers, got list"),
        (damage("ind.cora.tx", pickled(broken_matrix())), r"ind\.cora\.tx: a sparse matrix that does not fit together"),
        (damage("ind.cora.tx", pickled(csr_matrix(np.eye(3, 14)))), r"expected 4 rows of 14 features, got \(3, 14\)"),
        (damage("ind.cora.ty", pickled(np.eye(4, 5))), "the labels of cora do not fit"),
        (damage("ind.cora.graph", pickled({0: [1, 99999]})), r"ends of edges must be from 0 to 505, got 0 to 99999"),
        (damage("ind.cora.graph", pickled({0: "ab", 1: None})), "expected a list of neighbours per node"),
        (damage("ind.cora.test.index", lambda old: b"one two"), r"test\.index: expected a text file of numbers"),
        (damage("ind.cora.test.index", lambda old: b"503.5\n"), "expected whole numbers, got .* in line 1"),
        (damage("ind.cora.test.index", lambda old: b""), "expected lists of neighbours in .* and nodes in"),
    ],
)
def test_damaged_original_files_are_named(tmp_path, change, words):
    write_original(tmp_path)
    change(tmp_path)
    with pytest.raises(DataError, match=words):
        read_planetoid(tmp_path, "cora")


def arrays():
    return {
        "edges": np.array([[0, 1], [1, 2], [2, 1], [2, 2]]),
        "y": np.array([0, 1, -1]),
        "x_indptr": np.array([0, 1, 3, 3]),
        "x_indices": np.array([1, 0, 1]),
        "x_data": np.ones(3, np.float32),
        "x_shape": np.array([3, 2]),
        "train": np.array([0]),
        "val": np.array([1]),
        "test": np.array([2]),
    }


def test_arrays_are_read_as_written(tmp_path):
    np.savez(tmp_path / "cora.npz", **arrays())
    data = read_planetoid(tmp_path, "cora")
    assert data.graph.edge_index().tolist() == [[1, 0, 2, 1], [0, 1, 1, 2]]
    assert data.features.tolist() == [[0, 1], [1, 1], [0, 0]] and data.labels.tolist() == [0, 1, -1]
    assert data.known.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"edges": np.array([[0, 3]])}, "ends of edges must be from 0 to 2, got 0 to 3"),
        ({"x_indices": np.array([0, 1, 2])}, "x_indices must be from 0 to 1, got 0 to 2"),
        ({"x_indptr": np.array([0, 2, 1, 3])}, "x_indptr must rise"),
        ({"train": np.array([-1])}, "train must be from 0 to 2, got -1"),
        ({"y": np.array([0, 1])}, r"expected 3 labels, one per node, got \[2\]"),
        ({"x_data": np.array(["a", "b", "c"])}, "the array 'x_data' has another type than expected, <U1"),
        ({"edges": np.array([{}], object)}, "is a damaged or cut off file, or no NPZ file of plain numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_told(tmp_path, change, words):
    np.savez(tmp_path / "cora.npz", **arrays() | change)
    with pytest.raises(DataError, match=words):
        read_planetoid(tmp_path, "cora")


def test_an_array_that_is_missing_and_a_truncated_file_are_told(tmp_path):
    content = arrays()
    del content["val"]
    path = tmp_path / "cora.npz"
    np.savez(path, **content)
    with pytest.raises(DataError, match="expected the array 'val', the file has edges, y"):
        read_planetoid(tmp_path, "cora")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="damaged or cut off"):
        read_planetoid(tmp_path, "cora")


def test_unknown_names_and_folders_are_told(tmp_path):
    with pytest.raises(DataError, match=r"has cora, citeseer, pubmed, got 'cori'\. Did you mean 'cora'"):
        read_planetoid(tmp_path, "cori")
    with pytest.raises(DataError, match="There is no folder nowhere"):
        read_planetoid("nowhere", "cora")
