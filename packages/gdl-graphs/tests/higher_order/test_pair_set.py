"""Pairs of points: their order, their symmetry, matrices and back, and values from graphs."""

import pickle

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_graphs import Graph, PairSet, pair_values

SIZES = [3, 1, 0, 4]


@pytest.fixture
def pairs():
    return PairSet.of(SIZES)


def test_pairs_are_the_entries_of_matrices_row_by_row(pairs):
    matrices = [torch.randn(n, n, 2).double() for n in SIZES]
    x = torch.cat([m.reshape(-1, 2) for m in matrices])
    whole = pairs.to_matrices(x)
    assert whole.shape == (4, 2, 4, 4)
    for place, (matrix, n) in enumerate(zip(matrices, SIZES)):
        assert torch.equal(whole[place, :, :n, :n], matrix.permute(2, 0, 1))
    assert float(whole.abs().sum()) == pytest.approx(float(x.abs().sum()))  # the rest is zero
    assert torch.equal(pairs.from_matrices(whole), x)
    assert torch.equal(pairs.transposed(x), torch.cat([m.transpose(0, 1).reshape(-1, 2) for m in matrices]))
    diagonal = torch.cat([m.diagonal().T for m in matrices])
    assert torch.equal(pairs.diagonal_of(x), diagonal)
    back = pairs.on_diagonal(diagonal)
    assert torch.equal(pairs.diagonal_of(back), diagonal) and int((back != 0).sum()) == diagonal.numel()


def test_equal_sizes_need_no_padding_and_give_the_same():
    even, x = PairSet.of([3, 3]), torch.randn(18, 2)
    assert even.slots is None and even.size == 3
    assert torch.equal(even.to_matrices(x), x.reshape(2, 3, 3, 2).permute(0, 3, 1, 2))
    assert torch.equal(even.from_matrices(even.to_matrices(x)), x)


def test_a_permutation_of_points_conjugates_the_matrix(pairs):
    symmetry = pairs.symmetries()["permutation"]
    g = symmetry.group.sample(1, torch.Generator().manual_seed(0))[0]
    x = torch.randn(pairs.num_pairs, 1).double()
    moved = symmetry.act(g, Signal(x, pairs, FieldType.scalars(1))).values
    whole, after = pairs.to_matrices(x)[:, 0], pairs.to_matrices(moved)[:, 0]
    local = g[4:] - 4
    assert torch.equal(after[3][local][:, local], whole[3])
    points = pairs.points
    values = torch.arange(8.0)[:, None]
    assert torch.equal(symmetry.move(g, values, points)[0][g], values)
    with pytest.raises(TypeError, match="do not act"):
        symmetry.move(g, values, Graph.empty(8))


def test_batches_are_taken_apart_exactly(pairs):
    parts = pairs.unbatch()
    assert [part.size for part in parts] == SIZES
    again = PairSet.collate(parts)
    assert torch.equal(again.incidence.edge_index(), pairs.incidence.edge_index()) and str(again) == str(pairs)
    assert [part.num_points for part in pairs.points.unbatch()] == SIZES
    assert type(pairs.points).collate([pairs.points, pairs.points]).num_points == 16
    with pytest.raises(ValueError, match="at least one"):
        PairSet.collate([])
    assert pickle.loads(pickle.dumps(pairs)).num_pairs == 26
    assert str(PairSet.of(4)) == "PairSet(1 x 4² pairs)"
    assert str(pairs) == "PairSet(4 samples, 26 pairs)"
    with pytest.raises(ValueError, match="a whole number from 0"):
        PairSet.of([3, -1])


def test_values_of_a_graph_are_its_adjacency_its_edge_features_and_its_nodes_on_the_diagonal(draw):
    one, two = (draw(nodes=n, edges=2 * n, seed=n, weight=True, features=2) for n in (5, 4))
    batch, x = Graph.collate([one, two]), torch.randn(9, 3).double()
    values, pairs = pair_values(batch, x)
    whole = pairs.to_matrices(values)
    assert values.shape == (41, 7) and values.dtype == torch.float64
    for place, (graph, start) in enumerate(((one, 0), (two, 5))):
        n = graph.num_nodes
        assert torch.equal(whole[place, 0, :n, :n], torch.eye(n).double())
        assert torch.allclose(whole[place, 1, :n, :n], graph.to_dense(), atol=1e-14)
        dense = graph.replace(edge_weight=graph.edge_features[:, 1].contiguous()).to_dense()
        assert torch.allclose(whole[place, 3, :n, :n], dense, atol=1e-14)
        assert torch.equal(whole[place, 4:, :n, :n].diagonal(dim1=1, dim2=2), x[start : start + n].T)
    assert pair_values(Graph.empty(3))[0].shape == (9, 2)
    with pytest.raises(ValueError, match="pair_values"):
        pair_values(one, x)
