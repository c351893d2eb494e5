"""Spherical harmonics: SciPy's to degree 40 and e3nn's to 11; poles, zero, derivatives, transforms."""

import math

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_groups.angular import clebsch_gordan, spherical_harmonics, unit
from scipy.special import sph_harm_y

ALL = list(range(12))


def directions(count=50, seed=0, dtype=torch.float64):
    return unit(torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def by_scipy(degree, vectors):
    """Orthonormal real harmonics from complex ones, about the axis y: (x, y, z) here is (y, z, x) there."""
    y = vectors[:, 1].double()
    theta, phi = torch.acos(y.clamp(-1, 1)).numpy(), torch.atan2(vectors[:, 0], vectors[:, 2]).numpy()
    columns = []
    for m in range(-degree, degree + 1):
        value = sph_harm_y(degree, abs(m), theta, phi) * (-1) ** m * (math.sqrt(2) if m else 1)
        columns.append(torch.from_numpy(value.imag.copy() if m < 0 else value.real.copy()))
    return torch.stack(columns, -1)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 7, 12, 25, 40])
def test_harmonics_equal_those_of_scipy(degree):
    vectors = directions()
    ours = spherical_harmonics(degree, vectors, normalization="integral")
    assert float((ours - by_scipy(degree, vectors)).abs().max()) < 1e-12


def test_float32_is_accurate_to_degree_40():
    vectors = directions(400)
    exact = spherical_harmonics(list(range(41)), vectors)
    single = spherical_harmonics(list(range(41)), vectors.float())
    for degree in (1, 6, 12, 40):
        part = slice(degree**2, (degree + 1) ** 2)
        error = (single[:, part].double() - exact[:, part]).norm(dim=1) / exact[:, part].norm(dim=1)
        assert float(error.max()) < 5e-7 * degree


@pytest.mark.parametrize("normalization", ["component", "norm", "integral"])
@pytest.mark.parametrize("normalize", [True, False])
def test_harmonics_equal_those_of_e3nn_to_degree_eleven(normalization, normalize):
    theirs = pytest.importorskip("e3nn.o3").spherical_harmonics
    vectors = directions() * (2.5 if normalize else 1.0)
    ours = spherical_harmonics(ALL, vectors, normalize, normalization)
    assert float((ours - theirs(ALL, vectors, normalize, normalization)).abs().max()) < 1e-12


def test_solid_harmonics_have_the_fixed_values_and_the_right_degree():
    values = spherical_harmonics([2, 3], torch.tensor([0.6, 0, 0.8]), normalization="norm")
    expected = [0.831384, 0, -0.5, 0, 0.242487, 0.739973, 0, -0.367423, 0, -0.489898, 0, -0.278280]
    assert torch.allclose(values, torch.tensor(expected), atol=1e-6)
    vectors = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    doubled = spherical_harmonics(5, 2 * vectors, normalize=False)
    assert torch.allclose(doubled, 32 * spherical_harmonics(5, vectors, normalize=False), rtol=1e-13)


@pytest.mark.parametrize(("name", "square"), [("component", 13), ("norm", 1), ("integral", 13 / (4 * math.pi))])
def test_squares_add_up_to_what_the_normalization_says(name, square):
    values = spherical_harmonics(6, directions(), normalization=name)
    assert torch.allclose(values.square().sum(-1), torch.full((50,), float(square), dtype=torch.float64), rtol=1e-13)


@pytest.mark.parametrize("degree", [1, 4, 9])
def test_the_next_degree_is_the_coupling_of_this_one_with_the_vector(degree):
    vectors = directions()
    here, after = (spherical_harmonics(l, vectors, normalization="norm") for l in (degree, degree + 1))
    product = torch.einsum("abc,na,nb->nc", clebsch_gordan(degree, 1, degree + 1), here, vectors)
    ratio = (product * after).sum(-1, keepdim=True)
    assert torch.allclose(product, ratio * after, atol=1e-13)
    assert float(ratio.std()) < 1e-13 < float(ratio.min())


def test_only_order_zero_is_left_at_the_pole():
    values = spherical_harmonics(ALL, torch.tensor([0.0, 3.0, 0.0]), normalization="norm")
    expected = torch.zeros(144)
    expected[[l * l + l for l in ALL]] = 1
    assert torch.allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
def test_derivatives_are_right_at_poles_and_axes_to_second_order(normalize):
    vectors = torch.tensor([[0.0, 1, 0], [0, -2, 0], [1, 0, 0], [0, 0, -1], [0.3, -0.2, 0.9]], dtype=torch.float64)

    def function(v):
        return spherical_harmonics([1, 2, 4], v, normalize)

    vectors.requires_grad_()
    assert torch.autograd.gradcheck(function, vectors)
    assert torch.autograd.gradgradcheck(function, vectors)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_zero_vector_has_finite_values_and_derivatives(normalize):
    vectors = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    values = spherical_harmonics(range(4), vectors, normalize)
    assert torch.equal(values[:, 0], torch.ones(2).double()) and not values[:, 1:].any()
    (first,) = torch.autograd.grad((values**2).sum() + values.sum(), vectors, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), vectors)
    assert first.isfinite().all() and second.isfinite().all()
    if normalize:
        assert not first.any()


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
def test_directions_of_tiny_and_huge_vectors_are_directions(scale):
    vectors = directions(dtype=torch.float32)
    expected = spherical_harmonics([1, 2, 3], vectors)
    assert torch.allclose(spherical_harmonics([1, 2, 3], vectors * scale), expected, atol=1e-5)


def test_laplacian_of_solid_harmonics_vanishes():
    point = torch.tensor([0.3, -0.4, 0.7], dtype=torch.float64)
    second = torch.autograd.functional.hessian(lambda v: spherical_harmonics(5, v, normalize=False)[2], point)
    assert abs(float(second.trace())) < 1e-12 < float(second.abs().max())


@pytest.mark.filterwarnings(r"ignore:.*torch\.jit\.:DeprecationWarning")  # forward mode in torch itself
def test_transforms_of_torch_func_work():
    vectors = directions(6)
    batched = spherical_harmonics([0, 1, 3], vectors)
    assert torch.allclose(torch.func.vmap(lambda v: spherical_harmonics([0, 1, 3], v))(vectors), batched, atol=1e-14)

    def function(v):
        return spherical_harmonics(3, v, normalize=False)

    forward, reverse = torch.func.jacfwd(function)(vectors[0]), torch.func.jacrev(function)(vectors[0])
    assert torch.allclose(forward, torch.autograd.functional.jacobian(function, vectors[0]), atol=1e-13)
    assert torch.allclose(forward, reverse, atol=1e-13)


def test_it_compiles_whole_with_its_gradient():
    def function(v):
        return spherical_harmonics([1, 3], v).square().cumsum(-1).sin().sum()

    vectors = directions(5).requires_grad_()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(function(vectors), vectors)[0]
    assert torch.allclose(torch.autograd.grad(compiled(vectors), vectors)[0], expected, atol=1e-12)


def test_degrees_may_repeat_come_in_any_order_or_be_absent():
    vectors = directions(4).reshape(2, 2, 3)
    whole = spherical_harmonics([0, 1, 2], vectors)
    chosen = spherical_harmonics([2, 0, 2], vectors)
    assert torch.equal(chosen, torch.cat([whole[..., 4:], whole[..., :1], whole[..., 4:]], -1))
    assert spherical_harmonics([], vectors).shape == (2, 2, 0)
    assert spherical_harmonics([1], vectors[:0]).shape == (0, 2, 3)


def test_bad_input_gets_a_sentence():
    vectors = directions(2)
    with pytest.raises(ValueError, match=r"vectors \[..., 3\], got \[2, 2\]"):
        spherical_harmonics(1, vectors[:, :2])
    with pytest.raises(ValueError, match="whole number from 0, got -1"):
        spherical_harmonics([0, -1], vectors)
    with pytest.raises(TypeError, match=r"floating-point vectors, got torch.int64"):
        spherical_harmonics(1, vectors.long())
    with pytest.raises(UnknownNameError, match="Did you mean 'component'"):
        spherical_harmonics(1, vectors, normalization="components")
