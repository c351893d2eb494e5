"""Between this library and e3nn: types, layouts, weights."""

from typing import TYPE_CHECKING, Any

import torch
from gdl_core.groups import O
from gdl_core.representations import FieldType
from torch import Tensor

if TYPE_CHECKING:
    from e3nn.o3 import Irreps


def from_e3nn(irreps: Any) -> FieldType:
    """Return the field type of `e3nn.o3.Irreps`, or of its string."""
    text = str(irreps).replace(" ", "")
    return FieldType(O(3), text if text else [])


def to_e3nn(type: FieldType) -> "Irreps":
    """Return the `e3nn.o3.Irreps` of a field type of O(3)."""
    from e3nn.o3 import Irreps

    return Irreps("+".join(f"{count}x{'0e' if rep.name == 'trivial' else rep.name}" for count, rep in type.fields))


def to_mul_ir(x: Tensor, type: FieldType, dim: int = -1) -> Tensor:
    """Return the channels of `x` in e3nn's order: copy after copy instead of component after component."""
    return _swap(x, type, dim, back=False)


def from_mul_ir(x: Tensor, type: FieldType, dim: int = -1) -> Tensor:
    """Return the inverse of `to_mul_ir`."""
    return _swap(x, type, dim, back=True)


def _swap(x: Tensor, type: FieldType, dim: int, back: bool) -> Tensor:
    x = x.movedim(dim, -1)
    parts = []
    for (count, rep), part in zip(type.fields, type.slices()):
        shape = (count, rep.dim) if back else (rep.dim, count)
        parts.append(x[..., part].unflatten(-1, shape).mT.flatten(-2))
    return torch.cat(parts, -1).movedim(-1, dim) if parts else x.movedim(-1, dim)
