"""`deformation_stability`: known slopes come out, stable functions are told from unstable ones."""

import json
import math

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.geometry import Signal
from gdl_core.verify import Deformation, deformation_stability


class Louder:
    """ρ(τ)x = (1 + a) x at cost a: linear functions have a slope known in closed form."""

    name = "louder"

    def sample(self, seed, amplitude, signal):
        return signal.with_values(signal.values * (1 + amplitude)), amplitude


class Translate:
    """A symmetry of the domain, so it costs nothing."""

    name = "translate"

    def sample(self, seed, amplitude, signal):
        return signal.with_values(torch.roll(signal.values, 1 + seed, -1)), 0.0


class Warp:
    """x(u - τ(u)) on a ring, with τ a random wave of frequency 1 and c²(τ) = mean τ'², by Fourier interpolation."""

    name = "warp"

    def sample(self, seed, amplitude, signal):
        n = signal.values.shape[-1]
        u = torch.arange(n, dtype=torch.float64)
        phase = 2 * math.pi * torch.rand((), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        turn = 2 * math.pi / n
        tau = amplitude / turn * torch.sin(turn * u + phase)
        cost = float((amplitude * torch.cos(turn * u + phase)).square().mean().sqrt())
        frequency = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
        wave = torch.exp(1j * turn * frequency[:, None] * (u - tau))
        values = (torch.fft.fft(signal.values.double()) @ wave).real / n
        return signal.with_values(values.to(signal.values.dtype)), cost


def ring(toys, n=64, cutoff=8):
    return toys.image((n,), channels=2, batch=3, cutoff=cutoff)


def test_the_toys_follow_the_protocol():
    assert all(isinstance(item, Deformation) for item in (Louder(), Translate(), Warp()))
    assert not isinstance(object(), Deformation)


def test_the_slope_of_a_linear_readout_is_its_closed_form(toys):
    signal = ring(toys)
    found = deformation_stability(lambda x: x.sum(2), signal, Louder(), samples=1)
    x = signal.values + 0.0
    expected = float((x.sum(2).norm(dim=1) / x.flatten(1).norm(dim=1)).mean())
    assert found.slope == pytest.approx(expected, rel=1e-12)
    assert found.bound == pytest.approx(expected, rel=1e-12)
    assert found.law == "invariant"


def test_the_identity_responds_to_noise_as_to_deformation(toys):
    found = deformation_stability(lambda x: x.flatten(1), ring(toys), Warp())
    assert found.relative == pytest.approx(1, rel=1e-12)
    assert all(trial.noise == pytest.approx(trial.motion, rel=1e-12) for trial in found.trials)


def test_an_equivariant_map_is_compared_with_the_deformed_output(toys):
    signal = ring(toys)
    assert deformation_stability(lambda x: 3 * x, signal, Warp()).bound < 1e-11
    bent = deformation_stability(lambda x: x * torch.arange(64), signal, Warp())
    assert bent.law == "equivariant"
    assert bent.slope > 0.1


def test_a_symmetry_costs_nothing_and_moves_no_invariant(toys):
    found = deformation_stability(lambda x: x.square().mean(2), ring(toys), Translate())
    assert max(trial.response for trial in found.trials) < 1e-14
    assert min(trial.motion for trial in found.trials) > 0.1
    assert (found.slope, found.bound) == (0, 0)


def test_small_warps_respond_in_proportion_to_their_cost(toys):
    found = deformation_stability(lambda x: x.square().mean(2), ring(toys), Warp(), amplitudes=(1e-4, 1e-3))
    ratios = torch.tensor([trial.response / trial.cost for trial in found.trials]).view(2, -1)
    assert torch.allclose(ratios[0], ratios[1], rtol=0.02)


def test_the_fourier_modulus_is_less_stable_at_high_frequency_than_a_local_average(toys):
    # The book, §3.3: a modulus is shift invariant, but a small dilation moves a high frequency off its bin.
    signal = toys.image((128,), batch=4, cutoff=40)
    modulus = deformation_stability(lambda x: torch.fft.rfft(x).abs().flatten(1) / 128**0.5, signal, Warp())
    pooled = deformation_stability(
        lambda x: torch.fft.rfft(x).abs().unflatten(2, (5, 13)).square().sum(3).sqrt().flatten(1) / 128**0.5,
        signal,
        Warp(),
    )
    assert pooled.slope < 0.5 * modulus.slope


def test_deformations_come_from_the_domain_by_name(toys):
    signal = ring(toys)
    with pytest.raises(ValueError, match="supplies no deformations"):
        deformation_stability(torch.relu, signal)

    class Ring(toys.Torus):
        supplied = None

        def deformations(self):
            return type(self).supplied

    signal = Signal(signal.values, Ring(signal.domain.shape), signal.type)
    for supplied in ({"louder": Louder()}, [Louder(), Warp()], Louder()):
        Ring.supplied = supplied
        found = deformation_stability(lambda x: x.mean(2), signal, samples=1)
        assert found == deformation_stability(lambda x: x.mean(2), signal, "louder", samples=1)
        assert found.deformation == "louder"
    with pytest.raises(UnknownNameError, match="Did you mean 'louder'"):
        deformation_stability(lambda x: x.mean(2), signal, "lauder")


def test_points_first_signals_get_noise_per_sample(toys):
    class Squeeze:
        name = "squeeze"

        def sample(self, seed, amplitude, signal):
            weights = 1 + amplitude * torch.arange(3).repeat_interleave(5)[:, None]
            return signal.with_values(signal.values * weights), amplitude

    signal = toys.cloud()
    found = deformation_stability(lambda x, d: x.view(3, 10), signal, Squeeze(), amplitudes=(0.1,), samples=1)
    trial = found.trials[0]
    assert trial.motion == pytest.approx((0 + 0.1 + 0.2) / 3)
    assert trial.noise == pytest.approx(trial.motion)


def test_bad_input_gets_a_sentence(toys):
    signal = ring(toys)
    with pytest.raises(ValueError, match="positive amplitudes"):
        deformation_stability(torch.relu, signal, Warp(), amplitudes=(0.0,))
    with pytest.raises(ValueError, match="positive amplitudes"):
        deformation_stability(torch.relu, signal, Warp(), samples=0)
    with pytest.raises(ValueError, match="another domain"):
        deformation_stability(lambda x: x[..., ::2], signal, Warp())
    with pytest.raises(ValueError, match="The output of sqrt holds NaN"):
        deformation_stability(torch.sqrt, signal, Warp())
    with pytest.raises(ValueError, match="The input signal holds NaN"):
        deformation_stability(torch.relu, signal.with_values(signal.values * float("nan")), Warp())


def test_the_result_repeats_and_becomes_text_and_json(toys):
    first, again = (deformation_stability(torch.relu, ring(toys), Warp(), seed=2) for _ in range(2))
    assert first == again != deformation_stability(torch.relu, ring(toys), Warp(), seed=3)
    assert json.loads(json.dumps(first.to_dict()))["slope"] == first.slope
    assert "slope C" in str(first)
    still = deformation_stability(lambda x: 0 * x.mean(2), ring(toys), Warp())
    assert still.relative is None and still.to_dict()["relative"] is None
