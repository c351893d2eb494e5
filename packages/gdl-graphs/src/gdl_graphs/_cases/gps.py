"""Cases of networks with features of edges: message passing beside attention, gated layers."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import FEATURED, GRAPH, signals
from gdl_graphs.layers.gin import GINConv, GINEConv
from gdl_graphs.layers.gps import GPSConv
from gdl_graphs.models.gated import GatedNetwork
from gdl_graphs.models.gps import GPS

CASES = {
    ("layer", "gps-conv"): [
        Case("gin", build=lambda: GPSConv(4, GINConv(4, 4), 2), inputs=signals(GRAPH, 4)),
        Case("gine", build=lambda: GPSConv(4, GINEConv(4, 4, 2), norm="graph"), inputs=signals(FEATURED, 4)),
        Case("global", build=lambda: GPSConv(4, None, norm="layer", dropout=0.5), inputs=signals(GRAPH, 4)),
        Case("local", build=lambda: GPSConv(4, GINConv(4, 4), None, norm="none"), inputs=signals(GRAPH, 4)),
    ],
    ("model", "gated-network"): [
        Case(
            "edges", build=lambda: GatedNetwork(3, 2, 2, channels=6, layers=2, dropout=0.5), inputs=signals(FEATURED, 3)
        ),
    ],
    ("model", "gps"): [
        Case(
            "edges",
            build=lambda: GPS(5, 2, edge_channels=2, channels=8, layers=2, heads=2, walk_steps=3, walk_channels=3),
            inputs=signals(FEATURED, 5),
        ),
        Case("plain", build=lambda: GPS(2, 1, channels=8, layers=1, walk_steps=0), inputs=signals(GRAPH, 2)),
    ],
}
