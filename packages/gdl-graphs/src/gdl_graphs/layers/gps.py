"""`GPSConv`: message passing along edges beside attention over all nodes."""

from collections.abc import Callable
from typing import Literal, get_args

from gdl_core.geometry import Domain, Layer
from gdl_core.geometry.pointwise import Dropout, Pointwise
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import check_name, graph_of
from gdl_graphs.layers.norm import BatchNorm, GraphNorm, LayerNorm
from gdl_graphs.transformer.attention import MultiHeadAttention

Norm = Literal["batch", "layer", "graph", "none"]
NORMS: dict[str, Callable[[FieldType], Layer]] = {"batch": BatchNorm, "layer": LayerNorm, "graph": GraphNorm}


class GPSConv(Layer):
    """h = N₁(x + L(x)) + N₂(x + A(x)), y = N₃(h + W₂ σ(W₁ h)): local messages, global attention and a feed-forward map.

    Messages see the edges and bind distant nodes slowly; attention sees all nodes of the sample at once, and of the
    edges only what encodings of positions tell (Rampášek et al. 2022, eq. 3 to 7). PyTorch Geometric's `GPSConv` is the
    same, with `nn.MultiheadAttention` for A.

    Args:
        type: the channels c of x and y.
        local: L, an equivariant layer from c to c channels such as `GINEConv`, or None for attention alone.
        attention: A: a layer from c to c channels; a number means `MultiHeadAttention` with so many heads; None, no
            attention.
        activation: σ, a name that `Pointwise` knows.
        dropout: the probability of zeroing a channel after L, A, σ and W₂ while training.
        norm: N, "batch", "layer" (of each node), "graph" or "none".

    Shapes: x ``[n, c]`` on a `Graph` -> ``[n, c]``.

    Raises:
        ValueError: if there is neither L nor A, or one has other channels.
        TypeError: if L or A is no `Layer`, or the layer is called without a graph.
        UnknownNameError: for another norm.
    """

    def __init__(
        self,
        type: FieldType | int,
        local: Layer | None,
        attention: Layer | int | None = 1,
        activation: str = "relu",
        dropout: float = 0.0,
        norm: Norm = "batch",
    ):
        super().__init__(type, type)
        c = self.in_type.channels
        check_name(norm, get_args(Norm), "norm", self)
        self.local = local
        self.attention = MultiHeadAttention(self.in_type, attention) if isinstance(attention, int) else attention
        branches = [part for part in (self.local, self.attention) if part is not None]
        for part in branches:
            if not isinstance(part, Layer):
                raise TypeError(f"GPSConv adds the result of its branches to x, so they are layers, got {part!r}.")
            if (part.in_type, part.out_type) != (self.in_type, self.in_type):
                raise ValueError(f"GPSConv needs branches from {self.in_type} to {self.in_type}, got {part!r}.")
        if not branches:
            raise ValueError("GPSConv needs local messages or attention, got neither.")
        self.claims = ("permutation",) if all("permutation" in part.claims for part in branches) else ()
        self.inner, self.outer = nn.Linear(c, 2 * c), nn.Linear(2 * c, c)
        self.activation = Pointwise(2 * c, activation)
        self.dropout, self.inner_dropout = Dropout(self.in_type, dropout), Dropout(2 * c, dropout)
        self.local_norm, self.attention_norm, self.norm = (self._norm(norm) for _ in range(3))

    def _norm(self, norm: Norm) -> Layer:
        return Pointwise(self.in_type, nn.Identity()) if norm == "none" else NORMS[norm](self.in_type)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph, parts = graph_of(x, domain, self), []
        for branch, norm in ((self.local, self.local_norm), (self.attention, self.attention_norm)):
            if branch is not None:
                parts.append(norm(x + self.dropout(branch(x, graph)), graph))
        h = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        change = self.outer(self.inner_dropout(self.activation(self.inner(h))))
        return self.norm(h + self.dropout(change), graph)
