"""Encoders of statistics that need no care with signs: return probabilities and degrees."""

from gdl_core.geometry import Domain, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import graph_of, points_of
from gdl_graphs.layers.norm import BatchNorm


class RandomWalkEncoder(Layer):
    """y = W BatchNorm(x) + b for return probabilities x (Rampášek et al. 2022, the encoder of "RWSE").

    Args:
        steps: how many steps were counted.
        out_type: the channels of y.

    Shapes: x ``[n, steps]``, see `random_walk_encoding` -> ``[n, c_out]``.
    """

    claims = ("permutation",)

    def __init__(self, steps: int, out_type: FieldType | int):
        super().__init__(steps, out_type)
        self.norm = BatchNorm(steps)
        self.linear = nn.Linear(steps, self.out_type.channels)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        return self.linear(self.norm(x, points))


class DegreeEncoder(Layer):
    """y_i = x_i + E[min(d_i, largest)]: a learned vector for each in-degree (Ying et al. 2021, eq. 5).

    Args:
        type: the channels of x and y.
        largest: higher degrees share the vector of this one.

    Shapes: x ``[n, c]`` on a `Graph` -> ``[n, c]``.

    Raises:
        TypeError: if called without a graph.
        ValueError: if `largest` is negative.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, largest: int = 64):
        super().__init__(type, type)
        if largest < 0:
            raise ValueError(f"DegreeEncoder expects a largest degree from 0, got {largest}.")
        self.embedding = nn.Embedding(largest + 1, self.in_type.channels)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        return x + self.embedding(graph.degree().clamp(max=self.embedding.num_embeddings - 1))
