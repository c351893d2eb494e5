"""Cases of the coarsenings and of the way back."""

import torch
from gdl_core.geometry import Signal
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_graphs._cases.inputs import random_graph, signals
from gdl_graphs.coarsen.cluster import ClusterPool, VoxelGrid
from gdl_graphs.coarsen.contract import contract
from gdl_graphs.coarsen.matching import EdgePool, graclus
from gdl_graphs.coarsen.select import Unpool
from gdl_graphs.coarsen.soft import DiffPool, MinCutPool
from gdl_graphs.coarsen.spectral import SpectralClusters
from gdl_graphs.coarsen.topk import TopKPool
from gdl_graphs.graph import Graph
from gdl_graphs.layers.gcn import GCNConv

PLAIN = random_graph(7, 16, positions=2)
WEIGHTED = random_graph(7, 16, weighted=True, features=2)
LOOPED = random_graph(7, 16, loops=True)
TWO = Graph.collate([random_graph(6, 12, positions=2), random_graph(5, 9, positions=2)])

# The sizes of these coarse graphs are data.
HOST = "how many nodes or edges are left is data, so the host has to be asked"
DYNAMIC: dict[str, str] = dict.fromkeys(("check_device", "check_compile", "check_export"), HOST)
UNKNOWN = DYNAMIC | {"check_types": "how many nodes are left depends on the scores, so out_domain cannot tell"}
STAY = {"check_negative_control": "soft clusters stay where they are, so no permutation moves their values"}
COARSE = {"check_batching": "collate joins graphs as they come from data, not coarse ones"}


def coarse_signals(coarse: Graph, channels: int):
    """Return the `inputs` of a refinement: normal values on a coarse graph."""

    def inputs(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(coarse.num_points, channels, generator=draw, dtype=torch.float64)
        return Signal(values.to(device, dtype), coarse.to(device, dtype), FieldType.scalars(channels))

    return inputs


def soft_graph(graph: Graph, clusters: int) -> Graph:
    """Return a graph made by a soft coarsening of random features."""
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(graph.num_points, 3, generator=draw, dtype=torch.float64)
    pool = DiffPool(3, clusters).double()
    with torch.no_grad():
        for parameter in pool.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
        return pool(x, graph)[1]  # type: ignore[return-value]


CASES = {
    ("coarsening", "top-k-pool"): [
        Case("plain", lambda: TopKPool(3), signals(PLAIN, 3), exceptions=DYNAMIC),
        Case("count", lambda: TopKPool(3, count=3), signals(TWO, 3), exceptions=DYNAMIC),
        Case("sag", lambda: TopKPool(3, 0.6, score=GCNConv(3, 1)), signals(LOOPED, 3), exceptions=DYNAMIC),
    ],
    ("coarsening", "edge-pool"): [
        Case("plain", lambda: EdgePool(3), signals(PLAIN, 3), exceptions=UNKNOWN),
        Case("sigmoid", lambda: EdgePool(3, "sigmoid", self_loops=True), signals(TWO, 3), exceptions=UNKNOWN),
    ],
    ("coarsening", "cluster-pool"): [
        Case("graclus", lambda: ClusterPool(3, graclus), signals(WEIGHTED, 3), exceptions=DYNAMIC),
        Case("voxel-max", lambda: ClusterPool(3, VoxelGrid(1.0), "max"), signals(TWO, 3), exceptions=DYNAMIC),
        Case(
            "spectral",
            lambda: ClusterPool(3, SpectralClusters(3), "sum", True),
            signals(PLAIN, 3),
            exceptions=DYNAMIC,
        ),
    ],
    ("coarsening", "diff-pool"): [
        Case("plain", lambda: DiffPool(3, 2), signals(PLAIN, 3)),
        Case("batch", lambda: DiffPool(3, 3, GCNConv(3, 3)), signals(TWO, 3)),
    ],
    ("coarsening", "min-cut-pool"): [
        Case("plain", lambda: MinCutPool(3, 2), signals(WEIGHTED, 3)),
        Case("batch", lambda: MinCutPool(3, 3), signals(TWO, 3)),
    ],
    ("refinement", "unpool"): [
        Case("hard", lambda: Unpool(3), coarse_signals(contract(TWO, graclus(TWO)), 3), exceptions=COARSE),
        Case("soft", lambda: Unpool(3), coarse_signals(soft_graph(TWO, 2), 3), exceptions=COARSE | STAY),
    ],
}
