"""Policy networks: a score for every point of a board, equivariant to its turns and flips."""

from gdl_core.geometry import Blueprint, Domain
from gdl_core.geometry.pointwise import Pointwise
from gdl_core.grid import Grid
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.fibre.batch_norm import BatchNorm
from gdl_groups.grid.group_conv import GroupConv
from gdl_groups.models.p4 import GroupBlock, grid_group, regular_fields


class PointScores(nn.Module):
    """Return the scores of the points of a grid as one row per sample: `[b, planes, *shape] -> [b, points]`.

    Args:
        network: signals on the grid to one invariant channel; its symmetries turn the scores with the board.
    """

    def __init__(self, network: Blueprint):
        super().__init__()
        self.network = network
        self.in_type = network.in_type

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.network(x, domain).flatten(1)


def go_policy(
    planes: int = 15,
    *,
    group: str = "D4",
    channels: int = 16,
    blocks: int = 2,
    size: int = 19,
) -> PointScores:
    """Return a residual policy network on a board: convolution of 5 x 5, residual blocks, one score per point.

    After Silver et al. 2016 and 2017, with regular fields of the board's group: turn or flip the board, and the scores
    turn or flip with it, exactly. With `group="1"` it is a plain network; of as many parameters if its `channels` are
    √8 times those of `D4`.

    Args:
        planes: features of a point.
        group: `D4`, `C4` or `1`.
        channels: copies of the regular field.
        blocks: residual blocks.
        size: points per side of the board.
    """
    found = grid_group(group)
    hidden = regular_fields(found, channels)
    parts: list[nn.Module] = [
        GroupConv(FieldType(found, planes), hidden, 5, bias=False),
        BatchNorm(hidden, channel_axis=1),
        Pointwise(hidden, "relu"),
        *[GroupBlock(hidden, hidden) for _ in range(blocks)],
        GroupConv(hidden, FieldType(found, 1), 1),
    ]
    return PointScores(Blueprint(parts, Grid((size, size), "zero")))
