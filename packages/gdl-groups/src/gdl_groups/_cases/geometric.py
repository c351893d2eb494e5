"""Small geometric graphs, for the conformance kit and the gallery."""

from collections.abc import Callable

import torch
from gdl_core.geometry import Signal
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups.geometric.checks import scalars_and_vectors
from gdl_groups.geometric.egnn import EGNN, EGNNConv
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.painn import PaiNN, PaiNNMessage, PaiNNUpdate
from gdl_groups.geometric.readout import MeanPool, SumPool
from gdl_groups.geometric.schnet import SchNet, SchNetBlock, SchNetConv


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
FLAT = GeometricGraph.from_positions(CLOUD.positions[:, :2], 1.8, sizes=[5, 4])
MIXED = scalars_and_vectors(2, 1)

CASES = {
    ("domain", "geometric-graph"): [
        Case("open", lambda: CLOUD, signals(CLOUD, 2)),
        Case("periodic", lambda: CRYSTAL, signals(CRYSTAL, 2)),
    ],
    ("readout", "sum-pool"): [
        Case("scalars", lambda: SumPool(3), signals(CLOUD, 3)),
        Case("vectors", lambda: SumPool(MIXED), signals(CLOUD, MIXED)),
    ],
    ("readout", "mean-pool"): [Case("vectors", lambda: MeanPool(MIXED), signals(CLOUD, MIXED))],
    ("layer", "egnn-conv"): [
        Case("open", lambda: EGNNConv(3), signals(CLOUD, scalars_and_vectors(3, 1))),
        Case(
            "velocity",
            lambda: EGNNConv(2, hidden=4, velocity=True, normalise=False, tanh=True),
            signals(CRYSTAL, scalars_and_vectors(2, 1) + scalars_and_vectors(0, 1)),
        ),
        Case("plane", lambda: EGNNConv(2, dim=2), signals(FLAT, scalars_and_vectors(2, 1, 2))),
    ],
    ("model", "egnn"): [
        Case(
            "charges",
            lambda: EGNN(MIXED, scalars_and_vectors(0, 1), hidden=4, layers=2, products=True),
            signals(CLOUD, MIXED),
        ),
        Case("invariant", lambda: EGNN(3, 2, hidden=4, layers=2), signals(CLOUD, 3)),
    ],
    ("layer", "schnet-conv"): [Case("open", lambda: SchNetConv(3, 1.8, 5), signals(CLOUD, 3))],
    ("layer", "schnet-block"): [Case("periodic", lambda: SchNetBlock(3, 1.8, 5), signals(CRYSTAL, 3))],
    ("model", "schnet"): [
        Case("open", lambda: SchNet(3, 2, channels=4, layers=2, cutoff=1.8, basis=5), signals(CLOUD, 3)),
    ],
    ("layer", "painn-message"): [
        Case("open", lambda: PaiNNMessage(2, 1.8, 4), signals(CLOUD, scalars_and_vectors(2, 2))),
    ],
    ("layer", "painn-update"): [Case("plain", lambda: PaiNNUpdate(2), signals(CLOUD, scalars_and_vectors(2, 2)))],
    ("model", "painn"): [
        Case("periodic", lambda: PaiNN(3, 1, channels=4, layers=2, cutoff=1.8, basis=4), signals(CRYSTAL, 3)),
    ],
}
