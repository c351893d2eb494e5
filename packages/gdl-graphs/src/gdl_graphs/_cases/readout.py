"""Cases of the readouts."""

from gdl_core.plugins import Case
from torch import nn

from gdl_graphs._cases.inputs import GRAPH, SETS, random_graph, signals
from gdl_graphs.graph import Graph
from gdl_graphs.readout import AttentionPool, GlobalPool

TWO = Graph.collate([random_graph(4, 6), random_graph(3, 5)])

CASES = {
    ("readout", "global-pool"): [
        Case("mean", lambda: GlobalPool(3), signals(GRAPH, 3)),
        Case("sum", lambda: GlobalPool(3, "sum"), signals(SETS, 3)),
        Case("extremes", lambda: GlobalPool(2, ("max", "min")), signals(TWO, 2), second_order=False),
    ],
    ("readout", "attention-pool"): [
        Case("plain", lambda: AttentionPool(3), signals(GRAPH, 3)),
        Case("value", lambda: AttentionPool(3, 2), signals(SETS, 3)),
        Case(
            "gate-per-channel",
            lambda: AttentionPool(
                3, 4, nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4)), normalise="sigmoid"
            ),
            signals(TWO, 3),
        ),
    ],
}
