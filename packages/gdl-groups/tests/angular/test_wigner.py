"""Wigner matrices: homomorphism, harmonics, e3nn, derivatives to second order, the irreps of core."""

import pytest
import torch
from gdl_core.groups import SO
from gdl_groups.angular import clebsch_gordan, from_euler, spherical_harmonics, wigner_blocks, wigner_d

DEGREES = range(9)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)  # e3nn makes its generators in the default dtype
    yield
    torch.set_default_dtype(torch.float32)


def rotations(count=6, seed=0):
    return SO(3).sample(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("degree", [*DEGREES, 16])
def test_wigner_matrices_are_an_orthogonal_homomorphism(degree):
    r, s = rotations(), rotations(seed=1)
    d, e = wigner_d(degree, r), wigner_d(degree, s)
    assert float((wigner_d(degree, r @ s) - d @ e).abs().max()) < 1e-12
    eye = torch.eye(2 * degree + 1, dtype=torch.float64)
    assert float((d @ d.mT - eye).abs().max()) < 1e-12
    assert float((torch.linalg.det(d) - 1).abs().max()) < 1e-12


@pytest.mark.parametrize("degree", [1, 2, 5, 8, 20])
def test_harmonics_turn_by_wigner_matrices(degree):
    r = rotations()
    vectors = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    turned = spherical_harmonics(degree, (r @ vectors[..., None])[..., 0])
    expected = (wigner_d(degree, r) @ spherical_harmonics(degree, vectors)[..., None])[..., 0]
    assert float((turned - expected).abs().max()) < 1e-12


def test_degree_one_is_the_rotation_and_the_identity_stays():
    r = rotations()
    assert torch.allclose(wigner_d(1, r), r, atol=1e-14, rtol=0)
    assert torch.allclose(wigner_d(6, torch.eye(3)), torch.eye(13), atol=1e-5)


@pytest.mark.parametrize("degree", DEGREES)
def test_core_irreps_are_the_same_matrices(degree):
    r = rotations()
    assert torch.allclose(SO(3).irrep(degree).matrix(r), wigner_d(degree, r), atol=1e-12)


def test_e3nn_has_the_same_matrices(double):
    o3 = pytest.importorskip("e3nn.o3")
    angles = torch.tensor([[0.3, 1.1, -0.7], [2.0, 0.4, 1.0]], dtype=torch.float64)
    r = from_euler(angles)
    assert torch.allclose(r, o3.angles_to_matrix(*angles.T), atol=1e-14)
    for degree in DEGREES:
        assert torch.allclose(wigner_d(degree, r), o3.wigner_D(degree, *angles.T), atol=1e-12)


def test_couplings_are_invariant_under_wigner_matrices():
    a, b, c = wigner_blocks([2, 3, 4], rotations())
    coupling = clebsch_gordan(2, 3, 4)
    moved = torch.einsum("abc,nai,nbj,nck->nijk", coupling, a, b, c)
    assert float((moved - coupling).abs().max()) < 1e-12


def test_derivatives_are_exact_also_where_euler_angles_lock():
    locked = from_euler(torch.tensor([[0.4, 0.0, 0.0], [0.0, torch.pi, 0.7]], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: wigner_d(3, r), locked)
    assert torch.autograd.gradgradcheck(lambda r: wigner_blocks([2, 1], r)[0], locked)


def test_transforms_batches_and_compilation():
    r = rotations()
    whole = wigner_d(2, r)
    assert torch.allclose(torch.func.vmap(lambda one: wigner_d(2, one))(r), whole, atol=1e-13)
    assert torch.allclose(wigner_d(2, r.reshape(2, 3, 3, 3)), whole.reshape(2, 3, 5, 5), atol=1e-14)
    assert wigner_d(2, r[:0]).shape == (0, 5, 5)
    assert wigner_blocks([], r) == []
    many = rotations(1100)
    assert torch.allclose(wigner_d(3, many)[-6:], wigner_d(3, many[-6:]), atol=1e-13)
    compiled = torch.compile(lambda r: wigner_blocks([1, 3], r)[1], fullgraph=True, backend="aot_eager")
    x = r.clone().requires_grad_()
    gradient = [torch.autograd.grad(f(x).square().cumsum(-1).sum(), x)[0] for f in (compiled, lambda r: wigner_d(3, r))]
    assert torch.allclose(*gradient, atol=1e-12)


def test_float32_is_accurate():
    r = rotations()
    for degree in (1, 4, 8):
        single = wigner_d(degree, r.float())
        assert single.dtype == torch.float32
        assert float((single.double() - wigner_d(degree, r)).abs().max()) < 1e-5


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match=r"rotations \[..., 3, 3\], got \[3\]"):
        wigner_d(1, torch.zeros(3))
    with pytest.raises(ValueError, match="whole number from 0"):
        wigner_d(-1, torch.eye(3))
    with pytest.raises(TypeError, match="floating-point rotations"):
        wigner_d(1, torch.eye(3).int())
