"""Small group-equivariant networks on grids, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.grid.group_conv import GroupConv
from gdl_groups.named.point import PointGroup

C2, C4, D4 = CyclicGroup(2), CyclicGroup(4), DihedralGroup(4)
CUBE = PointGroup("O")
SQUARE = Grid((5, 5))
BOARD = Grid((5, 5), "zero")


def signals(grid: Grid, type: FieldType | int, samples: int = 2) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values of `type` on `grid`."""
    found = FieldType.scalars(type) if isinstance(type, int) else type

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(samples, found.channels, *grid.shape, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), grid, found)

    return inputs


REGULAR_C4, REGULAR_D4 = FieldType(C4, "2xregular"), FieldType(D4, "1xregular")
MIXED_D4 = FieldType(D4, "1xstandard+2xtrivial")
CUBIC = FieldType(CUBE, "1xregular")
STRAND = FieldType(C2, "2xregular")

CASES = {
    ("layer", "group-conv"): [
        Case("lifting", lambda: GroupConv(1, REGULAR_C4), signals(SQUARE, 1)),
        Case("p4m", lambda: GroupConv(REGULAR_D4, REGULAR_D4), signals(BOARD, REGULAR_D4)),
        Case("mixed", lambda: GroupConv(MIXED_D4, FieldType(D4, "1xregular+1xsign+1xB1")), signals(SQUARE, MIXED_D4)),
        Case("invariants", lambda: GroupConv(REGULAR_C4, 2, bias=False, dilation=2), signals(SQUARE, REGULAR_C4)),
        Case("line", lambda: GroupConv(STRAND, STRAND, (3,)), signals(Grid((7,)), STRAND)),
        Case("cube", lambda: GroupConv(2, CUBIC), signals(Grid((3, 3, 3)), 2)),
    ],
}
