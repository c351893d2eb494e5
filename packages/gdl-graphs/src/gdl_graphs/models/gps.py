"""`GPS`: a network of `GPSConv` layers for whole graphs."""

import torch
from gdl_core.geometry import Domain, Readout
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.encodings.encoders import RandomWalkEncoder
from gdl_graphs.layers.checks import edge_features_of, graph_of
from gdl_graphs.layers.gin import GINConv, GINEConv
from gdl_graphs.layers.gps import GPSConv, Norm
from gdl_graphs.layers.mlp import mlp
from gdl_graphs.readout import GlobalPool


class GPS(Readout):
    """y = MLP(Σ_u h_u) with h from `GPSConv` layers, GIN beside attention, of features and return probabilities.

    The defaults are those published for ZINC-12k, a mean absolute error of 0.070 ± 0.004 (Rampášek et al. 2022,
    table 2 and appendix A): 10 layers of 64 channels and 4 heads, 20 steps of random walks read to 28 channels beside
    36 of the atom; there, attention drops half of its weights while training, which it does not here.

    Args:
        in_type: the channels of x: those of the nodes and, last, `walk_steps` return probabilities.
        out_type: the channels of y.
        edge_channels: the channels of the edges' features; None for a graph without (`GINConv` then).
        channels: of every layer.
        layers: how many.
        heads: of each attention; None leaves attention out.
        walk_steps: how many of the inputs are return probabilities, see `random_walk_encoding`; may be 0.
        walk_channels: to how many channels they are read.
        dropout: as in `GPSConv`.
        norm: as in `GPSConv`.
        readout: how nodes are reduced: "sum", "mean", "max" or "min".

    Shapes: x ``[n, c_in]`` on a `Graph` -> ``[b, c_out]``.

    Raises:
        ValueError: if there are fewer inputs than steps, or no channels are left for the features.
        TypeError: if called without a graph.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int | None = None,
        channels: int = 64,
        layers: int = 10,
        heads: int | None = 4,
        walk_steps: int = 20,
        walk_channels: int = 28,
        dropout: float = 0.0,
        norm: Norm = "batch",
        readout: str = "sum",
    ):
        super().__init__(in_type, out_type)
        features = self.in_type.channels - walk_steps
        walk_channels = walk_channels if walk_steps else 0
        if features < 0 or walk_channels >= channels:
            raise ValueError(
                f"GPS reads {walk_steps} return probabilities to {walk_channels} of its {channels} channels, and the "
                f"other inputs to the rest, got {self.in_type.channels} inputs."
            )
        self.edge_channels, self.walk_steps = edge_channels, walk_steps
        self.walks = RandomWalkEncoder(walk_steps, walk_channels) if walk_steps else None
        self.features = nn.Linear(features, channels - walk_channels)
        self.edges = None if edge_channels is None else nn.Linear(edge_channels, channels)
        self.layers = nn.ModuleList(
            GPSConv(channels, self._local(channels), heads, dropout=dropout, norm=norm) for _ in range(layers)
        )
        self.pool = GlobalPool(channels, readout)
        self.head = mlp([channels, channels // 2, channels // 4, self.out_type.channels])

    def _local(self, channels: int) -> GINConv | GINEConv:
        if self.edge_channels is None:
            return GINConv(channels, channels)
        return GINEConv(channels, channels, channels, project=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        own, walked = x.tensor_split([x.shape[1] - self.walk_steps], 1)
        h = self.features(own)
        if self.walks is not None:
            h = torch.cat([h, self.walks(walked, graph)], 1)
        if self.edges is not None and self.edge_channels is not None:
            edges = self.edges(edge_features_of(graph, self.edge_channels, self).to(x.dtype))
            graph = graph.replace(edge_features=edges)
        for layer in self.layers:
            h = layer(h, graph)
        return self.head(self.pool(h, graph))
