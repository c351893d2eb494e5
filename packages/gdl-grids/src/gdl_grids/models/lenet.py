"""LeNet with global pooling, so that it takes images of any size."""

from collections.abc import Sequence

from gdl_core.geometry import Blueprint, Domain
from gdl_core.geometry.pointwise import Pointwise
from torch import nn

from gdl_grids.conv import Conv
from gdl_grids.models.blocks import coarsening
from gdl_grids.norm import BatchNorm
from gdl_grids.readout import GlobalPool


def lenet(
    in_channels: int = 1,
    classes: int = 10,
    *,
    channels: Sequence[int] = (32, 64, 128),
    kernel_size: int = 5,
    pool: str = "polyphase",
    ndim: int = 2,
    domain: Domain | None = None,
) -> Blueprint:
    """Return convolution → norm → ReLU → pool, repeated, then the mean over the grid and a linear map.

    After LeCun et al. 1998, with a global mean in place of the flattened image: with `pool="polyphase"` on a periodic
    grid whose sizes 2^(len(channels) - 1) divides, the output is exactly invariant under shifts.

    Args:
        in_channels, classes: of the images and of the output.
        channels: of each convolution; there is a pool between any two.
        kernel_size: of the convolutions.
        pool: see `coarsening`. The weights do not depend on it.
        ndim: the number of axes of the images.
        domain: the grid the images live on; a periodic grid of their size if left out.
    """
    parts: list[nn.Module] = []
    width = in_channels
    for position, wider in enumerate(channels):
        if position:
            parts.append(coarsening(width, pool))
        conv = Conv(width, wider, kernel_size, bias=False, ndim=ndim)
        parts += [conv, BatchNorm(wider), Pointwise(wider, "relu")]
        width = wider
    return Blueprint([*parts, GlobalPool(width), nn.Linear(width, classes)], domain)
