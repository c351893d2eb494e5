"""Cases of latent graphs."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import GRAPH, SET, signals
from gdl_graphs.latent.gumbel import GumbelGraph, SigmoidGraph
from gdl_graphs.latent.knn import DynamicEdgeConv, KNNGraph
from gdl_graphs.point_set import PointSet

RAGGED = PointSet.of([5, 2])
EQUAL = PointSet.of([4, 4])
READ = "the sizes of unequal samples are read"
HOST: dict[str, str] = dict.fromkeys(("check_device", "check_compile", "check_export"), READ)

CASES = {
    ("layer", "knn-graph"): [
        Case("equal", lambda: KNNGraph(3, 2), signals(EQUAL, 3)),
        Case("loop", lambda: KNNGraph(3, 2, loop=True), signals(GRAPH, 3), exceptions=HOST),
    ],
    ("layer", "dynamic-edge-conv"): [
        Case("equal", lambda: DynamicEdgeConv(3, 4, 2, aggregation="sum"), signals(EQUAL, 3), second_order=False),
        Case("ragged", lambda: DynamicEdgeConv(3, 2, 3), signals(RAGGED, 3), exceptions=HOST, second_order=False),
    ],
    ("layer", "gumbel-graph"): [
        Case("straight-through", lambda: GumbelGraph(3, 2), signals(EQUAL, 3)),
        Case("score-function", lambda: GumbelGraph(3, 2, "score-function"), signals(GRAPH, 3), exceptions=HOST),
    ],
    ("layer", "sigmoid-graph"): [Case("plain", lambda: SigmoidGraph(3), signals(SET, 3), exceptions=HOST)],
}
