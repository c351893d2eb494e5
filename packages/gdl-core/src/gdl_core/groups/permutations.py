"""The law of permutations, which every group of permutations has."""

import torch
from torch import Tensor

from gdl_core.groups.base import Group


class Permutations(Group):
    """A group of permutations of n points: `p[n]` with `p[i]` the image of point i, int64. It lacks its elements."""

    element_dtype = torch.int64

    def identity(self) -> Tensor:
        return torch.arange(self.element_shape[0])

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        g, h = torch.broadcast_tensors(g, h)
        return torch.gather(g, -1, h)

    def inverse(self, g: Tensor) -> Tensor:
        return torch.argsort(g, dim=-1)
