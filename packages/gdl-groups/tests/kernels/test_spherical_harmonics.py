"""Kernels of harmonics and Wigner matrices: backends agree, derivatives to third order, equal bits on any threads."""

import pytest
import torch
from gdl_core.groups import SO
from gdl_groups.kernels.spherical_harmonics import gradient_table, spherical_harmonics, spherical_harmonics_backward
from gdl_groups.kernels.wigner import nodes, weights, wigner


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("count", [0, 1, 31, 32, 77])
def test_numba_equals_the_reference(degree, count):
    v, g = normal(count, 3), normal(count, (degree + 1) ** 2, seed=1)
    for options in ((False, "component"), (True, "norm"), (True, "integral")):
        for kernel, arguments in ((spherical_harmonics, (v, degree)), (spherical_harmonics_backward, (v, g, degree))):
            expected = kernel.reference(*arguments, *options)
            torch.testing.assert_close(kernel.backend("cpu")(*arguments, *options), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_normalised_harmonics_do_not_overflow_and_vanish_with_their_derivatives_at_zero(scale):
    v = torch.cat([scale * normal(40, 3), torch.zeros(1, 3)]).float().requires_grad_()
    y = spherical_harmonics(v, 3, True, "component")
    expected = spherical_harmonics(v.detach().double(), 3, True, "component")
    assert float((y - expected).detach().abs().max()) < 1e-5
    assert y[-1, 1:].eq(0).all()
    (slope,) = torch.autograd.grad(y, v, torch.ones_like(y), create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), v)
    assert slope[-1].eq(0).all()
    assert second[-1].eq(0).all()


def test_gradients_of_normalised_harmonics_are_those_of_dividing_first():
    """An oracle of other operations: PyTorch differentiates the division and the recurrence."""
    v, g = normal(6, 3).requires_grad_(), normal(6, 16, seed=1)
    found = []
    for y in (
        spherical_harmonics(v, 3, True, "norm"),
        spherical_harmonics.reference(v / v.norm(dim=-1, keepdim=True), 3, False, "norm"),
    ):
        (slope,) = torch.autograd.grad(y, v, g, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), v, create_graph=True)
        (third,) = torch.autograd.grad(second.square().sum(), v)
        found.append((y, slope, second, third))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_computed_in_float32(dtype):
    v = normal(50, 3, dtype=dtype)
    exact = spherical_harmonics(v.double(), 4, False, "component")
    for backend in ("reference", "cpu"):
        got = spherical_harmonics.backend(backend)(v, 4, False, "component")
        assert got.dtype == dtype
        assert float((got.double() - exact).norm() / exact.norm()) < (1e-6 if dtype == torch.float32 else 4e-3)


def test_derivatives_to_third_order():
    v, g = normal(2, 3).requires_grad_(), normal(2, 16, seed=1).requires_grad_()
    for options in ((False, "component"), (True, "integral")):
        assert torch.autograd.gradgradcheck(lambda v, o=options: spherical_harmonics(v, 3, *o), v)
        assert torch.autograd.gradgradcheck(lambda v, g, o=options: spherical_harmonics_backward(v, g, 3, *o), (v, g))
    constant = g.detach()[:, :1]
    assert torch.autograd.gradcheck(lambda v: spherical_harmonics_backward(v, constant, 0, True, "norm"), v)
    r = SO(3).sample(2, torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: wigner(r, [2, 0, 2]), r)
    assert torch.autograd.gradgradcheck(lambda r: wigner(r, [2]), r)


def test_the_table_of_gradients_is_the_jacobian():
    v = normal(3)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: spherical_harmonics.reference(v[None], 4, False, "component")[0], v
    )
    lower = spherical_harmonics.reference(v[None], 3, False, "component")[0]
    expected = torch.einsum("ats,t->sa", torch.from_numpy(gradient_table(4)), lower)
    torch.testing.assert_close(jacobian, expected, rtol=1e-12, atol=1e-12)


def test_operators_follow_the_rules_of_torch():
    v, g = normal(5, 3).requires_grad_(), normal(5, 9, seed=1).requires_grad_()
    torch.library.opcheck(spherical_harmonics.op, (v, 2, True, "norm"))
    torch.library.opcheck(spherical_harmonics_backward.op, (v, g, 2, True, "norm"))
    torch.library.opcheck(wigner.op, (normal(4, 3, 3).requires_grad_(), [1, 3]))


def test_any_number_of_threads_gives_the_same_bits():
    v, before = normal(5000, 3, dtype=torch.float32), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(spherical_harmonics(v, 5, True, "component"))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


@pytest.mark.parametrize("degree", [1, 4, 8, 20])
def test_the_nodes_of_wigner_matrices_are_well_conditioned(degree):
    values = spherical_harmonics.reference(torch.from_numpy(nodes(degree)), degree, False, "component")
    back = torch.from_numpy(weights(degree))
    for l in range(degree + 1):
        block = values[:, l * l : (l + 1) ** 2]
        assert float(torch.linalg.cond(block)) < 10
        torch.testing.assert_close(block.T @ back[:, l * l : (l + 1) ** 2], torch.eye(2 * l + 1).double())
