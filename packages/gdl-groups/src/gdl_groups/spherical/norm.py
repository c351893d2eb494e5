"""`SphericalBatchNorm`: batch normalisation whose averages over the sphere are integrals."""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.spherical.checks import either_of, scalar_type
from gdl_groups.spherical.transform import mean as mean_over


class SphericalBatchNorm(Layer):
    """y = γ (x - mean) / sqrt(variance + ε) + β per channel, over the batch and the sphere (Ioffe and Szegedy 2015).

    Rings crowd at the poles, so a plain average over points would weigh the poles more and change under rotations.
    With quadrature weights it does not, for signals within the band limit of their grid. In evaluation the running
    averages are used.

    Args:
        type: invariant channels, as a number or a field type.
        momentum: how much of the running averages each batch replaces.
        eps: added to the variance.

    Shapes: `[b, c, nlat, nlon]` or `[b, c, nlat, nlon, nroll]`, unchanged.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is neither `Sphere` nor
            `Rotations`. ValueError: for an input that does not fit.
    """

    claims = ("rotation", "longitude", "reflection")
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, type: FieldType | int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        c = self.in_type.channels
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = either_of(x, domain, self, self.in_type)
        axes = [1] * (x.dim() - 2)
        if self.training and x.shape[0]:
            mean = mean_over(x, grid).mean(0)
            centred = x - mean.view(-1, *axes)
            variance = mean_over(centred.square(), grid).mean(0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
                self.running_var.lerp_(variance.detach().to(self.running_var), self.momentum)
        else:
            mean, variance = self.running_mean, self.running_var
            centred = x - mean.view(-1, *axes)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale.view(-1, *axes) + self.bias.view(-1, *axes)

    def extra_repr(self) -> str:
        return str(self.in_type)
