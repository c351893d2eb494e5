"""What the derived layers share: exact bases next to learned weights, and their initial variance."""

import math

import torch
from torch import Tensor, nn

from gdl_core.derive.basis import Basis
from gdl_core.derive.shared import shared_rows
from gdl_core.geometry.layer import Layer
from gdl_core.groups import TrivialGroup
from gdl_core.incidence import Incidence, aggregate
from gdl_core.representations.field_type import FieldType


def joint_group(in_type: FieldType, out_type: FieldType, where: str) -> tuple[FieldType, FieldType]:
    """Return both types over one group: invariant channels fit any group.

    Raises:
        TypeError: if the types belong to different groups.
    """
    if in_type.group == out_type.group:
        return in_type, out_type
    if out_type.is_invariant and not isinstance(in_type.group, TrivialGroup):
        return in_type, FieldType(in_type.group, out_type.channels)
    if in_type.is_invariant:
        return FieldType(out_type.group, in_type.channels), out_type
    raise TypeError(f"{where} expects two types of one group, got {in_type!r} and {out_type!r}.")


class ExactBuffers(nn.Module):
    """A module with constants in float64 beside their buffers.

    The buffers are made anew from them whenever the module changes dtype or device: `layer.float().double()` loses
    nothing.
    """

    _exact: dict[str, Tensor]

    def _keep(self, name: str, value: Tensor) -> None:
        """Register `value` (float64) as a buffer in the default dtype, outside the state dict."""
        self.__dict__.setdefault("_exact", {})[name] = value
        self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)

    def _apply(self, fn, recurse: bool = True):
        super()._apply(fn, recurse)
        for name, value in self.__dict__.get("_exact", {}).items():
            buffer = getattr(self, name)
            if buffer.device.type != "meta":
                setattr(self, name, value.to(buffer))
        return self


class DerivedLayer(ExactBuffers, Layer):
    """A layer whose weights multiply exact bases: one per pair of an output and an input field.

    Subclasses call `_add_term` and `_add_bias` for each output field.
    """

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int):
        super().__init__(in_type, out_type)
        self._into, self._out = joint_group(self.in_type, self.out_type, type(self).__name__)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        # For each output field: the input fields that reach it, each with the sparse pattern of its basis.
        self._plan: list[list[tuple[int, Incidence | None]]] = [[] for _ in self._out.fields]
        self._bias_at: list[int | None] = []

    def _add_term(self, row: int, column: int, basis: Basis, *, dense: bool = False, points: int = 1) -> None:
        """Give field `column` a learned path to field `row` along `basis`, scaled to the squared norm of its rows.

        The path takes one of three forms: the dense matrices; one shared matrix at each of `points` points; or the
        sparse pattern of all entries.
        """
        if len(basis) == 0:
            return
        scale, count = basis.rows**0.5, len(basis)
        shared = None if dense or points == 1 else shared_rows(basis, points)
        pattern = None
        if dense:
            values = basis.dense() * scale
        elif shared is not None:
            sender = shared.sender.reshape(-1)
            pattern = Incidence.from_edges(sender, torch.arange(len(sender)), basis.columns, len(sender))
            values = shared.matrices * scale
        else:
            receiver = basis.row * count + basis.element
            pattern = Incidence.from_edges(basis.column, receiver, basis.columns, basis.rows * count)
            values = pattern.from_given(basis.value * scale)
        self._keep(f"basis{row}_{column}", values)
        self._plan[row].append((column, pattern))
        c_out, c_in = self._out.fields[row][0], self._into.fields[column][0]
        self.weights.append(nn.Parameter(torch.empty(count, c_out, c_in)))

    def _add_bias(self, row: int, invariant: Basis | None) -> None:
        """Give field `row` a learned bias along the invariant vectors, or none."""
        if invariant is None or len(invariant) == 0:
            self._bias_at.append(None)
            return
        self._bias_at.append(len(self.biases))
        self._keep(f"invariant{row}", invariant.dense()[:, :, 0] * invariant.rows**0.5)
        self.biases.append(nn.Parameter(torch.zeros(len(invariant), self._out.fields[row][0])))

    def _bias_of(self, row: int) -> Tensor | None:
        """Return the bias of field `row`, `[rows, c_out]`, or None."""
        at = self._bias_at[row]
        return None if at is None else getattr(self, f"invariant{row}").T @ self.biases[at]

    def bias(self) -> Tensor | None:
        """Return the whole bias in the component-major layout, `[c_out]`, of a layer with one bias for all points."""
        if not len(self.biases):
            return None
        parts = []
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            part = self._bias_of(row)
            parts.append(self.biases[0].new_zeros(rep_out.dim * c_out) if part is None else part.flatten())
        return torch.cat(parts)

    def _apply(self, fn, recurse: bool = True):
        super()._apply(fn, recurse)
        self._plan = [
            [(column, None if pattern is None else pattern.map_tensors(fn)) for column, pattern in terms]
            for terms in self._plan
        ]
        return self

    def reset_parameters(self) -> None:
        """Draw new weights so that the output variance equals that of independent inputs; biases become zero.

        With basis elements scaled to the squared norm of their rows, inputs of unit variance give the output field the
        variance σ² Σ k·c_in, summed over the fields that reach it; so σ² = 1 / Σ k·c_in.
        """
        start = 0
        for terms in self._plan:
            weights = list(self.weights)[start : start + len(terms)]
            fan_in = sum(weight.shape[0] * weight.shape[2] for weight in weights)
            for weight in weights:
                nn.init.normal_(weight, std=1 / math.sqrt(fan_in))
            start += len(terms)
        for bias in self.biases:
            nn.init.zeros_(bias)

    def _sparse(self, fields: list[Tensor]) -> list[Tensor]:
        """Return each output field `[rows, b, c_out]` from the input fields `[columns, b, c_in]`."""
        out, position = [], 0
        for row, terms in enumerate(self._plan):
            total, bias = None, self._bias_of(row)
            for column, pattern in terms:
                weight = self.weights[position]
                assert pattern is not None  # sparse layers store a pattern for every term
                term = mix(pattern, getattr(self, f"basis{row}_{column}"), fields[column], weight)
                total = term if total is None else total + term
                position += 1
            if total is None:
                c_out, rows = self._out.fields[row][0], self._rows(row)
                total = fields[0].new_zeros(rows, fields[0].shape[1], c_out)
            out.append(total if bias is None else total + bias[:, None])
        return out

    def _rows(self, row: int) -> int:
        """The number of coordinates of one copy of output field `row`."""
        return self._out.fields[row][1].dim


def mix(pattern: Incidence, values: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return Σ_k B_k x w_kᵀ for x `[columns, b, c_in]` and weight `[k, c_out, c_in]`: `[rows, b, c_out]`.

    With values `[k, d, q]` the pattern gathers the q columns of each point, in the order of the shared matrices. With
    values `[e]` it joins sender `column` to receiver `row · k + element`. Nothing of the size of W is built.
    """
    columns, batch, c_in = x.shape
    flat = x.reshape(columns, batch * c_in)
    if values.dim() == 3:
        matrix = torch.einsum("kdq,kac->dqac", values, weight)
        points = pattern.num_receivers // values.shape[2]
        near = aggregate(pattern, flat).reshape(points, values.shape[2], batch, c_in)
        return torch.einsum("nqbc,dqac->ndba", near, matrix).flatten(0, 1)
    rows = pattern.num_receivers // weight.shape[0]
    spread = aggregate(pattern, flat, values).reshape(rows, weight.shape[0], batch, c_in)
    return torch.einsum("rkbc,kac->rba", spread, weight)
