"""`GlobalBatches`: which samples are in which batch, the same for any number of processes; `Draw`: of which epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import torch


class GlobalBatches:
    """Batches of indices; process `rank` of `world` gets its share of each.

    The order depends on (seed, epoch) only and a batch is cut into equal shares, so the mean of the processes'
    mean gradients is the gradient of the whole batch: any number of processes takes the same steps. Lightning's
    sampler would give every process its own batches and repeat samples to make them even.

    Args:
        size: the number of samples.
        batch_size: samples per batch over all processes.
        train: shuffle, and leave out the incomplete last batch (of other samples in each epoch); otherwise go through
            all samples once, in order, where the last shares may differ in size.
        seed: of the shuffling.
        rank, world: which process of how many.

    Raises:
        ValueError: if the samples cannot be shared: fewer than processes, or (to train) an uneven batch.
    """

    def __init__(self, size: int, batch_size: int, train: bool, seed: int = 0, rank: int = 0, world: int = 1):
        self.size, self.train, self.seed, self.rank, self.world = size, train, seed, rank, world
        self.batch_size = min(batch_size, size)
        if self.batch_size < world:
            raise ValueError(f"Expected at least one sample per process, got {self.batch_size} for {world} processes.")
        if train and self.batch_size % world:
            raise ValueError(
                f"Expected a batch size divisible by {world} processes, got {self.batch_size}: "
                "equal shares keep the result independent of the number of processes."
            )
        self.epoch = 0
        self.start = 0  # batches of this epoch that an interrupted run has done

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; a new epoch starts at its first batch."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        return len(self._starts())

    def __iter__(self) -> Iterator[list[int]]:
        if self.train:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.size, generator=generator).tolist()
        else:
            order = list(range(self.size))
        starts = self._starts()
        ends = [*starts[1:], len(starts) * self.batch_size if self.train else self.size]
        for first, last in list(zip(starts, ends))[self.start :]:
            yield order[first:last][self.rank :: self.world]

    def _starts(self) -> list[int]:
        starts = list(range(0, self.size, self.batch_size))
        left = self.size - starts[-1]
        # A rest smaller than the number of processes joins the batch before: nobody may be left without a batch.
        if len(starts) > 1 and (left < self.batch_size if self.train else left < self.world):
            starts.pop()
        return starts


class Draw(NamedTuple):
    """One batch of samples that are drawn anew in every epoch: everything that its randomness may depend on."""

    indices: list[int]
    seed: int
    epoch: int


class Draws:
    """The batches of a `GlobalBatches` as `Draw`s: workers live through epochs, and must be told which one it is."""

    def __init__(self, batches: GlobalBatches):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        for indices in self.batches:
            yield [Draw(indices, self.batches.seed, self.batches.epoch)]
