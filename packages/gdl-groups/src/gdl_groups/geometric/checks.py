"""The guards of layers on geometric graphs: they look at static facts only, so a compiled program pays nothing."""

from collections.abc import Mapping

from gdl_core.geometry import Domain, domain_of
from gdl_core.geometry.layer import Part
from gdl_core.groups import SO, O
from gdl_core.points import Points, check_count
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import is_trivial
from torch import Tensor

from gdl_groups.geometric.graph import GeometricGraph

EVERYTHING = ("permutation", "translation", "rotation", "orthogonal")


def geometric_of(x: Tensor, domain: Domain | None, layer: Part) -> GeometricGraph:
    """Return `domain` as a geometric graph, after checking that `x` is ``[n, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if there is no domain, it is no `GeometricGraph`, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    wants = "needs to know where points are: call it as layer(x, geometric_graph)"
    return domain_of(x, domain, layer, GeometricGraph, wants)


def points_of(x: Tensor, domain: Domain | None, layer: Part) -> Points:
    """Return `domain` as points, after checking that `x` is ``[n, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if there is no domain, it has no points first, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    return domain_of(x, domain, layer, Points, "needs to know which points are of which sample")


def check_sizes(layer: Part, sizes: Mapping[str, int]) -> None:
    """Raise unless the sizes of `layer`, and the channels of its types, are whole numbers from 1.

    Raises:
        ValueError: if one is less: the layer and the size are named. TypeError: if one is no whole number.
    """
    where = type(layer).__name__
    for name, size in {"in_type": layer.in_type.channels, "out_type": layer.out_type.channels}.items():
        check_count(size, f"The number of channels of {where}'s {name}", 1)
    for name, size in sizes.items():
        check_count(size, f"{where}'s {name}", 1)


def claims_of(*types: FieldType) -> tuple[str, ...]:
    """Return the motions of space that act on all `types`: reflections only where no type is one of SO alone."""
    turns_only = any(isinstance(type.group, SO) and not type.is_invariant for type in types)
    return EVERYTHING[:3] if turns_only else EVERYTHING


def scalars_and_vectors(scalars: int, vectors: int, dim: int = 3) -> FieldType:
    """Return the type of so many invariant channels and vectors of R^dim, under rotations and reflections."""
    names = ("0e", "1o") if dim == 3 else ("trivial", "standard")
    return FieldType(O(dim), [(scalars, names[0]), (vectors, names[1])])


def count_fields(type: FieldType, where: str, dim: int = 3) -> tuple[int, int]:
    """Return how many scalars and vectors `type` has: invariant channels first, then vectors of R^dim.

    Raises:
        TypeError: if it has other fields, or in another order.
    """
    scalars = sum(count for count, rep in type.fields if is_trivial(rep))
    vectors = (type.channels - scalars) // dim
    if type != scalars_and_vectors(scalars, vectors, dim):
        raise TypeError(f"{where} takes scalars, then vectors: {scalars_and_vectors(2, 1, dim)!r}, got {type!r}.")
    return scalars, vectors
