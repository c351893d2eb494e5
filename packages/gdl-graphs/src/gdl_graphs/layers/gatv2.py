"""`GATv2Conv`: attention by a score of both ends together."""

import torch.nn.functional as F
from gdl_core.incidence import aggregate, gather, segment_softmax
from gdl_core.kernels.dropout import dropout
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.edge_attention import gatv2_attention
from gdl_graphs.layers.checks import edge_features_of
from gdl_graphs.layers.multi_head import MultiHead, glorot_linear, glorot_vectors


class GATv2Conv(MultiHead):
    """h_u = Σ_v α_uv W_l x_v, α = softmax_v a·leaky(W_r x_u + W_l x_v + W_e e_uv), per head.

    Brody, Alon and Yahav 2022, eq. 7: the ranking of the neighbours may depend on the node, which GAT's cannot. Runs
    as one fused operator that keeps numbers per node only; with edge features, W_e e and the sum are made per edge.
    PyTorch Geometric's layer of this name adds self-loops in every call; here ``graph.with_self_loops()`` does.
    Parameters are called the same.

    Args:
        in_type: the channels of x.
        out_channels: the channels of each head.
        heads: how many.
        concat: concatenate the heads (the output has heads x out_channels channels); otherwise average them.
        negative_slope: of the leaky ReLU.
        dropout: the probability of dropping a weight α while training.
        edge_channels: the channels of the edge features that enter the score; None for none.
        bias: add a bias to both linear maps and at the end.
        residual: add a linear map of x at the end.
        share_weights: W_r = W_l.

    Raises:
        ValueError: if there are no heads, or the rate is not in [0, 1).
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_channels: int,
        heads: int = 1,
        *,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        edge_channels: int | None = None,
        bias: bool = True,
        residual: bool = False,
        share_weights: bool = False,
    ):
        super().__init__(in_type, out_channels, heads, concat, dropout, bias, residual)
        self.negative_slope, self.edge_channels = negative_slope, edge_channels
        c_in = self.in_type.channels
        self.lin_l = glorot_linear(c_in, heads * out_channels, bias)
        self.lin_r = self.lin_l if share_weights else glorot_linear(c_in, heads * out_channels, bias)
        self.att = glorot_vectors(heads, out_channels)
        self.lin_edge = None if edge_channels is None else glorot_linear(edge_channels, heads * out_channels)

    def transform(self, x: Tensor) -> Tensor:
        return self.split(self.lin_l(x))

    def attention(self, x: Tensor, graph: Graph) -> Tensor | None:
        return self._weights(self.split(self.lin_r(x)), self.transform(x), graph)

    def _weights(self, receiver: Tensor, sender: Tensor, graph: Graph) -> Tensor:
        i = graph.incidence
        both = gather(i, receiver, "receiver") + gather(i, sender, "sender")
        if self.lin_edge is not None:
            both = both + self.split(self.lin_edge(edge_features_of(graph, self.lin_edge.in_features, self)))
        return segment_softmax(i, (F.leaky_relu(both, self.negative_slope) * self.att).sum(-1))

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        sender = self.transform(x)
        receiver = sender if self.lin_r is self.lin_l else self.split(self.lin_r(x))
        rate, seed = self.drops()
        if self.lin_edge is None:
            i, slope = graph.incidence, self.negative_slope
            return gatv2_attention(i, receiver, sender, self.att[0], None, slope, rate, seed)[0]
        return aggregate(graph.incidence, sender, dropout(self._weights(receiver, sender, graph), rate))
