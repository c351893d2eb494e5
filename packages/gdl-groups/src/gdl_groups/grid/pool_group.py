"""Pooling over the group: to invariants, or to the cosets of a subgroup; and the same fields seen by a subgroup."""

import torch
from gdl_core.geometry import Domain
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.groups import Homomorphism
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.fibre.fields import channel_axis


def _check(where: str, type: FieldType, how: str) -> None:
    if how not in ("max", "mean"):
        raise ValueError(f"{where} takes how='max' or 'mean', got {how!r}.")
    if not type.is_permutation:
        raise TypeError(f"{where} takes fields that the group permutes, got {type!r}: take norms of other fields.")


def _reduce(x: Tensor, how: str, dim: int) -> Tensor:
    return x.amax(dim) if how == "max" else x.mean(dim)


class GroupPool(FibreMap):
    """y_c = max or mean over the components i of x_ic, for each copy c of each field: an invariant.

    The last layer of a group-convolutional network before the readout (the book, §5.2; Cohen and Welling 2016, §6.3).

    Args:
        type: fields that the group permutes (trivial, regular, quotient).
        how: `max` or `mean`.

    Shapes: `[b, c, *shape] -> [b, copies, *shape]` on grids, `[n, c] -> [n, copies]` elsewhere.

    Raises:
        TypeError: for fields that are not permuted. ValueError: for another `how`.
    """

    def __init__(self, type: FieldType | int, how: str = "max"):
        super().__init__(type, 0)
        _check("GroupPool", self.in_type, how)
        self.out_type = FieldType.scalars(sum(count for count, _ in self.in_type.fields))
        self.how, self.is_linear = how, how == "mean"

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = channel_axis(x, domain, 1, self.in_type, self)
        parts = []
        for (count, rep), part in zip(self.in_type.fields, self.in_type.slices()):
            field = x.narrow(axis, part.start, part.stop - part.start).unflatten(axis, (rep.dim, count))
            parts.append(_reduce(field, self.how, axis))
        return parts[0] if len(parts) == 1 else torch.cat(parts, axis)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self.how}"


class SubgroupPool(FibreMap):
    """y_(gH)c = max or mean of x_(gh)c over h in H, from regular fields of G to fields on the cosets G/H.

    Coset pooling (Cohen and Welling 2016, §6.3): the group stays G and what is left is equivariant to all of it.
    Pooling D_4 over its mirror {1, s} leaves four components, over its turns two, over itself one, as `GroupPool`.

    Args:
        type: regular fields of a finite group G.
        subgroup: the embedding H -> G, from `gdl_core.groups.subgroup`.
        how: `max` or `mean`.

    Raises:
        TypeError: for other fields, or a subgroup of another group. ValueError: for another `how`.
    """

    index: Tensor

    def __init__(self, type: FieldType, subgroup: Homomorphism, how: str = "max"):
        super().__init__(type, 0)
        _check("SubgroupPool", self.in_type, how)
        group = self.in_type.group
        if subgroup.target != group or any(rep != group.representation("regular") for _, rep in self.in_type.fields):
            raise TypeError(
                f"SubgroupPool takes regular fields of the group that holds the subgroup, {subgroup.target!r}, "
                f"got {self.in_type!r}."
            )
        quotient = subgroup.source.trivial().induce(subgroup)
        coset = subgroup.cosets()[1]
        count = sum(count for count, _ in self.in_type.fields)
        self.out_type = FieldType(group, [(count, quotient)])
        self.how, self.is_linear = how, how == "mean"
        self.register_buffer("index", coset.argsort(stable=True), persistent=False)  # component of each coset in turn
        self._cosets = int(coset.max()) + 1

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = channel_axis(x, domain, 1, self.in_type, self)
        order = len(self.index)
        parts = []
        for part in self.in_type.slices():
            field = x.narrow(axis, part.start, part.stop - part.start).unflatten(axis, (order, -1))
            members = field.index_select(axis, self.index).unflatten(axis, (self._cosets, -1))
            parts.append(_reduce(members, self.how, axis + 1))
        return torch.cat(parts, axis + 1).flatten(axis, axis + 1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self.how}"


class Restrict(FibreMap):
    """y = x, seen as fields of a subgroup: what comes after keeps fewer symmetries and may learn more.

    Args:
        type: fields of a group G.
        subgroup: the embedding H -> G, from `gdl_core.groups.subgroup`.

    Raises:
        TypeError: for a subgroup of another group.
    """

    def __init__(self, type: FieldType, subgroup: Homomorphism):
        super().__init__(type, type)
        self.out_type = self.in_type.restrict(subgroup)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        channel_axis(x, domain, 1, self.in_type, self)
        return x.clone()
