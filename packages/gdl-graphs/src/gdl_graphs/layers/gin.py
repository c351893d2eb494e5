"""`GINConv` and `GINEConv`: sums, which tell multisets apart, and an MLP."""

import torch
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import edge_features_of
from gdl_graphs.layers.message_passing import Coefficients, Convolutional, MessagePassing
from gdl_graphs.layers.mlp import mlp


class GINConv(Convolutional):
    """h_u = MLP((1 + ε) x_u + Σ_v x_v) (Xu et al. 2019, eq. 4.1): as powerful as the 1-WL test.

    Weights of edges are not used. Parameters are called as in PyTorch Geometric: `nn` and `eps`.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        network: the MLP, from the channels of `in_type` to those of `out_type`; left out, one hidden layer.
        eps: ε at the start.
        train_eps: learn ε.
    """

    eps: Tensor

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        network: nn.Module | None = None,
        *,
        eps: float = 0.0,
        train_eps: bool = False,
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.nn = mlp([c_in, c_out, c_out]) if network is None else network
        make_eps(self, eps, train_eps)

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        return Coefficients()

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        return self.nn(torch.addcmul(messages, x, 1 + self.eps))


class GINEConv(MessagePassing):
    """h_u = MLP((1 + ε) x_u + Σ_v relu(x_v + W e_uv + b)) (Hu et al. 2020, eq. A.2).

    Parameters are called as in PyTorch Geometric: `nn`, `lin` (W) and `eps`.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        edge_channels: the channels of the edges' features.
        network: the MLP; left out, one hidden layer.
        eps: ε at the start.
        train_eps: learn ε.
        project: have W and b; without, edges have as many channels as nodes.

    Raises:
        ValueError: if the edges' channels are not those of the nodes and nothing projects them.
    """

    eps: Tensor

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        edge_channels: int,
        network: nn.Module | None = None,
        *,
        eps: float = 0.0,
        train_eps: bool = False,
        project: bool = True,
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        if not project and edge_channels != c_in:
            raise ValueError(
                f"GINEConv adds edge features to node features, got {edge_channels} and {c_in} channels: "
                "give project=True."
            )
        self.edge_channels = edge_channels
        self.nn = mlp([c_in, c_out, c_out]) if network is None else network
        self.lin = nn.Linear(edge_channels, c_in) if project else None
        make_eps(self, eps, train_eps)

    def edges(self, x: Tensor, graph: Graph) -> Tensor:
        features = edge_features_of(graph, self.edge_channels, self).to(x.dtype)
        return features if self.lin is None else self.lin(features)

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        return sender.relu() if edge is None else (sender + edge).relu()

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        return self.nn(torch.addcmul(messages, x, 1 + self.eps))


def make_eps(layer: nn.Module, eps: float, train: bool) -> None:
    """Give `layer` an ε, as a parameter or as a constant."""
    value = torch.full((1,), float(eps))
    if train:
        layer.eps = nn.Parameter(value)
    else:
        layer.register_buffer("eps", value)
