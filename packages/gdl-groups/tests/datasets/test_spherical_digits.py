"""Digits on the sphere: where they lie, that they are turned as said, and that the splits are those of the digits."""

import math

import pytest
import torch
from gdl_core.groups import SO
from gdl_groups import Sphere
from gdl_groups.datasets.spherical_digits import SphericalDigits, on_sphere

pytest.importorskip("sklearn")


def test_a_pixel_lies_where_the_stereographic_projection_puts_it():
    """A ramp along the columns is x / (1 + y), along the rows -z / (1 + y), in units of tan(extent / 2)."""
    sphere, extent = Sphere(40, 60), 1.2
    ramp = (torch.arange(64) + 0.5) / 32 - 1  # the coordinate of each pixel, from -1 to 1
    image = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64)])[None]
    found = on_sphere(image, sphere, extent, torch.eye(3, dtype=torch.float64)[None])[0].flatten(1).double()
    x, y, z = sphere.points().T
    across, down = x / (1 + y) / math.tan(extent / 2), -z / (1 + y) / math.tan(extent / 2)
    inside = (across.abs() < 0.95) & (down.abs() < 0.95)
    assert int(inside.sum()) > 300
    torch.testing.assert_close(found[0, inside], across[inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1, inside], down[inside], atol=1e-5, rtol=0)
    assert not found[:, y < -0.5].any()


def test_a_digit_turned_about_the_pole_is_shifted_along_the_rings():
    images = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    sphere = Sphere(12, 24)
    steps = torch.tensor(5)
    turn = sphere.symmetries()["longitude"].orthogonal(steps)
    upright = on_sphere(images, sphere, 1.4, torch.eye(3, dtype=torch.float64)[None])
    torch.testing.assert_close(on_sphere(images, sphere, 1.4, turn[None]), upright.roll(5, 3), atol=1e-5, rtol=0)


def test_turning_agrees_with_the_symmetry_on_what_the_grid_holds():
    """A smooth blob, so that both ways of turning it are accurate."""
    ramp = torch.linspace(-1, 1, 33)
    blob = torch.exp(-6 * ((ramp - 0.2) ** 2 + (ramp[:, None] + 0.1) ** 2))[None, None]
    sphere, g = Sphere(24, 48), SO(3).sample(1, torch.Generator().manual_seed(1))[0]
    upright = on_sphere(blob, sphere, 2.0, torch.eye(3, dtype=torch.float64)[None]).double()
    expected = sphere.symmetries()["rotation"].move(g, upright, sphere)[0]
    found = on_sphere(blob, sphere, 2.0, g[None]).double()
    assert float((found - expected).norm() / expected.norm()) < 0.02


def test_splits_hold_every_digit_once_and_turn_only_the_test_digits():
    data, plain = SphericalDigits(8, 16), SphericalDigits(8, 16, rotate_test=False)
    splits, upright = data.splits(), plain.splits()
    assert len(splits.train) + len(splits.test) == 1797
    counts = torch.bincount(splits.test.targets, minlength=10)
    assert int(counts.min()) >= 34
    assert torch.equal(splits.train.inputs, upright.train.inputs)
    assert not torch.equal(splits.test.inputs, upright.test.inputs)
    assert torch.equal(splits.test.inputs, SphericalDigits(8, 16).splits().test.inputs)
    assert splits.test.inputs.shape[1:] == (1, 8, 16)
    weights = data.sphere.weights().reshape(8, 16).float()
    ink, turned = ((part.inputs * weights).sum((1, 2, 3)) for part in (upright.test, splits.test))
    assert float((turned / ink - 1).abs().median()) < 0.05  # turning keeps the area
    signal = data.signal(splits.test.inputs[:2])
    assert signal.domain == Sphere(8, 16)


def test_an_extent_that_is_no_angle_is_refused():
    with pytest.raises(ValueError, match=r"takes as extent an angle in \(0, π\), got 4"):
        SphericalDigits(extent=4.0)
