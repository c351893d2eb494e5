"""Cases of the encoders of where a node is."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import GRAPH, SETS, signals
from gdl_graphs.encodings.encoders import DegreeEncoder, RandomWalkEncoder
from gdl_graphs.encodings.signs import RandomSign, SignNet
from gdl_graphs.layers.gin import GINConv

CASES = {
    ("layer", "sign-net"): [
        Case("set", build=lambda: SignNet(3, 4, hidden=5), inputs=signals(SETS, 6)),
        Case(
            "graph",
            build=lambda: SignNet(2, 3, hidden=4, phi=GINConv(2, 4)),
            inputs=signals(GRAPH, 4),
        ),
    ],
    ("layer", "random-sign"): [Case("set", build=lambda: RandomSign(3), inputs=signals(SETS, 3))],
    ("layer", "random-walk-encoder"): [
        Case("graph", build=lambda: RandomWalkEncoder(4, 3), inputs=signals(GRAPH, 4)),
    ],
    ("layer", "degree-encoder"): [Case("graph", build=lambda: DegreeEncoder(3, 3), inputs=signals(GRAPH, 3))],
}
