"""The transforms on the sphere and on SO(3): exact, what they say they are, and the same on every backend."""

import math

import numpy as np
import pytest
import torch
from gdl_core.groups import SO
from gdl_groups import Rotations, Sphere, analysis, synthesis
from gdl_groups.angular import spherical_harmonics, wigner_d
from gdl_groups.kernels import sht_fast, sht_so3_fast
from gdl_groups.kernels.legendre import legendre
from gdl_groups.kernels.sht import sphere_analysis, sphere_synthesis
from gdl_groups.kernels.sht_so3 import coefficients, rotations_analysis, rotations_synthesis
from gdl_groups.spherical.quadrature import KINDS, exact_degree, rings
from gdl_groups.spherical.transform import blocks, degree_of, pack, resample, unpack
from scipy.special import sph_legendre_p

F64 = torch.float64
GRIDS = [("gauss-legendre", 6, 11), ("gauss-legendre", 7, 16), ("equiangular", 11, 13), ("midpoint", 12, 12)]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def triangle(degree, *batch):
    return unpack(normal(*batch, (degree + 1) ** 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nlat", [1, 2, 3, 8, 9, 64])
def test_quadrature_integrates_powers_of_the_height_up_to_its_degree(kind, nlat):
    theta, weights = rings(kind, nlat)
    last = 2 * nlat - 1 if kind == "gauss-legendre" else nlat - 1
    for power in range(last + 1):
        expected = 0 if power % 2 else 1 / (power + 1)
        assert abs((weights * np.cos(theta) ** power).sum() - expected) < 1e-14
    assert (weights > 0).all()
    assert 2 * exact_degree(kind, nlat) <= last


def test_quadrature_fails_one_degree_beyond():
    for kind, beyond in (("gauss-legendre", 12), ("equiangular", 8), ("midpoint", 8)):
        theta, weights = rings(kind, 6 if kind == "gauss-legendre" else 7)
        assert abs((weights * np.cos(theta) ** beyond).sum() - 1 / (beyond + 1)) > 1e-6


@pytest.mark.parametrize(("degree", "orders"), [(40, range(41)), (512, (0, 1, 17, 128, 189, 300, 511, 512))])
def test_legendre_functions_are_orthonormal(degree, orders):
    theta, weights = rings("gauss-legendre", degree + 1)
    for m in orders:
        table = legendre(theta, degree, m, m)[0]
        gram = (table * weights) @ table.T / (1 if m == 0 else 2)
        expected = np.diag((np.arange(degree + 1) >= m).astype(float))
        assert np.abs(gram - expected).max() < 2e-13


def test_legendre_functions_do_not_underflow_where_the_sectoral_one_does():
    """At θ = 0.2, sin^900 θ is 1e-630; P̄ of degree 4,000 and order 900 still takes part there."""
    value = legendre(np.array([0.2, 0.25]), 4000, 900, 900)[0]
    assert np.isfinite(value).all()
    assert np.abs(value[-1]).max() > 0.1


def test_legendre_functions_are_those_of_scipy():
    theta = np.array([0.1, 0.7, 1.5, 2.9])
    table = legendre(theta, 12)
    for l in range(13):
        for m in range(l + 1):
            sign = (-1) ** m * math.sqrt(4 * math.pi * (1 if m == 0 else 2))  # no Condon-Shortley sign, mean square one
            expected = sph_legendre_p(l, m, theta).ravel() * sign
            np.testing.assert_allclose(table[m, l], expected, atol=1e-12)


@pytest.mark.parametrize(("kind", "nlat", "nlon"), GRIDS)
def test_coefficients_of_a_spherical_harmonic_are_a_unit_vector(kind, nlat, nlon):
    sphere = Sphere(nlat, nlon, kind)
    values = spherical_harmonics(range(sphere.degree + 1), sphere.points()).T.unflatten(-1, sphere.shape)
    found = pack(analysis(values, sphere))
    torch.testing.assert_close(found, torch.eye(len(values), dtype=F64), atol=1e-12, rtol=0)
    torch.testing.assert_close(synthesis(unpack(found), sphere), values, atol=1e-12, rtol=0)


def test_degree_one_is_x_y_z_with_y_the_pole():
    sphere = Sphere(5, 8)
    for axis in range(3):
        packed = torch.zeros(4, dtype=F64)
        packed[1 + axis] = 1
        expected = math.sqrt(3) * sphere.points()[:, axis].reshape(sphere.shape)
        torch.testing.assert_close(synthesis(unpack(packed), sphere), expected, atol=1e-14, rtol=0)
    assert float(sphere.points()[0, 1]) > 0.9


@pytest.mark.parametrize("degree", [0, 1, 15, 16, 40, 127])
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_of_band_limited_signals_on_the_sphere(degree, kind):
    c = triangle(degree, 2, 1)
    sphere = Sphere.of_degree(degree, kind)
    assert sphere.degree == degree
    torch.testing.assert_close(analysis(synthesis(c, sphere), sphere), c, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("kind", "degree"), [("gauss-legendre", 0), ("gauss-legendre", 9), ("equiangular", 5)])
def test_round_trip_of_band_limited_signals_on_rotations(kind, degree):
    c = normal(2, coefficients(degree))
    grid = Rotations.of_degree(degree, kind)
    torch.testing.assert_close(analysis(synthesis(c, grid), grid), c, atol=1e-12, rtol=0)


def test_parseval_the_mean_square_is_the_sum_of_squares():
    for grid, c in (
        (Sphere.of_degree(7), triangle(7, 1)),
        (Rotations.of_degree(4, "midpoint"), normal(1, coefficients(4))),
    ):
        x = synthesis(c, grid).flatten()
        torch.testing.assert_close((x.square() * grid.weights()).sum(), c.square().sum(), atol=1e-11, rtol=1e-12)


def test_coefficients_on_rotations_are_those_of_wigner_functions():
    grid = Rotations(4, 7, 9)
    found = []
    for l in range(4):
        values = (2 * l + 1) ** 0.5 * wigner_d(l, grid.matrices())
        found.append(values.flatten(-2).T.unflatten(-1, grid.shape))
    basis = torch.cat(found)
    torch.testing.assert_close(analysis(basis, grid), torch.eye(len(basis), dtype=F64), atol=1e-12, rtol=0)


def test_a_rotation_multiplies_coefficients_by_wigner_matrices():
    """Checked on functions given by formulas, sampled before and after: no transform moves them."""
    g = SO(3).sample(1, torch.Generator().manual_seed(3))[0]
    sphere, grid = Sphere.of_degree(20), Rotations.of_degree(14)
    direction, matrix = normal(3), 0.5 * normal(3, 3, seed=1)
    before = analysis((sphere.points() @ direction).sin().reshape(sphere.shape), sphere)
    after = analysis((sphere.points() @ g @ direction).sin().reshape(sphere.shape), sphere)
    for l in range(11):
        orders = slice(20 - l, 20 + l + 1)
        torch.testing.assert_close(after[l, orders], wigner_d(l, g) @ before[l, orders], atol=1e-10, rtol=0)
    before = analysis((grid.matrices() * matrix).sum((-1, -2)).sin().reshape(grid.shape), grid)
    after = analysis((g.T @ grid.matrices() * matrix).sum((-1, -2)).sin().reshape(grid.shape), grid)
    for l, (old, new) in enumerate(zip(blocks(before)[:6], blocks(after)[:6])):
        torch.testing.assert_close(new, wigner_d(l, g) @ old, atol=1e-8, rtol=0)


@pytest.mark.parametrize(("kind", "nlat", "nlon"), [*GRIDS, ("gauss-legendre", 1, 1), ("midpoint", 68, 67)])
@pytest.mark.parametrize("weighted", [True, False])
def test_fast_and_dense_transforms_on_the_sphere_agree(kind, nlat, nlon, weighted):
    for degree in {0, Sphere(nlat, nlon, kind).degree}:
        x = normal(2, 3, nlat, nlon)
        c = sphere_analysis.reference(x, kind, degree, weighted)
        torch.testing.assert_close(sht_fast.analysis(x, kind, degree, weighted), c, atol=1e-11, rtol=1e-11)
        y = sphere_synthesis.reference(c, kind, nlat, nlon, weighted)
        torch.testing.assert_close(sht_fast.synthesis(c, kind, nlat, nlon, weighted), y, atol=1e-9, rtol=1e-11)


@pytest.mark.parametrize("degree", [5, 40])
def test_a_grid_too_coarse_samples_the_signal_and_so_does_its_transpose(degree):
    """What analysis does then is no inverse; as the derivative of synthesis it must still be its transpose."""
    c, x = triangle(degree, 2), normal(2, 4, 6)
    torch.testing.assert_close(
        sht_fast.synthesis(c, "equiangular", 4, 6, False), sphere_synthesis.reference(c, "equiangular", 4, 6, False)
    )
    torch.testing.assert_close(
        sht_fast.analysis(x, "equiangular", degree, True), sphere_analysis.reference(x, "equiangular", degree, True)
    )


@pytest.mark.parametrize(("kind", "shape"), [("gauss-legendre", (4, 7, 8)), ("equiangular", (7, 8, 7))])
@pytest.mark.parametrize("weighted", [True, False])
def test_fast_and_dense_transforms_on_rotations_agree(kind, shape, weighted):
    for degree in {0, Rotations(*shape, kind).degree}:
        x = normal(2, 3, *shape)
        c = rotations_analysis.reference(x, kind, degree, weighted)
        torch.testing.assert_close(sht_so3_fast.analysis(x, kind, degree, weighted), c, atol=1e-11, rtol=1e-11)
        y = rotations_synthesis.reference(c, kind, degree, *shape, weighted)
        found = sht_so3_fast.synthesis(c, kind, degree, *shape, weighted)
        torch.testing.assert_close(found, y, atol=1e-9, rtol=1e-11)


def test_each_operator_is_the_transpose_of_the_other():
    x, c = normal(2, 4, 8), triangle(3, 2)
    left = (sphere_analysis(x, "gauss-legendre", 3, False) * c).sum()
    right = (x * sphere_synthesis(c, "gauss-legendre", 4, 8, False)).sum()
    torch.testing.assert_close(left, right)
    x, c = normal(2, 3, 5, 5), normal(2, coefficients(2), seed=1)
    left = (rotations_analysis(x, "midpoint", 2, True) * c).sum()
    right = (x * rotations_synthesis(c, "midpoint", 2, 3, 5, 5, True)).sum()
    torch.testing.assert_close(left, right)


def test_transforms_are_twice_differentiable_and_repeat_bitwise():
    sphere = Sphere(5, 9, "equiangular")
    x = normal(1, 5, 9).requires_grad_()
    torch.autograd.gradcheck(lambda x: analysis(x, sphere), x)
    torch.autograd.gradgradcheck(lambda x: synthesis(analysis(x, sphere).square(), sphere), x)
    many = normal(3, 5, 9)
    assert torch.equal(analysis(many, sphere), analysis(many, sphere))


def test_float32_loses_no_more_than_rounding():
    sphere = Sphere.of_degree(63)
    c = triangle(63, 1)
    found = analysis(synthesis(c.float(), sphere), sphere)
    assert found.dtype == torch.float32
    assert float((found - c).abs().max()) < 2e-5


def test_resampling_keeps_what_both_grids_hold():
    fine, coarse = Sphere.of_degree(9), Sphere.of_degree(4, "equiangular")
    x = synthesis(triangle(4, 1, 1), coarse)
    torch.testing.assert_close(resample(resample(x, coarse, fine), fine, coarse), x, atol=1e-12, rtol=0)


def test_packing_is_inverse_and_degrees_are_recognised():
    packed = normal(2, 25)
    assert torch.equal(pack(unpack(packed)), packed)
    assert unpack(packed).shape == (2, 5, 9)
    assert [degree_of(torch.zeros(coefficients(l))) for l in range(5)] == list(range(5))


def test_wrong_shapes_are_refused_with_a_sentence():
    sphere = Sphere(4, 8)
    with pytest.raises(ValueError, match=r"expects a grid for degree 4, but Sphere\(4, 8.*holds 3"):
        analysis(torch.zeros(4, 8), sphere, 4)
    with pytest.raises(ValueError, match=r"analysis expects values \[\.\.\., 4, 8\]"):
        analysis(torch.zeros(5, 8), sphere)
    with pytest.raises(ValueError, match=r"synthesis expects coefficients"):
        synthesis(torch.zeros(4, 8), sphere)
    with pytest.raises(ValueError, match="number Σ"):
        synthesis(torch.zeros(11), Rotations(3, 5, 5))
    with pytest.raises(ValueError, match="Packed coefficients"):
        unpack(torch.zeros(5))
