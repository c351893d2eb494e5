"""Cases of the convolutions and of message passing."""

from collections.abc import Callable
from typing import Any

from gdl_core.plugins import Case
from torch import nn

from gdl_graphs._cases.inputs import FEATURED, GRAPH, LOOPED, WEIGHTED, signals
from gdl_graphs.graph import Graph
from gdl_graphs.layers.cheb import ChebConv
from gdl_graphs.layers.edge_conv import EdgeConv
from gdl_graphs.layers.gated_gcn import GatedGCN, ResGatedGraphConv
from gdl_graphs.layers.gcn import GCNConv
from gdl_graphs.layers.gin import GINConv, GINEConv
from gdl_graphs.layers.nn_conv import NNConv
from gdl_graphs.layers.pna import SCALERS, PNAConv, degree_histogram
from gdl_graphs.layers.sage import SAGEConv
from gdl_graphs.layers.sgc import SGConv
from gdl_graphs.models.gnn import GIN, gat, gcn, gin
from gdl_graphs.models.sage import GraphSAGE

DEGREES = degree_histogram([GRAPH, LOOPED])


def _case(name: str, build: Callable[[], Any], graph: Graph = GRAPH, channels: int = 3, smooth: bool = True) -> Case:
    return Case(name, build, signals(graph, channels), second_order=smooth)


# smooth=False: ReLU and maximum have no second derivative worth checking.
CASES = {
    ("layer", "gcn-conv"): [
        _case("plain", lambda: GCNConv(3, 2), LOOPED),
        _case("widens", lambda: GCNConv(3, 4, bias=False), LOOPED),
        _case("weighted", lambda: GCNConv(3, 2), WEIGHTED),
        _case("not-normalized", lambda: GCNConv(3, 3, normalize=False), WEIGHTED),
    ],
    ("layer", "sg-conv"): [
        _case("two-hops", lambda: SGConv(3, 4, 2), LOOPED),
        _case("narrows", lambda: SGConv(3, 2, 2, bias=False), WEIGHTED),
    ],
    ("layer", "cheb-conv"): [
        _case("sym", lambda: ChebConv(3, 4, 3)),
        _case("clenshaw", lambda: ChebConv(3, 2, 4, lambda_max=1.5), WEIGHTED),
        _case("rw", lambda: ChebConv(3, 3, 2, normalization="rw", bias=False)),
        _case("none", lambda: ChebConv(3, 2, 3, normalization="none"), WEIGHTED),
    ],
    ("layer", "sage-conv"): [
        _case("mean", lambda: SAGEConv(3, 4)),
        _case("sum-narrows", lambda: SAGEConv(3, 2, "sum", root_weight=False)),
        _case("max-projected", lambda: SAGEConv(3, 2, "max", project=True, normalize=True), smooth=False),
    ],
    ("layer", "gin-conv"): [_case("plain", lambda: GINConv(3, 4, eps=0.1, train_eps=True), smooth=False)],
    ("layer", "gine-conv"): [_case("featured", lambda: GINEConv(3, 4, 2), FEATURED, smooth=False)],
    ("layer", "nn-conv"): [
        _case("sum", lambda: NNConv(3, 4, 2), FEATURED, smooth=False),
        _case("max", lambda: NNConv(3, 2, 2, aggregation="max", root_weight=False), FEATURED, smooth=False),
    ],
    ("layer", "res-gated-graph-conv"): [
        _case("plain", lambda: ResGatedGraphConv(3, 4)),
        _case("featured", lambda: ResGatedGraphConv(3, 4, 2), FEATURED),
    ],
    ("layer", "gated-gcn"): [
        _case("plain", lambda: GatedGCN(3, 3, 2), FEATURED, smooth=False),
        _case("no-norm", lambda: GatedGCN(3, 5, 2, norm=False, residual=False), FEATURED, smooth=False),
    ],
    ("layer", "edge-conv"): [
        _case("max", lambda: EdgeConv(3, 4), smooth=False),
        _case("sum", lambda: EdgeConv(3, 2, aggregation="sum"), smooth=False),
        _case("one-map", lambda: EdgeConv(3, 4, nn.Sequential(nn.Linear(6, 4), nn.LeakyReLU(0.2))), smooth=False),
    ],
    ("layer", "pna-conv"): [
        _case("plain", lambda: PNAConv(3, 4, ["mean", "max", "std", "sum"], SCALERS, DEGREES), smooth=False),
        _case(
            "towers",
            lambda: PNAConv(4, 4, ["mean", "min"], SCALERS[:2], DEGREES, edge_channels=2, towers=2, divide_input=True),
            FEATURED,
            channels=4,
            smooth=False,
        ),
        _case(
            "deep",
            lambda: PNAConv(3, 4, ["max", "var"], SCALERS[:3], DEGREES, towers=2, pre_layers=2, post_layers=2),
            smooth=False,
        ),
    ],
    ("model", "gcn"): [
        Case("nodes", lambda: gcn(3, 2, hidden=4, domain=LOOPED), signals(LOOPED, 3), second_order=False),
        Case(
            "graphs", lambda: gcn(3, 2, hidden=4, readout="mean", domain=LOOPED), signals(LOOPED, 3), second_order=False
        ),
    ],
    ("model", "gat"): [
        Case("nodes", lambda: gat(3, 2, hidden=2, heads=2, domain=LOOPED), signals(LOOPED, 3), second_order=False),
        Case(
            "graphs",
            lambda: gat(3, 2, hidden=2, heads=2, layers=1, readout="max", domain=LOOPED),
            signals(LOOPED, 3),
            second_order=False,
        ),
    ],
    ("model", "graph-sage"): [
        Case("mean", lambda: GraphSAGE(3, 2, hidden=4, domain=GRAPH), signals(GRAPH, 3), second_order=False)
    ],
    ("model", "gin"): [
        Case("nodes", lambda: gin(3, 2, hidden=4, layers=2, domain=GRAPH), signals(GRAPH, 3), second_order=False),
        Case(
            "graphs",
            lambda: gin(3, 2, hidden=4, layers=2, readout="sum", domain=GRAPH),
            signals(GRAPH, 3),
            second_order=False,
        ),
        Case("every-layer", lambda: GIN(3, 2, hidden=4, layers=2), signals(GRAPH, 3), second_order=False),
    ],
}
