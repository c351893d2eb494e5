"""Normalisations of features on points: over the batch, over a point, over the points of a sample."""

from typing import Literal

import torch
from gdl_core.geometry import Domain, Layer, check_channels
from gdl_core.incidence.precision import accumulate_in
from gdl_core.points import sample_mean
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn import functional

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import check_name, points_of


class BatchNorm(Layer):
    """y_c = γ_c (x_c - E[x_c]) / √(Var[x_c] + ε) + β_c, over all points of the batch (Ioffe and Szegedy 2015).

    In evaluation E and Var are the running averages; so are they for a batch of fewer than two points, which has no
    variance. The padding of a padded graph does not count.

    Args:
        type: the channels.
        momentum: the weight of a new batch in the running averages.
        eps: ε.
    """

    claims = ("permutation",)
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, type: FieldType | int, *, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__(type, type)
        c = self.in_type.channels
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, -1, self)
        padded = isinstance(domain, Graph) and domain.real is not None
        return self.over_first(x, domain.real[1] if padded else None)  # type: ignore[union-attr, index]

    def over_first(self, x: Tensor, count: Tensor | None) -> Tensor:
        """Return y, with the statistics of the first `count` rows of `x`; of all, if it is None."""
        mean, var = self.running_mean, self.running_var
        training = self.training and x.shape[0] > 1
        if training and count is not None:
            mean, var = self._statistics(x, count)
            training = False
        return functional.batch_norm(x, mean, var, self.weight, self.bias, training, self.momentum, self.eps)

    def _statistics(self, x: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of the first `count` rows, and take them into the running averages."""
        real = (torch.arange(x.shape[0], device=x.device) < count)[:, None]
        wide, kept = accumulate_in(x), self.running_mean.dtype
        mean = torch.where(real, x, 0).sum(0, dtype=wide) / count.clamp(min=1)
        var = torch.where(real, x - mean, 0).square().sum(0) / count.clamp(min=1)
        with torch.no_grad():
            unbiased = var * (count / (count - 1).clamp(min=1))
            share = torch.where(count > 1, self.momentum, 0.0).to(kept)
            self.running_mean.lerp_(mean.to(kept), share)
            self.running_var.lerp_(unbiased.to(kept), share)
        return mean.to(kept), var.to(kept)


class _Affine(Layer):
    """γ_c x_c + β_c after a normalisation."""

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, eps: float, affine: bool = True):
        super().__init__(type, type)
        c = self.in_type.channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(c)) if affine else None
        self.bias = nn.Parameter(torch.zeros(c)) if affine else None

    def scale(self, x: Tensor) -> Tensor:
        return x if self.weight is None or self.bias is None else x * self.weight + self.bias


class LayerNorm(_Affine):
    """y = γ (x - E[x]) / √(Var[x] + ε) + β, E and Var over the channels of a point or of a sample (Ba et al. 2016).

    Args:
        type: the channels.
        over: "point", or "sample" for all channels of all points of a sample.
        eps: ε.

    Raises:
        UnknownNameError: if `over` is neither. TypeError: over samples, if there is no domain to say what they are.
    """

    def __init__(self, type: FieldType | int, over: Literal["point", "sample"] = "point", *, eps: float = 1e-5):
        super().__init__(type, eps)
        check_name(over, ("point", "sample"), "kind of statistics", self)
        self.over = over

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        if self.over == "point":
            check_channels(x, self.in_type, -1, self)
            return functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
        points = points_of(x, domain, self)
        x = x - sample_mean(points, x.mean(-1, keepdim=True))
        variance = sample_mean(points, x.square().mean(-1, keepdim=True))
        return self.scale(x * (variance + self.eps).rsqrt())


class InstanceNorm(_Affine):
    """y_c = (x_c - E[x_c]) / √(Var[x_c] + ε), over the points of each sample (Ulyanov et al. 2016).

    Args:
        type: the channels.
        affine: learn γ and β: γ_c y_c + β_c.
        eps: ε.
    """

    def __init__(self, type: FieldType | int, *, affine: bool = False, eps: float = 1e-5):
        super().__init__(type, eps, affine)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        x = x - sample_mean(points, x)
        return self.scale(x * (sample_mean(points, x.square()) + self.eps).rsqrt())


class GraphNorm(_Affine):
    """y_c = γ_c (x_c - α_c E[x_c]) / √(E[(x_c - α_c E[x_c])²] + ε) + β_c, per sample (Cai et al. 2021, eq. 6).

    α, learnt, says how much of the mean goes: in a regular graph the mean tells the degree.

    Args:
        type: the channels.
        eps: ε.
    """

    def __init__(self, type: FieldType | int, *, eps: float = 1e-5):
        super().__init__(type, eps)
        self.mean_scale = nn.Parameter(torch.ones(self.in_type.channels))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        x = x - sample_mean(points, x) * self.mean_scale
        return self.scale(x * (sample_mean(points, x.square()) + self.eps).rsqrt())


class PairNorm(Layer):
    """y_i = s (x_i - E[x]) / √(E‖x - E[x]‖² + ε), per sample: keeps pairs apart (Zhao and Akoglu 2020, eq. 10).

    Args:
        type: the channels.
        scale: s.
        individually: divide each point by its own norm, ‖x_i - E[x]‖ + ε, instead.
        eps: ε.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, scale: float = 1.0, *, individually: bool = False, eps: float = 1e-5):
        super().__init__(type, type)
        self.factor, self.individually, self.eps = scale, individually, eps

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        x = x - sample_mean(points, x)
        square = x.square().sum(-1, keepdim=True)
        if not self.individually:
            return self.factor * x * (sample_mean(points, square) + self.eps).rsqrt()
        positive = square > 0  # the root has no derivative at 0
        norm = torch.where(positive, square, 1).sqrt() * positive
        return self.factor * x / (norm + self.eps)
