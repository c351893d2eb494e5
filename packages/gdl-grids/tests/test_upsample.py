"""Interpolation: exact on the functions each mode is exact on, and back to odd sizes."""

import pytest
import torch
from gdl_grids import Grid, MaxPool, Upsample


def test_nearest_repeats_and_linear_is_that_of_torch_inside():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    nearest, fine = Upsample(3)(x)
    assert torch.equal(nearest, x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert fine == Grid((8, 10), spacing=0.5)
    linear, _ = Upsample(3, 2, "linear")(x)
    theirs = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    assert torch.allclose(linear[:, :, 1:-1, 1:-1], theirs[:, :, 1:-1, 1:-1], atol=1e-14)


@pytest.mark.parametrize(("n", "scale"), [(7, 2), (8, 3)])
def test_fourier_is_exact_on_trigonometric_polynomials(n, scale):
    def wave(u):
        return (torch.cos(6 * torch.pi * u / n) + torch.sin(2 * torch.pi * u / n) + 2)[None, None]

    coarse = torch.arange(n, dtype=torch.float64)
    fine = (torch.arange(scale * n, dtype=torch.float64) - (scale - 1) / 2) / scale
    assert torch.allclose(Upsample(1, scale, "fourier")(wave(coarse))[0], wave(fine), atol=1e-13)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_an_odd_size_comes_back_as_it_was(mode):
    grid = Grid((5, 7), "zero")
    y, coarse = MaxPool(1)(torch.randn(1, 1, 5, 7), grid)
    up = Upsample(1, 2, mode)
    back, fine = up(y, coarse)
    assert coarse.shape == (3, 4) and back.shape[2:] == (5, 7) and fine == grid == up.out_domain(coarse)
    assert up.symmetries(coarse) == ()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="modes nearest, linear, fourier, got 'cubic'"):
        Upsample(1, 2, "cubic")
    with pytest.raises(ValueError, match=r"axis 1 of Grid\(4x4, periodic\|zero\) is zero"):
        Upsample(1, 2, "fourier")(torch.zeros(1, 1, 4, 4), Grid((4, 4), ("periodic", "zero")))
