"""`GatedNetwork`: `GatedGCN` layers between two perceptrons, from nodes with edges to nodes."""

from gdl_core.geometry import Domain, Dropout, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import edge_features_of, graph_of
from gdl_graphs.layers.gated_gcn import GatedGCN
from gdl_graphs.layers.mlp import mlp


class GatedNetwork(Layer):
    """y_u = MLP(h_u) with h from `GatedGCN` layers, which make features of nodes and of edges anew from both.

    Bresson and Laurent 2017, §3, as Dwivedi et al. (2023, §4) stack them: a linear map of the features of nodes and one
    of those of edges, residual layers with batch norms, a perceptron at each node. For whole graphs, put a readout
    after it: ``Blueprint([GatedNetwork(...), GlobalPool(...)])``.

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        edge_channels: the channels of the edges' features.
        channels: of every layer.
        layers: how many.
        dropout: the probability of zeroing a channel before each layer and the last perceptron.

    Shapes: x ``[n, c_in]`` on a `Graph` with features ``[e, edge_channels]`` -> ``[n, c_out]``.

    Raises:
        ValueError: if there is no layer, or the edges have other features; `channels` must be at least 2.
        TypeError: if called without a graph.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int,
        channels: int = 64,
        layers: int = 3,
        dropout: float = 0.0,
    ):
        super().__init__(in_type, out_type)
        if layers < 1 or channels < 2:
            raise ValueError(f"GatedNetwork has at least 1 layer of 2 channels, got {layers} of {channels}.")
        self.edge_channels = edge_channels
        self.nodes = nn.Linear(self.in_type.channels, channels)
        self.edges = nn.Linear(edge_channels, channels)
        self.layers = nn.ModuleList(GatedGCN(channels, channels) for _ in range(layers))
        self.dropout = Dropout(channels, dropout)
        self.head = mlp([channels, channels // 2, self.out_type.channels])

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        features = edge_features_of(graph, self.edge_channels, self).to(x.dtype)
        h, graph = self.nodes(x), graph.replace(edge_features=self.edges(features))
        for layer in self.layers:
            h, graph = layer(self.dropout(h), graph)
        return self.head(self.dropout(h))
