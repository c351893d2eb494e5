"""Small signals on spheres and on rotations, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.models.spherical import spherical_cnn
from gdl_groups.spherical.activation import SphereActivation
from gdl_groups.spherical.conv import SphericalConv
from gdl_groups.spherical.correlation import S2ToSO3Conv, SO3Conv
from gdl_groups.spherical.domain import Rotations, Sphere
from gdl_groups.spherical.norm import SphericalBatchNorm
from gdl_groups.spherical.pool import PowerSpectrum, SphericalMean, SphericalPool
from gdl_groups.spherical.transform import analysis, synthesis


def signals(domain: Sphere | Rotations, channels: int, rough: bool = False) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values within the band limit of the grid, or (rough) at every point."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(2, channels, *domain.shape, generator=draw, dtype=torch.float64)
        values = values if rough else synthesis(analysis(values, domain), domain)
        return Signal(values.to(device, dtype), domain, FieldType.scalars(channels))

    return inputs


BALL, EARTH, MIDPOINT = Sphere(4, 8), Sphere(7, 8, "equiangular"), Sphere(8, 8, "midpoint")
TURNS, WIDE = Rotations(3, 5, 6), Rotations(7, 5, 5, "equiangular")

CASES = {
    ("domain", "sphere"): [
        Case("gauss-legendre", lambda: BALL, signals(BALL, 2, rough=True)),
        Case("equiangular", lambda: EARTH, signals(EARTH, 2, rough=True)),
        Case("midpoint", lambda: MIDPOINT, signals(MIDPOINT, 2, rough=True)),
    ],
    ("domain", "rotations"): [
        Case("gauss-legendre", lambda: TURNS, signals(TURNS, 2, rough=True)),
        Case("equiangular", lambda: WIDE, signals(WIDE, 1, rough=True)),
    ],
    ("layer", "spherical-conv"): [
        Case("every-degree", lambda: SphericalConv(2, 3, 3), signals(BALL, 2, rough=True)),
        Case("knots", lambda: SphericalConv(2, 2, 3, knots=2, bias=False), signals(EARTH, 2, rough=True)),
    ],
    ("refinement", "s2-to-so3-conv"): [
        Case("small", lambda: S2ToSO3Conv(2, 2, 2, rings=1, spokes=3), signals(BALL, 2, rough=True)),
    ],
    ("layer", "so3-conv"): [
        Case("small", lambda: SO3Conv(2, 2, 2, rings=1, spokes=3, rolls=2), signals(TURNS, 2, rough=True)),
    ],
    ("layer", "sphere-activation"): [
        Case("sphere", lambda: SphereActivation(2, "gelu"), signals(BALL, 2, rough=True)),
        Case("rotations", lambda: SphereActivation(2, "silu", 3), signals(TURNS, 2, rough=True)),
    ],
    ("layer", "spherical-batch-norm"): [
        Case("sphere", lambda: SphericalBatchNorm(2), signals(BALL, 2)),
        Case("rotations", lambda: SphericalBatchNorm(2), signals(TURNS, 2)),
    ],
    ("coarsening", "spherical-pool"): [
        Case("sphere", lambda: SphericalPool(2), signals(Sphere(6, 12), 2, rough=True)),
        Case("rotations", lambda: SphericalPool(1), signals(Rotations(4, 7, 7), 1, rough=True)),
    ],
    ("readout", "spherical-mean"): [
        Case("sphere", lambda: SphericalMean(2), signals(EARTH, 2, rough=True)),
        Case("rotations", lambda: SphericalMean(2), signals(TURNS, 2, rough=True)),
    ],
    ("model", "spherical-cnn"): [
        Case(
            "zonal",
            lambda: spherical_cnn(2, 3, channels=(4, 4), degrees=(3, 2), function="gelu", domain=BALL),
            signals(BALL, 2),
        ),
        Case(
            "free",
            lambda: spherical_cnn(
                2, 3, channels=(2, 2), degrees=(3, 1), pool=(1, 2), filters="free", function="silu", domain=BALL
            ),
            signals(BALL, 2),
        ),
    ],
    ("readout", "power-spectrum"): [
        Case("sphere", lambda: PowerSpectrum(2, 3), signals(BALL, 2, rough=True)),
        Case("rotations", lambda: PowerSpectrum(2, 2), signals(TURNS, 2, rough=True)),
    ],
}
