"""Small instances of every component with inputs, for the conformance kit and the gallery."""

from collections.abc import Callable, Iterator

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_grids.conv import Conv, StridedConv
from gdl_grids.models import ResidualBlock, UNet, lenet, resnet
from gdl_grids.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from gdl_grids.polyphase import PolyphasePool, PolyphaseUp
from gdl_grids.pool import AvgPool, BlurPool, MaxPool, Subsample
from gdl_grids.readout import GlobalPool
from gdl_grids.upsample import Upsample

SQUARE = Grid((6, 6))
# second_order=False: ReLU and maximum have no second derivative worth checking.


def signals(grid: Grid, channels: int, samples: int = 2) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values on `grid`."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(samples, channels, *grid.shape, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), grid, FieldType.scalars(channels))

    return inputs


def kept(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
    """Return the inputs of `PolyphaseUp`: values on a grid that knows its phases and its parent."""
    draw = torch.Generator().manual_seed(seed)
    coarse = SQUARE.coarsen((2, 2), torch.randint(2, (2, 2), generator=draw)).to(device)
    values = torch.randn(2, 3, 3, 3, generator=draw, dtype=torch.float64)
    return Signal(values.to(device, dtype), coarse, FieldType.scalars(3))


def cases(kind: str, name: str) -> Iterator[Case]:
    """Yield the cases of a component."""
    mixed = Grid((5, 4), ("periodic", "reflect"))
    known: dict[str, list[Case]] = {
        "conv": [
            Case("2d", lambda: Conv(3, 4, 3), signals(SQUARE, 3)),
            Case("1d-even-dilated", lambda: Conv(2, 4, (4,), dilation=2, groups=2), signals(Grid((9,)), 2)),
            Case("2d-mixed", lambda: Conv(2, 2, (3, 2), bias=False), signals(mixed, 2)),
            Case("3d", lambda: Conv(2, 2, 3, ndim=3), signals(Grid((3, 4, 5)), 2)),
            Case("4d", lambda: Conv(1, 2, 2, ndim=4), signals(Grid((3, 2, 2, 3)), 1)),
        ],
        "batch_norm": [Case("2d", lambda: BatchNorm(3), signals(SQUARE, 3))],
        "group_norm": [Case("1d", lambda: GroupNorm(4, 2), signals(Grid((8,)), 4))],
        "layer_norm": [Case("2d", lambda: LayerNorm(3), signals(SQUARE, 3))],
        "instance_norm": [Case("3d", lambda: InstanceNorm(2), signals(Grid((3, 3, 4)), 2))],
        "residual_block": [Case("2d", lambda: ResidualBlock(3, 4), signals(SQUARE, 3), second_order=False)],
        "strided_conv": [Case("2d", lambda: StridedConv(3, 4), signals(SQUARE, 3))],
        "max_pool": [
            Case("2d", lambda: MaxPool(3), signals(SQUARE, 3), second_order=False),
            Case("1d-stride-1", lambda: MaxPool(2, 3, 1), signals(Grid((8,)), 2), second_order=False),
            Case("4d-zero", lambda: MaxPool(1, 3, 2), signals(Grid((3, 2, 4, 3), "zero"), 1), second_order=False),
        ],
        "avg_pool": [Case("2d", lambda: AvgPool(3), signals(SQUARE, 3))],
        "blur_pool": [
            Case("2d-even", lambda: BlurPool(3, 4), signals(SQUARE, 3)),
            Case("1d-stride-1", lambda: BlurPool(2, 5, 1), signals(Grid((7,)), 2)),
        ],
        "subsample": [Case("2d", lambda: Subsample(3), signals(SQUARE, 3))],
        "polyphase_pool": [
            Case("2d", lambda: PolyphasePool(3), signals(SQUARE, 3)),
            Case("1d-blur", lambda: PolyphasePool(2, 3, before="blur", size=3), signals(Grid((9,)), 2)),
            Case(
                "3d-max",
                lambda: PolyphasePool(2, before="max", size=2),
                signals(Grid((4, 4, 2)), 2),
                second_order=False,
            ),
        ],
        "polyphase_up": [Case("2d", lambda: PolyphaseUp(3, blur=3), kept)],
        "upsample": [
            Case("nearest", lambda: Upsample(3), signals(SQUARE, 3)),
            Case("linear", lambda: Upsample(3, 3, "linear"), signals(SQUARE, 3)),
            Case("fourier", lambda: Upsample(2, 2, "fourier"), signals(Grid((5, 6)), 2)),
        ],
        "global_pool": [
            Case("mean", lambda: GlobalPool(3), signals(SQUARE, 3)),
            Case("max", lambda: GlobalPool(3, "max"), signals(SQUARE, 3), second_order=False),
        ],
        "lenet": [Case("polyphase", lambda: _lenet(), signals(Grid((8, 8)), 1), second_order=False)],
        "resnet": [Case("polyphase", lambda: _resnet(), signals(Grid((8, 8)), 2), second_order=False)],
        "unet": [Case("polyphase", lambda: UNet(1, 2, (3, 4)), signals(SQUARE, 1), second_order=False)],
    }
    yield from known.get(name, [])


def _lenet():
    return lenet(1, 3, channels=(3, 4, 5), kernel_size=3, domain=Grid((8, 8)))


def _resnet():
    return resnet(2, 3, channels=(3, 4), blocks=1, domain=Grid((8, 8)))
