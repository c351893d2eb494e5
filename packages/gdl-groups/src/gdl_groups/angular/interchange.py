"""Between this library and e3nn: types, layouts, and the weights of linear layers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from gdl_core.derive import EquivariantLinear
from gdl_core.groups import O
from gdl_core.representations import FieldType, Representation
from gdl_core.representations.field_type import as_type, is_trivial
from torch import Tensor

if TYPE_CHECKING:
    from e3nn.o3 import Irreps, Linear


def from_e3nn(irreps: Any) -> FieldType:
    """Return the field type of O(3) of `e3nn.o3.Irreps`, or of a string such as `"16x0e + 8x1o"`.

    >>> from_e3nn("16x0e + 8x1o")
    FieldType(O(3), '16x0e+8x1o')
    """
    text = str(irreps).replace(" ", "")
    return FieldType(O(3), text or [])


def to_e3nn(type: FieldType | int) -> "Irreps":
    """Return the `e3nn.o3.Irreps` of a field type: irreps of O(3), or invariant channels.

    Raises:
        TypeError: if a field is no irrep of O(3).
    """
    from e3nn.o3 import Irreps

    found: Any = Irreps([(count, _irrep_name(rep)) for count, rep in as_type(type).fields])
    return found


def to_mul_ir(x: Tensor, type: FieldType | int, dim: int = -1) -> Tensor:
    """Return the channels of axis `dim` in e3nn's layout: copy after copy, not component after component."""
    return _transposed(x, as_type(type), dim, to_mul_ir=True)


def from_mul_ir(x: Tensor, type: FieldType | int, dim: int = -1) -> Tensor:
    """Return the inverse of `to_mul_ir`: channels of e3nn in this library's layout."""
    return _transposed(x, as_type(type), dim, to_mul_ir=False)


@torch.no_grad()
def linear_from_e3nn(linear: Any, into: EquivariantLinear | None = None) -> EquivariantLinear:
    """Return the `EquivariantLinear` that is an `e3nn.o3.Linear` between irreps, its weights copied.

    For inputs x of this library, `from_mul_ir(linear(to_mul_ir(x)))` is its output.

    Args:
        linear: an `e3nn.o3.Linear` with weights of its own.
        into: a layer of the same types to write into; a new one if left out.

    Raises:
        ValueError: if `into` has other types, or `linear` uses paths more than once or leaves any out.
    """
    in_type, out_type = from_e3nn(linear.irreps_in), from_e3nn(linear.irreps_out)
    layer = EquivariantLinear(in_type, out_type, bias=linear.bias_numel > 0) if into is None else into
    if into is None:
        layer.to(linear.weight.device, linear.weight.dtype)
    for ours, theirs, factor in _pairs(linear, layer):
        ours.copy_(theirs.reshape(ours.shape[2], ours.shape[1]).T[None] * factor)
    for ours, theirs in _biases(linear, layer):
        ours.copy_(theirs[None])
    return layer


@torch.no_grad()
def linear_to_e3nn(layer: EquivariantLinear, into: Any = None) -> "Linear":
    """Return the `e3nn.o3.Linear` that is a layer between irreps of O(3): the inverse of `linear_from_e3nn`."""
    from e3nn.o3 import Linear

    if into is None:
        biases = len(layer.biases) > 0
        into = Linear(to_e3nn(layer.in_type), to_e3nn(layer.out_type), biases=biases).to(next(layer.parameters()))
    for ours, theirs, factor in _pairs(into, layer):
        theirs.copy_((ours[0].T / factor).reshape(theirs.shape))
    for ours, theirs in _biases(into, layer):
        theirs.copy_(ours[0])
    return into


def _irrep_name(rep: Representation) -> str:
    if is_trivial(rep):
        return "0e"
    if rep.group != O(3) or rep.endomorphism is None or rep.name == "det":
        raise TypeError(f"to_e3nn expects irreps of O(3), got {rep!r}.")
    return rep.name


def _transposed(x: Tensor, type: FieldType, dim: int, to_mul_ir: bool) -> Tensor:
    if x.shape[dim] != type.channels:
        raise ValueError(f"{type!r} has {type.channels} channels, got an axis of {x.shape[dim]}.")
    x = x.movedim(dim, -1)
    parts = []
    for (count, rep), part in zip(type.fields, type.slices()):
        shape = (rep.dim, count) if to_mul_ir else (count, rep.dim)
        parts.append(x[..., part].unflatten(-1, shape).mT.flatten(-2))
    return (torch.cat(parts, -1) if parts else x).movedim(-1, dim)


def _pairs(linear: Any, layer: EquivariantLinear) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Yield each weight of ours with e3nn's, and the factor from e3nn's to ours.

    Between copies of an irrep both apply the identity: ours, because the gauge of `intertwiners` makes it positive.
    e3nn multiplies each path by its normalisation.
    """
    if layer.in_type != from_e3nn(linear.irreps_in) or layer.out_type != from_e3nn(linear.irreps_out):
        raise ValueError(
            f"{layer!r} does not have the types of the e3nn layer, {linear.irreps_in} -> {linear.irreps_out}."
        )
    paths = {(ins.i_out, ins.i_in): number for number, ins in enumerate(linear.instructions) if ins.i_in >= 0}
    weights = iter(layer.weights)
    views = _weight_views(linear)
    seen = 0
    for row, terms in enumerate(layer._plan):
        for column, _ in terms:
            number = paths.get((row, column))
            if number is None:
                raise ValueError(f"The e3nn layer has no path from field {column} to field {row}: it is not complete.")
            seen += 1
            yield next(weights), views[number], float(linear.instructions[number].path_weight)
    if seen != len(paths) or len(paths) != len(views):
        raise ValueError(f"The e3nn layer has {len(views)} paths, the types have {seen}: some are there twice.")


def _weight_views(linear: Any) -> dict[int, Tensor]:
    found, start = {}, 0
    for number, ins in enumerate(linear.instructions):
        if ins.i_in >= 0:
            size = ins.path_shape[0] * ins.path_shape[1]
            found[number] = linear.weight[start : start + size]
            start += size
    return found


def _biases(linear: Any, layer: EquivariantLinear) -> Iterator[tuple[Tensor, Tensor]]:
    count = sum(bias.numel() for bias in layer.biases)
    if count != linear.bias_numel:
        raise ValueError(f"The e3nn layer has {linear.bias_numel} biases, {layer!r} has {count}.")
    start = 0
    for at in layer._bias_at:
        if at is not None:
            count = layer.biases[at].shape[1]
            yield layer.biases[at], linear.bias[start : start + count]
            start += count
