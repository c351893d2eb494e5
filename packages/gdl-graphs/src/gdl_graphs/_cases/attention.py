"""Cases of the attention layers."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import FEATURED, GRAPH, LOOPED, signals
from gdl_graphs.layers.gat import GATConv
from gdl_graphs.layers.gatv2 import GATv2Conv
from gdl_graphs.layers.transformer_conv import TransformerConv

CASES = {
    ("layer", "gat-conv"): [
        Case("plain", lambda: GATConv(4, 3, 2), signals(GRAPH, 4)),
        Case("average", lambda: GATConv(4, 3, 2, concat=False, residual=True), signals(LOOPED, 4)),
        Case("edges", lambda: GATConv(4, 3, 2, edge_channels=2, dropout=0.4), signals(FEATURED, 4)),
    ],
    ("layer", "gatv2-conv"): [
        Case("plain", lambda: GATv2Conv(4, 3, 2), signals(GRAPH, 4)),
        Case("shared", lambda: GATv2Conv(4, 3, 2, concat=False, share_weights=True), signals(LOOPED, 4)),
        Case("edges", lambda: GATv2Conv(4, 3, 2, edge_channels=2, dropout=0.4), signals(FEATURED, 4)),
    ],
    ("layer", "transformer-conv"): [
        Case("plain", lambda: TransformerConv(4, 3, 2), signals(GRAPH, 4)),
        Case("gate", lambda: TransformerConv(4, 3, 2, concat=False, beta=True), signals(LOOPED, 4)),
        Case("edges", lambda: TransformerConv(4, 3, 2, edge_channels=2, dropout=0.4), signals(FEATURED, 4)),
    ],
}
