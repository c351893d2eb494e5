"""`Incidence`: canonical order, both directions, exact batches, and sentences for bad edges."""

import io

import numpy as np
import pytest
import scipy.sparse
import torch
from gdl_core.incidence import Incidence, aggregate, segment_softmax
from torch import Tensor
from torch.utils import _pytree

FIELDS = ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm", "edge_id")


def edges(seed: int = 0, count: int = 40, senders: int = 6, receivers: int = 9) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(max(size, 1), (count,), generator=g) for size in (senders, receivers))  # type: ignore[return-value]


def make(seed: int = 0, count: int = 40, senders: int = 6, receivers: int = 9) -> Incidence:
    return Incidence.from_edges(*edges(seed, count, senders, receivers), senders, receivers)


def assert_same(left: Incidence, right: Incidence) -> None:
    for field in FIELDS:
        assert torch.equal(getattr(left, field), getattr(right, field)), field


def test_the_order_is_by_receiver_then_sender_then_position():
    sender, receiver = edges()
    inc = make()
    expected = sorted(range(40), key=lambda e: (int(receiver[e]), int(sender[e]), e))
    assert inc.edge_id.tolist() == expected
    assert torch.equal(inc.from_given(sender).int(), inc.sender)
    assert torch.equal(inc.to_given(inc.receiver).long(), receiver)
    assert all(getattr(inc, field).dtype == torch.int32 for field in FIELDS)


def test_both_directions_describe_the_same_edges():
    inc = make()
    for i in range(9):
        assert inc.receiver[inc.ptr[i] : inc.ptr[i + 1]].eq(i).all()
    for j in range(6):
        assert inc.sender[inc.perm[inc.ptr_t[j] : inc.ptr_t[j + 1]]].eq(j).all()
    assert torch.equal(inc.receiver[inc.perm], inc.receiver_t)
    assert torch.equal(inc.degree(), torch.bincount(inc.receiver, minlength=9).int())


def test_transposing_twice_changes_nothing():
    inc = make()
    assert_same(inc.transpose().transpose(), inc)
    assert torch.equal(inc.transpose().to_dense(), inc.to_dense().T)
    assert_same(inc.transpose(), Incidence.from_edges(*edges()[::-1], 9, 6))


def test_shuffled_edges_give_bitwise_equal_results():
    sender, receiver = edges(count=60)
    pairs = torch.stack([receiver, sender]).unique(dim=1)  # no repeated edges: their order would be the user's
    x = torch.randn(6, 16)
    shuffle = torch.randperm(pairs.shape[1], generator=torch.Generator().manual_seed(3))
    first = Incidence.from_edges(pairs[1], pairs[0], 6, 9)
    second = Incidence.from_edges(pairs[1][shuffle], pairs[0][shuffle], 6, 9)
    weight = torch.randn(pairs.shape[1])
    one = aggregate(first, x, first.from_given(weight))
    two = aggregate(second, x, second.from_given(weight[shuffle]))
    assert torch.equal(one, two)
    assert torch.equal(first.sender, second.sender)


def test_the_constructors_agree():
    sender, receiver = edges()
    inc = make()
    assert_same(Incidence.from_edge_index(torch.stack([sender, receiver]), 6, 9), inc)
    dense = (inc.to_dense() > 0).float()
    from_dense = Incidence.from_dense(dense)
    assert torch.equal(from_dense.to_dense(), dense)
    matrix = scipy.sparse.coo_matrix((np.arange(40.0), (receiver.numpy(), sender.numpy())), shape=(9, 6))
    from_scipy = Incidence.from_scipy(matrix)
    assert_same(from_scipy, inc)
    values = torch.as_tensor(matrix.data)[from_scipy.edge_id]
    np.testing.assert_array_equal(from_scipy.to_dense(values).numpy(), matrix.toarray())


def test_unbatch_undoes_collate_exactly_with_empty_members():
    parts = [make(0), make(1, count=0), make(2, senders=1, receivers=1), make(3, count=0, senders=0, receivers=0)]
    batch = Incidence.collate(parts)
    assert (batch.batch_size, batch.num_edges, batch.num_senders, batch.num_receivers) == (4, 80, 13, 19)
    for part, back in zip(parts, batch.unbatch(), strict=True):
        assert_same(part, back)
    assert torch.equal(batch.to_dense(), torch.block_diag(*(part.to_dense() for part in parts[:3])))
    assert_same(batch, Incidence.collate([Incidence.collate(parts[:2]), Incidence.collate(parts[2:])]))
    for part, back in zip(parts, batch.transpose().unbatch(), strict=True):
        assert_same(part.transpose(), back)


def test_a_batch_is_canonical_itself():
    batch = Incidence.collate([make(0), make(1)])
    rebuilt = Incidence.from_edges(batch.sender, batch.receiver, batch.num_senders, batch.num_receivers)
    for field in FIELDS[:-1]:
        assert torch.equal(getattr(batch, field), getattr(rebuilt, field)), field


def test_batching_equals_looping():
    parts = [make(0), make(1, count=0), make(2)]
    batch = Incidence.collate(parts)
    x = [torch.randn(part.num_senders, 4) for part in parts]
    together = aggregate(batch, torch.cat(x))
    assert torch.equal(together, torch.cat([aggregate(p, v) for p, v in zip(parts, x, strict=True)]))


def test_it_is_a_pytree_and_saves_without_pickle():
    inc = Incidence.collate([make(0), make(1)])
    leaves, spec = _pytree.tree_flatten(inc)
    assert len(leaves) == 8
    assert_same(_pytree.tree_unflatten(leaves, spec), inc)
    buffer = io.BytesIO()
    torch.save(inc, buffer)
    buffer.seek(0)
    assert_same(torch.load(buffer, weights_only=True), inc)
    assert inc.to("meta").device.type == "meta"


@pytest.mark.parametrize(
    ("sender", "receiver", "error", "sentence"),
    [
        ([0, 6, 7], [0, 0, 0], ValueError, r"Edge 1 goes from sender 6 to receiver 0, but there are 6 senders"),
        ([0, 0], [0, -1], ValueError, r"Edge 1 goes from sender 0 to receiver -1, but there are 9 receivers"),
        ([0, 0], [0], ValueError, r"got 2 senders and 1 receivers"),
        ([[0]], [0], ValueError, r"sender must have the shape \[e\], got \[1, 1\]"),
        ([0.5], [0], TypeError, r"Edges are given as integers, got sender of dtype torch.float32"),
        ([0], [True], TypeError, r"Edges are given as integers, got receiver of dtype torch.bool"),
    ],
)
def test_bad_edges_are_sentences(sender, receiver, error, sentence):
    with pytest.raises(error, match=sentence):
        Incidence.from_edges(torch.tensor(sender), torch.tensor(receiver), 6, 9)


def test_other_bad_input_is_a_sentence():
    none = torch.zeros(0, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"got num_senders = -1"):
        Incidence.from_edges(none, none, -1, 1)
    with pytest.raises(ValueError, match=r"got num_receivers = 4294967296"):
        Incidence.from_edges(none, none, 1, 2**32)
    with pytest.raises(ValueError, match=r"\[2, e\], got \[3, 1\]"):
        Incidence.from_edge_index(torch.zeros(3, 1, dtype=torch.int64), 4)
    with pytest.raises(ValueError, match=r"a matrix \[receivers, senders\], got \[3\]"):
        Incidence.from_dense(torch.ones(3))
    with pytest.raises(TypeError, match=r"takes a scipy.sparse matrix, got list"):
        Incidence.from_scipy([[1]])
    with pytest.raises(ValueError, match="at least one incidence"):
        Incidence.collate([])


def test_validation_looks_at_indices_of_any_integer_type():
    inc = Incidence.from_edges(torch.tensor([3], dtype=torch.uint8), torch.tensor([1], dtype=torch.int16), 4, 2)
    assert inc.edge_index().tolist() == [[3], [1]]
    assert segment_softmax(inc, torch.zeros(1)).tolist() == [1]


@pytest.mark.parametrize(("senders", "receivers", "edges"), [(7, 5, 60), (1, 4, 9), (3, 1, 0), (400, 300, 5000)])
def test_counting_and_comparing_sort_edges_alike(senders, receivers, edges, monkeypatch):
    draw = torch.Generator().manual_seed(edges)
    sender = torch.randint(senders, (edges,), generator=draw)
    receiver = torch.randint(receivers, (edges,), generator=draw)
    found = []
    for backend in ("cpu", "reference"):
        monkeypatch.setenv("GDL_KERNELS", backend)
        found.append(Incidence.from_edges(sender, receiver, senders, receivers))
    for name in ("ptr", "sender", "receiver", "ptr_t", "receiver_t", "perm", "edge_id"):
        one, two = (getattr(incidence, name) for incidence in found)
        assert one.dtype == torch.int32
        assert torch.equal(one, two)
