"""`lie_derivative`: forward mode agrees with finite differences, vanishes for equivariant maps and only for them."""

import json

import pytest
import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_core.verify import lie_derivative
from torch import nn


def conv(mode):
    return nn.Conv2d(1, 3, 3, padding=1, padding_mode=mode, dtype=torch.float64)


def test_a_circular_convolution_commutes_with_infinitesimal_slides(toys):
    report = lie_derivative(conv("circular"), toys.image(), "slide")
    assert report.max < 1e-13
    assert all(entry.motion > 0.1 for entry in report.generators)


def test_zero_padding_and_aliasing_do_not(toys):
    assert lie_derivative(conv("zeros"), toys.image(), "slide").max > 0.1
    assert lie_derivative(torch.relu, toys.image(), "slide").max > 0.1


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_forward_mode_agrees_with_finite_differences(toys, mode):
    net = nn.Sequential(conv(mode), nn.GELU(), nn.AvgPool2d(2), nn.Conv2d(3, 2, 1, dtype=torch.float64))
    signal = toys.image()
    exact = lie_derivative(net, signal, "slide")
    near = lie_derivative(net, signal, "slide", step=1e-5)
    for a, b in zip(exact.generators, near.generators):
        assert a.error == pytest.approx(b.error, rel=1e-7)
        assert a.motion == pytest.approx(b.motion, rel=1e-7)


def test_rotations_move_positions_and_fibres_together(toys):
    vectors = FieldType(SO(2), "1xstandard")
    signal = toys.cloud(type=vectors)
    far = torch.tensor([2.0, 0.5], dtype=torch.float64)
    good = lie_derivative(lambda x, d: x * d.positions.norm(dim=1, keepdim=True), signal, "rotation", vectors)
    mixed = lie_derivative(lambda x, d: x + d.positions, signal, "rotation", vectors)
    bad = lie_derivative(lambda x, d: x * far, signal, "rotation", vectors)
    assert max(good.max, mixed.max) < 1e-13 < 0.1 < bad.max
    assert len(bad.generators[0].per_sample) == 3


def test_the_model_gets_one_forward_pass_per_generator_and_no_gradient(toys):
    net, calls = conv("zeros"), []
    net.register_forward_hook(lambda *_: calls.append(1))
    lie_derivative(net, toys.image(), "slide")
    assert len(calls) == 1 + 2  # the clean pass, and one per generator
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_still_signal_is_told_from_a_good_function(toys):
    still = toys.image()
    still = Signal(torch.ones_like(still.values), still.domain, still.type)
    report = lie_derivative(torch.relu, still, "slide")
    assert report.max < 1e-12
    assert report.generators[0].motion < 1e-12


def test_a_discrete_group_is_refused_and_nan_named(toys):
    with pytest.raises(ValueError, match="has no Lie algebra"):
        lie_derivative(torch.relu, toys.image(), "shift")
    with pytest.raises(ValueError, match="The output of sqrt holds NaN"):
        lie_derivative(torch.sqrt, toys.image(), "slide")


def test_the_report_becomes_text_and_json(toys):
    report = lie_derivative(conv("zeros"), toys.image(dtype=torch.float64), "slide")
    assert json.loads(json.dumps(report.to_dict()))["max"] == report.max
    assert "generator" in str(report)
