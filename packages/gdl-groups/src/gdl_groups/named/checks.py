"""Is a tensor an element of a group? Errors that say which equation fails, and where."""

import math

import torch
from gdl_core.groups import SO, FiniteGroup, Group, LieGroup, O
from torch import Tensor

from gdl_groups.named.affine import linear_defects
from gdl_groups.named.unitary import UnitQuaternions


def check_element(group: Group, g: Tensor, tolerance: float = 1e-6) -> None:
    """Raise unless every `g[..., *element_shape]` is an element of `group`.

    It looks at the data, so it belongs where input enters and not in a `forward`.

    Raises:
        ValueError: with the equation that fails, by how much and for which element: an improper rotation where SO(3)
            is meant, a quaternion that is not of unit length, a matrix that does not keep the metric, NaN.
    """
    shape = tuple(group.element_shape)
    if tuple(g.shape[g.dim() - len(shape) :]) != shape:
        raise ValueError(f"An element of {group!r} has the shape {list(shape)}, got {list(g.shape)}.")
    flat = g.detach().reshape(-1, *shape)
    _finite(group, flat)
    if isinstance(group, FiniteGroup):
        group.index(flat)
        return
    for equation, size in _defects(group, flat.double()).items():
        worst = int(size.argmax()) if size.numel() else 0
        if size.numel() and float(size[worst]) > tolerance:
            hint = ""
            if isinstance(group, SO) and equation == "det g = 1":
                hint = f" It reflects: it is an element of O({group.m})."
            raise ValueError(
                f"Element {worst} of {len(flat)} is not in {group!r}: {equation} fails by {float(size[worst]):.1e}, "
                f"more than {tolerance:.0e}.{hint}"
            )


def check_rotation(g: Tensor, tolerance: float = 1e-6) -> None:
    """Raise ValueError unless every matrix `g[..., m, m]` is a rotation: orthogonal, of determinant 1."""
    check_element(SO(g.shape[-1]), g, tolerance)


def check_orthogonal(g: Tensor, tolerance: float = 1e-6) -> None:
    """Raise ValueError unless every matrix `g[..., m, m]` is orthogonal."""
    check_element(O(g.shape[-1]), g, tolerance)


def check_unit_quaternion(q: Tensor, tolerance: float = 1e-6) -> None:
    """Raise ValueError unless every quaternion (w, x, y, z) in `q[..., 4]` has length 1."""
    check_element(UnitQuaternions(), q, tolerance)


def _finite(group: Group, flat: Tensor) -> None:
    finite = torch.isfinite(flat.double()).reshape(len(flat), math.prod(flat.shape[1:])).all(1)
    if not bool(finite.all()):
        raise ValueError(
            f"Element {int(finite.int().argmin())} of {len(flat)} given for {group!r} has NaN or infinity."
        )


def _defects(group: Group, g: Tensor) -> dict[str, Tensor]:
    if isinstance(group, UnitQuaternions):
        return {"w² + x² + y² + z² = 1": (g.square().sum(-1) - 1).abs()}
    if isinstance(group, LieGroup):
        return linear_defects(group, g)
    raise TypeError(f"check_element knows finite groups, matrix groups and quaternions, not {group!r}.")
