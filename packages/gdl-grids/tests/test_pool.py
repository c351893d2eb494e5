"""Fixed-window pools against torch, their claims, and what they do at a boundary."""

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_grids import AvgPool, BlurPool, GlobalPool, Grid, MaxPool, Subsample
from torch.nn import functional

SHAPES = [(8,), (6, 8), (4, 6, 2)]
MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
MEAN = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def values(shape, channels=2):
    return torch.randn(2, channels, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_equal_those_of_torch(shape):
    x, d = values(shape), len(shape)
    for ours, theirs in ((MaxPool(2), MAX[d](x, 2)), (AvgPool(2), MEAN[d](x, 2))):
        y, coarse = ours(x)
        assert torch.allclose(y, theirs, atol=1e-15)
        assert coarse == Grid(tuple(n // 2 for n in shape), spacing=2) and coarse.parent == Grid(shape)
    assert torch.equal(MaxPool(2, 3, 2)(x, Grid(shape, "zero"))[0], MAX[d](x, 3, 2, 1))
    assert torch.equal(Subsample(2)(x)[0], x[(..., *[slice(None, None, 2)] * d)])


def test_max_pool_in_four_dimensions_is_the_maximum_of_cells():
    x = values((4, 2, 6, 4))
    y, coarse = MaxPool(2, (2, 1, 3, 2))(x)
    cells = x.unfold(2, 2, 2).unfold(3, 1, 1).unfold(4, 3, 3).unfold(5, 2, 2)
    assert torch.equal(y, cells.amax((-4, -3, -2, -1))) and coarse.shape == (2, 2, 2, 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_blur_is_the_strided_convolution_with_binomial_taps(shape, size):
    d = len(shape)
    taps = torch.tensor([1.0], dtype=torch.float64)
    for _ in range(size - 1):
        taps = functional.conv1d(taps[None, None], torch.ones(1, 1, 2, dtype=torch.float64), padding=1)[0, 0] / 2
    kernel = taps
    for _ in range(d - 1):
        kernel = kernel[..., None] * taps
    x = values(shape)
    padded = x
    before = (size - 1) // 2 if size != 2 else 0
    for dim in range(2, d + 2):
        n = x.shape[dim]
        index = torch.arange(-before, n - before + size - 1) % n
        padded = padded.index_select(dim, index)
    expected = CONV[d](padded, kernel.expand(2, 1, *kernel.shape), stride=2, groups=2)
    assert torch.allclose(BlurPool(2, size)(x)[0], expected, atol=1e-14)


def test_boundaries_zero_and_reflect_of_a_filter_and_a_maximum():
    x = torch.tensor([[[1.0, 2.0, 4.0]]], dtype=torch.float64)
    assert BlurPool(1, 3, 1)(x, Grid((3,), "zero"))[0].flatten().tolist() == [1, 2.25, 2.5]
    assert BlurPool(1, 3, 1)(x, Grid((3,), "reflect"))[0].flatten().tolist() == [1.5, 2.25, 3]
    assert MaxPool(1, 3, 1)(-x, Grid((3,), "zero"))[0].flatten().tolist() == [-1, -1, -2]  # nothing outside, not zero


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize("make", [MaxPool, AvgPool, BlurPool])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_claims_are_kept_and_what_is_not_claimed_is_broken(make, size, stride, boundary):
    """Nothing is claimed that fails, and (on this generic input) nothing that holds goes unclaimed."""
    grid = Grid((6, 6), boundary)
    pool = make(1, size, stride).double()
    signal = Signal(values((6, 6), 1), grid, FieldType.scalars(1))
    claims = pool.symmetries(grid)
    for name, symmetry in grid.symmetries().items():
        error = equivariance_error(pool, signal, symmetry).max
        if name in claims:
            assert error < 1e-12, name
        elif symmetry.is_exact:
            assert error > 1e-3, name


def test_the_readout_is_invariant_and_equals_its_name():
    grid = Grid((4, 6))
    x = values((4, 6))
    signal = Signal(x, grid, FieldType.scalars(2))
    for how, expected in (("mean", x.mean((2, 3))), ("sum", x.sum((2, 3))), ("max", x.amax((2, 3)))):
        readout = GlobalPool(2, how)
        assert torch.allclose(readout(x), expected)
        for name in readout.symmetries(grid):
            assert equivariance_error(readout, signal, name).max < 1e-12
    assert "fractional_shift" not in GlobalPool(2, "max").claims


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool(2, 0), "size a whole number from 1"),
        (lambda: AvgPool(2, (2, 0)), "a whole number from 1"),
        (lambda: AvgPool(2, 2.0), "a whole number from 1"),
        (lambda: BlurPool(2, 1), "2 to 7 taps, got 1"),
        (lambda: BlurPool(2, 8), "2 to 7 taps, got 8"),
        (lambda: BlurPool(2, 3, -1), "stride a whole number"),
        (lambda: GlobalPool(2, "min"), "'mean', 'sum' or 'max', got 'min'"),
        (lambda: MaxPool(2, (2, 2))(torch.zeros(1, 2, 4)), "1 of them, one per axis"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
