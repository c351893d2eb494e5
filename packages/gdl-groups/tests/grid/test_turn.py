"""Turns by any angle: what interpolation costs, what sampling costs a steerable convolution, how a bug looks."""

import math

import pytest
import torch
from gdl_core.geometry import Blueprint, Signal
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, O
from gdl_core.representations import FieldType
from gdl_core.verify import audit, equivariance_error
from gdl_groups.grid.steerable import SteerableConv
from gdl_groups.grid.turn import DiscMask, Turn

SCALAR = FieldType.scalars(1)
ANGLE = SO(2).exp(0.7 * SO(2).algebra()[0])


def bumps(n, type=SCALAR, seed=0, d=2):
    """Return a sum of Gaussians in the middle of n points per axis: the same picture at every resolution."""
    draw = torch.Generator().manual_seed(seed)
    u = torch.cartesian_prod(*[(torch.arange(n, dtype=torch.float64) + 0.5) * 2 / n - 1] * d)
    centres = torch.rand(type.channels, 12, d, generator=draw, dtype=torch.float64) - 0.5
    heights = torch.randn(type.channels, 12, 1, generator=draw, dtype=torch.float64)
    x = (heights * torch.exp(-(u - centres[:, :, None]).square().sum(-1) / (2 * 0.13**2))).sum(1)
    return Signal(x.reshape(1, type.channels, *[n] * d), Grid((n,) * d, "zero"), type)


def relative(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize(("interpolation", "cost"), [("linear", 0.1), ("cubic", 0.01), ("fourier", 1e-5)])
def test_there_and_back_costs_what_the_interpolation_costs(interpolation, cost):
    s = bumps(32)
    turn = Turn(s.domain, SO(2), interpolation)
    there = turn.act(ANGLE, s)
    assert relative(there.values, s.values) > 0.3
    back = relative(turn.act(SO(2).inverse(ANGLE), there).values, s.values)
    assert cost / 100 < back < cost


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "fourier"])
def test_quarter_turns_and_flips_are_those_of_the_grid(interpolation):
    type = FieldType(O(2), "2xstandard+1xdet")
    s = bumps(9, type)
    turn = Turn(s.domain, DihedralGroup(8), interpolation)
    exact = s.domain.symmetries()["rotation"]
    quarter = torch.tensor([0, 2])
    assert (turn.act(quarter, s).values - exact.act(torch.tensor(1), s).values).abs().max() < 1e-12
    flip = turn.act(torch.tensor([1, 0]), s).values
    assert (flip - s.domain.symmetries()["reflection"].act(torch.tensor([0, 1]), s).values).abs().max() < 1e-12
    assert (turn.act(turn.group.identity(), s).values - s.values).abs().max() < 1e-12


def test_fields_turn_by_the_element_of_their_own_group():
    turn = Turn(Grid((8, 8), "zero"), CyclicGroup(4))
    g = torch.tensor(1)
    for group, element in ((CyclicGroup(8), 2), (DihedralGroup(4), [0, 1]), (CyclicGroup(4), 1)):
        found = turn.fibre_element(g, FieldType(group, "1xregular"))
        assert found is not None and found.tolist() == element
    found = turn.fibre_element(g, FieldType(SO(2), "1x1"))
    assert found is not None and found.shape == (2, 2)
    with pytest.raises(TypeError, match="acts on fibres"):
        turn.fibre_element(g, FieldType(CyclicGroup(6), "1xregular"))


def test_a_turn_of_space_is_that_of_the_cube():
    s = bumps(6, FieldType(O(3), "1x1o"), d=3)
    quarter = s.domain.symmetries()["rotation"].group.generators()[0]
    turned = Turn(s.domain, SO(3), "linear").act(quarter, s)
    assert (turned.values - s.domain.symmetries()["rotation"].act(quarter, s).values).abs().max() < 1e-12


@pytest.mark.parametrize(("group", "out"), [(CyclicGroup(8), "2xregular"), (SO(2), "2x0+2x1+2x2+2x4")], ids=str)
def test_the_error_of_a_steerable_convolution_falls_with_the_fourth_power_of_the_step(group, out):
    type = FieldType(group, out)
    errors, unbalanced = [], []
    for moments, found in ((4, errors), (-1, unbalanced)):
        torch.manual_seed(0)
        layer = SteerableConv(1, type, 5, bias=False, moments=moments).double()
        for n in (24, 48):
            s = bumps(n)
            turn = Turn(s.domain, group, "fourier")
            found.append(equivariance_error(layer, s, turn, samples=3, out_type=type).mean)
    assert errors[0] < 0.05 and errors[1] < errors[0] / 8
    assert unbalanced[1] > 4 * errors[1]  # plain samples: aliases of frequency 4 stay
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(1, 4, 5, padding=2, bias=False).double()
    assert equivariance_error(plain, bumps(48), Turn(Grid((48, 48), "zero")), samples=3).mean > 0.1


def test_in_space_too_aliases_are_what_plain_samples_leave():
    type = FieldType(O(3), "1x0e+1x1o+1x2e+1x3o")
    found = []
    for moments in (4, -1):
        torch.manual_seed(0)
        layer = SteerableConv(1, type, 5, bias=False, moments=moments).double()
        s = bumps(28, d=3)
        turn = Turn(s.domain, SO(3), "cubic")
        found.append(equivariance_error(layer, s, turn, samples=1, out_type=type).mean)
    assert found[0] < 0.02 and found[1] > 2 * found[0]


def test_an_audit_tells_sampling_from_a_bug():
    type = FieldType(CyclicGroup(8), "1xregular")
    torch.manual_seed(0)
    good = [SteerableConv(1, type, 5, bias=False), DiscMask(type), SteerableConv(type, type, 5, bias=False)]
    net = Blueprint(good).double()
    s = Signal(bumps(24).values, Grid((24, 24)), SCALAR)  # refined by trigonometric interpolation: it stays smooth
    turn = Turn(s.domain, CyclicGroup(8), "fourier")
    verdicts = {row.kind: row.cells["turn"].verdict for row in audit(net, s, [turn], samples=2).rows}
    assert verdicts["SteerableConv"] == "discretisation"
    fixed = good[2].double().bake()  # type: ignore[union-attr]
    fixed.weight += 0.1 * torch.randn(fixed.weight.shape, generator=torch.Generator().manual_seed(0))
    net.parts[2] = fixed
    verdicts = {row.kind: row.cells["turn"].verdict for row in audit(net, s, [turn], samples=2).rows}
    assert verdicts["FixedConv"] == "lost"


def test_the_disc_is_one_inside_and_zero_in_the_corners():
    y = DiscMask(1, margin=1, width=2)(torch.ones(1, 1, 17, 17))
    assert float(y[0, 0, 8, 8]) == 1 and float(y[0, 0, 8, 3]) == 1 and float(y[0, 0, 8, 1]) == 0
    assert 0 < float(y[0, 0, 8, 2]) < 1 and float(y[0, 0, 1, 1]) == 0
    assert torch.equal(y, y.rot90(1, (2, 3)))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="a square or a cubic grid"):
        Turn(Grid((4, 5)))
    with pytest.raises(ValueError, match="interpolates by one of"):
        Turn(Grid((4, 4, 4)), None, "fourier")
    with pytest.raises(ValueError, match="turns 2 axes"):
        Turn(Grid((4, 4)), SO(3))
    with pytest.raises(ValueError, match="positive width"):
        DiscMask(1, width=0)
    assert math.isclose(float(ANGLE[1, 0]), math.sin(0.7))
