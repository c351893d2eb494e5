"""Radial functions: closed forms, smoothness at zero and at the cut-off, finite derivatives of every order."""

import math

import pytest
import torch
from gdl_groups import BesselBasis, CosineCutoff, GaussianBasis, PolynomialCutoff, directions, distances

F64 = torch.float64


def derivatives(function, r, order):
    """Return the function and its first derivatives at r, `[order + 1, ...]`."""
    r = torch.tensor(r, dtype=F64, requires_grad=True)
    found = [function(r)]
    for _ in range(order):
        found.append(torch.autograd.grad(found[-1].sum(), r, create_graph=True)[0])
    return [float(value.detach()) for value in found]


def test_distances_are_norms_with_finite_derivatives_at_zero():
    v = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1e-200, 0, 0]], dtype=F64, requires_grad=True)
    r = distances(v)
    assert r.tolist() == [5.0, 0.0, 0.0]
    first = torch.autograd.grad(r.square().sum() + r.sum(), v, create_graph=True)[0]
    second = torch.autograd.grad(first.square().sum(), v, create_graph=True)[0]
    third = torch.autograd.grad(second.square().sum(), v)[0]
    assert all(bool(torch.isfinite(d).all()) for d in (first, second, third))
    torch.testing.assert_close(first[0], v[0] * 2 + v[0] / 5)
    assert torch.equal(first[1].detach(), torch.zeros(3, dtype=F64))


def test_distances_pass_gradient_checks_away_from_zero():
    v = torch.randn(4, 3, dtype=F64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(distances, v) and torch.autograd.gradgradcheck(distances, v)
    assert torch.autograd.gradcheck(lambda v: directions(v)[1], v)


def test_directions_are_unit_or_zero():
    r, n = directions(torch.tensor([[0.0, -2.0], [0.0, 0.0]], dtype=F64))
    assert r.tolist() == [2.0, 0.0] and n.tolist() == [[0.0, -1.0], [0.0, 0.0]]


def test_half_precision_does_not_overflow_and_keeps_its_dtype():
    v = torch.tensor([[300.0, 400.0, 0.0]], dtype=torch.float16)  # the square is beyond 65,504
    assert distances(v).item() == 500.0 and distances(v).dtype == torch.float16


def test_bessel_functions_are_orthonormal_and_vanish_at_the_cutoff():
    basis, edges = BesselBasis(6, 2.5), torch.linspace(0, 2.5, 20_001, dtype=F64)
    r = (edges[1:] + edges[:-1]) / 2
    values = basis(r)
    gram = (values[:, :, None] * values[:, None] * (r**2)[:, None, None]).sum(0) * float(edges[1])
    torch.testing.assert_close(gram, torch.eye(6, dtype=F64), rtol=0, atol=1e-7)
    assert float(basis(torch.tensor(2.5, dtype=F64)).abs().max()) < 1e-15
    expected = math.sqrt(2 / 2.5) * torch.sin(3 * math.pi * r / 2.5) / r
    torch.testing.assert_close(values[:, 2], expected, rtol=0, atol=1e-12)


def test_bessel_functions_are_smooth_at_zero_and_where_the_series_ends():
    basis = BesselBasis(1, math.pi)  # sin(r) / r, times sqrt(2 / pi)
    value, slope, curve, third = (x / math.sqrt(2 / math.pi) for x in derivatives(lambda r: basis(r)[0], 0.0, 3))
    assert (value, slope, third) == pytest.approx((1, 0, 0), abs=1e-15) and curve == pytest.approx(-1 / 3, abs=1e-15)
    for r in (0.0999999, 0.1000001):
        x = torch.tensor(r, dtype=torch.float64)
        assert float(basis(x)) == pytest.approx(float(torch.sin(x) / x) * math.sqrt(2 / math.pi), rel=1e-15)


def test_trainable_frequencies_are_parameters_and_start_as_fixed_ones():
    fixed, free = BesselBasis(4, 2.0), BesselBasis(4, 2.0, trainable=True)
    r = torch.rand(5)
    torch.testing.assert_close(fixed(r), free(r))
    assert not list(fixed.parameters()) and not fixed.state_dict() and len(list(free.parameters())) == 1
    fixed, free = GaussianBasis(4, 2.0, 0.5), GaussianBasis(4, 2.0, 0.5, trainable=True)
    torch.testing.assert_close(fixed(r), free(r))
    assert not fixed.state_dict() and len(list(free.parameters())) == 2


def test_gaussians_are_one_at_their_centres():
    values = GaussianBasis(5, 3.0, 1.0)(torch.linspace(1.0, 3.0, 5, dtype=F64))
    assert values.diagonal().tolist() == [1.0] * 5
    torch.testing.assert_close(values[0, 1], torch.tensor(math.exp(-0.5), dtype=F64))


@pytest.mark.parametrize("p", [2, 3, 6])
def test_the_polynomial_cutoff_is_flat_at_both_ends(p):
    cut = PolynomialCutoff(p, 2.0)
    value, slope, curve = derivatives(cut, 0.0, 2)
    assert (value, slope) == (1.0, 0.0) and (p == 2 or curve == 0.0)
    for r in (2.0 - 1e-9, 2.0, 2.5, 1e30):
        assert derivatives(cut, r, 2) == pytest.approx([0, 0, 0], abs=1e-6)
    torch.testing.assert_close(PolynomialCutoff(p)(torch.tensor(0.3)), cut(torch.tensor(0.6)))
    r = torch.linspace(0, 2, 101, dtype=F64)
    assert bool((cut(r).diff() <= 1e-15).all())


def test_the_cosine_cutoff_has_a_continuous_slope():
    cut = CosineCutoff(2.0)
    assert derivatives(cut, 0.0, 1) == [1.0, 0.0]
    assert derivatives(cut, 1.0, 0) == pytest.approx([0.5])
    assert derivatives(cut, 2.0 - 1e-9, 1) == pytest.approx([0, 0], abs=1e-8)
    assert derivatives(cut, 3.0, 2) == [0, 0, 0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BesselBasis(0, 1.0), "at least 1 functions, got 0"),
        (lambda: BesselBasis(4, 0.0), "BesselBasis expects a positive cut-off, got 0.0"),
        (lambda: BesselBasis(4, math.inf), "positive cut-off"),
        (lambda: GaussianBasis(1, 1.0), "at least 2 functions"),
        (lambda: GaussianBasis(4, 1.0, 2.0), "start below the cut-off"),
        (lambda: PolynomialCutoff(1), "order p from 2, got 1"),
        (lambda: CosineCutoff(-1.0), "CosineCutoff expects a positive"),
    ],
)
def test_bad_arguments_are_one_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()
