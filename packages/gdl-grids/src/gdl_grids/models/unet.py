"""U-Net on grids of any size and any number of axes."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.grid import Grid, extend, grid_of
from gdl_core.representations import FieldType
from torch import Tensor, nn, relu

from gdl_grids.conv import Conv
from gdl_grids.models.blocks import coarsening
from gdl_grids.norm import BatchNorm
from gdl_grids.polyphase import PolyphasePool, PolyphaseUp
from gdl_grids.upsample import Upsample


class _Double(nn.Module):
    """Two convolutions, each with a norm and a ReLU."""

    def __init__(self, c_in: int, c_out: int, ndim: int):
        super().__init__()
        self.conv1, self.norm1 = Conv(c_in, c_out, 3, bias=False, ndim=ndim), BatchNorm(c_out)
        self.conv2, self.norm2 = Conv(c_out, c_out, 3, bias=False, ndim=ndim), BatchNorm(c_out)

    def forward(self, x: Tensor, domain: Domain) -> Tensor:
        x = relu(self.norm1(self.conv1(x, domain), domain))
        return relu(self.norm2(self.conv2(x, domain), domain))


class UNet(Layer):
    """Down through coarser and coarser grids, up again, with the finer features of the way down joined in.

    Ronneberger et al. 2015 (the book, Fig. 15). *Any size*: an axis that 2^depth does not divide is extended by its
    boundary at its end, and the output is cropped to the size of the input.

    *What holds.* With a polyphase pool, on a grid whose periodic axes are multiples of 2^depth: equivariance under
    every whole shift, exactly, as `PolyphaseUp` puts values back where `PolyphasePool` took them. With any other pool:
    equivariance under shifts by multiples of 2^depth only. On a periodic axis of another size the seam of the extension
    breaks both.

    Args:
        in_type, out_type: invariant channels.
        channels: of each level; there are `len(channels) - 1` coarsenings, the depth.
        pool: see `coarsening`; the weights do not depend on it.
        ndim: the number of axes.

    Shapes: `[b, c_in, *shape] -> [b, c_out, *shape]`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        channels: Sequence[int] = (16, 32, 64),
        *,
        pool: str = "polyphase",
        ndim: int = 2,
    ):
        super().__init__(in_type, out_type)
        widths = list(channels)
        self.depth = len(widths) - 1
        if self.depth < 1:
            raise ValueError(f"UNet takes the channels of at least two levels, got {widths}.")
        sources = [self.in_type.channels, *widths]
        self.down = nn.ModuleList([_Double(a, b, ndim) for a, b in zip(sources, widths)])
        self.pools = nn.ModuleList([coarsening(width, pool) for width in widths[:-1]])
        exact = isinstance(self.pools[0], PolyphasePool)
        self.ups = nn.ModuleList([PolyphaseUp(w, blur=3) if exact else Upsample(w) for w in reversed(widths[1:])])
        joined = zip(reversed(widths[1:]), reversed(widths[:-1]))
        self.up = nn.ModuleList([_Double(low + high, high, ndim) for low, high in joined])
        self.head = Conv(widths[0], out_type, 1, ndim=ndim)
        self.claims = ("shift",) if exact else ()

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        fits = isinstance(domain, Grid) and not any(domain.shape[a] % 2**self.depth for a in domain.periodic_axes)
        return super().symmetries(domain) if fits else ()

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type)
        unit = 2**self.depth
        shape = tuple(-(-n // unit) * unit for n in grid.shape)
        place: Domain = grid if shape == grid.shape else Grid(shape, grid.boundary, grid.spacing)
        for axis, n in enumerate(shape):
            x = extend(x, axis + 2, 0, n, grid.boundary[axis])
        kept = []
        for level, block in enumerate(self.down):
            x = block(x, place)
            if level < self.depth:
                kept.append(x)
                x, place = self.pools[level](x, place)
        for up, block in zip(self.ups, self.up):
            x, place = up(x, place)
            x = block(torch.cat([kept.pop(), x], 1), place)
        y = self.head(x, place)
        for axis, n in enumerate(grid.shape):
            y = y.narrow(axis + 2, 0, n)
        return y


def unet(
    in_channels: int = 1,
    out_channels: int = 1,
    *,
    channels: Sequence[int] = (16, 32, 64),
    pool: str = "polyphase",
    ndim: int = 2,
) -> UNet:
    """Return a `UNet` of `in_channels` to `out_channels`, for recipes; `channels`, `pool` and `ndim` as there."""
    return UNet(in_channels, out_channels, channels, pool=pool, ndim=ndim)
