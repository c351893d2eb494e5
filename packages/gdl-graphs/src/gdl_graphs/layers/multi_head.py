"""What graph attention layers share: heads side by side or averaged, a residual, a bias, dropout of the weights."""

import torch
from gdl_core.kernels.philox import new_seed
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import graph_of
from gdl_graphs.layers.message_passing import Attentional


class MultiHead(Attentional):
    """h_u = ‖_h Σ_v α_uv^h ψ^h(x_v): several attentions at once, concatenated or averaged.

    A subclass gives `attention`, the weights [e, h] without dropout, and `transform`, the values [n, h, c].

    Args:
        in_type: the channels of x.
        out_channels: the channels of each head.
        heads: how many.
        concat: concatenate the heads; otherwise average them.
        dropout: the probability of dropping a weight α while training.
        bias: add a bias at the end.
        residual: add a linear map of x at the end.

    Raises:
        ValueError: if there are no heads, or the rate is not in [0, 1).
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_channels: int,
        heads: int,
        concat: bool,
        dropout: float,
        bias: bool,
        residual: bool,
    ):
        if heads < 1:
            raise ValueError(f"{type(self).__name__} has at least one head, got {heads}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"{type(self).__name__} expects a dropout rate in [0, 1), got {dropout}.")
        total = heads * out_channels if concat else out_channels
        super().__init__(in_type, total)
        self.heads, self.out_channels, self.concat, self.dropout = heads, out_channels, concat, dropout
        self.res = glorot_linear(self.in_type.channels, total) if residual else None
        self.bias = nn.Parameter(torch.zeros(total)) if bias else None

    def drops(self) -> tuple[float, Tensor | None]:
        """Return the rate at which weights are dropped now, and a fresh seed where that is not zero."""
        if not self.training or self.dropout == 0:
            return 0.0, None
        return self.dropout, new_seed(next(self.parameters()).device)

    def split(self, y: Tensor) -> Tensor:
        """Return ``y[n, h c]`` as ``[n, h, c]``."""
        return y.unflatten(-1, (self.heads, self.out_channels))

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        y = messages.flatten(1) if self.concat else messages.mean(1)
        y = y if self.res is None else y + self.res(x)
        return y if self.bias is None else y + self.bias

    def attention_weights(self, x: Tensor, graph: Graph) -> Tensor:
        """Return α, ``[e, h]`` in canonical order, without dropout: for pictures."""
        weights = self.attention(x, graph_of(x, graph, self))
        assert weights is not None  # a softmax always gives weights
        return weights

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, heads={self.heads}, concat={self.concat}, dropout={self.dropout}"


def glorot_linear(inputs: int, outputs: int, bias: bool = False) -> nn.Linear:
    """Return a linear map with weights after Glorot and Bengio (2010), and a bias of zeros."""
    made = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(made.weight)
    if bias:
        nn.init.zeros_(made.bias)
    return made


def glorot_vectors(heads: int, channels: int) -> nn.Parameter:
    """Return one vector per head, ``[1, h, c]``, after Glorot and Bengio (2010)."""
    made = nn.Parameter(torch.empty(1, heads, channels))
    nn.init.xavier_uniform_(made)
    return made
