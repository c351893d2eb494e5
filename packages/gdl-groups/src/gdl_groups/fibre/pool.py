"""`NormPool`: from features of any type to invariant ones."""

import torch
from gdl_core.geometry import Domain
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type, is_trivial
from torch import Tensor

from gdl_groups.fibre.fields import Nonlinear, check_orthogonal, join, split, trivial_of


class NormPool(Nonlinear):
    """The length of each copy, y = |x|; invariant channels as they are. A layer of this kind ends a steerable network.

    At x = 0 the derivative is zero.

    Args:
        type: the type of the input, orthogonal. The output has one invariant channel per copy.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal.
    """

    def __init__(self, type: FieldType | int, *, channel_axis: int = -1):
        into = as_type(type)
        copies = sum(count for count, _ in into.fields)
        super().__init__(into, FieldType(into.group, [(copies, trivial_of(into))]), channel_axis)
        check_orthogonal(into, self)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.axis(x, domain)
        out = []
        for field, (_, rep) in zip(split(x, self.in_type, axis), self.in_type.fields):
            if is_trivial(rep):
                out.append(field)
            else:
                square = field.square().sum(axis, keepdim=True)
                positive = square > 0  # the root has no derivative at 0
                out.append(torch.where(positive, square, 1).sqrt() * positive)
        return join(out, x, axis)
