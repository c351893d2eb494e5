"""Gated layers: a message lets through of each channel what the two ends and the edge agree on."""

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.incidence import gather, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn.functional import linear

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import edge_features_of, graph_of
from gdl_graphs.layers.message_passing import MessagePassing
from gdl_graphs.layers.norm import BatchNorm


class ResGatedGraphConv(MessagePassing):
    """h_u = W_1 x_u + Σ_v σ(W_3 x_u + W_4 x_v) ⊙ W_2 x_v + b (Bresson and Laurent 2017, eq. 11 and 12).

    With edge features, W_2, W_3 and W_4 act on x and the edge's features side by side. Parameters are called as in
    PyTorch Geometric: `lin_skip`, `lin_value`, `lin_key`, `lin_query` for W_1 to W_4.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        edge_channels: the channels of the edges' features; None uses none.
        root_weight: add W_1 x_u.
        bias: add b.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int | None = None,
        *,
        root_weight: bool = True,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.edge_channels = edge_channels
        wide = c_in + (edge_channels or 0)
        self.lin_key, self.lin_query, self.lin_value = (nn.Linear(wide, c_out) for _ in range(3))
        self.lin_skip = nn.Linear(c_in, c_out, bias=False) if root_weight else None
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        key, query, value = self.lin_key, self.lin_query, self.lin_value
        c = self.in_type.channels
        sends = linear(x, torch.cat([query.weight, value.weight])[:, :c], torch.cat([query.bias, value.bias]))
        return linear(x, key.weight[:, :c], key.bias), sends

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        if self.edge_channels is None:
            return None
        features, c = edge_features_of(graph, self.edge_channels, self).to(x.dtype), self.in_type.channels
        gate = self.lin_key.weight + self.lin_query.weight
        return linear(features, torch.cat([gate, self.lin_value.weight])[:, c:])

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        query, value = (sender if edge is None else sender + edge).chunk(2, -1)
        return torch.sigmoid(receiver + query) * value

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        y = messages if self.lin_skip is None else messages + self.lin_skip(x)
        return y if self.bias is None else y + self.bias


class GatedGCN(Coarsening):
    """`x, graph = layer(x, graph)`: features of nodes and of edges, each made anew from both.

    ê = C e_uv + D x_u + E x_v, and h_u = A x_u + Σ_v σ(ê) ⊙ B x_v / (Σ_v σ(ê) + ε); then x + relu(norm(h)) and
    e + relu(norm(ê)) (Bresson and Laurent 2017, §3; Dwivedi et al. 2023, eq. 12 to 15, whose names these are). The
    graph that it returns is the given one with the new features on its edges: no coarser, but another domain.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        edge_channels: the channels of the edges' features; the output has as many as the nodes. Left out, `in_type`'s.
        residual: add the input, of nodes and edges each where the channels are the same.
        norm: normalise both over the batch.
        eps: ε.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int | None = None,
        *,
        residual: bool = True,
        norm: bool = True,
        eps: float = 1e-6,
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.edge_channels = c_in if edge_channels is None else edge_channels
        self.residual, self.eps = residual, eps
        self.A, self.B, self.D, self.E = (nn.Linear(c_in, c_out) for _ in range(4))
        self.C = nn.Linear(self.edge_channels, c_out)
        self.norm_nodes, self.norm_edges = (BatchNorm(c_out) for _ in range(2)) if norm else (None, None)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Graph]:
        graph = graph_of(x, domain, self)
        i, e = graph.incidence, edge_features_of(graph, self.edge_channels, self).to(x.dtype)
        to_gate, value = linear(
            x, torch.cat([self.E.weight, self.B.weight]), torch.cat([self.E.bias, self.B.bias])
        ).chunk(2, -1)
        gate = self.C(e) + gather(i, self.D(x), "receiver") + gather(i, to_gate, "sender")
        open_ = torch.sigmoid(gate)
        both = reduce(i, torch.cat([open_ * gather(i, value, "sender"), open_], -1))
        total, weight = both.chunk(2, -1)
        h = self.A(x) + total / (weight + self.eps)
        _, nodes, edges = (None, None, None) if graph.real is None else graph.real.unbind()
        h = self._activate(h, x, self.norm_nodes, nodes)
        return h, graph.replace(edge_features=self._activate(gate, e, self.norm_edges, edges))

    def _activate(self, new: Tensor, old: Tensor, norm: BatchNorm | None, count: Tensor | None) -> Tensor:
        new = (new if norm is None else norm.over_first(new, count)).relu()
        return old + new if self.residual and old.shape[-1] == new.shape[-1] else new
