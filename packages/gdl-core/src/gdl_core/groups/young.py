"""Permutations of the points of each sample: the symmetry of sets and graphs (the book, §5.3)."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.groups.permutations import Permutations


class YoungSubgroup(Permutations):
    """S_{n_1} x … x S_{n_b}, the permutations of n = n_1 + … + n_b points that keep every block of them in place.

    An element is `p[n]` with `p[i]` the image of point i. For one block it is the symmetric group.

    Args:
        sizes: the sizes of the blocks, in order.
    """

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(int(size) for size in sizes)
        self.starts = (0, *itertools.accumulate(self.sizes))
        self.element_shape = (self.starts[-1],)
        self.order = math.prod(map(math.factorial, self.sizes)) if self.starts[-1] <= 100 else None
        self.name = f"YoungSubgroup({self.sizes})"

    def generators(self) -> Tensor:
        """Return a transposition and a cycle of every block with at least two points."""
        found = []
        for start, stop in itertools.pairwise(self.starts):
            if stop - start < 2:
                continue
            swap = self.identity()
            swap[start], swap[start + 1] = start + 1, start
            found.append(swap)
            if stop - start > 2:
                cycle = self.identity()
                cycle[start:stop] = cycle[start:stop].roll(-1)
                found.append(cycle)
        return torch.stack(found or [self.identity()])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw uniform elements, `[count, n]`."""
        keys = torch.rand(count, self.starts[-1], generator=generator, dtype=torch.float64)
        for block, (start, stop) in enumerate(itertools.pairwise(self.starts)):
            keys[:, start:stop] += block  # sorted, blocks stay apart
        return keys.argsort(-1)
