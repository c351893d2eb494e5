"""What maps of feature vectors share: the channels as fields, wherever the channel axis is."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from gdl_core.geometry import Domain, check_channels
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.representations import FieldType, Representation
from gdl_core.representations.field_type import is_trivial
from torch import Tensor, nn


class Nonlinear(FibreMap):
    """A map of each feature vector alone that is not linear; it keeps every symmetry that permutes the points.

    Args:
        in_type, out_type: the field types.
        channel_axis: the axis of the channels when no domain is given; -1, or 1 for grids.
    """

    is_linear = False

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, channel_axis: int = -1):
        super().__init__(in_type, out_type)
        self.channel_axis = channel_axis

    def axis(self, x: Tensor, domain: Domain | None) -> int:
        """Return the channel axis of `x`, counted from the front; raise unless it holds `in_type`."""
        return channel_axis(x, domain, self.channel_axis, self.in_type, self)


def channel_axis(x: Tensor, domain: Domain | None, default: int, type: FieldType, where: nn.Module) -> int:
    """Return the channel axis of `x`, counted from the front; raise unless it holds `type`."""
    axis = default if domain is None else domain.channel_axis
    check_channels(x, type, axis, where)
    return axis % x.dim()


def split(x: Tensor, type: FieldType, axis: int) -> list[Tensor]:
    """Return each field with its components on `axis` and its copies on `axis + 1`."""
    parts = x.split([count * rep.dim for count, rep in type.fields], axis) if type.fields else ()
    return [part.unflatten(axis, (rep.dim, count)) for part, (count, rep) in zip(parts, type.fields)]


def join(fields: list[Tensor], x: Tensor, axis: int) -> Tensor:
    """Return the inverse of `split`; `x` is the input, whose emptiness is returned if there are no fields."""
    return torch.cat([field.flatten(axis, axis + 1) for field in fields], axis) if fields else x.clone()


def along(values: Tensor, axis: int, dim: int) -> Tensor:
    """Return `values[..., c]` with c on `axis` of a tensor with `dim` axes, and ones behind."""
    return values.reshape(values.shape + (1,) * (dim - 1 - axis))


def check_orthogonal(type: FieldType, where: nn.Module) -> None:
    """Raise TypeError unless the group keeps lengths, so that a norm is invariant."""
    for _, rep in type.fields:
        if not rep.is_orthogonal:
            raise TypeError(
                f"{where.__class__.__name__} expects orthogonal representations, got {rep!r}: "
                "its group changes lengths, so a norm says nothing invariant."
            )


def trivial_of(type: FieldType) -> Representation:
    """Return the trivial representation, by the name that `type` has for it, if it has one."""
    return next((rep for _, rep in type.fields if is_trivial(rep)), type.group.trivial())


def exact_symmetries(domain: Domain, type: FieldType) -> tuple[str, ...]:
    """Return the symmetries that permute the points of each sample and act on `type`."""
    offered = domain.symmetries()
    return tuple(name for name, symmetry in offered.items() if symmetry.is_exact and symmetry.acts_on(type))


def second_moment(function: Callable[[Tensor], Tensor]) -> float:
    """Return E[σ(z)²] for a normal z, by Gauss-Legendre quadrature on either side of 0, where kinks are.

    Dividing σ by its root keeps the scale of normal features (e3nn's `normalize2mom`, which draws samples).
    """
    nodes, weights = _half_line()
    with torch.no_grad():
        values = function(torch.cat([nodes, -nodes])).double().square()
    return float((values * torch.cat([weights, weights])).sum())


@lru_cache(maxsize=1)
def _half_line(points: int = 256, end: float = 13.0) -> tuple[Tensor, Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes = torch.from_numpy((nodes + 1) * (end / 2))
    return nodes, torch.from_numpy(weights * (end / 2)) * torch.exp(-nodes.square() / 2) / math.sqrt(2 * math.pi)
