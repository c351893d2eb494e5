"""Networks without symmetry, made equivariant."""

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType
from torch import nn

from gdl_groups._cases.geometric import CLOUD, signals
from gdl_groups.symmetrize import Symmetrize

GRID = Grid((4, 4), "zero")
VECTORS = FieldType(O(3), "1x0e+1x1o")


def _images(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 2, 4, 4, generator=draw, dtype=torch.float64)
    return Signal(values.to(device, dtype), GRID, FieldType.scalars(2))


def _grid(method):
    return Symmetrize(nn.Conv2d(2, 2, 3, padding=1), GRID.symmetries()["rotation"], 2, 2, method)


def _points(method):
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
    return Symmetrize(net, "orthogonal", VECTORS, VECTORS, method)


CASES = {
    ("layer", "symmetrize"): [
        Case("average", lambda: _grid("average"), _images),
        Case("canonical", lambda: _grid("canonical"), _images),
        Case("frame", lambda: _points("frame"), signals(CLOUD, VECTORS)),
        Case("canonical-frame", lambda: _points("canonical"), signals(CLOUD, VECTORS)),
    ],
}
