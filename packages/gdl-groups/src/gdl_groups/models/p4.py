"""Group-convolutional networks on grids: plain and residual, for any group that turns the grid onto itself."""

from collections.abc import Sequence

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Blueprint, Coarsening, Domain, Layer
from gdl_core.geometry.pointwise import Dropout, Pointwise
from gdl_core.grid import grid_of
from gdl_core.groups import CyclicGroup, DihedralGroup, FiniteGroup, TrivialGroup
from gdl_core.representations import FieldType
from torch import Tensor, nn, relu

from gdl_groups.fibre.batch_norm import BatchNorm
from gdl_groups.grid.group_conv import GroupConv
from gdl_groups.grid.pool import AvgPool, MaxPool
from gdl_groups.grid.readout import GlobalPool
from gdl_groups.named.point import PointGroup

GROUPS = {
    "1": TrivialGroup,
    "C2": lambda: CyclicGroup(2),
    "C4": lambda: CyclicGroup(4),
    "D2": lambda: DihedralGroup(2),
    "D4": lambda: DihedralGroup(4),
    "O": lambda: PointGroup("O"),
    "O_h": lambda: PointGroup("O_h"),
}
POOLS = {
    "max": lambda type: MaxPool(type, 2),
    "avg": lambda type: AvgPool(type, 2),
    "max3": lambda type: MaxPool(type, 3, 2),
    "blur": lambda type: AvgPool(type, 3, 2, weights="binomial"),
}


def grid_group(name: str) -> FiniteGroup:
    """Return the group of a grid by name: `1`, `C2`, `C4`, `D2`, `D4` of a square, `O`, `O_h` of a cube.

    Raises:
        UnknownNameError: for another name.
    """
    if name not in GROUPS:
        raise UnknownNameError(
            f"A grid has the groups {', '.join(GROUPS)}, there is no {name!r}." + closest(str(name), GROUPS)
        )
    return GROUPS[name]()


def regular_fields(group: FiniteGroup, copies: int) -> FieldType:
    """Return regular fields, which for the trivial group are plain channels."""
    return FieldType(group, [(copies, group.trivial() if group.order == 1 else group.regular())])


def _pool(type: FieldType, pool: str) -> Coarsening:
    if pool not in POOLS:
        raise UnknownNameError(f"There is no pool {pool!r}; there is {', '.join(POOLS)}." + closest(str(pool), POOLS))
    return POOLS[pool](type)


def group_cnn(
    in_channels: int = 1,
    classes: int = 10,
    *,
    group: str = "C4",
    channels: Sequence[int] = (16, 32, 64),
    kernel_size: int | Sequence[int] = 3,
    pools: Sequence[int] | None = None,
    pool: str = "max",
    dropout: float = 0.0,
    ndim: int = 2,
    domain: Domain | None = None,
) -> Blueprint:
    """Return (group convolution → norm → ReLU) repeated, with pools, then the invariants of grid and group, linear.

    P4CNN and its kin (Cohen and Welling 2016, §8.1). On a grid whose boundary the group leaves alone the output does
    not change at all when the image is turned or flipped. With `group="1"` it is a plain convolutional network: of as
    many parameters if its `channels` are √|G| times as many.

    Args:
        in_channels, classes: of the images and of the output.
        group: what turns the grid: `1`, `C4`, `D4`, … (`grid_group`).
        channels: copies of the regular field after each convolution, |G| channels each.
        kernel_size: of the convolutions, one for all or one each.
        pools: the convolutions that a pool follows, numbered from 0; all but the last if left out.
        pool: `max` or `avg` of cells of 2, `max3` or `blur` of windows of 3 with stride 2 for odd grids.
        dropout: the rate at which whole fields are zeroed before the last linear map.
        ndim: the number of axes of the images.
        domain: the grid the images live on; a periodic grid of their size if left out.
    """
    found = grid_group(group)
    sizes = [kernel_size] * len(channels) if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != len(channels):
        raise ValueError(f"group_cnn takes one kernel size or {len(channels)}, one per convolution, got {sizes}.")
    after = range(len(channels) - 1) if pools is None else pools
    type, parts = FieldType(found, in_channels), []
    for position, (count, size) in enumerate(zip(channels, sizes)):
        wider = regular_fields(found, count)
        conv = GroupConv(type, wider, size, bias=False, ndim=ndim)
        parts += [conv, BatchNorm(wider, channel_axis=1), Pointwise(wider, "relu")]
        type = wider
        if position in after:
            parts.append(_pool(type, pool))
    readout = GlobalPool(type)
    parts.append(readout)
    if dropout:
        parts.append(Dropout(readout.out_type, dropout))
    return Blueprint([*parts, nn.Linear(channels[-1], classes)], domain)


class GroupBlock(Layer):
    """y = σ(s(x) + N θ_2 σ(N θ_1 x)), two group convolutions with norms, added to the input (the book, eq. 30).

    He et al. 2016, on regular fields as in Cohen and Welling 2016, §8.2. Where input and output differ the shortcut s
    is a group convolution of one point with a norm, else nothing.

    Args:
        in_type, out_type: fields that one finite group permutes.
        kernel_size, ndim: of the convolutions.
    """

    def __init__(self, in_type: FieldType, out_type: FieldType, kernel_size: int = 3, *, ndim: int = 2):
        super().__init__(in_type, out_type)
        self.conv1 = GroupConv(in_type, out_type, kernel_size, bias=False, ndim=ndim)
        self.norm1 = BatchNorm(out_type, channel_axis=1)
        self.conv2 = GroupConv(out_type, out_type, kernel_size, bias=False, ndim=ndim)
        self.norm2 = BatchNorm(out_type, channel_axis=1)
        same = self.in_type == self.out_type
        self.shortcut = None if same else GroupConv(in_type, out_type, 1, bias=False, ndim=ndim)
        self.norm3 = None if same else BatchNorm(out_type, channel_axis=1)
        self.claims = tuple(name for name in self.conv2.claims if name != "fractional_shift")

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return tuple(name for name in self.conv2.symmetries(domain) if name in self.claims)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type)
        y = relu(self.norm1(self.conv1(x, grid), grid))
        y = self.norm2(self.conv2(y, grid), grid)
        if self.shortcut is not None and self.norm3 is not None:
            x = self.norm3(self.shortcut(x, grid), grid)
        return relu(x + y)


def group_resnet(
    in_channels: int = 1,
    classes: int = 10,
    *,
    group: str = "C4",
    channels: Sequence[int] = (8, 16, 32),
    blocks: int = 1,
    pool: str = "avg",
    ndim: int = 2,
    domain: Domain | None = None,
) -> Blueprint:
    """Return a residual network of regular fields, one stage per entry of `channels` with a pool between stages.

    Args:
        in_channels, classes, group, channels, pool, ndim, domain: as in `group_cnn`; `channels` are those of stages.
        blocks: residual blocks per stage.
    """
    found = grid_group(group)
    type = regular_fields(found, channels[0])
    conv = GroupConv(FieldType(found, in_channels), type, 3, bias=False, ndim=ndim)
    parts: list[nn.Module] = [conv, BatchNorm(type, channel_axis=1), Pointwise(type, "relu")]
    for stage, count in enumerate(channels):
        if stage:
            parts.append(_pool(type, pool))
        for _ in range(blocks):
            wider = regular_fields(found, count)
            parts.append(GroupBlock(type, wider, ndim=ndim))
            type = wider
    return Blueprint([*parts, GlobalPool(type), nn.Linear(channels[-1], classes)], domain)
