"""Sources of one graph: the split, what is ignored, the part that checkpoints keep."""

import networkx
import pytest
import torch
from gdl_core.errors import DataError
from gdl_core.train import IGNORED
from gdl_graphs import Graph
from gdl_graphs.datasets import Karate, Planetoid
from gdl_graphs.datasets.nodes import EXCERPT, row_normalised


def test_the_karate_club_has_its_members_friendships_leaders_and_sides():
    splits = Karate().splits()
    ((x, graph), train), (_, test) = splits.train[0], splits.test[0]
    club = networkx.karate_club_graph()
    dense = torch.tensor(networkx.to_numpy_array(club, weight=None)) + torch.eye(34)
    assert torch.equal(graph.to_dense().double(), dense.double()) and graph.num_edges == 2 * 78 + 34
    assert torch.equal(x, torch.eye(34))
    assert (train != IGNORED).nonzero()[:, 0].tolist() == [0, 33] and train[[0, 33]].tolist() == [0, 1]
    assert int((test != IGNORED).sum()) == 32 and test[0] == test[33] == IGNORED
    sides = [Karate.classes.index(club.nodes[node]["club"]) for node in range(1, 33)]
    assert test[1:33].tolist() == sides
    assert splits.valid is None


def test_planetoid_has_rows_that_sum_to_one_self_loops_and_disjoint_splits(tmp_path, small_data):
    small_data.write_planetoid(tmp_path)
    source = Planetoid("cora", str(tmp_path))
    splits = source.splits()
    parts = [(part[0][1] != IGNORED) for part in (splits.train, splits.valid, splits.test)]
    assert [int(part.sum()) for part in parts] == [21, 29, 40] and int(sum(part.int() for part in parts).max()) == 1
    (x, graph), targets = splits.train[0]
    assert splits.test[0][0][1] is graph  # one graph for all splits
    torch.testing.assert_close(x.sum(1)[:-1], torch.ones(89))
    assert (x[-1] == 0).all()
    assert (graph.to_dense().diagonal() == 1).all() and torch.equal(graph.to_dense(), graph.to_dense().T)
    assert targets[:7].tolist() == list(range(7)) and len(source.classes) == 7
    bare = Planetoid("cora", str(tmp_path), self_loops=False).labelled().graph
    assert (bare.to_dense().diagonal() == 0).all() and graph.num_edges == bare.num_edges + 90


def test_rows_of_zeros_stay():
    assert row_normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist() == [[0.25, 0.75], [0.0, 0.0]]


def test_a_checkpoint_keeps_the_neighbourhood_of_the_node_of_highest_degree():
    star = Graph.from_edges(torch.arange(1, 100), torch.full((99,), 7), 100).to_undirected().with_self_loops()
    x = torch.arange(100.0)[:, None]
    kept, graph = Karate().excerpt((x, star))
    assert graph.num_nodes == EXCERPT == len(kept) and 7.0 in kept
    assert graph.num_edges == 2 * (EXCERPT - 1) + EXCERPT
    small = (x[:3], Graph.empty(3))
    assert Karate().excerpt(small) is small


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: Planetoid("coral"), ValueError, "Did you mean 'cora'"),
        (lambda folder: Planetoid("cora").splits(), DataError, "--data.root FOLDER"),
        (lambda folder: Planetoid("cora", str(folder / "absent")).splits(), DataError, "absent"),
        (lambda folder: Planetoid("citeseer", str(folder)).splits(), DataError, "citeseer has 6 classes, the files"),
    ],
)
def test_what_is_absent_or_does_not_fit_is_one_sentence(tmp_path, small_data, make, error, words):
    small_data.write_planetoid(tmp_path, "citeseer")
    with pytest.raises(error, match=words):
        make(tmp_path)
