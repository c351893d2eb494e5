"""The exact numbers of BREC, EXP and CSL (the whole table: benchmarks/graphs_expressiveness.py)."""

import numpy as np
import pytest
import torch
from gdl_graphs import (
    GATConv,
    GCNConv,
    GINConv,
    GlobalPool,
    Graph,
    ResGatedGraphConv,
    SAGEConv,
    folklore_weisfeiler_leman,
    laplacian_encoding,
    multisets,
)
from gdl_graphs import weisfeiler_leman as wl
from gdl_graphs.expressive import random_walk_colours, spectrum_colours
from gdl_graphs.expressive.colours import same
from gdl_graphs.expressive.fwl import tuple_offsets
from gdl_graphs.io import read_dgcnn, read_graph6

# pairs, told apart by: 1-WL, return probabilities up to 20 steps, the spectrum, 2-FWL
TABLE = {
    "basic": (60, 0, 60, 60, 60),
    "regular": (50, 0, 50, 50, 50),
    "str": (50, 0, 0, 0, 0),
    "extension": (100, 0, 100, 100, 100),
    "cfi": (100, 0, 5, 3, 60),
    "4vtx": (20, 0, 0, 0, 0),
    "dr": (20, 0, 0, 0, 0),
}


def apart(colours):
    return int((~same(colours)).sum())


def cut(batch, most):
    """The pairs of which both graphs have at most so many nodes."""
    graphs = batch.unbatch()
    pairs = [p for p in zip(graphs[::2], graphs[1::2]) if max(p[0].num_nodes, p[1].num_nodes) <= most]
    return [Graph.collate(p) for p in pairs]


@pytest.mark.parametrize("name", TABLE)
def test_brec_pairs_told_apart_by_colours_walks_and_spectrum(shared_data, name):
    batch = read_graph6(shared_data("expressiveness") / "brec" / f"{name}.npy")
    found = (
        batch.batch_size // 2,
        apart(multisets(batch.ptr, wl(batch))),
        apart(multisets(batch.ptr, random_walk_colours(batch, 20))),
        apart(spectrum_colours(batch)),
    )
    assert found == TABLE[name][:4]


@pytest.mark.parametrize("name", [name for name in TABLE if name != "cfi"])
def test_brec_pairs_told_apart_by_2_fwl(shared_data, name):
    batch = read_graph6(shared_data("expressiveness") / "brec" / f"{name}.npy")
    found = [apart(multisets(tuple_offsets(pair), folklore_weisfeiler_leman(pair))) for pair in cut(batch, most=10**9)]
    assert sum(found) == TABLE[name][4] and len(found) == TABLE[name][0]


def test_the_smallest_cfi_pairs_are_told_apart_by_2_fwl_and_not_by_wl(shared_data):
    batch = read_graph6(shared_data("expressiveness") / "brec" / "cfi.npy")
    small = cut(batch, most=40)
    found = [apart(multisets(tuple_offsets(pair), folklore_weisfeiler_leman(pair))) for pair in small]
    assert len(found) >= 5 and all(found)


@pytest.fixture(scope="module")
def exp(shared_data):
    return read_dgcnn(shared_data("expressiveness") / "exp" / "GRAPHSAT.txt.gz")


def test_exp_all_600_pairs_agree_under_wl_and_have_opposite_labels(exp):
    assert apart(multisets(exp.graph.ptr, wl(exp.graph, colours=exp.node_labels))) == 0
    assert exp.graph.batch_size == 1200 and bool((exp.target[::2] != exp.target[1::2]).all())


NETWORKS = {
    "GIN": GINConv,
    "GCN": GCNConv,
    "GraphSAGE": lambda a, b: SAGEConv(a, b, aggregation="max"),
    "GAT": lambda a, b: GATConv(a, b),
    "gated": ResGatedGraphConv,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_random_networks_tell_apart_none_of_exp_s_pairs_and_all_once_nodes_have_names(exp, name):
    torch.manual_seed(0)
    layers = [NETWORKS[name](a, 16).double() for a in (2, 16, 16)]
    pool = GlobalPool(16, "sum")

    def run(x):
        with torch.no_grad():
            for layer in layers:
                x = torch.tanh(layer(x, exp.graph))
            return pool(x, exp.graph)

    kinds = torch.nn.functional.one_hot(exp.node_labels, 2).double()
    y = run(kinds)
    assert float((y[::2] - y[1::2]).abs().max()) < 1e-6
    assert float((y[::2] - y[:1]).abs().max()) > 1e-2  # the network is not constant
    named = run(kinds + 0.1 * torch.rand(len(kinds), 2, dtype=torch.float64))  # negative control
    assert float((named[::2] - named[1::2]).abs().amax(1).min()) > 1e-6


def test_csl_has_one_wl_class_and_ten_by_walks_and_by_spectrum(shared_data):
    with np.load(shared_data("expressiveness") / "csl" / "csl.npz") as data:
        adjacency, labels = data["adj_with_self_loops"], torch.as_tensor(data["y"])
    batch = Graph.collate([Graph.from_dense(torch.as_tensor(a).double()).without_self_loops() for a in adjacency])
    assert multisets(batch.ptr, wl(batch)).unique().tolist() == [0]
    for colours in (multisets(batch.ptr, random_walk_colours(batch, 20)), spectrum_colours(batch)):
        classes = torch.stack([labels, colours], 1).unique(dim=0)
        assert len(classes) == len(labels.unique()) == 10
    values = laplacian_encoding(batch, 10, dtype=torch.float64).values
    assert len(np.unique(values.numpy().round(6), axis=0)) == 10
