"""`convolve` and its layers against torch and against the padded copy, in every dimension."""

import random

import gdl_core.grid.convolution as module
import pytest
import torch
from gdl_core.grid.convolution import convolve, reference_convolve
from gdl_core.groups import CyclicGroup
from gdl_core.representations import FieldType
from gdl_grids import Conv, Grid, StridedConv
from torch.nn import functional


def settings(seed: int, count: int):
    draw = random.Random(seed)
    for _ in range(count):
        d = draw.choice([1, 2, 2, 3, 4])
        size = {1: 9, 2: 9, 3: 5, 4: 3}[d]
        yield {
            "shape": [draw.randint(1, size) for _ in range(d)],
            "kernel": [draw.randint(1, 5 if d < 4 else 3) for _ in range(d)],
            "boundary": tuple(draw.choice(["periodic", "zero", "reflect"]) for _ in range(d)),
            "stride": tuple(draw.choice([1, 1, 2, 3]) for _ in range(d)),
            "dilation": tuple(draw.choice([1, 1, 2, 3]) for _ in range(d)),
            "groups": draw.choice([1, 2]),
        }


@pytest.mark.parametrize("share", [0.0, 1e9], ids=["padded copy", "border from slabs"])
def test_values_and_gradients_equal_those_of_a_padded_copy_in_any_setting(share, monkeypatch):
    """Kernels larger than the grid, even kernels, strides that do not divide, mixed boundaries: 120 draws each."""
    monkeypatch.setattr(module, "BORDER_SHARE", share)
    torch.manual_seed(0)
    for setting in settings(1, 120):
        shape, kernel, boundary, stride, dilation, groups = setting.values()
        x = torch.randn(2, 4, *shape, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(6, 4 // groups, *kernel, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
        arguments = (x, weight, bias, boundary, stride, dilation, groups)
        y, expected = convolve(*arguments), reference_convolve(*arguments)
        assert torch.allclose(y, expected, atol=1e-12, rtol=1e-12), setting
        cotangent = torch.randn_like(y)
        found = torch.autograd.grad((y * cotangent).sum(), (x, weight, bias))
        wanted = torch.autograd.grad((expected * cotangent).sum(), (x, weight, bias))
        assert all(torch.allclose(a, b, atol=1e-11, rtol=1e-11) for a, b in zip(found, wanted)), setting


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("boundary", "mode"), [("periodic", "circular"), ("reflect", "reflect"), ("zero", "zeros")])
def test_conv_equals_torch_with_the_same_weights(d, boundary, mode):
    kinds = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
    theirs = kinds[d](4, 6, 3, padding=2, dilation=2, groups=2, padding_mode=mode, dtype=torch.float64)
    ours = Conv(4, 6, 3, dilation=2, groups=2, ndim=d).double()
    ours.load_state_dict(theirs.state_dict())
    shape = (7, 6, 5)[:d]
    x = torch.randn(2, 4, *shape, dtype=torch.float64)
    assert torch.allclose(ours(x, Grid(shape, boundary)), theirs(x), atol=1e-12)


def test_four_dimensions_equal_the_sum_over_slices_and_unfolded_windows():
    ours = Conv(2, 3, 3, ndim=4).double()
    x = torch.randn(1, 2, 3, 4, 3, 4, dtype=torch.float64)
    padded = x
    for dim in range(2, 6):
        padded = torch.cat([padded.narrow(dim, -1, 1), padded, padded.narrow(dim, 0, 1)], dim)
    windows = padded.unfold(2, 3, 1).unfold(3, 3, 1).unfold(4, 3, 1).unfold(5, 3, 1)
    expected = torch.einsum("bcpqrsijkl,ocijkl->bopqrs", windows, ours.weight)
    assert torch.allclose(ours(x), expected, atol=1e-12)


def test_the_border_is_bitwise_that_of_the_padded_reference_in_float64(monkeypatch):
    """By locality the border is the same sum of the same numbers, not an approximation (research, §6.5)."""
    monkeypatch.setattr(module, "BORDER_SHARE", 1e9)
    x = torch.randint(-8, 8, (1, 2, 9, 8)).double()
    weight = torch.randint(-8, 8, (3, 2, 3, 5)).double()
    padded = functional.pad(x, (2, 2, 1, 1), mode="circular")
    assert torch.equal(convolve(x, weight, None, ("periodic",) * 2, (1, 1), (1, 1)), functional.conv2d(padded, weight))


def test_gradients_of_conv_to_second_order():
    conv = Conv(2, 2, (3, 2)).double()
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    for grid in (Grid((4, 5)), Grid((4, 5), ("reflect", "zero"))):
        assert torch.autograd.gradcheck(lambda t, w, grid=grid: conv(t, grid).sin() * w.sum(), (x, conv.weight))
        assert torch.autograd.gradgradcheck(lambda t, grid=grid: conv(t, grid).sin(), (x,))


def test_strided_conv_keeps_every_second_value_of_conv():
    strided = StridedConv(3, 4, 3, 2).double()
    plain = Conv(3, 4, 3).double()
    plain.load_state_dict(strided.state_dict())
    for grid in (Grid((8, 6)), Grid((7, 5), "zero")):
        x = torch.randn(2, 3, *grid.shape, dtype=torch.float64)
        y, coarse = strided(x, grid)
        assert torch.allclose(y, plain(x, grid)[..., ::2, ::2], atol=1e-12)
        assert coarse == strided.out_domain(grid) and coarse.parent == grid


def test_bad_input_is_refused_with_expected_and_got():
    conv = Conv(3, 4, 3)
    with pytest.raises(ValueError, match=r"Conv expects 3 channels .* got 2 channels on axis 1"):
        conv(torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match=r"Conv expects values \[b, c, n, n\], got \[1, 3, 8\]"):
        conv(torch.zeros(1, 3, 8))
    with pytest.raises(TypeError, match=r"floating-point values, got torch.int64"):
        conv(torch.zeros(1, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"on Grid\(8x9, zero\), got \[1, 3, 8, 8\]"):
        conv(torch.zeros(1, 3, 8, 8), Grid((8, 9), "zero"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernel_size": 0}, ValueError, "kernel_size a whole number from 1 or 2 of them"),
        ({"kernel_size": (3, 3), "ndim": 3}, ValueError, "3 of them, one per axis, got"),
        ({"kernel_size": 3, "ndim": 5}, ValueError, "1 to 4 dimensions"),
        ({"groups": 2}, ValueError, "groups must divide the 3 channels"),
        ({"dilation": -1}, ValueError, "dilation"),
        ({"in_type": FieldType(CyclicGroup(4), "regular")}, TypeError, "invariant channels, got .*gdl-groups"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Conv(**{"in_type": 3, "out_type": 4, **arguments})


def test_an_odd_kernel_with_zeros_outside_is_one_convolution():
    x, weight = torch.randn(1, 2, 6, 6), torch.randn(3, 2, 3, 3, requires_grad=True)
    y = convolve(x, weight, None, ("zero", "zero"), (1, 1), (1, 1))
    assert y.grad_fn is not None and "Convolution" in y.grad_fn.name()  # no slice, whose derivative fills a copy
