"""`SAGEConv`: the mean, sum or maximum of the neighbours beside the node itself."""

import torch
from gdl_core.incidence.operations import Reduction
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.message_passing import Coefficients, Convolutional


class SAGEConv(Convolutional):
    """h_u = W_l ⊕_v x_v + W_r x_u + b (Hamilton et al. 2017, algorithm 1).

    With ``project``, x_v is first relu(W x_v + b'), eq. 3 of the paper. Weights of edges are not used. Parameters are
    called as in PyTorch Geometric: `lin_l` for the neighbours, `lin_r` for the node.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        aggregation: ⊕: "mean", "sum", "max" or "min".
        normalize: divide each h_u by its Euclidean norm.
        root_weight: add W_r x_u.
        project: apply a linear map and a ReLU to the neighbours.
        bias: add b.
    """

    aggregation: Reduction = "mean"

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        aggregation: Reduction = "mean",
        *,
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type, aggregation)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.normalize = normalize
        self.lin = nn.Linear(c_in, c_in) if project else None
        self.lin_l = nn.Linear(c_in, c_out, bias=bias)
        self.lin_r = nn.Linear(c_in, c_out, bias=False) if root_weight else None
        # A sum and a mean commute with W_l, which comes first where it makes the messages narrower.
        self._narrows = self.aggregation in ("sum", "mean") and c_out < c_in

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        return Coefficients()

    def transform(self, x: Tensor) -> Tensor:
        x = x if self.lin is None else self.lin(x).relu()
        return nn.functional.linear(x, self.lin_l.weight) if self._narrows else x

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        if not self._narrows:
            y = self.lin_l(messages)
        else:
            y = messages if self.lin_l.bias is None else messages + self.lin_l.bias
        if self.lin_r is not None:
            y = y + self.lin_r(x)
        return nn.functional.normalize(y, dim=-1) if self.normalize else y
