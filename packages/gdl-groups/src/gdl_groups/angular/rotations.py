"""Rotation matrices from directions, quaternions, axes and angles, and back."""

import torch
from torch import Tensor


def align(vectors: Tensor) -> Tensor:
    """Return rotations R, `[..., 3, 3]`, that turn `vectors[..., 3]` to the polar axis, R r = |r| e_y.

    The smallest rotation where y >= 0; where y < 0, half a turn about x first: each chart is smooth and stays away
    from its singularity. Across y = 0 the two differ by a rotation about y, which nothing that is equivariant to those
    can see. The zero vector gives the identity, with zero derivative.
    """
    square = vectors.square().sum(-1, keepdim=True)
    zero = square == 0
    unit = vectors * torch.where(zero, 0, torch.where(zero, 1, square).rsqrt())
    x, y, z = unit.unbind(-1)
    y = y + zero.squeeze(-1)
    s = torch.where(y < 0, -torch.ones_like(y), torch.ones_like(y))  # the chart
    k = 1 / (1 + s * y)
    rows = (1 - x * x * k, -s * x, -x * z * k, x, y, z, -s * x * z * k, -z, s * (1 - z * z * k))
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
