"""`Source`: where samples come from. Plugins implement it; it imports no Lightning and reads nothing when built."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from gdl_core.errors import GdlError
from gdl_core.geometry.domain import Domain, Signal
from gdl_core.representations.field_type import FieldType
from gdl_core.train.sampling import Draw

IGNORED = -100  # as a target: what this entry is does not count, PyTorch's `ignore_index`


@dataclass(frozen=True)
class Splits:
    """The parts of a data set, map-style; a sample is a pair (input, target).

    An input is a tensor, or (values `[n, c]`, domain) where samples live on domains of their own; its target then has
    a row for each thing to predict: `[n]` for points, `[1]` for the sample as a whole. Class numbers `IGNORED` (-100)
    are left out of losses and figures: a graph of which a part of the nodes is the test set is one sample of each
    split, with the targets of the other splits ignored.

    Args:
        train: what is learnt from.
        test: what is measured once, at the end.
        valid: what chooses the best epoch; None to keep a part of `train` apart for it.
    """

    train: "Dataset | Sequence[tuple[Any, Any]]"
    test: "Dataset | Sequence[tuple[Any, Any]]"
    valid: "Dataset | Sequence[tuple[Any, Any]] | None" = None


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

    def signal(self, inputs: Any) -> Signal:
        """Return a batch of inputs as a signal on the domain it lives on, for `gdl audit`.

        Inputs (values, domain) are scalars on that domain unless a source says otherwise.
        """
        if not _on_domain(inputs):
            raise GdlError(f"{type(self).__name__} does not say on which domain its inputs live.")
        values, domain = inputs
        return Signal(values, domain, FieldType.scalars(values.shape[domain.channel_axis]))

    def collate(self) -> Callable[[list[Any]], Any]:
        """Return the function that makes a batch of samples."""
        return collate

    def excerpt(self, inputs: Any) -> Any:
        """Return the part of a batch of test inputs that checkpoints keep as an example; all of it by default."""
        return inputs

    def read(self, path: Path, invert: bool = False) -> Any:
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


class DrawnSamples(Dataset, ABC):
    """Samples that are drawn anew in every epoch, a batch at a time, such as neighbourhoods of nodes in a large graph.

    A subclass gives `__len__` and `draw`. What it draws may depend on the `Draw` only, so that any number of workers
    draws the same. It is not cut: its source gives a validation split, or the recipe sets `loader.valid_fraction` to 0.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def draw(self, asked: Draw) -> Any:
        """Return the batch of the samples `asked.indices`."""

    def __getitems__(self, asked: list[Draw]) -> list[Any]:
        return [self.draw(one) for one in asked]


def unpack(batches: list[Any]) -> Any:
    """Return the only batch of a list: of `Samples`, of `DrawnSamples`, or of a split that is one batch."""
    return batches[0]


def collate(samples: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return a batch of samples: inputs (values, domain) one after the other on one domain, others as PyTorch does."""
    if not _on_domain(samples[0][0]):
        return default_collate(samples)
    if len(samples) == 1:  # a large graph is not copied
        return samples[0]
    values = torch.cat([values for (values, _), _ in samples])
    domains = [domain for (_, domain), _ in samples]
    targets = torch.cat([target for _, target in samples])
    return (values, type(domains[0]).collate(domains)), targets


def _on_domain(inputs: Any) -> bool:
    return isinstance(inputs, tuple | list) and len(inputs) == 2 and isinstance(inputs[1], Domain)
