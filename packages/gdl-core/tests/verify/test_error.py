"""`equivariance_error`: exact maps measure as exact, broken ones do not, and bad input gets a sentence."""

import json

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.geometry import Blueprint, Coarsening, Layer, Readout, Signal
from gdl_core.groups import CyclicGroup
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from torch import nn


def conv(inner, outer, mode="circular", **options):
    return nn.Conv2d(inner, outer, 3, padding=1, padding_mode=mode, dtype=torch.float64, **options)


class CirculantConv(Layer):
    claims = ("shift",)

    def __init__(self, inner, outer):
        super().__init__(inner, outer)
        self.conv = conv(inner, outer)

    def forward(self, x, domain=None):
        return self.conv(x)


class Polyphase(Coarsening):
    """Keep the phase of the largest norm, per sample: exactly equivariant to whole shifts."""

    claims = ("shift",)

    def forward(self, x, domain=None):
        phases = torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
        best = phases.square().flatten(2).sum(2).argmax(0)
        return phases[best, torch.arange(x.shape[0])], domain.locate(phases[0])


class Strided(Polyphase):
    def forward(self, x, domain=None):
        return x[..., ::2, ::2], domain.locate(x[..., ::2, ::2])


class Mean(Readout):
    claims = ("shift",)

    def forward(self, x, domain=None):
        return x.mean((2, 3))


def test_a_circular_convolution_is_exact_under_shifts(toys):
    report = equivariance_error(conv(1, 3), toys.image(), "shift")
    assert report.max < 1e-14
    assert len(report.elements) == 2 + 8  # two generators, eight samples


def test_zero_padding_is_not(toys):
    assert equivariance_error(conv(1, 3, "zeros"), toys.image(), "shift").max > 1e-2


def test_f_is_called_with_the_domain_where_it_asks_for_it(toys):
    seen = []

    def named(x, domain=None):
        seen.append(domain)
        return x

    def demanded(x, place):
        seen.append(place)
        return x, place

    def alone(x, scale=2.0):
        return scale * x

    for f in (named, demanded, alone, torch.relu):
        assert equivariance_error(f, toys.image(), "shift", samples=1).max == 0
    assert len(seen) == 8
    assert all(isinstance(domain, toys.Torus) for domain in seen)


def test_a_vector_per_sample_must_be_invariant(toys):
    assert equivariance_error(lambda x: x.mean((2, 3)), toys.image(channels=3), "shift").max < 1e-13
    assert equivariance_error(lambda x: x[:, :, 0, 0], toys.image(channels=3), "shift").max > 0.1


def test_a_polyphase_blueprint_is_exact_and_a_strided_one_is_not(toys):
    signal = toys.image()
    for pool, exact in ((Polyphase(4, 4), True), (Strided(4, 4), False)):
        layers = [CirculantConv(1, 4), nn.ReLU(), pool, CirculantConv(4, 4)]
        error = equivariance_error(Blueprint(layers, signal.domain), signal, "shift").max
        invariant = equivariance_error(Blueprint([*layers, Mean(4, 4)], signal.domain), signal, "shift").max
        assert (error < 1e-13) == exact
        assert (invariant < 1e-13) == exact
        assert exact or min(error, invariant) > 1e-3


def test_each_sample_takes_its_own_nearest_candidate(toys):
    values = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    values[0, 0, 0, 0], values[1, 0, 1, 1] = 1, 1  # their largest phases differ, so a shift rounds differently
    signal = Signal(values, toys.Torus((8, 8)), FieldType.scalars(1))
    assert equivariance_error(Polyphase(1, 1), signal, "shift").max == 0


def test_vectors_turn_with_the_rotation_only_if_the_type_says_so(toys):
    group = CyclicGroup(4)
    vectors = FieldType(group, "1xstandard")
    plain = toys.image(channels=2)
    signal = Signal(plain.values, plain.domain, vectors)
    assert equivariance_error(lambda x: 2 * x, signal, "turn", out_type=vectors).max < 1e-14
    assert equivariance_error(lambda x: 2 * x, signal, "turn").max > 0.5  # taken as two scalars
    assert equivariance_error(lambda x: x.mean((2, 3)), signal, "turn", out_type=vectors).max < 1e-13
    assert equivariance_error(lambda x: x.mean((2, 3)), signal, "turn").max > 0.5


def test_a_type_of_a_group_that_the_symmetry_does_not_act_by_is_refused(toys):
    strange = FieldType(CyclicGroup(3), "1xstandard")
    with pytest.raises(TypeError, match="acts on fibres of"):
        equivariance_error(lambda x: torch.cat([x, x], 1), toys.image(), "turn", out_type=strange)


def test_an_out_type_that_does_not_fit_is_refused(toys):
    with pytest.raises(ValueError, match=r"should return .* 5 channels, got 1 channels on axis 1"):
        equivariance_error(lambda x: x, toys.image(), "shift", out_type=FieldType.scalars(5))


def test_all_tensors_of_a_nested_output_count(toys):
    def good(x):
        return {"features": x, "pooled": (x.mean((2, 3)), None)}

    def bad(x):
        return x, [x.mean((2, 3)), x[:, :, 0, 0]]

    assert equivariance_error(good, toys.image(), "shift").max < 1e-13
    assert equivariance_error(bad, toys.image(), "shift").max > 0.1
    with pytest.raises(TypeError, match="no tensor"):
        equivariance_error(lambda x: None, toys.image(), "shift")


def test_the_worst_sample_decides_and_zero_output_is_defined(toys):
    values = torch.zeros(2, 1, 6, 6, dtype=torch.float64)
    values[1, 0, 0, 0] = 1
    signal = Signal(values, toys.Torus((6, 6)), FieldType.scalars(1))
    report = equivariance_error(lambda x: x * (torch.arange(6) < 3), signal, "shift")
    assert report.worst.per_sample == (0.0, report.max)
    assert report.max == 1
    corner = equivariance_error(lambda x: x[:, :, 1, 1], signal, "shift")  # f(s) = 0 and f(g·s) = 1 for some g
    assert set(corner.errors) <= {0.0, 1.0}
    assert equivariance_error(lambda x: 0 * x, signal, "shift").decibel == -float("inf")


def test_permuted_points_take_their_positions_with_them(toys):
    def message(x, domain):
        near = torch.exp(-(torch.cdist(domain.positions, domain.positions) ** 2))
        owner = torch.repeat_interleave(torch.arange(3), 5)
        return (near * (owner[:, None] == owner)) @ x

    signal = toys.cloud()
    report = equivariance_error(message, signal, "permutation")
    assert report.max < 1e-14
    assert len(report.worst.per_sample) == 3
    assert equivariance_error(message, signal, "rotation").max < 1e-13
    assert equivariance_error(lambda x, domain: domain.positions * x, signal, "rotation").max > 0.1
    assert equivariance_error(lambda x, domain: x * torch.arange(15)[:, None], signal, "permutation").max > 0.1


def test_actions_run_in_float64_and_f_in_its_own_precision(toys):
    seen = set()

    def f(x, domain):
        seen.add((x.dtype, domain.positions.dtype))
        return x * domain.positions.norm(dim=1, keepdim=True)

    error = equivariance_error(f, toys.cloud(dtype=torch.float32), "rotation").max
    assert seen == {(torch.float32, torch.float32)}
    assert 0 < error < 1e-6


def test_nan_is_named(toys):
    signal = toys.image()
    broken = signal.values.clone()
    broken[1, 0, 3, 4] = float("nan")
    with pytest.raises(ValueError, match=r"input signal holds NaN at index \(1, 0, 3, 4\)"):
        equivariance_error(conv(1, 1), signal.with_values(broken), "shift")
    with pytest.raises(ValueError, match=r"The output of sqrt holds NaN at index"):
        equivariance_error(torch.sqrt, signal, "shift")
    with pytest.raises(ValueError, match="infinite"):
        equivariance_error(lambda x: x / 0, signal, "shift")


def test_an_unknown_symmetry_gets_the_closest_name(toys):
    with pytest.raises(UnknownNameError, match="Did you mean 'shift'"):
        equivariance_error(torch.relu, toys.image(), "shifts")


def test_modes_and_random_state_are_left_alone(toys):
    net = nn.Sequential(conv(1, 2), nn.BatchNorm2d(2, dtype=torch.float64), nn.Dropout(0.5))
    net[1].eval()
    before = torch.get_rng_state()
    report = equivariance_error(net, toys.image(), "shift")
    assert report.max < 1e-13  # dropout is off
    assert (net.training, net[1].training, net[2].training) == (True, False, True)
    assert net[1].num_batches_tracked == 0
    assert torch.equal(before, torch.get_rng_state())


def test_the_report_repeats_and_becomes_text_and_json(toys):
    first, again = (equivariance_error(conv_of_seed(), toys.image(), "slide", seed=3) for _ in range(2))
    assert first == again
    assert first != equivariance_error(conv_of_seed(), toys.image(), "slide", seed=4)
    assert "<- worst" in str(first) and "dB" in str(first)
    assert json.loads(json.dumps(first.to_dict()))["max"] == first.max
    assert first.mean <= first.percentile95 <= first.max


def conv_of_seed():
    torch.manual_seed(7)
    return conv(1, 2, "zeros")
