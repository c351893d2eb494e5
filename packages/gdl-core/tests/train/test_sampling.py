"""Batches and their shares among processes."""

import pytest
from gdl_core.train.sampling import GlobalBatches


def shares(size, batch_size, train, world, **more):
    return [list(GlobalBatches(size, batch_size, train, rank=rank, world=world, **more)) for rank in range(world)]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("size", [12, 13, 25, 36])
def test_training_batches_are_cut_into_equal_shares_of_the_batch_of_one_process(size, world):
    (whole,) = shares(size, 12, True, 1)
    parts = shares(size, 12, True, world)
    assert len(whole) == size // 12
    for step, batch in enumerate(whole):
        assert {len(part[step]) for part in parts} == {12 // world}
        assert sorted(index for part in parts for index in part[step]) == sorted(batch)


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [4, 10, 21, 22, 23, 24])
def test_evaluation_sees_every_sample_once_and_every_process_has_as_many_batches(size, world):
    parts = shares(size, 10, False, world)
    assert {len(part) for part in parts} == {len(GlobalBatches(size, 10, False, rank=0, world=world))}
    assert all(batch for part in parts for batch in part)
    assert sorted(index for part in parts for batch in part for index in batch) == list(range(size))


def test_order_depends_on_seed_and_epoch_only():
    first, again, other = (GlobalBatches(40, 10, True, seed=seed) for seed in (1, 1, 2))
    assert list(first) == list(again) == list(first)
    assert list(first) != list(other)
    first.set_epoch(1)
    assert list(first) != list(again)
    assert first.epoch == 1


def test_an_epoch_goes_on_where_it_was_left_and_the_next_starts_at_its_beginning():
    batches = GlobalBatches(40, 10, True)
    whole = list(batches)
    batches.start = 3
    batches.set_epoch(0)
    assert list(batches) == whole[3:]
    assert len(batches) == 4  # the length of an epoch, wherever it goes on
    batches.set_epoch(1)
    assert len(list(batches)) == 4


def test_a_data_set_smaller_than_a_batch_is_one_batch():
    assert [len(batch) for batch in GlobalBatches(5, 64, True)] == [5]


def test_samples_that_cannot_be_shared_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match="divisible by 3 processes, got 10"):
        GlobalBatches(40, 10, True, world=3)
    with pytest.raises(ValueError, match="at least one sample per process, got 2 for 4"):
        GlobalBatches(2, 10, False, world=4)
