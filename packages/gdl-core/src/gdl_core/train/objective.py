"""`Objective`: what is learnt where a target is more than one tensor. Plugins implement it; it imports no Lightning."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class Objective(ABC):
    """A loss and the figures beside it, as a recipe names it (`objective:`), in place of what `task:` offers.

    Outputs and targets are what network and source agree on, such as named tuples of tensors.

    Attributes:
        figures: the names of the figures beside the loss; the first one chooses the best epoch.
        more_is_better: whether more of that one is.
    """

    figures: tuple[str, ...]
    more_is_better = False

    @abstractmethod
    def check(self, output: Any, targets: Any) -> str | None:
        """Return a sentence if an output does not fit the targets, such as "The model gives …, the data needs …."."""

    @abstractmethod
    def measure(self, output: Any, targets: Any) -> dict[str, tuple[Tensor, Tensor | int]]:
        """Return `"loss"` and every figure: its mean over the batch, and over how many rows that is.

        An epoch's figure is the mean over all rows, however they were batched.
        """
