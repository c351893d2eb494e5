"""The graphs and the signals on them that the cases of all families share."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.points import Points
from gdl_core.representations import FieldType

from gdl_graphs.graph import Graph
from gdl_graphs.point_set import PointSet


def random_graph(
    nodes: int = 6, edges: int = 14, weighted: bool = False, features: int = 0, positions: int = 0, loops: bool = False
) -> Graph:
    """Return a fixed graph with an isolated node (the last) and, unless it is small, parallel edges."""
    draw = torch.Generator().manual_seed(nodes + 31 * edges)
    sender, receiver = torch.randint(nodes - 1, (2, edges), generator=draw)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    graph = Graph.from_edges(
        sender,
        receiver,
        nodes,
        edge_weight=0.5 + torch.rand(edges, generator=draw, dtype=torch.float64) if weighted else None,
        edge_features=normal(edges, features) if features else None,
        positions=normal(nodes, positions) if positions else None,
    )
    return graph.with_self_loops() if loops else graph


def signals(domain: Points, channels: int) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values on `domain`, whose own numbers have the same dtype."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(domain.num_points, channels, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), domain.to(device, dtype), FieldType.scalars(channels))

    return inputs


GRAPH = random_graph()
LOOPED = random_graph(loops=True)
WEIGHTED = random_graph(weighted=True)
FEATURED = random_graph(features=2)
SET = PointSet.of(5)
SETS = PointSet.of([4, 3])
