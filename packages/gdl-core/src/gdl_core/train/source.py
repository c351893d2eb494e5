"""`Source`: where samples come from. Plugins implement it; it imports no Lightning and reads nothing when built."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from gdl_core.errors import GdlError
from gdl_core.geometry.domain import Signal


@dataclass(frozen=True)
class Splits:
    """The parts of a data set, map-style; a sample is a pair (input, target).

    Args:
        train: what is learnt from.
        test: what is measured once, at the end.
        valid: what chooses the best epoch; None to keep a part of `train` apart for it.
    """

    train: Dataset
    test: Dataset
    valid: Dataset | None = None


class Source(ABC):
    """A data set as a recipe names it (`data:`).

    Construction keeps the options and reads nothing, so that a checkpoint opens where its data is absent. `splits`
    reads, and raises `DataError` naming the file that is absent or damaged.

    Attributes:
        classes: the names of the classes, in the order of the network's outputs; None for a regression.
    """

    classes: Sequence[str] | None = None

    @abstractmethod
    def splits(self) -> Splits:
        """Read the data."""

    @abstractmethod
    def signal(self, values: Tensor) -> Signal:
        """Return a batch of inputs as a signal on the domain it lives on, for `gdl audit`."""

    def collate(self) -> Callable[[list[Any]], Any] | None:
        """Return the function that makes a batch of samples; None for PyTorch's default."""
        return None

    def read(self, path: Path, invert: bool = False) -> Tensor:
        """Return the file of a user as a batch of one input, for `gdl predict`."""
        raise GdlError(f"gdl predict: {type(self).__name__} does not say how to read {path.name}.")


class Samples(Dataset):
    """Inputs and targets in memory, taken a batch at a time.

    Args:
        inputs: `[n, ...]`, of any dtype.
        targets: `[n]`, class numbers, or `[n, ...]` values.
        prepare: maps a batch of inputs to what the network takes, such as normalised floats.
        augment: a random change of a prepared batch, for training; it draws from PyTorch's global generator.

    `__getitems__` returns a list of one batch (PyTorch's own hook for fetching many samples at once), which
    `unpack` opens: a batch costs one indexing instead of one per sample.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        prepare: Callable[[Tensor], Tensor] | None = None,
        augment: Callable[[Tensor], Tensor] | None = None,
    ):
        if len(inputs) != len(targets):
            raise ValueError(f"Samples expects as many targets as inputs, got {len(targets)} and {len(inputs)}.")
        self.inputs, self.targets, self.prepare, self.augment = inputs, targets, prepare, augment

    def plain(self) -> "Samples":
        """Return the same samples without the random changes."""
        return Samples(self.inputs, self.targets, self.prepare)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, targets = self.__getitems__([index])[0]
        return inputs[0], targets[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        inputs = self.inputs[indices]
        for change in (self.prepare, self.augment):
            inputs = inputs if change is None else change(inputs)
        return [(inputs, self.targets[indices])]


def unpack(batches: list[Any]) -> Any:
    """Return the only batch of the list that `Samples.__getitems__` made."""
    return batches[0]
