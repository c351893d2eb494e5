"""Layers on the sphere and on SO(3): closed forms, equivariance in float64, and what a pointwise function costs."""

import itertools
import math

import pytest
import torch
from gdl_core.geometry import Blueprint, Signal
from gdl_core.groups import SO, O
from gdl_core.representations import FieldType
from gdl_core.verify import audit, equivariance_error, lie_derivative
from gdl_groups import (
    PowerSpectrum,
    Rotations,
    S2ToSO3Conv,
    SO3Conv,
    Sphere,
    SphereActivation,
    SphericalBatchNorm,
    SphericalConv,
    SphericalMean,
    SphericalPool,
    analysis,
    synthesis,
)
from gdl_groups.angular import spherical_harmonics, wigner_d
from gdl_groups.kernels.sht_so3 import coefficients
from gdl_groups.spherical.correlation import _near_pole
from gdl_groups.spherical.transform import unpack

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def signal(grid, channels=2, degree=None, seed=0):
    """A normal signal with degrees up to `degree`, that of the grid if left out."""
    degree = grid.degree if degree is None else degree
    if isinstance(grid, Sphere):
        values = synthesis(unpack(normal(2, channels, (degree + 1) ** 2, seed=seed)), grid)
    else:
        values = synthesis(normal(2, channels, coefficients(degree), seed=seed), grid)
    return Signal(values, grid, FieldType.scalars(channels))


def rotation(seed=0):
    return SO(3).sample(1, torch.Generator().manual_seed(seed))[0]


@pytest.fixture(autouse=True)
def double_precision_without_gradients():
    torch.manual_seed(0)
    torch.set_default_dtype(F64)
    with torch.no_grad():
        yield
    torch.set_default_dtype(torch.float32)


def test_a_zonal_convolution_is_the_integral_with_its_filter():
    """y(u) = ∫ ψ(u·v) x(v) dv with ψ(t) = Σ_l (2l + 1) w(l) P_l(t), summed over the points of a finer grid."""
    sphere, fine = Sphere(5, 10), Sphere(12, 24)
    layer = SphericalConv(1, 1, 4, bias=False)
    x = signal(sphere, 1).values
    y = layer(x, sphere)
    cosine = sphere.points() @ fine.points().T
    legendre = [torch.special.legendre_polynomial_p(cosine, l) for l in range(5)]
    kernel = sum((2 * l + 1) * layer.weight[l, 0, 0] * legendre[l] for l in range(5))
    on_fine = synthesis(analysis(x, sphere), fine).flatten(2)
    expected = torch.einsum("uv,v,bcv->bcu", kernel, fine.weights(), on_fine).unflatten(-1, sphere.shape)
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)


def test_the_lift_is_the_correlation_with_the_turned_filter():
    """y(R) = ∫ ψ(R⁻¹u) x(u) du at every rotation of the grid, ψ evaluated at R⁻¹u."""
    sphere, fine = Sphere(3, 6), Sphere(8, 16)
    layer = S2ToSO3Conv(1, 1, 2, rings=2, spokes=3, bias=False)
    x = signal(sphere, 1).values
    y, grid = layer(x, sphere)
    psi = layer.weight[0, 0] @ layer.basis
    turned = fine.points() @ grid.matrices()  # R⁻¹u, [R, u, 3]
    values = spherical_harmonics(range(3), turned) @ psi
    on_fine = synthesis(analysis(x, sphere), fine).flatten(2)
    expected = torch.einsum("ru,u,bcu->bcr", values, fine.weights(), on_fine).unflatten(-1, grid.shape)
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)


def test_convolution_on_rotations_is_the_correlation_with_the_turned_filter():
    """y(R) = ∫ ψ(R⁻¹Q) x(Q) dQ, ψ evaluated at R⁻¹Q through Wigner matrices."""
    grid, fine = Rotations(3, 5, 5), Rotations(5, 9, 9)
    layer = SO3Conv(1, 1, 2, rings=1, spokes=3, rolls=2, bias=False)
    x = signal(grid, 1).values
    psi = layer.weight[0, 0] @ layer.basis
    between = grid.matrices()[:10].mT[:, None] @ fine.matrices()[None]
    basis = [(2 * l + 1) ** 0.5 * wigner_d(l, between).flatten(-2) for l in range(3)]
    on_fine = synthesis(analysis(x, grid), fine).flatten(2)
    expected = torch.einsum("rq,q,bcq->bcr", torch.cat(basis, -1) @ psi, fine.weights(), on_fine)
    torch.testing.assert_close(layer(x, grid).flatten(2)[..., :10], expected, atol=1e-12, rtol=0)


def test_filters_are_local():
    """A filter of reach 0.3 is a sum of band-limited peaks within it: its mean square further than 0.9 is small."""
    sphere = Sphere.of_degree(16)
    layer = S2ToSO3Conv(1, 1, 16, reach=0.3)
    psi = synthesis(unpack((layer.weight[0, 0] @ layer.basis).detach()), sphere).flatten()
    far = sphere.points()[:, 1] < math.cos(0.9)
    share = (psi.square() * sphere.weights())[far].sum() / (psi.square() * sphere.weights()).sum()
    assert float(share) < 0.05
    points = _near_pole(0.5, 2, 4)[:, :, 1]
    assert float(points[:, 1].min()) == pytest.approx(math.cos(0.5))


def test_fewer_knots_make_a_filter_that_falls_off_sooner():
    sphere = Sphere.of_degree(24)

    def spread(knots):
        layer = SphericalConv(1, 64, 24, knots=knots, bias=False)
        delta = spherical_harmonics(range(25), torch.tensor([[0.0, 1.0, 0.0]]))[0] / 25
        psi = layer(synthesis(unpack(delta)[None, None], sphere), sphere).flatten(2)
        weight = psi.square() * sphere.weights()
        return float(((weight * (1 - sphere.points()[:, 1])).sum() / weight.sum()).detach())

    assert spread(3) < 0.2 * spread(None)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("build", "grid"),
    [
        (lambda: SphericalConv(2, 3, 8), Sphere(10, 20)),
        (lambda: SphericalConv(2, 3, 6, knots=3), Sphere(15, 16, "equiangular")),
        (lambda: S2ToSO3Conv(2, 3, 6), Sphere(8, 16)),
        (lambda: SO3Conv(2, 3, 4), Rotations(6, 12, 12)),
        (lambda: SphericalPool(2), Sphere(12, 24)),
        (lambda: SphericalMean(2), Rotations(4, 8, 8)),
        (lambda: PowerSpectrum(2, 5), Sphere(14, 14, "midpoint")),
    ],
    ids=["zonal", "knots", "lift", "rotations", "pool", "mean", "power"],
)
def test_linear_layers_commute_with_any_rotation_to_rounding(build, grid, seed):
    """For values at every point, band-limited or not."""
    values = Signal(normal(2, 2, *grid.shape, seed=seed), grid, FieldType.scalars(2))
    report = equivariance_error(build(), values, "rotation", samples=3, seed=seed)
    assert report.max < 1e-12


def test_a_filter_that_is_not_zonal_does_not_commute():
    """The negative control: multiplying orders by different numbers is no convolution."""
    sphere = Sphere(6, 12)

    def spoiled(x, domain):
        c = analysis(x, domain)
        return synthesis(c * torch.linspace(0.5, 1.5, c.shape[-1]), domain)

    assert equivariance_error(spoiled, signal(sphere), "rotation").max > 0.1


def test_zonal_filters_see_no_mirror_images_and_free_filters_do():
    sphere = Sphere(8, 16)
    x = signal(sphere, 1).values
    mirrored = sphere.symmetries()["reflection"].move(torch.tensor([1, 0]), x, sphere)[0]
    free = Blueprint([S2ToSO3Conv(1, 4, 6), SphereActivation(4, "gelu"), SphericalMean(4)], sphere)
    zonal = Blueprint([SphericalConv(1, 4, 6), SphereActivation(4, "gelu"), SphericalMean(4)], sphere)
    with torch.no_grad():
        assert float((free(x) - free(mirrored)).abs().max()) > 1e-3
        torch.testing.assert_close(zonal(x), zonal(mirrored), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("grid", "most"), [(Sphere(6, 12), 8), (Rotations(4, 8, 8), 4)], ids=["sphere", "rotations"])
def test_the_error_of_an_activation_falls_with_oversampling(grid, most):
    """GELU is smooth: each doubling of the points leaves less than a fifth; ReLU has a kink: less than a third."""
    for function, factor in (("gelu", 0.2), ("relu", 0.33)):
        errors, count = [], 1
        while count <= most:
            layer = SphereActivation(2, function, count)
            errors.append(equivariance_error(layer, signal(grid), "rotation", samples=6).mean)
            count *= 2
        assert errors[0] > 1e-3, (function, errors)
        for before, after in itertools.pairwise(errors):
            assert after < max(factor * before, 1e-13), (function, errors)


def test_a_polynomial_activation_is_exact_once_the_grid_holds_its_degree():
    class Square(torch.nn.ELU):
        def forward(self, x):
            return x.square()

    grid = Sphere(5, 10)
    coarse, fine = SphereActivation(2, Square(), 1), SphereActivation(2, Square(), 2)
    assert equivariance_error(coarse, signal(grid), "rotation").max > 1e-2
    assert equivariance_error(fine, signal(grid), "rotation").max < 1e-12


def test_the_audit_tells_what_an_activation_aliases_from_a_mistake():
    sphere = Sphere(8, 16)
    net = Blueprint([SphericalConv(2, 4, 4), torch.nn.GELU(), SphericalMean(4)], sphere)
    found = audit(net, signal(sphere, degree=4), ["rotation", "longitude"])
    verdicts = {row.kind: {name: cell.verdict for name, cell in row.cells.items()} for row in found.rows}
    assert verdicts["SphericalConv"]["rotation"] == "exact"
    assert verdicts["Pointwise"] == {"rotation": "discretisation", "longitude": "exact"}
    assert verdicts["SphericalMean"]["rotation"] == "exact"


def test_the_lie_derivative_of_a_convolution_vanishes():
    found = lie_derivative(SphericalConv(2, 2, 3), signal(Sphere(4, 8)), "rotation")
    assert found.max < 1e-11
    assert min(entry.motion for entry in found.generators) > 0.1


def test_batch_norm_in_training_does_not_see_where_the_pole_is():
    grid = Sphere(6, 12, "equiangular")
    x = signal(grid)
    g = rotation()
    turned = grid.symmetries()["rotation"].act(g, x).values
    layer = SphericalBatchNorm(2)
    y, after = layer(x.values, grid), layer(turned, grid)
    expected = grid.symmetries()["rotation"].act(g, x.with_values(y)).values
    torch.testing.assert_close(after, expected, atol=1e-12, rtol=0)
    mean = (y.flatten(2) * grid.weights()).sum(2).mean(0)
    square = (y.square().flatten(2) * grid.weights()).sum(2).mean(0)
    torch.testing.assert_close(mean, torch.zeros(2), atol=1e-12, rtol=0)
    torch.testing.assert_close(square, torch.ones(2), atol=1e-3, rtol=0)
    plain = torch.nn.BatchNorm2d(2)
    gap = plain(turned) - grid.symmetries()["rotation"].act(g, x.with_values(plain(x.values))).values
    assert float(gap.abs().max()) > 1e-3


def test_the_mean_is_the_integral_and_the_power_spectrum_sums_to_the_mean_square():
    sphere, grid = Sphere(6, 14), Rotations(4, 7, 9)
    x = (sphere.points()[:, 0] > 0.3).double().reshape(1, 1, *sphere.shape)
    torch.testing.assert_close(SphericalMean(1)(x, sphere)[0, 0], (x.flatten() * sphere.weights()).sum())
    for domain in (sphere, grid):
        x = signal(domain)
        power = PowerSpectrum(2, domain.degree)(x.values, domain).view(2, -1, 2)  # [b, L + 1, c]
        size = 2 * torch.arange(domain.degree + 1) + 1
        total = (power * (size if domain is sphere else size**2)[:, None]).sum(1)
        torch.testing.assert_close(total, (x.values.flatten(2).square() * domain.weights()).sum(2))


def test_an_initial_network_keeps_the_scale_of_white_signals():
    sphere = Sphere.of_degree(8)
    x = signal(sphere, 16).values
    zonal = SphericalConv(16, 64, 8)(x, sphere)
    lifted, grid = S2ToSO3Conv(16, 64, 8)(x, sphere)
    again = SO3Conv(64, 64, 8)(lifted, grid)

    def power(y, domain):
        return float((y.detach().square().flatten(2) * domain.weights()).sum(2).mean())

    start = power(x, sphere)
    for y, domain in ((zonal, sphere), (lifted, grid), (again, grid)):
        assert 0.7 * start < power(y, domain) < 1.4 * start


def test_vectors_turn_with_the_sphere():
    """The field of positions, u at u, is the same from all sides: no rotation, shift or mirror changes it."""
    sphere = Sphere(6, 12)
    values = sphere.points().T.reshape(1, 3, *sphere.shape)
    for group, name in ((SO(3), "rotation"), (O(3), "rotation"), (O(3), "longitude"), (O(3), "reflection")):
        field = Signal(values, sphere, FieldType(group, "1x1" if group == SO(3) else "1o"))
        symmetry = sphere.symmetries()[name]
        for g in symmetry.group.sample(4, torch.Generator().manual_seed(0)):
            torch.testing.assert_close(symmetry.act(g, field).values, values, atol=1e-13, rtol=0)
    mirror, field = sphere.symmetries()["reflection"], Signal(values, sphere, FieldType(SO(3), "1x1"))
    with pytest.raises(TypeError, match="reflection"):
        mirror.act(mirror.group.generators()[0], field)


def test_refining_keeps_a_band_limited_signal():
    for grid in (Sphere(5, 10, "midpoint"), Rotations(4, 7, 8)):
        x = signal(grid)
        fine = grid.refine(x)
        assert fine.domain.shape == tuple(2 * n for n in grid.shape)
        torch.testing.assert_close(
            analysis(fine.values, fine.domain, grid.degree), analysis(x.values, grid), atol=1e-12, rtol=0
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sphere(0, 4), "takes as nlat a whole number from 1, got 0"),
        (lambda: Sphere(4, 8, "gaus-legendre"), "did you mean|gauss-legendre"),
        (lambda: Rotations(4, 8, 2.5), "takes as nroll a whole number"),
        (lambda: SphericalConv(2, 2, -1), "SphericalConv takes as degree a whole number from 0, got -1"),
        (lambda: SphericalConv(2, 2, 4, knots=1), "takes as knots a whole number from 2"),
        (lambda: S2ToSO3Conv(2, 2, 4, reach=4.0), r"takes as reach an angle in \(0, π\]"),
        (lambda: SO3Conv(2, 2, 4, rolls=0), "takes as rolls a whole number from 1"),
        (
            lambda: SphericalConv(1, 1, 9)(torch.zeros(1, 1, 4, 8), Sphere(4, 8)),
            "SphericalConv expects a grid for degree 9",
        ),
        (
            lambda: PowerSpectrum(1, 9)(torch.zeros(1, 1, 4, 8), Sphere(4, 8)),
            "PowerSpectrum expects a grid for degree 9",
        ),
        (lambda: SphericalConv(1, 1, 2)(torch.zeros(1, 1, 5, 8), Sphere(4, 8)), r"expects values \[b, c, 4, 8\]"),
        (lambda: Sphere.collate([Sphere(4, 8), Sphere(5, 8)]), "share one grid"),
    ],
)
def test_wrong_numbers_are_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types_are_refused_with_a_sentence():
    vectors = FieldType(SO(3), "2x1")
    for build in (lambda t: SphericalConv(t, 2, 3), lambda t: S2ToSO3Conv(2, t, 3), SphericalPool, SphericalMean):
        with pytest.raises(TypeError, match="takes invariant channels"):
            build(vectors)
    with pytest.raises(TypeError, match="SphericalConv works on a Sphere, got the domain None"):
        SphericalConv(1, 1, 2)(torch.zeros(1, 1, 4, 8))
    with pytest.raises(TypeError, match="SO3Conv works on a Rotations, got the domain Sphere"):
        SO3Conv(1, 1, 2)(torch.zeros(1, 1, 4, 8), Sphere(4, 8))
