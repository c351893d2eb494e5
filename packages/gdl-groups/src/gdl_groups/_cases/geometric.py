"""Small geometric graphs, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.geometric.graph import GeometricGraph


def cloud(sizes: tuple[int, ...] = (5, 4), seed: int = 0, periodic: bool = False) -> GeometricGraph:
    """Return points of a normal law, each joined to those within 1.8; in a cell of side 2.5 if periodic."""
    draw = torch.Generator().manual_seed(seed)
    positions = torch.randn(sum(sizes), 3, generator=draw, dtype=torch.float64)
    cell = 2.5 * torch.eye(3, dtype=torch.float64) if periodic else None
    return GeometricGraph.from_positions(positions, 1.8, sizes=sizes, cell=cell)


def signals(graph: GeometricGraph, type: FieldType | int) -> Callable[..., Signal]:
    """Return the `inputs` of a case: normal values on `graph`, whose positions have the same dtype."""
    found = FieldType.scalars(type) if isinstance(type, int) else type

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(graph.num_points, found.channels, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), graph.to(device, dtype), found)

    return inputs


CLOUD = cloud()
CRYSTAL = cloud((3,), periodic=True)

CASES = {
    ("domain", "geometric-graph"): [
        Case("open", lambda: CLOUD, signals(CLOUD, 2)),
        Case("periodic", lambda: CRYSTAL, signals(CRYSTAL, 2)),
    ],
}
