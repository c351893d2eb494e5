"""Sources of many graphs: folds, features, batches, molecules."""

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs import Graph
from gdl_graphs.datasets import TU, ZINC
from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.datasets.tu import folds_of, node_features, one_of_k
from gdl_graphs.io import GraphSet


@pytest.fixture
def folder(tmp_path, small_data):
    small_data.write_tu(tmp_path)
    return tmp_path


def test_folds_are_disjoint_cover_all_and_share_every_class():
    target = torch.tensor([0] * 33 + [1] * 17 + [2] * 5)
    fold = folds_of(target, 5)
    for label, count in enumerate((33, 17, 5)):
        sizes = torch.bincount(fold[target == label], minlength=5)
        assert int(sizes.sum()) == count and int(sizes.max() - sizes.min()) <= 1
    assert torch.bincount(fold).tolist() == [11] * 5
    assert torch.equal(fold, folds_of(target, 5)) and not torch.equal(fold, folds_of(target, 5, seed=1))


def test_the_test_sets_of_all_folds_are_the_data_set(folder):
    found = [TU("NCI1", str(folder), fold=k, folds=4).splits() for k in range(4)]
    tests = torch.cat([splits.test.chosen for splits in found])
    assert sorted(tests.tolist()) == list(range(40))
    for splits in found:
        assert sorted([*splits.train.chosen.tolist(), *splits.test.chosen.tolist()]) == list(range(40))


def test_a_batch_is_the_graphs_side_by_side(folder):
    splits = TU("NCI1", str(folder)).splits()
    ((x, graph), targets), *others = splits.train.__getitems__([3, 0, 5])
    assert not others
    data = splits.train
    parts, starts = data.graph.unbatch(), data.graph.ptr.tolist()
    chosen = data.chosen[[3, 0, 5]].tolist()
    expected = Graph.collate([parts[k] for k in chosen])
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm"):
        assert torch.equal(getattr(graph.incidence, name), getattr(expected.incidence, name)), name
    assert torch.equal(graph.ptr, expected.ptr) and torch.equal(graph.owner, expected.owner)
    assert torch.equal(x, torch.cat([data.x[starts[k] : starts[k + 1]] for k in chosen]))
    assert torch.equal(targets, data.targets[chosen])
    single = splits.train[3]
    assert torch.equal(single[0][0], x[: int(graph.ptr[1])]) and single[1].tolist() == targets[:1].tolist()


def test_features_are_labels_then_attributes_and_degrees_where_these_say_nothing():
    graph = Graph.from_edges([0, 1, 2], [1, 0, 1], 3)  # degrees 1, 2, 0
    target = torch.zeros(1, dtype=torch.int64)
    degrees = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert node_features(GraphSet(graph, target)).tolist() == degrees
    assert node_features(GraphSet(graph, target, torch.tensor([4, 4, 4]))).tolist() == degrees
    labels, attributes = torch.tensor([5, 2, 5]), torch.tensor([[0.5], [1.5], [2.5]])
    both = node_features(GraphSet(graph, target, labels, attributes))
    assert both.tolist() == [[0, 1, 0.5], [1, 0, 1.5], [0, 1, 2.5]]
    assert node_features(GraphSet(graph, target, None, attributes)).tolist() == attributes.tolist()


def test_data_without_labels_and_the_format_of_one_file_are_read(tmp_path, small_data):
    small_data.write_tu(tmp_path, labels=False)
    assert TU("NCI1", str(tmp_path)).splits().train.x.shape[1] == 2  # the degrees 1 and 2
    (tmp_path / "PAIR.txt").write_text("2\n2 0\n0 1 1\n0 1 0\n1 1\n1 0\n")
    data = TU("PAIR", str(tmp_path)).graphs()
    assert len(data) == 2 and data.graph.num_edges == 2


def test_molecules_have_kinds_of_atoms_walks_and_kinds_of_bonds(tmp_path, small_data):
    small_data.write_zinc(tmp_path)
    splits = ZINC(str(tmp_path), walk_steps=2).splits()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [16, 4, 4]
    (x, graph), targets = splits.test.__getitems__([0, 1])[0]
    assert x.shape[1] == 30 and targets.shape == (2, 1) and graph.edge_features.shape == (graph.num_edges, 3)
    assert (x[:, :28].sum(1) == 1).all() and (x[:, 28] == 0).all()  # no walk is back after one step on a chain
    mean = (x[:, 0] @ torch.nn.functional.one_hot(graph.owner.long()).float()) / graph.ptr.diff()
    torch.testing.assert_close(targets[:, 0], mean)
    reverse = graph.reversed()
    assert torch.equal(reverse.edge_features, graph.edge_features)  # a bond is the same both ways


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: TU(fold=10), ValueError, "from 0 to 9"),
        (lambda folder: TU().splits(), DataError, "--data.root FOLDER"),
        (lambda folder: TU("MUTAG", str(folder)).splits(), DataError, "MUTAG_graph_indicator.txt"),
        (lambda folder: ZINC(walk_steps=-1), ValueError, "walk_steps"),
        (lambda folder: ZINC(str(folder)).splits(), DataError, "zinc.npz"),
        (lambda folder: one_of_k(torch.tensor([1, 7]), range(3), "kind"), DataError, r"kind .*\[0, 1, 2\], got 7"),
        (lambda folder: GraphBatches(torch.zeros(3, 1), Graph.empty(3), torch.zeros(2)), ValueError, "2 for 1"),
    ],
)
def test_what_is_absent_or_does_not_fit_is_one_sentence(folder, make, error, words):
    with pytest.raises(error, match=words):
        make(folder)
