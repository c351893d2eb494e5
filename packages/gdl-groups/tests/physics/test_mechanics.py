"""Motions that follow from an energy or a Lagrangian, against closed forms."""

import math

import pytest
import torch
from gdl_core import FieldType, O
from gdl_groups import EquivariantMLP, Hamiltonian, Lagrangian
from torch import nn


class Spring(nn.Module):
    def forward(self, q, p):
        return 0.5 * (p.square() + 4 * q.square()).sum(1)


class Pendulum(nn.Module):
    """The Lagrangian of a mass 2 on a rod 3 in gravity 9.81: its mass matrix and force depend on nothing learned."""

    def forward(self, q, v):
        return (0.5 * 2 * 9 * v.square() + 2 * 9.81 * 3 * q.cos()).sum(1)


class Kepler(nn.Module):
    """A mass 1 in polar coordinates (r, angle) about a centre: the Lagrangian mixes q and v."""

    def forward(self, q, v):
        r = q[:, 0]
        return 0.5 * (v[:, 0].square() + r.square() * v[:, 1].square()) + 1 / r


def pair(d=3, b=5):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, b, d, generator=draw, dtype=torch.float64)


def test_the_spring_moves_as_hookes_law_says():
    q, p = pair()
    along, force = Hamiltonian(Spring())(q, p)
    assert torch.equal(along, p) and torch.equal(force, -4 * q)


def test_leapfrog_is_of_second_order_and_keeps_the_energy():
    q, p = pair()
    errors, drifts = [], []
    for count in (100, 200):
        places, momenta = Hamiltonian(Spring()).leapfrog(q, p, 2.0 / count, count)
        exact = q * math.cos(4.0) + p * math.sin(4.0) / 2
        errors.append(float((places[-1] - exact).abs().max()))
        energy = 0.5 * (momenta.square() + 4 * places.square()).sum(-1)
        drifts.append(float((energy - energy[0]).abs().max()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.02)
    assert drifts[1] < 1e-2


def test_an_invariant_energy_conserves_angular_momentum():
    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            type = FieldType(O(3), "1x1o")
            self.kinetic = EquivariantMLP(type, 1, "4x0e+4x1o", 1).double()
            self.potential = EquivariantMLP(type, 1, "4x0e+4x1o", 1).double()

        def forward(self, q, p):
            return self.kinetic(p) + self.potential(q)

    q, p = pair(b=2)
    places, momenta = Hamiltonian(Learned()).leapfrog(q, p, 0.02, 20)
    momentum = torch.linalg.cross(places, momenta)
    assert (places[-1] - places[0]).detach().abs().max() > 1e-2
    assert (momentum - momentum[0]).detach().abs().max() < 1e-12


def test_the_pendulum_accelerates_as_gravity_says():
    q, v = pair(1)
    assert torch.allclose(Lagrangian(Pendulum())(q, v), -9.81 / 3 * q.sin(), atol=1e-12)


def test_the_planet_feels_the_centrifugal_and_the_coriolis_term():
    q, v = pair(2)
    q = q.abs() + 0.5
    a = Lagrangian(Kepler())(q, v)
    r, radial, turning = q[:, 0], v[:, 0], v[:, 1]
    assert torch.allclose(a[:, 0], r * turning.square() - 1 / r.square(), atol=1e-12)
    assert torch.allclose(a[:, 1], -2 * radial * turning / r, atol=1e-12)


def test_both_train_on_what_they_predict():
    q, p = pair()
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1)).double()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, q, p):
            return self.net(torch.cat([q, p], 1))

    for made in (Hamiltonian(Net()), Lagrangian(Net(), damping=1.0)):
        net.zero_grad()
        out = made(q, p)
        sum(part.square().sum() for part in (out if isinstance(out, tuple) else (out,))).backward()
        assert all(torch.isfinite(w.grad).all() and w.grad.abs().sum() > 0 for w in net.parameters() if w.dim() > 1)


def test_forces_do_not_need_gradients_to_be_on():
    q, p = pair()
    with torch.no_grad():
        assert torch.allclose(Hamiltonian(Spring())(q, p)[1].detach(), -4 * q)


def test_coordinates_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"q and v \[b, d\], got \[5, 3\] and \[5, 2\]"):
        Lagrangian(Pendulum())(torch.zeros(5, 3), torch.zeros(5, 2))
