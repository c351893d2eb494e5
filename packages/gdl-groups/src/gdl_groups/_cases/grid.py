"""Small group-equivariant networks on grids, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import CyclicGroup, DihedralGroup, subgroup
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.grid.dna import ReverseComplementConv, strand_type
from gdl_groups.grid.group_conv import GroupConv
from gdl_groups.grid.pool import AvgPool, MaxPool
from gdl_groups.grid.pool_group import GroupPool, Restrict, SubgroupPool
from gdl_groups.grid.readout import GlobalPool
from gdl_groups.models.go import go_policy
from gdl_groups.models.p4 import GroupBlock, group_cnn, group_resnet
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
MIRROR = subgroup(D4, torch.tensor([[1, 0]]), "mirror")
EVEN = Grid((6, 6))
READ = Grid((9,), "zero")
# second_order=False: ReLU and maximum have no second derivative worth checking.

CASES = {
    ("layer", "group-conv"): [
        Case("lifting", lambda: GroupConv(1, REGULAR_C4), signals(SQUARE, 1)),
        Case("p4m", lambda: GroupConv(REGULAR_D4, REGULAR_D4), signals(BOARD, REGULAR_D4)),
        Case("mixed", lambda: GroupConv(MIXED_D4, FieldType(D4, "1xregular+1xsign+1xB1")), signals(SQUARE, MIXED_D4)),
        Case("invariants", lambda: GroupConv(REGULAR_C4, 2, bias=False, dilation=2), signals(SQUARE, REGULAR_C4)),
        Case("line", lambda: GroupConv(STRAND, STRAND, (3,)), signals(Grid((7,)), STRAND)),
        Case("cube", lambda: GroupConv(2, CUBIC), signals(Grid((3, 3, 3)), 2)),
    ],
    ("layer", "reverse-complement-conv"): [
        Case("letters", lambda: ReverseComplementConv(strand_type(), STRAND, 5), signals(READ, strand_type())),
    ],
    ("layer", "group-pool"): [
        Case("max", lambda: GroupPool(REGULAR_C4), signals(SQUARE, REGULAR_C4), second_order=False),
        Case("mean", lambda: GroupPool(REGULAR_D4, "mean"), signals(BOARD, REGULAR_D4)),
    ],
    ("layer", "subgroup-pool"): [
        Case("mirror", lambda: SubgroupPool(REGULAR_D4, MIRROR, "mean"), signals(SQUARE, REGULAR_D4)),
    ],
    ("layer", "restrict"): [
        Case("mirror", lambda: Restrict(REGULAR_D4, MIRROR), signals(SQUARE, REGULAR_D4), symmetries=("shift",)),
    ],
    ("layer", "group-block"): [
        Case("narrow", lambda: GroupBlock(REGULAR_C4, REGULAR_C4), signals(SQUARE, REGULAR_C4), second_order=False),
    ],
    ("coarsening", "max-pool"): [
        Case("cells", lambda: MaxPool(REGULAR_C4), signals(EVEN, REGULAR_C4), second_order=False),
        Case("overlapping", lambda: MaxPool(REGULAR_D4, 3, 2), signals(BOARD, REGULAR_D4), second_order=False),
    ],
    ("coarsening", "avg-pool"): [
        Case("binomial", lambda: AvgPool(MIXED_D4, 3, 2, weights="binomial"), signals(SQUARE, MIXED_D4)),
        Case("still", lambda: AvgPool(REGULAR_C4, 3, 1), signals(EVEN, REGULAR_C4)),
    ],
    ("readout", "grid-pool"): [
        Case("mean", lambda: GlobalPool(REGULAR_C4, group="mean"), signals(SQUARE, REGULAR_C4)),
        Case("max", lambda: GlobalPool(REGULAR_D4, "max"), signals(BOARD, REGULAR_D4), second_order=False),
    ],
    ("model", "go-policy"): [
        Case("p4m", lambda: go_policy(2, channels=1, blocks=1, size=5), signals(BOARD, 2), second_order=False),
    ],
    ("model", "group-cnn"): [
        Case("p4", lambda: group_cnn(1, 3, channels=(2, 3), domain=EVEN), signals(EVEN, 1), second_order=False),
    ],
    ("model", "group-resnet"): [Case("p4m", lambda: _resnet(), signals(EVEN, 1), second_order=False)],
}


def _resnet():
    return group_resnet(1, 3, group="D4", channels=(1, 2), domain=EVEN)
