"""ResNet for small images of any size."""

from collections.abc import Sequence

from gdl_core.geometry import Blueprint, Domain
from gdl_core.geometry.pointwise import Pointwise
from torch import nn

from gdl_grids.conv import Conv
from gdl_grids.models.blocks import ResidualBlock, coarsening
from gdl_grids.norm import BatchNorm
from gdl_grids.readout import GlobalPool


def resnet(
    in_channels: int = 3,
    classes: int = 10,
    *,
    channels: Sequence[int] = (16, 32, 64),
    blocks: int | Sequence[int] = 3,
    pool: str = "polyphase",
    ndim: int = 2,
    domain: Domain | None = None,
) -> Blueprint:
    """Return a residual network of one stage per entry of `channels` (He et al. 2016, §4.2; the book, §5.1).

    A convolution, then stages of residual blocks with a pool between stages, the mean over the grid and a linear map.
    Three stages of n blocks are the ResNet-(6n + 2) of CIFAR; four of two are the body of ResNet-18.

    Args:
        in_channels, classes: of the images and of the output.
        channels: of each stage.
        blocks: per stage; one number for all or one each.
        pool, ndim, domain: as in `lenet`.
    """
    depths = [blocks] * len(channels) if isinstance(blocks, int) else list(blocks)
    if len(depths) != len(channels):
        raise ValueError(f"resnet takes one number of blocks per stage: {len(channels)} stages, got {depths}.")
    width = channels[0]
    conv = Conv(in_channels, width, 3, bias=False, ndim=ndim)
    parts: list[nn.Module] = [conv, BatchNorm(width), Pointwise(width, "relu")]
    for stage, (wider, depth) in enumerate(zip(channels, depths)):
        if stage:
            parts.append(coarsening(width, pool))
        for _ in range(depth):
            parts.append(ResidualBlock(width, wider, ndim=ndim))
            width = wider
    return Blueprint([*parts, GlobalPool(width), nn.Linear(width, classes)], domain)
