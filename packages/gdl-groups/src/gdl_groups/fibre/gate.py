"""`Gate` and `NormActivation`: nonlinear functions of what is invariant, for features that are not."""

import torch
from gdl_core.geometry import Domain
from gdl_core.geometry.pointwise import elementwise
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type, is_trivial
from torch import Tensor, nn

from gdl_groups.fibre.fields import Nonlinear, along, check_orthogonal, join, second_moment, split, trivial_of


class Gate(Nonlinear):
    """Invariant channels get a function of their own; every other copy is multiplied by one of an extra scalar.

        y_s = φ(x_s),    y_v = σ(g_v) x_v

    The input holds the invariant fields of the output, then one gate for each copy of the others, then those others: a
    layer before it maps to `gate.in_type`.

    Args:
        type: the type of the output.
        scalars: φ, a name (`"silu"`, `"relu"`, `"tanh"`, …) or an elementwise module, for the invariant channels.
        gates: σ, likewise.
        normalize: divide φ and σ by the root of E[φ(z)²], z normal, so that normal features keep their scale.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        UnknownNameError: if there is no such function.

    Source: Weiler et al. 2018 (3D Steerable CNNs), §4.2; `e3nn.nn.Gate`, whose input is in this order.

    >>> from gdl_core.groups import O
    >>> Gate(FieldType(O(3), "16x0e+8x1o+4x2e")).in_type
    FieldType(O(3), '16x0e+12x0e+8x1o+4x2e')
    """

    def __init__(
        self,
        type: FieldType | int,
        scalars: str | nn.Module = "silu",
        gates: str | nn.Module = "sigmoid",
        *,
        normalize: bool = True,
        channel_axis: int = -1,
    ):
        out = as_type(type)
        plain = [field for field in out.fields if is_trivial(field[1])]
        gated = [field for field in out.fields if not is_trivial(field[1])]
        invariant, gate = (sum(count for count, _ in fields) for fields in (plain, gated))
        into = FieldType(out.group, [*plain, (gate, trivial_of(out)), *gated])
        super().__init__(into, out, channel_axis)
        self._gated = FieldType(out.group, gated)
        self._sizes = [invariant, gate, self._gated.channels]
        self.scalars, scalars_name = elementwise(scalars, "Gate")
        self.gates, gates_name = elementwise(gates, "Gate")
        self._names = f"{scalars_name}, {gates_name}"
        self._scales = [second_moment(f) ** -0.5 if normalize else 1.0 for f in (self.scalars, self.gates)]

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.axis(x, domain)
        scalars, gates, gated = x.split(self._sizes, axis)
        scalars, gates = self.scalars(scalars) * self._scales[0], self.gates(gates) * self._scales[1]
        counts = [count for count, _ in self._gated.fields]
        others = [
            (field * gate.unsqueeze(axis)).flatten(axis, axis + 1)
            for field, gate in zip(split(gated, self._gated, axis), gates.split(counts, axis) if counts else ())
        ]
        plain = [count for count, rep in self.out_type.fields if is_trivial(rep)]
        invariant = iter(scalars.split(plain, axis) if plain else ())
        rest = iter(others)
        parts = [next(invariant if is_trivial(rep) else rest) for _, rep in self.out_type.fields]
        return torch.cat(parts, axis) if parts else x.clone()

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self._names}"


class NormActivation(Nonlinear):
    """Each copy keeps its direction, its length goes through a function; invariant channels go through it themselves.

        y = σ(|x|_ε + b) x / |x|_ε,    |x|_ε = √(|x|² + ε),    y_s = σ(x_s + b)

    Smooth at x = 0, where y = 0.

    Args:
        type: the type of input and output, orthogonal.
        function: σ, a name or an elementwise module.
        bias: learn b, one number per copy; else b = 0.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal. UnknownNameError: if there is no such function.

    Source: Worrall et al. 2017 (Harmonic Networks), eq. 11; Thomas et al. 2018, eq. 10.
    """

    def __init__(
        self,
        type: FieldType | int,
        function: str | nn.Module = "relu",
        *,
        bias: bool = True,
        eps: float = 1e-5,
        channel_axis: int = -1,
    ):
        super().__init__(type, type, channel_axis)
        check_orthogonal(self.in_type, self)
        self.function, self._name = elementwise(function, "NormActivation")
        self.eps = eps
        copies = sum(count for count, _ in self.in_type.fields)
        self.bias = nn.Parameter(torch.zeros(copies)) if bias else None

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.axis(x, domain)
        counts = [count for count, _ in self.in_type.fields]
        shifts = self.bias.split(counts) if self.bias is not None and counts else [None] * len(counts)
        out = []
        for field, (_, rep), b in zip(split(x, self.in_type, axis), self.in_type.fields, shifts):
            b = 0 if b is None else along(b, axis + 1, field.dim())
            if is_trivial(rep):
                out.append(self.function(field + b))
            else:
                norm = (field.square().sum(axis, keepdim=True) + self.eps).sqrt()
                out.append(self.function(norm + b) / norm * field)
        return join(out, x, axis)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self._name}"
