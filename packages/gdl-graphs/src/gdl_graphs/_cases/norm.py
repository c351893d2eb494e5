"""Cases of the normalisations."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import GRAPH, SET, SETS, random_graph, signals
from gdl_graphs.graph import Graph
from gdl_graphs.layers.norm import BatchNorm, GraphNorm, InstanceNorm, LayerNorm, PairNorm

TWO = Graph.collate([GRAPH, random_graph(4, 6)])

CASES = {
    ("layer", "batch-norm"): [Case("graph", lambda: BatchNorm(3), signals(GRAPH, 3))],
    ("layer", "layer-norm"): [
        Case("point", lambda: LayerNorm(3), signals(GRAPH, 3)),
        Case("sample", lambda: LayerNorm(3, "sample"), signals(SETS, 3)),
    ],
    ("layer", "instance-norm"): [
        Case("graphs", lambda: InstanceNorm(2), signals(TWO, 2)),
        Case("affine", lambda: InstanceNorm(2, affine=True), signals(SET, 2)),
    ],
    ("layer", "graph-norm"): [Case("graphs", lambda: GraphNorm(3), signals(TWO, 3))],
    ("layer", "pair-norm"): [
        Case("graphs", lambda: PairNorm(3), signals(TWO, 3)),
        Case("individually", lambda: PairNorm(3, 2.0, individually=True), signals(SETS, 3)),
    ],
}
