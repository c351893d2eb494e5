"""`NNConv`: messages whose matrix is made by a network from the features of the edge."""

import torch
from gdl_core.incidence import aggregate
from gdl_core.incidence.operations import Reduction
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import edge_features_of
from gdl_graphs.layers.message_passing import MessagePassing
from gdl_graphs.layers.mlp import check_ends, mlp


class NNConv(MessagePassing):
    """h_u = W x_u + ⊕_v x_vᵀ A(e_uv) + b, the edge network of MPNN (Gilmer et al. 2017, §5.1).

    A(e) = Σ_k s_k(e) A_k + A_0 is linear in the last hidden features s of the network, so a sum and a mean need the
    s_k x_v of each node (k aggregations of x) and no ``[e, c_in, c_out]`` matrices. Parameters are called as in PyTorch
    Geometric: `nn` for the network, `lin` for W.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        edge_channels: the channels of the edges' features.
        network: an `nn.Sequential` from `edge_channels` that ends with an `nn.Linear` to c_in · c_out; left out, one
            hidden layer of c_out.
        aggregation: ⊕: "sum", "mean", "max" or "min".
        root_weight: add W x_u.
        bias: add b.

    Raises:
        TypeError: if the network does not end so.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int,
        network: nn.Sequential | None = None,
        *,
        aggregation: Reduction = "sum",
        root_weight: bool = True,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type, aggregation)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.edge_channels = edge_channels
        self.nn = mlp([edge_channels, c_out, c_in * c_out]) if network is None else network
        check_ends(self.nn, None, c_in * c_out, self)
        self.lin = nn.Linear(c_in, c_out, bias=False) if root_weight else None
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def edges(self, x: Tensor, graph: Graph) -> Tensor:
        s = edge_features_of(graph, self.edge_channels, self).to(x.dtype)
        for part in list(self.nn)[:-1]:
            s = part(s)
        return s

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        last: nn.Linear = self.nn[-1]  # type: ignore[assignment]
        matrix = last(edge).unflatten(-1, (self.in_type.channels, self.out_type.channels))
        return (sender[:, None] @ matrix)[:, 0]

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        if self.aggregation not in ("sum", "mean"):
            return super().propagate(x, graph)
        last: nn.Linear = self.nn[-1]  # type: ignore[assignment]
        s = self.edges(x, graph)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        mean, i = self.aggregation == "mean", graph.incidence
        sums = aggregate(i, x[:, None].expand(-1, s.shape[1], -1), s, mean)  # [n, k, c_in]: sums of s_k x_v
        matrices = last.weight.view(c_in, c_out, -1).permute(2, 0, 1).reshape(-1, c_out)
        y = sums.flatten(1) @ matrices
        return y if last.bias is None else y + aggregate(i, x, mean=mean) @ last.bias.view(c_in, c_out)

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        y = messages if self.lin is None else messages + self.lin(x)
        return y if self.bias is None else y + self.bias
