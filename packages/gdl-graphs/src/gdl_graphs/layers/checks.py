"""The guards that layers on graphs share: they look at static facts only, so a compiled program pays nothing."""

from collections.abc import Sequence

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Domain, domain_of
from gdl_core.geometry.layer import Part
from gdl_core.points import Points
from torch import Tensor

from gdl_graphs.graph import Graph


def graph_of(x: Tensor, domain: Domain | None, layer: Part) -> Graph:
    """Return `domain` as a graph, after checking that `x` is ``[n, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if there is no domain, it is no `Graph`, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    return domain_of(x, domain, layer, Graph, "sends messages along edges, so it is called as layer(x, graph)")


def points_of(x: Tensor, domain: Domain | None, layer: Part) -> Points:
    """Return `domain` as points, sets or graphs, after checking that `x` is ``[n, c]`` on it.

    Raises:
        TypeError: if there is no domain, it has no points first, or `x` is not floating point; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    return domain_of(x, domain, layer, Points, "needs a Graph or a PointSet to know its samples")


def edge_features_of(graph: Graph, channels: int, layer: Part) -> Tensor:
    """Return the features ``[e, channels]`` of the edges.

    Raises:
        ValueError: if the graph has none, or others than `channels`; the layer is named.
    """
    where, features = type(layer).__name__, graph.edge_features
    if features is None:
        raise ValueError(f"{where} expects {channels} features on each edge, got a graph without edge features.")
    if features.dim() == 1:
        features = features[:, None]
    if features.dim() != 2 or features.shape[1] != channels:
        raise ValueError(f"{where} expects edge features [e, {channels}], got {list(features.shape)}.")
    return features


def check_name(name: str, known: Sequence[str], what: str, layer: Part) -> None:
    """Raise unless `name`, which is a `what`, is one of `known`.

    Raises:
        UnknownNameError: with the nearest name that is known.
    """
    if name not in known:
        raise UnknownNameError(
            f"{type(layer).__name__} knows no {what} {name!r}; it has {', '.join(known)}." + closest(str(name), known)
        )
