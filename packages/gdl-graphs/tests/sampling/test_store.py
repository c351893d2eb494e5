"""`GraphStore`: what is written is what is read, in canonical order, by any process; damaged files are named."""

import json
import pickle

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs import Graph
from gdl_graphs.sampling import GraphStore


def as_graph(store):
    receiver = np.repeat(np.arange(store.num_nodes), np.diff(store.ptr))
    weight = None if store.edge_weight is None else torch.from_numpy(store.edge_weight.copy())
    return Graph.from_edges(torch.from_numpy(store.sender.copy()), receiver, store.num_nodes, edge_weight=weight)


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize(("nodes", "edges"), [(7, 30), (5, 400), (4, 0), (0, 0)])
def test_a_graph_comes_back_from_its_files(tmp_path, draw, weight, nodes, edges):
    graph = draw(nodes=nodes, edges=edges, weight=weight) if nodes else Graph.empty(0)
    x, y = torch.randn(nodes, 3), torch.arange(nodes)
    store = GraphStore.create(tmp_path / "store", graph, x, y)
    back = as_graph(store)
    assert torch.equal(back.edge_index(), graph.edge_index())
    assert np.array_equal(store.sender, graph.incidence.sender) and np.array_equal(store.ptr, graph.incidence.ptr)
    if graph.edge_weight is not None:
        assert np.array_equal(store.edge_weight, graph.edge_weight.float())
    assert np.array_equal(store.features, x) and np.array_equal(store.labels, y)
    assert (store.num_nodes, store.num_edges) == (nodes, edges if nodes else 0)


def test_chunks_are_one_graph_whatever_their_sizes(tmp_path, draw):
    graph = draw(nodes=9, edges=300, weight=True)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    ends, weight = graph.edge_index()[:, order], graph.edge_weight[order]
    chunks = list(zip(ends.split([100, 0, 1, 199], 1), weight.split([100, 0, 1, 199])))
    rows = torch.randn(9, 2, dtype=torch.float64)
    store = GraphStore.write(tmp_path, 9, chunks, features=iter(rows.split([4, 5])))
    assert np.array_equal(store.sender, graph.incidence.sender) and np.array_equal(store.ptr, graph.incidence.ptr)
    assert np.allclose(as_graph(store).to_dense(), graph.to_dense().float())
    assert np.array_equal(store.features, rows) and store.features.dtype == np.float64


def test_files_are_mapped_read_only_and_opened_again_in_other_processes(tmp_path, draw):
    store = GraphStore.create(tmp_path, draw(), torch.zeros(7, 2))
    for array in (store.ptr, store.sender, store.features):
        assert not array.flags.writeable and isinstance(array.base, np.memmap)
    content = pickle.dumps(store)
    assert len(content) < 500
    assert np.array_equal(pickle.loads(content).sender, store.sender)
    assert repr(store) == "GraphStore(7 nodes, 30 edges, features)"


@pytest.mark.parametrize(
    ("edges", "values", "error", "words"),
    [
        ([[[0, 1], [1, 3]]], {}, ValueError, "Edge 1 of chunk 0 goes from 1 to 3, expected nodes from 0 to 2"),
        ([[[0], [1]], [[-1], [0]]], {}, ValueError, "Edge 0 of chunk 1 goes from -1 to 0"),
        ([[[0.0], [1.0]]], {}, TypeError, "integers, got torch.float32 in chunk 0"),
        ([[0, 1]], {}, ValueError, r"\[2, k\], got \[2\] in chunk 0"),
        (iter([]), {}, TypeError, "goes through edges twice"),
        ([([[0], [1]], torch.tensor([float("nan")]))], {}, ValueError, "edge_weight is NaN at edge 0"),
        ([([[0], [1]], torch.ones(2))], {}, ValueError, r"edge_weight must be \[1\]"),
        ([([[0], [1]], torch.ones(1)), [[0], [1]]], {}, ValueError, "Some chunks of edges have weights"),
        ([], {"features": torch.ones(2, 4)}, ValueError, "features must have 3 rows, one per node, got 2"),
        ([], {"features": [torch.ones(2, 4), torch.ones(2, 4)]}, ValueError, r"must be \[3, 4\], got rows 2 … 4 of 4"),
        ([], {"features": [torch.ones(1, 4), torch.ones(2, 3)]}, ValueError, r"must be \[3, 4\], got rows 1 … 3 of 3"),
        ([], {"features": torch.ones(3, 4, dtype=torch.int64)}, TypeError, "float16, float32 or float64 tensors"),
        ([], {"labels": torch.ones(3)}, ValueError, r"labels must be integers \[3\], got torch.float32 \[3\]"),
        ([], {"labels": torch.ones(2, dtype=torch.int64)}, ValueError, r"labels must be integers \[3\]"),
    ],
)
def test_what_does_not_fit_is_told_and_leaves_no_store(tmp_path, edges, values, error, words):
    GraphStore.write(tmp_path, 1, [])
    with pytest.raises(error, match=words):
        GraphStore.write(tmp_path, 3, edges, **values)
    if "twice" not in words:
        with pytest.raises(DataError, match=r"holds no graph store: there is no graph\.json"):
            GraphStore(tmp_path)


def damage_json(folder, **changes):
    path = folder / "graph.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "sender.npy").unlink(), r"there is no sender\.npy, which graph\.json names"),
        (
            lambda f: (f / "sender.npy").write_bytes((f / "sender.npy").read_bytes()[:-4]),
            r"sender\.npy is a damaged or cut",
        ),
        (lambda f: (f / "sender.npy").write_bytes(b"PNG"), r"sender\.npy is a damaged"),
        (
            lambda f: np.save(f / "sender.npy", np.zeros(3, np.int32)),
            r"expected 30 rows \(edges\) and 1 axes, got int32\[3\]",
        ),
        (
            lambda f: np.save(f / "features.npy", np.zeros((7, 2), int)),
            r"features\.npy: expected 7 rows .* got int64\[7, 2\]",
        ),
        (lambda f: np.save(f / "ptr.npy", np.arange(8)), "ptr must rise from 0 to 30, got 0 to 7"),
        (lambda f: (f / "graph.json").write_text("{"), r"graph\.json is damaged, or not of a graph store"),
        (lambda f: (f / "graph.json").write_text("{}"), r"graph\.json is damaged"),
        (lambda f: damage_json(f, version=9), "expected gdl-graph-store of version 1, got gdl-graph-store 9"),
    ],
)
def test_damaged_files_are_named(tmp_path, draw, change, words):
    GraphStore.create(tmp_path, draw(), torch.zeros(7, 2))
    change(tmp_path)
    with pytest.raises(DataError, match=words):
        GraphStore(tmp_path)
