"""Nodes of a stored graph: what is drawn, what is refused, and that a network learns from it and is tested exactly."""

import numpy as np
import pytest
import torch

pytest.importorskip("lightning")

from gdl_core.errors import DataError
from gdl_core.train import train
from gdl_core.train.data import DataModule
from gdl_core.train.options import LoaderOptions
from gdl_core.train.source import IGNORED
from gdl_graphs import Graph, GraphSAGE
from gdl_graphs.datasets import Stored
from gdl_graphs.sampling import GraphStore

OPTIONS = ["--data.classes", "4", "--model.in_channels", "12", "--model.classes", "4", "--model.hidden", "8"]


@pytest.fixture
def store(small_data, tmp_path):
    small_data.write_store(tmp_path)
    return GraphStore(tmp_path)


def batches(store, workers, epochs=2):
    module = DataModule(Stored(4, [3, 3], str(store.folder)), LoaderOptions(16, workers=workers), seed=1)
    module.setup("fit")
    loader, found = module.train_dataloader(), []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        found.append([(x, graph.edge_index(), y) for (x, graph), y in loader])
    return found


def test_batches_are_the_same_for_any_number_of_workers_and_differ_between_epochs(store):
    here, there = batches(store, 0), batches(store, 2)
    assert [len(epoch) for epoch in here] == [3, 3]  # 50 nodes, the incomplete batch left out
    for one, two in zip(here, there, strict=True):
        for mine, other in zip(one, two, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))
    assert not any(torch.equal(a[0], b[0]) for a, b in zip(*here, strict=True))


def test_only_seeds_have_a_class_and_it_is_theirs(store):
    for x, edges, y in batches(store, 0, epochs=1)[0]:
        seeds = y != IGNORED
        assert seeds.sum() == 16 and seeds[:16].all() and len(y) == len(x) > 16 and edges.max() < len(x)
        rows = {row.tobytes(): label for row, label in zip(store.features, store.labels, strict=True)}
        assert [rows[row.numpy().tobytes()] for row in x[:16]] == y[:16].tolist()


def test_a_store_gives_what_the_whole_graph_gives(store):
    receiver = np.repeat(np.arange(store.num_nodes), np.diff(store.ptr))
    graph = Graph.from_edges(torch.from_numpy(store.sender.copy()), torch.from_numpy(receiver), store.num_nodes)
    network = GraphSAGE(12, 4, hidden=8, layers=3, nodes_at_once=64).eval()
    nodes = torch.tensor([3, 150, 3, 7])
    expected = network(torch.from_numpy(store.features.copy()), graph)[nodes]
    torch.testing.assert_close(network(nodes, store), expected, rtol=1e-5, atol=1e-6)


def test_a_network_learns_the_blocks(store, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    options = [*OPTIONS, "--data.root", str(store.folder), "--loader.batch_size", "16", "--trainer.progress", "none"]
    run = train("graphs/sampled", [*options, "--trainer.max_epochs", "40"], "r")
    assert run.metrics["test/accuracy"] >= 0.8  # one block in four by chance


def test_a_folder_without_what_is_needed_is_refused(store, tmp_path):
    whole = torch.arange(200)
    for given, sentence in (
        ({"features": torch.randn(200, 3)}, "without labels, split"),
        ({"features": torch.randn(200, 3), "labels": whole % 4, "split": whole * 0}, "no test nodes"),
        ({"features": torch.randn(200, 3), "labels": whole % 5, "split": whole % 3}, "labels from 0 to 3, got 0 to 4"),
    ):
        GraphStore.write(tmp_path / "other", 200, [torch.zeros(2, 1, dtype=torch.int64)], **given)
        with pytest.raises(DataError, match=sentence):
            Stored(4, [2], str(tmp_path / "other")).splits()
    with pytest.raises(DataError, match=r"--data\.root FOLDER"):
        Stored(4, [2]).splits()
    with pytest.raises(ValueError, match="fanouts: expected numbers"):
        Stored(4, [-2])
    with pytest.raises(ValueError, match="split is -1, 0, 1 or 2, got 0 to 3"):
        GraphStore.write(tmp_path / "other", 200, [torch.zeros(2, 1, dtype=torch.int64)], split=whole % 4)
