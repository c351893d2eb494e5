"""The guard that every layer on a sphere or on rotations begins with."""

from gdl_core.geometry import Domain, check_channels
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.spherical.domain import Rotations, Sphere


def sphere_of(x: Tensor, domain: Domain | None, where: nn.Module, in_type: FieldType) -> Sphere:
    """Return the sphere that `x[b, c, nlat, nlon]` lives on.

    Raises:
        TypeError: if `x` is not floating point, or `domain` is not a `Sphere`: where its rings are cannot be read off
            the tensor. ValueError: if `x` does not fit.
    """
    return _checked(x, domain, where, in_type, (Sphere,))  # type: ignore[return-value]


def rotations_of(x: Tensor, domain: Domain | None, where: nn.Module, in_type: FieldType) -> Rotations:
    """Return the grid of rotations that `x[b, c, nlat, nlon, nroll]` lives on; raises as `sphere_of`."""
    return _checked(x, domain, where, in_type, (Rotations,))  # type: ignore[return-value]


def either_of(x: Tensor, domain: Domain | None, where: nn.Module, in_type: FieldType) -> Sphere | Rotations:
    """Return the sphere or the grid of rotations that `x` lives on; raises as `sphere_of`."""
    return _checked(x, domain, where, in_type, (Sphere, Rotations))


def _checked(
    x: Tensor, domain: Domain | None, where: nn.Module, in_type: FieldType, kinds: tuple[type, ...]
) -> Sphere | Rotations:
    check_channels(x, in_type, 1, where)
    if not isinstance(domain, Sphere | Rotations) or not isinstance(domain, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{type(where).__name__} works on a {names}, got the domain {domain!r}.")
    domain.check(x, type(where).__name__)
    return domain


def scalar_type(type: FieldType, where: nn.Module) -> None:
    """Raise TypeError unless the channels are invariant."""
    if not type.is_invariant:
        raise TypeError(f"{where.__class__.__name__} takes invariant channels, got {type!r}.")
