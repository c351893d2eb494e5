"""`TransformerConv`: dot-product attention over the edges of a graph."""

import math

import torch
from gdl_core.incidence import aggregate, edge_dot, gather, reduce, segment_softmax
from gdl_core.kernels.dropout import dropout
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.edge_attention import edge_attention
from gdl_graphs.layers.checks import edge_features_of
from gdl_graphs.layers.message_passing import MessagePassing
from gdl_graphs.layers.multi_head import MultiHead, glorot_linear


class TransformerConv(MultiHead):
    """h_u = W_s x_u + Σ_v α_uv (W_v x_v + W_e e_uv), α = softmax_v (W_q x_u)·(W_k x_v + W_e e_uv) / √c, per head.

    Shi et al. 2021 (UniMP), eqs. 3-6; a Transformer whose tokens hear their neighbours only. On ``Graph.complete`` it
    is scaled dot-product attention. Runs as one fused operator that keeps numbers per node only; with edge features,
    W_e e is made per edge. Parameters are called as in PyTorch Geometric.

    Args:
        in_type: the channels of x.
        out_channels: the channels of each head.
        heads: how many.
        concat: concatenate the heads (the output has heads x out_channels channels); otherwise average them.
        beta: mix W_s x_u in by a learned gate β instead of adding it (eqs. 7-8); needs `root_weight`.
        dropout: the probability of dropping a weight α while training.
        edge_channels: the channels of the edge features that enter keys and values; None for none.
        bias: add a bias to the linear maps of nodes.
        root_weight: have W_s x_u.

    Raises:
        ValueError: if there are no heads, the rate is not in [0, 1), or `beta` comes without `root_weight`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_channels: int,
        heads: int = 1,
        *,
        concat: bool = True,
        beta: bool = False,
        dropout: float = 0.0,
        edge_channels: int | None = None,
        bias: bool = True,
        root_weight: bool = True,
    ):
        if beta and not root_weight:
            raise ValueError("TransformerConv mixes W_s x in by beta, so beta=True needs root_weight=True.")
        super().__init__(in_type, out_channels, heads, concat, dropout, bias=False, residual=False)
        c_in, inner, total = self.in_type.channels, heads * out_channels, self.out_type.channels
        self.lin_key, self.lin_query, self.lin_value = (nn.Linear(c_in, inner, bias) for _ in range(3))
        self.lin_edge = None if edge_channels is None else glorot_linear(edge_channels, inner)
        self.lin_skip = nn.Linear(c_in, total, bias) if root_weight else None
        self.lin_beta = nn.Linear(3 * total, 1, bias=False) if beta else None

    def transform(self, x: Tensor) -> Tensor:
        return self.split(self.lin_value(x))

    def attention(self, x: Tensor, graph: Graph) -> Tensor | None:
        i = graph.incidence
        query, key = self.split(self.lin_query(x)), self.split(self.lin_key(x))
        score = edge_dot(i, query, key).to(x.dtype)
        edge = self._edge_values(graph)
        if edge is not None:
            score = score + (gather(i, query, "receiver") * edge).sum(-1)
        return segment_softmax(i, score / math.sqrt(self.out_channels))

    def is_a(self, flavour: type[MessagePassing]) -> bool:
        # What an edge adds to the value is no function of the sender: a message, and no longer attention.
        return isinstance(self, flavour) and (self.lin_edge is None or flavour is MessagePassing)

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        weights, edge = self.attention(x, graph), self._edge_values(graph)
        assert weights is not None
        return weights if edge is None else torch.cat([weights[..., None], edge], -1)

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        if edge is None or self.lin_edge is None:
            return super().message(receiver, sender, edge)
        return edge[..., :1] * (sender + edge[..., 1:])

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        rate, seed = self.drops()
        value, edge = self.transform(x), self._edge_values(graph)
        if edge is None:
            query, key = self.split(self.lin_query(x)), self.split(self.lin_key(x))
            return edge_attention(graph.incidence, query, key, value, dropout=rate, seed=seed)[0]
        weights = self.attention(x, graph)
        assert weights is not None
        weights = dropout(weights, rate)
        return aggregate(graph.incidence, value, weights) + reduce(graph.incidence, weights[..., None] * edge)

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        y = super().update(x, messages)
        if self.lin_skip is None:
            return y
        root = self.lin_skip(x)
        if self.lin_beta is None:
            return y + root
        beta = self.lin_beta(torch.cat([y, root, y - root], -1)).sigmoid()
        return beta * root + (1 - beta) * y

    def _edge_values(self, graph: Graph) -> Tensor | None:
        if self.lin_edge is None:
            return None
        return self.split(self.lin_edge(edge_features_of(graph, self.lin_edge.in_features, self)))
