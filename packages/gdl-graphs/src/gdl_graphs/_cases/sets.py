"""Cases of the layers and readouts for sets."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import GRAPH, SET, SETS, signals
from gdl_graphs.layers.mlp import mlp
from gdl_graphs.sets.deep_sets import DeepSets, DeepSetsNet
from gdl_graphs.sets.point_net import Alignment, PointNet
from gdl_graphs.sets.set2set import Set2Set
from gdl_graphs.sets.set_transformer import ISAB, PMA, SAB, SetTransformer

SMALL = {"local": (4, 3), "features": (5,), "head": (4,)}
# second_order=False: ReLU and maximum have no second derivative worth checking.

CASES = {
    ("layer", "deep-sets"): [
        Case("mean", lambda: DeepSets(3, 2), signals(SETS, 3)),
        Case("sum", lambda: DeepSets(2, 2, "sum", bias=False), signals(SET, 2)),
        Case("max-on-graph", lambda: DeepSets(3, 2, "max"), signals(GRAPH, 3), second_order=False),
    ],
    ("readout", "deep-sets-net"): [
        Case("sum", lambda: DeepSetsNet(3, 2, 6), signals(SETS, 3), second_order=False),
        Case("phi", lambda: DeepSetsNet(3, 2, 6, "mean", mlp([3, 6])), signals(SET, 3), second_order=False),
    ],
    ("readout", "point-net"): [
        Case("plain", lambda: PointNet(3, 2, **SMALL, norm=False), signals(SETS, 3), second_order=False),
        Case("norm", lambda: PointNet(3, 2, **SMALL), signals(SETS, 3), second_order=False),
        Case(
            "transforms",
            lambda: PointNet(3, 2, **SMALL, input_transform=True, feature_transform=True, norm=False),
            signals(SETS, 3),
            second_order=False,
        ),
    ],
    ("readout", "alignment"): [
        Case("plain", lambda: Alignment(2, (4,), (3,), norm=False), signals(SETS, 2), second_order=False)
    ],
    ("layer", "sab"): [
        Case("packed", lambda: SAB(3, 4, 2), signals(SETS, 3), second_order=False),
        Case("norm-equal", lambda: SAB(3, 4, 2, norm=True, scale="head"), signals(SET, 3), second_order=False),
    ],
    ("layer", "isab"): [
        Case("packed", lambda: ISAB(3, 4, 2, 2), signals(SETS, 3), second_order=False),
        Case("equal", lambda: ISAB(3, 4, 2, 1, norm=True), signals(SET, 3), second_order=False),
    ],
    ("readout", "pma"): [
        Case("one", lambda: PMA(4, heads=2), signals(GRAPH, 4), second_order=False),
        Case("three", lambda: PMA(4, 3, 1, norm=True), signals(SETS, 4), second_order=False),
    ],
    ("readout", "set-transformer"): [
        Case("induced", lambda: SetTransformer(3, 2, 2, 4, 3, 2), signals(SETS, 3), second_order=False),
        Case("full-norm", lambda: SetTransformer(3, 1, 1, 4, 0, 2, True), signals(SET, 3), second_order=False),
    ],
    ("readout", "set2set"): [
        Case("packed", lambda: Set2Set(3, 2), signals(SETS, 3)),
        Case("equal", lambda: Set2Set(2), signals(SET, 2)),
    ],
}
