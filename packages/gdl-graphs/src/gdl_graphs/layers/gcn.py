"""`GCNConv`, and the normalised adjacency matrix that it shares with SGC and ChebNet."""

import torch
from gdl_core.incidence import reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.message_passing import Coefficients, Convolutional


def weighted_degree(graph: Graph, dtype: torch.dtype) -> Tensor:
    """Return ``[n]``, the sum of the weights of the edges that each node receives; their number if there are none."""
    if graph.edge_weight is None:
        return graph.degree().to(dtype)  # counted in integers: right at any degree
    return reduce(graph.incidence, graph.edge_weight.to(dtype), "sum")


def power_of_degree(graph: Graph, exponent: float, dtype: torch.dtype) -> Tensor:
    """Return d^exponent, ``[n]``, with 0 at the nodes whose degree is not positive."""
    degree = weighted_degree(graph, dtype)
    positive = degree > 0
    return torch.where(positive, degree, 1).pow(exponent) * positive


def symmetric_coefficients(graph: Graph, dtype: torch.dtype) -> Coefficients:
    """Return the entries of D^-1/2 A D^-1/2 as factors: c_uv = d_u^-1/2 w_uv d_v^-1/2."""
    scale = power_of_degree(graph, -0.5, dtype)
    return Coefficients(scale, graph.edge_weight, scale)


class GCNConv(Convolutional):
    """H = D^-1/2 A D^-1/2 X W + b (Kipf and Welling 2017, eq. 2; the book, §5.3).

    A holds the weights of the edges (ones without), D the sums of what each node receives. A and W commute, so the
    narrower of X and X W is aggregated. Kipf and Welling's Â = A + I is ``graph.with_self_loops()``: PyTorch
    Geometric's layer of this name adds these in every call, this one never; parameters are called the same.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        normalize: divide by the degrees; without, A is taken as it is.
        bias: add b.
    """

    def __init__(
        self, in_type: FieldType | int, out_type: FieldType | int, *, normalize: bool = True, bias: bool = True
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.normalize, self._widens = normalize, c_out > c_in
        self.lin = nn.Linear(c_in, c_out, bias=False)
        nn.init.xavier_uniform_(self.lin.weight)
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        return symmetric_coefficients(graph, dtype) if self.normalize else Coefficients(edge=graph.edge_weight)

    def transform(self, x: Tensor) -> Tensor:
        return x if self._widens else self.lin(x)

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        y = self.lin(messages) if self._widens else messages
        return y if self.bias is None else y + self.bias
