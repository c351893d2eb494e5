"""`SGConv`: several hops of the normalised adjacency matrix, and one linear map."""

import torch
from gdl_core.geometry import Domain
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import graph_of
from gdl_graphs.layers.gcn import symmetric_coefficients
from gdl_graphs.layers.message_passing import Coefficients, Convolutional


class SGConv(Convolutional):
    """H = (D^-1/2 A D^-1/2)^K X W + b (Wu et al. 2019, eq. 8).

    A linear layer, so W comes first where it makes X narrower. Self-loops are those of the graph, as for `GCNConv`.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        hops: K, how far messages travel; 0 leaves a linear map.
        bias: add b.

    Raises:
        ValueError: if `hops` is negative.
    """

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, hops: int = 1, *, bias: bool = True):
        super().__init__(in_type, out_type)
        if not isinstance(hops, int) or hops < 0:
            raise ValueError(f"SGConv expects a whole number of hops from 0, got {hops!r}.")
        self.hops = hops
        self.lin = nn.Linear(self.in_type.channels, self.out_type.channels, bias=bias)

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        return symmetric_coefficients(graph, dtype)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        narrows = self.out_type.channels < self.in_type.channels
        y = nn.functional.linear(x, self.lin.weight) if narrows else x
        for _ in range(self.hops):
            y = self.propagate(y, graph)
        if not narrows:
            return self.lin(y)
        return y if self.lin.bias is None else y + self.lin.bias
