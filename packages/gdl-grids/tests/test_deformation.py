"""Random warps: their cost is the one that is stated, and a smooth function follows them."""

import math

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.grid.deformation import warp
from gdl_core.representations import FieldType
from gdl_core.verify import deformation_stability
from gdl_grids import GlobalPool, Grid, Warp


@pytest.mark.parametrize("shape", [(17,), (12, 15), (7, 8, 9)])
def test_the_cost_is_the_root_of_the_mean_squared_gradient(shape):
    tau, cost = Warp(Grid(shape)).field(seed=3, amplitude=0.2)
    assert cost == 0.2 and tau.shape == (len(shape), *shape)
    energy = 0.0
    for axis, n in enumerate(shape, 1):  # the exact derivative of a band-limited field
        k = 2j * math.pi * torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) / n
        k = k.reshape([-1 if dim == axis else 1 for dim in range(tau.dim())])
        slope = torch.fft.ifft(torch.fft.fft(tau, dim=axis) * k, dim=axis).real
        energy = energy + slope.square().sum(0).mean()
    assert math.sqrt(energy) == pytest.approx(0.2, rel=1e-10)
    assert tau.mean(tuple(range(1, tau.dim()))).abs().max() < 1e-12  # no translation in it


def test_a_constant_displacement_is_a_shift_and_none_is_the_identity():
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    tau = torch.stack([torch.full((6, 5), 2.0), torch.full((6, 5), -1.0)]).double()
    assert torch.equal(warp(x, tau, ("periodic", "periodic")), x.roll((2, -1), (2, 3)))
    shifted = warp(x, tau, ("zero", "zero"))
    assert torch.equal(shifted[:, :, 2:, :4], x[:, :, :4, 1:]) and shifted[:, :, :2].eq(0).all()
    still, cost = Warp(Grid((6, 5))).sample(0, 0.0, Signal(x, Grid((6, 5)), FieldType.scalars(3)))
    assert torch.equal(still.values, x) and cost == 0


def test_the_same_seed_gives_the_same_field_for_every_signal():
    grid = Grid((8, 8))
    a, b = (Warp(grid).field(5, 0.1)[0] for _ in range(2))
    assert torch.equal(a, b)
    assert torch.allclose(Warp(grid).field(5, 0.3)[0], 3 * a)
    assert not torch.equal(a, Warp(grid).field(6, 0.1)[0])


def test_the_mean_of_a_smooth_image_is_stable_and_grows_linearly():
    grid = Grid((24, 24))
    u = torch.arange(24, dtype=torch.float64) * 2 * math.pi / 24
    x = (2 + torch.cos(u)[:, None] + torch.sin(u)[None])[None, None]
    report = deformation_stability(GlobalPool(1), Signal(x, grid, FieldType.scalars(1)), amplitudes=(0.05, 0.1))
    small, large = (sum(t.response for t in report.trials if t.amplitude == a) for a in (0.05, 0.1))
    assert 1.7 < large / small < 2.3 and report.slope < 1
