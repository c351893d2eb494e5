"""`RadialWeights`: the weights of a tensor product or a convolution along an edge, learnt functions of its length."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from gdl_core.points import check_count
from torch import Tensor, nn

from gdl_groups.geometric.radial import BesselBasis, PolynomialCutoff

SILU_GAIN = 1.6791767  # 1 / root of the mean square of silu(x), x normal: e3nn's normalisation


class RadialWeights(nn.Module):
    """w(r) = u(r) MLP(φ(r)): Bessel functions φ, a smooth cut-off u, an MLP of SiLU without biases.

    At the cut-off w and its first two derivatives vanish. At the start the weights have about unit mean square where
    the basis has.

    Args:
        count: how many weights.
        cutoff: where they vanish, in the unit of the positions.
        basis: how many Bessel functions.
        hidden: the widths between.
        p: the order of the `PolynomialCutoff`.

    Shapes: `[e] -> [e, count]`, in the dtype of the weights; lengths may be more precise.

    Source: Batzner et al. 2022 (NequIP), §"Convolution filters".
    """

    def __init__(self, count: int, cutoff: float, basis: int = 8, hidden: Sequence[int] = (64,), p: int = 6):
        super().__init__()
        self.basis, self.envelope = BesselBasis(basis, cutoff), PolynomialCutoff(p, cutoff)
        widths = [basis, *(check_count(width, "A width of hidden layers", 1) for width in hidden), count]
        self.weights = nn.ParameterList(torch.empty(after, before) for before, after in pairwise(widths))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for weight in self.weights:
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5 if weight.numel() else 1.0)

    def forward(self, r: Tensor) -> Tensor:
        x = self.basis(r).to(self.weights[0].dtype)
        *before, last = self.weights  # a slice would be made of new parameters
        for place, weight in enumerate(before):
            x = nn.functional.silu(nn.functional.linear(x, weight if place == 0 else SILU_GAIN * weight))
        # The last map is linear: factors go to the few channels before it and to its matrix, not to the many behind it.
        gain = SILU_GAIN if before else 1.0
        return nn.functional.linear(x * self.envelope(r).to(x.dtype).unsqueeze(-1), gain * last)

    def extra_repr(self) -> str:
        return " -> ".join(str(width) for width in [self.basis.count, *(len(weight) for weight in self.weights)])
