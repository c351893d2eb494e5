"""Small steerable convolutions, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.grid.steerable import SteerableConv
from gdl_groups.grid.turn import DiscMask
from gdl_groups.models.steerable import steerable_cnn

SQUARE, TORUS = Grid((6, 6), "zero"), Grid((5, 5))


def signals(grid: Grid, type: FieldType, samples: int = 2) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values on `grid`."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(samples, type.channels, *grid.shape, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), grid, type)

    return inputs


def conv(name: str, grid: Grid, into: FieldType, out: FieldType, size: int) -> Case:
    """Return the case of one convolution."""
    return Case(name, lambda: SteerableConv(into, out, size), signals(grid, into))


def network(name: str, **options) -> Case:
    """Return the case of one small network."""
    small = {"channels": (1, 2), "kernel_size": 3, "domain": SQUARE} | options
    return Case(
        name, lambda: steerable_cnn(2, 3, **small), signals(small["domain"], FieldType.scalars(2)), second_order=False
    )


C8, D4 = CyclicGroup(8), DihedralGroup(4)

CASES = {
    ("layer", "steerable-conv"): [
        conv("lifting", SQUARE, FieldType.scalars(2), FieldType(C8, "1xregular"), 3),
        conv("regular", SQUARE, FieldType(C8, "1xregular"), FieldType(C8, "1xregular+1xtrivial"), 3),
        conv("dihedral", TORUS, FieldType(D4, "1xregular+1xE1"), FieldType(D4, "2xstandard+1xA2"), 5),
        conv("circle", TORUS, FieldType(SO(2), "2x0+1x1"), FieldType(SO(2), "1x0+1x1+1x2"), 5),
        conv("mirrors", TORUS, FieldType(O(2), "1x0+1x1"), FieldType(O(2), "1xdet+1x1+1x2"), 3),
        conv("space", Grid((3, 3, 3)), FieldType(O(3), "1x0e+1x1o"), FieldType(O(3), "1x0e+1x1o+1x1e"), 3),
    ],
    ("layer", "disc-mask"): [
        Case("plane", lambda: DiscMask(3), signals(SQUARE, FieldType.scalars(3))),
        Case("space", lambda: DiscMask(2, 0.5, 1.0), signals(Grid((4, 5, 4)), FieldType.scalars(2))),
    ],
    ("model", "steerable-cnn"): [
        network("regular", group="C8", mask=True, pool="max"),
        network("gate", group="O2", fields="gate", frequency=1),
        network("fourier", group="SO2", fields="fourier", frequency=1, hidden=4),
        network("space", group="SO3", fields="norm", frequency=1, ndim=3, domain=Grid((4, 4, 4)), pools=()),
    ],
}
