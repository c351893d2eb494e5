"""From a `Source` to batches: the loader and Lightning's data module, both thin."""

from collections.abc import Iterator
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from gdl_core.train.names import ConfigError
from gdl_core.train.options import LoaderOptions
from gdl_core.train.sampling import Draws, GlobalBatches
from gdl_core.train.source import DrawnSamples, Samples, Source, unpack


class Loader:
    """A `DataLoader` that can be left in the middle of an epoch and taken up there.

    Lightning stores `state_dict()` in a checkpoint and gives it back on resuming. `sampler` is where it announces
    the epoch.
    """

    def __init__(self, dataset: Any, batches: GlobalBatches, source: Source, workers: int = 0, pin: bool = False):
        whole = dataset.dataset if isinstance(dataset, Subset) else dataset
        self.dataset = dataset
        self.sampler = self.batch_sampler = batches
        self.consumed = 0
        self._loader = DataLoader(
            dataset,
            batch_sampler=Draws(batches) if isinstance(whole, DrawnSamples) else batches,  # type: ignore[arg-type]
            collate_fn=unpack if isinstance(whole, Samples | DrawnSamples) else source.collate(),
            num_workers=workers,
            pin_memory=pin,
            persistent_workers=workers > 0,
            generator=torch.Generator().manual_seed(
                batches.seed
            ),  # starting an epoch must not draw from the global one
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        self.consumed = self.sampler.start
        for batch in self._loader:
            self.consumed += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.sampler.epoch, "consumed": self.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.sampler.epoch, self.sampler.start = state["epoch"], state["consumed"]


class DataModule(lightning.LightningDataModule):
    """The splits of a source, shared among the processes by `GlobalBatches`."""

    def __init__(self, source: Source, options: LoaderOptions, seed: int = 0):
        super().__init__()
        self.source, self.options, self.seed = source, options, seed
        self.train: Any = None

    def setup(self, stage: str = "fit") -> None:
        """Read the data once; raises DataError."""
        if self.train is not None:
            return
        splits = self.source.splits()
        self.train, self.valid, self.test = splits.train, splits.valid, splits.test
        whole: Any = splits.train
        held_out = int(len(whole) * self.options.valid_fraction)
        if splits.valid is None and held_out:
            if isinstance(whole, DrawnSamples):
                raise ConfigError(
                    f"--loader.valid_fraction: expected 0, got {self.options.valid_fraction}: the samples of "
                    f"{type(self.source).__name__} are drawn, so none are kept apart."
                )
            order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(self.seed))
            plain = whole.plain() if isinstance(whole, Samples) else whole
            self.train = Subset(whole, order[held_out:].tolist())
            self.valid = Subset(plain, order[:held_out].tolist())

    def example(self, count: int = 4) -> tuple[Any, Tensor]:
        """Return the first test samples as a batch."""
        return next(iter(self._loader(self.test, train=False, batch_size=count, share=False)))

    def train_dataloader(self) -> Loader:
        return self._loader(self.train, train=True)

    def val_dataloader(self) -> Loader | list:
        return [] if self.valid is None else self._loader(self.valid, train=False)

    def test_dataloader(self) -> Loader:
        return self._loader(self.test, train=False)

    def _loader(self, dataset: Any, train: bool, batch_size: int | None = None, share: bool = True) -> Loader:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if share and self.trainer else (0, 1)
        size = batch_size or self.options.batch_size
        batches = GlobalBatches(len(dataset), size, train, self.seed, rank, world)
        pin = share and self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        return Loader(dataset, batches, self.source, self.options.workers if share else 0, pin)
