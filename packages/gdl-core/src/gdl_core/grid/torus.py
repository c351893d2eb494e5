"""The torus as a Lie group: real shifts along periodic axes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.groups import Group


class Torus(Group):
    """R^k modulo the sizes of k periodic axes; an element is a real shift in points, `[k]`, added modulo the sizes.

    >>> Torus([8, 6]).compose(torch.tensor([7.5, 1.0]), torch.tensor([1.0, 1.0]))
    tensor([0.5000, 2.0000])
    """

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(int(size) for size in sizes)
        self.name = f"Torus({list(self.sizes)!r})"
        self.element_shape = (len(self.sizes),)
        self._period = torch.tensor(self.sizes, dtype=torch.float64)

    def identity(self) -> Tensor:
        return torch.zeros(self.element_shape, dtype=torch.float64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return (g + h) % self._period.to(g.dtype)

    def inverse(self, g: Tensor) -> Tensor:
        return -g % self._period.to(g.dtype)

    def algebra(self) -> Tensor:
        return torch.eye(len(self.sizes), dtype=torch.float64)

    def exp(self, a: Tensor) -> Tensor:
        return a % self._period.to(a.dtype)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw uniform shifts, `[count, k]`."""
        return torch.rand(count, *self.element_shape, generator=generator, dtype=torch.float64) * self._period
