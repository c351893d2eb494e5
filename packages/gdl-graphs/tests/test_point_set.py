"""`PointSet`: sizes, positions, batches."""

import pickle

import numpy as np
import torch
from gdl_graphs import PointSet


def test_offsets_and_owners():
    points = PointSet.of([2, 0, 3], torch.arange(10.0).reshape(5, 2))
    assert points.ptr.tolist() == [0, 2, 2, 5] and points.owner.tolist() == [0, 0, 2, 2, 2]
    assert (points.num_points, points.batch_size, points.size) == (5, 3, None)
    assert points.ptr.dtype == points.owner.dtype == torch.int32
    assert str(points) == "PointSet(3 x ? points)" and str(PointSet.of([4, 4])) == "PointSet(2 x 4 points)"


def test_equal_sizes_are_known_without_looking_at_tensors():
    assert PointSet.of(4).size == PointSet.of([4, 4]).size == PointSet.of([np.int64(4)]).size == 4
    assert PointSet.of(0).size == 0 and PointSet.of([]).size is None
    assert PointSet.collate([PointSet.of(2), PointSet.of([2, 2])]).size == 2
    assert PointSet.collate([PointSet.of(2), PointSet.of(3)]).size is None


def test_unbatch_is_the_inverse_of_collate():
    parts = [PointSet.of(n, torch.randn(n, 3)) for n in (2, 0, 3)]
    whole = PointSet.collate(parts)
    for part, back in zip(parts, whole.unbatch(), strict=True):
        assert torch.equal(part.ptr, back.ptr) and torch.equal(part.owner, back.owner) and part.size == back.size
        assert torch.equal(part.positions, back.positions)
    back = pickle.loads(pickle.dumps(whole))
    assert back.size == whole.size and torch.equal(back.positions, whole.positions)
