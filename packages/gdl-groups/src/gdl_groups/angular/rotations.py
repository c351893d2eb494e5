"""Rotation matrices from directions, quaternions, axes and angles, and back."""

import torch
from gdl_core.errors import UnknownNameError, closest
from gdl_core.groups.orthogonal import axis_angle
from torch import Tensor

from gdl_groups.angular.harmonics import unit

AXES = "xyz"


def align(vectors: Tensor) -> Tensor:
    """Return rotations R, `[..., 3, 3]`, that turn `vectors[..., 3]` to the polar axis: R r = |r| e_y.

    The smallest such rotation where y >= 0; where y < 0, half a turn about x first: each chart is smooth and stays
    away from its singularity. At y = 0 they differ by a turn about y, which nothing that commutes with those turns
    can see; no smooth choice exists on the whole sphere. The zero vector gives the identity, with zero derivative.

    >>> r = torch.tensor([3.0, 0.0, 4.0])
    >>> bool(torch.allclose(align(r) @ r, torch.tensor([0.0, 5.0, 0.0]), atol=1e-6))
    True
    """
    direction = unit(vectors)
    x, y, z = direction.unbind(-1)
    y = y + (vectors == 0).all(-1)  # the zero vector is taken for e_y
    s = torch.where(y < 0, -torch.ones_like(y), torch.ones_like(y))  # the chart
    k = 1 / (1 + s * y)
    rows = (1 - x * x * k, -s * x, -x * z * k, x, y, z, -s * x * z * k, -z, s * (1 - z * z * k))
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def from_quaternion(quaternions: Tensor) -> Tensor:
    """Return the rotations of unit quaternions (w, x, y, z), `[..., 4]` -> `[..., 3, 3]`.

    Raises:
        ValueError: if a quaternion is not of length 1 up to rounding; dividing by the length is up to the caller.
    """
    if quaternions.shape[-1:] != (4,):
        raise ValueError(f"from_quaternion expects quaternions [..., 4], got {list(quaternions.shape)}.")
    length = quaternions.detach().double().norm(dim=-1)
    wrong = ~((length - 1).abs() <= _tolerance(quaternions))
    if bool(wrong.any()):
        first = tuple(torch.nonzero(wrong)[0].tolist())
        raise ValueError(f"from_quaternion expects unit quaternions, got one of length {float(length[first]):.6g}.")
    w, x, y, z = quaternions.unbind(-1)
    rows = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def to_quaternion(rotations: Tensor) -> Tensor:
    """Return unit quaternions (w, x, y, z) with w >= 0 of rotations, `[..., 3, 3]` -> `[..., 4]`; at any angle."""
    vector = to_axis_angle(rotations)
    square = vector.square().sum(-1, keepdim=True)
    positive = square > 0
    angle = torch.where(positive, square, 1).sqrt()
    half = torch.where(positive, torch.sin(angle / 2) / angle, 0.5)
    return torch.cat([torch.where(positive, torch.cos(angle / 2), 1), half * vector], -1)


def from_axis_angle(vectors: Tensor) -> Tensor:
    """Return the rotations about `vectors[..., 3]` by their length in radians, right-handed, `[..., 3, 3]`.

    Rodrigues: R = 1 + (sin θ / θ) K + ((1 - cos θ) / θ²) K², smooth at 0.
    """
    if vectors.shape[-1:] != (3,):
        raise ValueError(f"from_axis_angle expects vectors [..., 3], got {list(vectors.shape)}.")
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    square = vectors.square().sum(-1)[..., None, None]
    small = square < 1e-4
    safe = torch.where(small, 1, square)
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6 + square**2 / 120 - square**3 / 5040, torch.sin(angle) / angle)
    second = torch.where(small, 0.5 - square / 24 + square**2 / 720 - square**3 / 40320, (1 - torch.cos(angle)) / safe)
    return torch.eye(3, dtype=vectors.dtype, device=vectors.device) + first * cross + second * (cross @ cross)


def to_axis_angle(rotations: Tensor) -> Tensor:
    """Return the rotation vector, axis times angle, of `rotations[..., 3, 3]`, accurate at every angle."""
    return axis_angle(rotations)


def from_euler(angles: Tensor, axes: str = "YXY") -> Tensor:
    """Return R = R_1(α) R_2(β) R_3(γ) about the axes named, for `angles[..., 3]` in radians, `[..., 3, 3]`.

    Capitals turn with the body, so the last is applied first: "YXY" is e3nn's convention, "ZYZ" that of physics.

    Raises:
        UnknownNameError: if `axes` is not three of X, Y and Z.
    """
    first, second, third = _axes(axes)
    turns = [_about(axis, angle) for axis, angle in zip((first, second, third), angles.unbind(-1))]
    return turns[0] @ turns[1] @ turns[2]


def to_euler(rotations: Tensor, axes: str = "YXY") -> Tensor:
    """Return angles (α, β, γ), `[..., 3]`, with R = R_1(α) R_2(β) R_1(γ), for a first axis that comes back.

    β is in [0, π]. Where sin β = 0 only α ± γ is determined: the gimbal lock. γ is 0 there.

    Raises:
        UnknownNameError: if `axes` is not three of X, Y and Z. ValueError: if the first and third differ.
    """
    i, j, other = _axes(axes)
    if i != other or i == j:
        raise ValueError(f"to_euler takes axes such as 'YXY', whose first comes back, got {axes!r}.")
    k = 3 - i - j
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    r = rotations
    sine = torch.hypot(r[..., i, j], r[..., i, k])
    beta = torch.atan2(sine, r[..., i, i])
    locked = sine < 16 * torch.finfo(r.dtype).eps
    alpha = torch.where(
        locked, torch.atan2(sign * r[..., k, j], r[..., j, j]), torch.atan2(r[..., j, i], -sign * r[..., k, i])
    )
    # alpha where locked: R_1(alpha ± gamma) turns the second axis towards the third
    gamma = torch.where(locked, 0, torch.atan2(r[..., i, j], sign * r[..., i, k]))
    return torch.stack([alpha, beta, gamma], -1)


def check_rotation(rotations: Tensor, where: str = "check_rotation") -> Tensor:
    """Return `rotations[..., 3, 3]`; raise ValueError unless each is orthogonal and has determinant 1.

    It looks at values, so it is for data and the edges of a program, not for `forward`.
    """
    if rotations.shape[-2:] != (3, 3):
        raise ValueError(f"{where} expects rotations [..., 3, 3], got {list(rotations.shape)}.")
    wide = rotations.detach().double()
    miss = (wide @ wide.mT - torch.eye(3, dtype=torch.float64, device=wide.device)).abs().amax((-2, -1))
    wrong = ~(miss <= _tolerance(rotations))
    if bool(wrong.any()):
        first = tuple(torch.nonzero(wrong)[0].tolist())
        raise ValueError(
            f"{where} expects rotations, got a matrix with R Rᵀ off the identity by {float(miss[first]):.1e}."
        )
    if bool((torch.linalg.det(wide) < 0).any()):
        raise ValueError(
            f"{where} expects rotations, got a matrix of determinant -1: a reflection. Types of O(3) know them, "
            "SO(3) does not."
        )
    return rotations


def _tolerance(values: Tensor) -> float:
    return 1e-8 if values.dtype == torch.float64 else 1e-4 if values.dtype == torch.float32 else 2e-2


def _axes(axes: str) -> tuple[int, int, int]:
    lower = axes.lower()
    if len(axes) != 3 or any(letter not in AXES for letter in lower) or axes != axes.upper():
        known = ("YXY", "ZYZ", "XYZ", "ZYX")
        raise UnknownNameError(f"Euler angles take three axes such as 'YXY', got {axes!r}." + closest(axes, known))
    first, second, third = (AXES.index(letter) for letter in lower)
    return first, second, third


def _about(axis: int, angle: Tensor) -> Tensor:
    vector = torch.zeros(*angle.shape, 3, dtype=angle.dtype, device=angle.device)
    vector[..., axis] = 1
    return from_axis_angle(vector * angle[..., None])
