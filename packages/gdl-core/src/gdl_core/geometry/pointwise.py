"""Fibre maps that need no domain: pointwise functions, dropout."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry.domain import Domain
from gdl_core.geometry.layer import Layer
from gdl_core.kernels.dropout import dropout
from gdl_core.representations.field_type import FieldType

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
    "softplus": nn.functional.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
MODULES = (nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity)


def elementwise(function: str | nn.Module, where: str) -> tuple[Callable[[Tensor], Tensor], str]:
    """Return a pointwise function and its name, given the name or a module; `where` is who asks.

    Raises:
        UnknownNameError: if the name is none of `FUNCTIONS`.
    """
    if isinstance(function, nn.Module):
        return function, type(function).__name__
    if function not in FUNCTIONS:
        raise UnknownNameError(
            f"{where} knows no function {function!r}; it has {', '.join(FUNCTIONS)}." + closest(function, FUNCTIONS)
        )
    return FUNCTIONS[function], function


class FibreMap(Layer):
    """A layer that maps each feature vector alone, so it commutes with every motion of the points.

    Its `claims` are `("*",)`: every symmetry that the domain offers, if it acts on both types.

    Attributes:
        is_linear: whether the map is linear; otherwise it does not commute with interpolation, and keeps only the
            symmetries that permute the points.
    """

    claims = ("*",)
    is_linear = True

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return tuple(
            name
            for name, symmetry in domain.symmetries().items()
            if (symmetry.is_exact or self.is_linear)
            and symmetry.acts_on(self.in_type)
            and symmetry.acts_on(self.out_type)
        )


class Pointwise(FibreMap):
    """y = σ(x), entry by entry (the book, §3.5): equivariant where the group only permutes channels.

    Args:
        type: the field type; every field must be a permutation representation (trivial, regular, quotient).
        function: a name (`"relu"`, `"gelu"`, `"silu"`, …) or an elementwise `torch.nn` module.

    Raises:
        TypeError: if a field of `type` is not a permutation representation: a pointwise function would turn vectors.
    """

    is_linear = False

    def __init__(self, type: FieldType | int, function: str | nn.Module = "relu"):
        super().__init__(type, type)
        for _, rep in self.in_type.fields:
            if not rep.is_permutation:
                raise TypeError(
                    f"Pointwise expects fields that the group permutes, got {rep!r}: "
                    "a pointwise function does not commute with it. Use a gated or norm nonlinearity."
                )
        self.function, self.name = elementwise(function, "Pointwise")

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.name}"


class Dropout(FibreMap):
    """Zero whole copies of a field at random while training, so that equivariance holds in distribution.

    Draws one number per sample point and copy; in evaluation it is the identity.

    Args:
        type: the field type.
        rate: the probability of zeroing a copy.
        channel_axis: the channel axis of the values; -1 for points-first domains, 1 for grids.
    """

    def __init__(self, type: FieldType | int, rate: float = 0.5, channel_axis: int = -1):
        super().__init__(type, type)
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout expects a rate in [0, 1), got {rate}.")
        self.rate, self.channel_axis = rate, channel_axis

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if all(rep.dim == 1 for _, rep in self.in_type.fields):
            return dropout(x, self.rate)
        axis = self.channel_axis if domain is None else domain.channel_axis
        x = x.movedim(axis, -1)
        parts = []
        for (count, rep), part in zip(self.in_type.fields, self.in_type.slices()):
            field = x[..., part].unflatten(-1, (rep.dim, count))
            kept = dropout(torch.ones_like(field[..., :1, :]), self.rate)
            parts.append((field * kept).flatten(-2))
        return torch.cat(parts, -1).movedim(-1, axis)
