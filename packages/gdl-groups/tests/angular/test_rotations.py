"""Rotations: frames of edges, quaternions, axes, angles, and what is no rotation."""

import math

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.groups import SO
from gdl_groups.angular import (
    align,
    check_rotation,
    from_axis_angle,
    from_euler,
    from_quaternion,
    spherical_harmonics,
    to_axis_angle,
    to_euler,
    to_quaternion,
    wigner_d,
)

AXES = torch.cat([torch.eye(3), -torch.eye(3), torch.tensor([[1e-9, -1, 0], [0, 1e-12, 1], [0, -1e-12, 1]])]).double()


def rotations(count=20, seed=0):
    return SO(3).sample(count, torch.Generator().manual_seed(seed))


def test_align_turns_every_vector_to_the_polar_axis():
    draw = torch.Generator().manual_seed(0)
    vectors = torch.cat([AXES, torch.randn(50, 3, generator=draw, dtype=torch.float64)])
    r = check_rotation(align(vectors))
    expected = torch.zeros_like(vectors)
    expected[:, 1] = vectors.norm(dim=1)
    assert float(((r @ vectors[..., None])[..., 0] - expected).abs().max()) < 1e-13


def test_align_is_the_smallest_rotation_above_the_equator():
    vectors = torch.tensor([[0.3, 0.2, -0.4], [1.0, 0.0, 0.0]], dtype=torch.float64)
    angle = to_axis_angle(align(vectors)).norm(dim=1)
    assert torch.allclose(angle, torch.acos(vectors[:, 1] / vectors.norm(dim=1)), atol=1e-12)


def test_align_has_exact_derivatives_on_the_axes_and_none_at_zero():
    vectors = AXES[:6].clone().requires_grad_()
    first = torch.autograd.functional.jacobian(align, vectors)
    assert first.isfinite().all()
    smooth = (
        vectors[[1, 4]].detach().requires_grad_()
    )  # the poles; on the equator a difference quotient meets two charts
    assert torch.autograd.gradcheck(align, smooth) and torch.autograd.gradgradcheck(align, smooth)
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(align(zero), torch.eye(3).double())
    assert not torch.autograd.functional.jacobian(align, zero).any()


def test_what_commutes_with_turns_about_y_sees_no_jump_at_the_equator():
    """D(R)ᵀ diag D(R), with a diagonal map of orders |m|, is the same from both charts, and so is its derivative."""
    weight = torch.diag(torch.tensor([3.0, 2.0, 1.0, 2.0, 3.0]).double())

    def edge(v):
        d = wigner_d(2, align(v))
        return d.mT @ weight @ d

    above, below = (torch.tensor([0.6, y, 0.8], dtype=torch.float64) for y in (1e-12, -1e-12))
    assert float((align(above) - align(below)).abs().max()) > 1  # the frames do jump
    assert torch.allclose(edge(above), edge(below), atol=1e-10)
    jacobians = [torch.autograd.functional.jacobian(edge, v) for v in (above, below)]
    assert torch.allclose(*jacobians, atol=1e-9)


def test_harmonics_of_an_aligned_edge_have_order_zero_only():
    vectors = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    values = (wigner_d(3, align(vectors)) @ spherical_harmonics(3, vectors, normalization="norm")[..., None])[..., 0]
    assert torch.allclose(values, torch.eye(7).double()[3].expand(9, 7), atol=1e-13)


def test_quaternions_axes_and_angles_go_there_and_back():
    half_turns = torch.diag_embed(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]])).double()
    r = torch.cat([rotations(), half_turns])
    assert float((from_quaternion(to_quaternion(r)) - r).abs().max()) < 1e-12
    assert float((from_axis_angle(to_axis_angle(r)) - r).abs().max()) < 1e-12
    assert bool((to_quaternion(r)[:, 0] >= 0).all())
    assert torch.allclose(to_quaternion(r).norm(dim=1), torch.ones(len(r)).double())


@pytest.mark.parametrize("axes", ["YXY", "ZYZ", "XYX", "ZXZ", "YZY", "XZX"])
def test_euler_angles_go_there_and_back_also_where_they_lock(axes):
    locked = from_euler(torch.tensor([[0.4, 0, 0.3], [0.7, math.pi, -0.2], [0, 0, 0]], dtype=torch.float64), axes)
    r = torch.cat([rotations(), locked])
    angles = to_euler(r, axes)
    assert float((from_euler(angles, axes) - r).abs().max()) < 1e-12
    assert bool(((angles[:, 1] >= 0) & (angles[:, 1] <= math.pi)).all())


def test_right_hands():
    quarter = from_axis_angle(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    assert torch.allclose(quarter @ torch.tensor([1.0, 0, 0]).double(), torch.tensor([0.0, 1, 0]).double(), atol=1e-15)
    w, z = math.cos(math.pi / 4), math.sin(math.pi / 4)
    assert torch.allclose(from_quaternion(torch.tensor([w, 0, 0, z], dtype=torch.float64)), quarter, atol=1e-15)


def test_rotation_vectors_are_differentiable_at_zero_to_second_order():
    vectors = torch.tensor([[0.0, 0, 0], [1e-3, 0, 0], [0.2, -0.3, 2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(from_axis_angle, vectors)
    assert torch.autograd.gradgradcheck(from_axis_angle, vectors)


def test_conversions_agree_with_e3nn():
    o3 = pytest.importorskip("e3nn.o3")
    r = rotations()
    assert torch.allclose(from_quaternion(to_quaternion(r)), o3.quaternion_to_matrix(to_quaternion(r)), atol=1e-12)
    axis, angle = o3.matrix_to_axis_angle(r)
    assert torch.allclose(to_axis_angle(r), axis * angle[:, None], atol=1e-6)  # e3nn's angle is an arc cosine
    assert torch.allclose(from_euler(torch.stack(o3.matrix_to_angles(r), -1)), r, atol=1e-10)


def test_what_is_no_rotation_is_refused():
    mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    with pytest.raises(ValueError, match=r"determinant -1: a reflection.*O\(3\)"):
        check_rotation(torch.stack([torch.eye(3), mirror]))
    with pytest.raises(ValueError, match=r"off the identity by 3.0e\+00"):
        check_rotation(2 * torch.eye(3))
    with pytest.raises(ValueError, match=r"off the identity by nan"):
        check_rotation(torch.full((3, 3), torch.nan))
    with pytest.raises(ValueError, match="unit quaternions, got one of length 2"):
        from_quaternion(torch.tensor([2.0, 0, 0, 0]))
    with pytest.raises(ValueError, match="unit quaternions, got one of length nan"):
        from_quaternion(torch.tensor([torch.nan, 0, 0, 0]))
    with pytest.raises(UnknownNameError, match="three axes such as 'YXY', got 'yxy'"):
        from_euler(torch.zeros(3), "yxy")
    with pytest.raises(ValueError, match="whose first comes back, got 'XYZ'"):
        to_euler(torch.eye(3), "XYZ")
