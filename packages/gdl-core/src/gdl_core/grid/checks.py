"""The guard that every layer on a grid begins with, and the reading of per-axis arguments."""

from torch import Tensor, nn

from gdl_core.geometry import Domain, check_channels
from gdl_core.grid.grid import Grid
from gdl_core.representations import FieldType


def grid_of(x: Tensor, domain: Domain | None, where: nn.Module, in_type: FieldType, ndim: int | None = None) -> Grid:
    """Return the grid that `x[b, c, *shape]` lives on: `domain`, or the periodic grid of its shape.

    Raises:
        TypeError: if `x` is not floating point, or `domain` is not a grid.
        ValueError: if the channels, the rank or the spatial shape of `x` are not what `where` and `domain` expect.
    """
    name = type(where).__name__
    check_channels(x, in_type, 1, where)
    if ndim is not None and x.dim() != ndim + 2:
        raise ValueError(f"{name} expects values [b, c, {', '.join(['n'] * ndim)}], got {list(x.shape)}.")
    if domain is None:
        if not 3 <= x.dim() <= 6:
            raise ValueError(f"{name} expects values [b, c, *shape] with 1 to 4 spatial axes, got {list(x.shape)}.")
        return Grid.of(x)
    if not isinstance(domain, Grid):
        raise TypeError(f"{name} works on a Grid, got the domain {domain}.")
    domain.check(x, name)
    return domain


def per_axis(name: str, value: int | tuple[int, ...], ndim: int | None, where: nn.Module) -> tuple[int, ...]:
    """Return one whole number from 1 per axis; raise ValueError otherwise."""
    found = tuple(value) if isinstance(value, tuple | list) else (value,) * (ndim or 1)
    if (ndim is not None and len(found) != ndim) or any(type(k) is not int or k < 1 for k in found):
        count = "" if ndim is None else f" or {ndim} of them, one per axis"
        raise ValueError(f"{type(where).__name__} takes as {name} a whole number from 1{count}, got {value!r}.")
    return found
