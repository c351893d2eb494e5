"""Where `torch.compile` stops in front of `Conservative`, so that derivatives of forces stay right."""

import torch
from torch import Tensor

from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.physics.conservative import Conservative, Prediction


@torch.compiler.disable(
    reason="`torch.compile` follows no derivative inside a module: use `head.compile()`, or compile what "
    "`gdl_groups.physics.conservative.trace(head, x, graph)` returns."
)
def run(head: Conservative, x: Tensor, graph: GeometricGraph) -> Prediction:
    """Run the head as it is."""
    return head.forward(x, graph)
