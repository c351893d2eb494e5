"""The guards that layers on geometric graphs share: they look at static facts only, so a compiled program pays nothing."""

from gdl_core.geometry import Domain, check_channels
from gdl_core.geometry.layer import Part
from gdl_core.groups import SO
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.geometric.graph import GeometricGraph

EVERYTHING = ("permutation", "translation", "rotation", "orthogonal")


def geometric_of(x: Tensor, domain: Domain | None, layer: Part) -> GeometricGraph:
    """Return `domain` as a geometric graph, after checking that `x` is ``[n, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if there is no domain, it is no `GeometricGraph`, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    check_channels(x, layer.in_type, -1, layer)
    where = type(layer).__name__
    if not isinstance(domain, GeometricGraph):
        got = "no domain" if domain is None else f"{domain}"
        raise TypeError(f"{where} needs to know where points are: call it as layer(x, geometric_graph), got {got}.")
    domain.check(x, where)
    return domain


def points_of(x: Tensor, domain: Domain | None, layer: Part) -> Points:
    """Return `domain` as points, after checking that `x` is ``[n, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if there is no domain, it has no points first, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    check_channels(x, layer.in_type, -1, layer)
    where = type(layer).__name__
    if not isinstance(domain, Points):
        got = "no domain" if domain is None else f"{domain}"
        raise TypeError(f"{where} needs to know which points are of which sample, got {got}.")
    domain.check(x, where)
    return domain


def claims_of(*types: FieldType) -> tuple[str, ...]:
    """Return the motions of space that act on all `types`: reflections only where no type is one of SO alone."""
    turns_only = any(isinstance(type.group, SO) and not type.is_invariant for type in types)
    return EVERYTHING[:3] if turns_only else EVERYTHING
