"""`GATConv`: attention by the sum of a score of each end."""

import torch.nn.functional as F
from gdl_core.incidence import gather, segment_softmax
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.edge_attention import gat_attention
from gdl_graphs.layers.checks import edge_features_of
from gdl_graphs.layers.multi_head import MultiHead, glorot_linear, glorot_vectors


class GATConv(MultiHead):
    """h_u = Σ_v α_uv W x_v, α = softmax_v leaky(a_dst·W x_u + a_src·W x_v + a_edge·W_e e_uv), per head.

    Veličković et al. 2018, eqs. 1-6; the book, §5.3. Runs as one fused operator that keeps numbers per node only.
    PyTorch Geometric's layer of this name adds self-loops in every call; here ``graph.with_self_loops()`` does.
    Parameters are called the same. A node that receives no edge gets the bias (and the residual).

    Args:
        in_type: the channels of x.
        out_channels: the channels of each head.
        heads: how many.
        concat: concatenate the heads (the output has heads x out_channels channels); otherwise average them.
        negative_slope: of the leaky ReLU.
        dropout: the probability of dropping a weight α while training.
        edge_channels: the channels of the edge features that enter the score; None for none.
        bias: add a bias at the end.
        residual: add a linear map of x at the end.

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
    ):
        super().__init__(in_type, out_channels, heads, concat, dropout, bias, residual)
        self.negative_slope, self.edge_channels = negative_slope, edge_channels
        self.lin = glorot_linear(self.in_type.channels, heads * out_channels)
        self.att_src = glorot_vectors(heads, out_channels)
        self.att_dst = glorot_vectors(heads, out_channels)
        if edge_channels is not None:
            self.lin_edge = glorot_linear(edge_channels, heads * out_channels)
            self.att_edge = glorot_vectors(heads, out_channels)

    def transform(self, x: Tensor) -> Tensor:
        return self.split(self.lin(x))

    def scores(self, values: Tensor, graph: Graph) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the scores of receivers ``[n, h]``, of senders ``[n, h]`` and of edges ``[e, h]``."""
        receiver, sender = (values * self.att_dst).sum(-1), (values * self.att_src).sum(-1)
        if self.edge_channels is None:
            return receiver, sender, None
        # a_edge·(W_e e) = (W_eᵀ a_edge)·e: the [e, h c] product is never made
        folded = (self.lin_edge.weight.unflatten(0, (self.heads, -1)) * self.att_edge[0, :, :, None]).sum(1)
        return receiver, sender, F.linear(edge_features_of(graph, self.edge_channels, self), folded)

    def attention(self, x: Tensor, graph: Graph) -> Tensor | None:
        receiver, sender, edge = self.scores(self.transform(x), graph)
        i = graph.incidence
        score = gather(i, receiver, "receiver") + gather(i, sender, "sender")
        score = score if edge is None else score + edge
        return segment_softmax(i, F.leaky_relu(score, self.negative_slope))

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        values = self.transform(x)
        receiver, sender, edge = self.scores(values, graph)
        rate, seed = self.drops()
        return gat_attention(graph.incidence, receiver, sender, values, edge, self.negative_slope, rate, seed)[0]
