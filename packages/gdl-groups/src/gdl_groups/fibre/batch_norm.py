"""`BatchNorm` for fields of any orthogonal representation."""

import torch
from gdl_core.geometry import Domain
from gdl_core.incidence.precision import accumulate_in
from gdl_core.representations import FieldType
from torch import Tensor
from torch.nn import functional

from gdl_groups.fibre.fields import along, channel_axis, join, split
from gdl_groups.fibre.norm import FieldNorm


class BatchNorm(FieldNorm):
    """`FieldNorm` over the batch: E of each copy is over all points of all samples (Ioffe and Szegedy 2015).

    In evaluation E is a running average; so it is for a batch of fewer than two points. The running second moment is
    the unbiased one. For regular fields this is batch normalisation over the group as well (Cohen and Welling 2016).

    Args:
        type: the type of input and output, orthogonal.
        affine: learn γ and β.
        momentum: the weight of a new batch in the running averages.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        type: FieldType | int,
        *,
        affine: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
        channel_axis: int = -1,
    ):
        super().__init__(type, True, affine, eps, channel_axis)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(sum(self._shifts)))
        self.register_buffer("running_var", torch.ones(sum(self._copies)))

    def mean(self, values: Tensor, axis: int, domain: Domain | None) -> Tensor:
        others = [i for i in range(values.dim()) if i not in (axis, axis + 1)]
        return values.mean(others, keepdim=True)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = channel_axis(x, domain, self.channel_axis, self.in_type, self)
        training = self.training and x.numel() > max(self.in_type.channels, 1)
        means, moments = self.running_mean.split(self._shifts), self.running_var.split(self._copies)
        if training:  # autograd keeps what a batch was divided by, so the buffers are written once, at the end
            means, moments = [t.clone() for t in means], [t.clone() for t in moments]
        wide = x.to(accumulate_in(x))
        out = []
        for number, field in enumerate(split(wide, self.in_type, axis)):
            run = self._plain if self._invariant[number] == "mean" else self._measured
            out.append(run(number, field, axis, means[number], moments[number], training))
        if training:
            with torch.no_grad():
                self.running_mean.copy_(torch.cat(means))
                self.running_var.copy_(torch.cat(moments))
        return join(out, wide, axis).to(x.dtype)

    def _plain(self, number: int, field: Tensor, axis: int, mean: Tensor, moment: Tensor, training: bool) -> Tensor:
        """Invariant and regular fields: [b, dim · c, …] is [b · dim, c, …], whose channels have these very averages."""
        weight = None if self.weight is None else self.weight.split(self._copies)[number]
        bias = None if self.bias is None else self.bias.split(self._shifts)[number]
        plain, before = field.flatten(0, axis).to(moment), field.shape[: axis + 1]
        y = functional.batch_norm(plain, mean, moment, weight, bias, training, self.momentum, self.eps)
        return y.to(field).unflatten(0, before)

    def _measured(self, number: int, field: Tensor, axis: int, mean: Tensor, moment: Tensor, training: bool) -> Tensor:
        """Any other field; in training `mean` and `moment` are updated in place."""
        if mean.numel():
            centre = self.coordinates(number, mean.to(field), axis, field.dim())
            if training:
                centre = self.project(number, self.mean(field, axis, None), axis)
                mean.lerp_(centre.detach().flatten().to(mean), self.momentum)
            field = field - self.spread(number, centre, axis)
        power = along(moment.to(field), axis + 1, field.dim())
        if training:
            power = self.mean(field.square().mean(axis, keepdim=True), axis, None)
            values = field.numel() // self._copies[number]
            free = values - mean.numel() // self._copies[number]  # degrees of freedom
            moment.lerp_((power.detach().flatten() * (values / free)).to(moment), self.momentum)
        return self.affine(number, field * (power + self.eps).rsqrt(), axis)
