"""Normalisations whose statistics are taken over the whole grid, so that they commute with every motion of it."""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.grid import grid_of
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn import functional

from gdl_grids.checks import scalar_type

EXACT = ("shift", "rotation", "reflection", "lattice")


class BatchNorm(Layer):
    """y_c = γ_c (x_c - E[x_c]) / √(Var[x_c] + ε) + β_c, over the batch and the grid (Ioffe and Szegedy 2015).

    In evaluation E and Var are the running averages, so the layer is a fixed affine map per channel. Unlike
    `torch.nn.BatchNormNd`, one class for every number of axes.

    Args:
        type: invariant channels.
        momentum: the weight of a new batch in the running averages.
        eps: ε.
    """

    claims = EXACT
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, type: FieldType | int, *, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__(type, type)
        c = scalar_type(self.in_type, self).channels
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid_of(x, domain, self, self.in_type)
        mean, var = self.running_mean, self.running_var
        return functional.batch_norm(x, mean, var, self.weight, self.bias, self.training, self.momentum, self.eps)


class GroupNorm(Layer):
    """The same within each sample, over the grid and groups of channels (Wu and He 2018).

    Args:
        type: invariant channels.
        groups: how many groups; one is `LayerNorm`, one per channel is `InstanceNorm`.
        eps: ε.

    Raises:
        ValueError: if `groups` does not divide the channels.
    """

    claims = EXACT

    def __init__(self, type: FieldType | int, groups: int = 8, *, eps: float = 1e-5):
        super().__init__(type, type)
        c = scalar_type(self.in_type, self).channels
        if not isinstance(groups, int) or groups < 1 or c % groups:
            raise ValueError(f"{self.__class__.__name__}: groups must divide the {c} channels, got {groups!r}.")
        self.groups, self.eps = groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid_of(x, domain, self, self.in_type)
        return functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class LayerNorm(GroupNorm):
    """`GroupNorm` of one group: statistics over all channels and the grid, per sample (Ba et al. 2016).

    Args:
        type: invariant channels.
        eps: ε.
    """

    def __init__(self, type: FieldType | int, *, eps: float = 1e-5):
        super().__init__(type, 1, eps=eps)


class InstanceNorm(GroupNorm):
    """`GroupNorm` of one group per channel: statistics over the grid alone (Ulyanov et al. 2016).

    Args:
        type: invariant channels.
        eps: ε.
    """

    def __init__(self, type: FieldType | int, *, eps: float = 1e-5):
        channels = type if isinstance(type, int) else type.channels
        super().__init__(type, max(1, channels), eps=eps)
