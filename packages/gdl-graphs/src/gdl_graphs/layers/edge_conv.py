"""`EdgeConv`: a network of a node and of how its neighbour differs from it."""

import torch
from gdl_core.incidence.operations import Reduction
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn.functional import linear

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.multi_aggregate import aggregate_extreme
from gdl_graphs.layers.message_passing import MessagePassing
from gdl_graphs.layers.mlp import check_ends, mlp


def rises(function: nn.Module) -> bool:
    """Whether a larger number never gives a smaller one, as far as its class tells."""
    if isinstance(function, nn.LeakyReLU):
        return function.negative_slope >= 0
    return isinstance(function, (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity))


class EdgeConv(MessagePassing):
    """h_u = ⊕_v MLP([x_u, x_v - x_u]) (Wang et al. 2019, eq. 7 and 8).

    The first map of the MLP is a map of x_u plus one of x_v: both are made once per node. Where only functions that
    rise follow it, as in the layers of DGCNN, the maximum (minimum) is that over the x_v and no message is made.
    Parameters are called as in PyTorch Geometric: `nn`.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        network: an `nn.Sequential` that starts with an `nn.Linear` from 2 · c_in channels; left out, one hidden layer.
        aggregation: ⊕: "max", "sum", "mean" or "min".

    Raises:
        TypeError: if the network does not start so.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        network: nn.Sequential | None = None,
        *,
        aggregation: Reduction = "max",
    ):
        super().__init__(in_type, out_type, aggregation)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.nn = mlp([2 * c_in, c_out, c_out]) if network is None else network
        check_ends(self.nn, 2 * c_in, None, self)

    def ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first: nn.Linear = self.nn[0]  # type: ignore[assignment]
        own, difference = first.weight.chunk(2, 1)
        return linear(x, own - difference, first.bias), linear(x, difference)

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        last = list(self.nn)[1:]
        if self.aggregation not in ("max", "min") or not all(map(rises, last)):
            return super().propagate(x, graph)
        # What only rises has its maximum where x_v has: no message is made.
        receiver, sender = self.ends(x)
        y = receiver + aggregate_extreme(graph.incidence, sender, self.aggregation)
        for part in last:
            y = part(y)
        return torch.where(graph.degree()[:, None] > 0, y, 0)

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        return None

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        y = receiver + sender
        for part in list(self.nn)[1:]:
            y = part(y)
        return y
