"""Small maps of feature vectors, on a grid with fields of D4 and among points with fields of O(3)."""

from collections.abc import Callable
from functools import partial

import torch
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.groups import SO, DihedralGroup, O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups._cases.geometric import CLOUD, signals
from gdl_groups.fibre import (
    BatchNorm,
    FourierActivation,
    Gate,
    InstanceNorm,
    LayerNorm,
    NormActivation,
    NormPool,
    RMSNorm,
)

SQUARE = Grid((4, 4))
D4, O3, SO2 = DihedralGroup(4), O(3), SO(2)
FIELDS = FieldType(D4, "2xtrivial+1xregular+2xstandard+1xB1")
ATOMS = FieldType(O3, "2x0e+1x0o+2x1o+1x2e")
D4_BAND = FieldType(D4, "2xA1+2xA2+2xB1+2xB2+4xE1")
TURNS = ("permutation", "orthogonal", "rotation")  # a translation changes no feature here
SO2_BAND = FieldType(SO2, "2x0+2x1+2x2")


def on_square(type: FieldType) -> Callable[..., Signal]:
    """Return the `inputs` of a case: two images of normal values."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(2, type.channels, *SQUARE.shape, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), SQUARE, type)

    return inputs


def both(layer: Callable, label: str = "") -> list[Case]:
    """Return a case on each domain for a layer that keeps the type."""
    return [
        Case(f"{label}grid", partial(layer, FIELDS), on_square(FIELDS)),
        Case(f"{label}points", partial(layer, ATOMS), signals(CLOUD, ATOMS), TURNS),
    ]


GATED = {"grid": Gate(FIELDS).in_type, "points": Gate(ATOMS).in_type}

CASES = {
    ("layer", "gate"): [
        Case("grid", partial(Gate, FIELDS), on_square(GATED["grid"])),
        Case("points", partial(Gate, ATOMS, "tanh", "silu", normalize=False), signals(CLOUD, GATED["points"]), TURNS),
    ],
    ("layer", "norm-activation"): both(partial(NormActivation, function="silu")),
    ("layer", "fourier-activation"): [
        Case("finite", partial(FourierActivation, D4_BAND, "elu"), on_square(D4_BAND)),
        Case("circle", partial(FourierActivation, SO2_BAND, "silu"), on_square(SO2_BAND)),
    ],
    ("layer", "rms-norm"): both(RMSNorm),
    ("layer", "layer-norm"): both(LayerNorm) + both(partial(LayerNorm, over="sample"), "sample-"),
    ("layer", "instance-norm"): both(InstanceNorm),
    ("layer", "batch-norm"): both(BatchNorm),
    ("layer", "norm-pool"): both(NormPool),
}
