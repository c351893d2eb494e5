"""Spherical convolutional networks."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Blueprint, Domain
from gdl_core.geometry.pointwise import Pointwise
from torch import nn

from gdl_groups.spherical.conv import SphericalConv
from gdl_groups.spherical.correlation import S2ToSO3Conv, SO3Conv
from gdl_groups.spherical.norm import SphericalBatchNorm
from gdl_groups.spherical.pool import SphericalMean, SphericalPool


def spherical_cnn(
    in_channels: int = 1,
    classes: int = 10,
    *,
    channels: Sequence[int] = (24, 48, 64),
    degrees: Sequence[int] = (11, 8, 6),
    pool: Sequence[int] | None = None,
    filters: str = "zonal",
    reach: Sequence[float] | None = None,
    function: str = "relu",
    domain: Domain | None = None,
) -> Blueprint:
    """Return pool → convolution → norm → function, repeated, then the mean over the domain and a linear map.

    Invariant under rotations of the sphere but for what the pointwise functions alias, which falls as the grid gets
    finer than the degrees of the convolutions need.

    Args:
        in_channels, classes: of the signals and of the output.
        channels: of each convolution.
        degrees: the band limit of each convolution.
        pool: by how much the grid is coarsened before each convolution; not at all if left out.
        filters: `"zonal"`: all convolutions stay on the sphere, filters look the same from all sides (Esteves et al.
            2018): cheap, and blind to mirror images; `"free"`: the first convolution goes from the sphere to SO(3), the
            others stay there, filters have any shape (Cohen et al. 2018).
        reach: the angle from the middle of a free filter to its outermost points, of each convolution; π/4 if left out.
        function: the pointwise function.
        domain: the sphere the signals live on.

    Raises:
        ValueError: unless `channels`, `degrees`, `pool` and `reach` have one entry per convolution, and for unknown
            `filters`.
    """
    pool = [1] * len(channels) if pool is None else pool
    reach = [torch.pi / 4] * len(channels) if reach is None else reach
    if not len(channels) == len(degrees) == len(pool) == len(reach) > 0:
        raise ValueError(
            "spherical_cnn takes channels, degrees, pool and reach with one entry per convolution, got "
            f"{list(channels)}, {list(degrees)}, {list(pool)} and {list(reach)}."
        )
    if filters not in ("free", "zonal"):
        raise ValueError(f"spherical_cnn takes filters='zonal' or 'free', got {filters!r}.")
    parts: list[nn.Module] = []
    width = in_channels
    for position, (wider, degree, factor, angle) in enumerate(zip(channels, degrees, pool, reach)):
        if factor > 1:
            parts.append(SphericalPool(width, factor))
        if filters == "zonal":
            parts.append(SphericalConv(width, wider, degree, bias=False))
        else:
            convolution = SO3Conv if position else S2ToSO3Conv
            parts.append(convolution(width, wider, degree, reach=angle, bias=False))
        parts += [SphericalBatchNorm(wider), Pointwise(wider, function)]
        width = wider
    return Blueprint([*parts, SphericalMean(width), nn.Linear(width, classes)], domain)
