"""`EquivariantLinear`: the linear layer between two field types, on a derived basis."""

import math

import torch
from torch import Tensor, nn

from gdl_core.derive.parameters import DerivedLayer
from gdl_core.derive.solve import intertwiners
from gdl_core.geometry.domain import Domain
from gdl_core.geometry.layer import check_channels
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.representations.field_type import FieldType

DENSE_WEIGHTS = 2**22  # entries of the whole matrix beyond which it is never built


class EquivariantLinear(DerivedLayer, FibreMap):
    """y = W x + b with every W that commutes with the group: W = Σ_k w_k B_k (the book, §3.5; Finzi et al. 2021).

    For each pair of fields `c_out x ρ_out`, `c_in x ρ_in` the weight is `[k, c_out, c_in]` on the k maps of
    `intertwiners(ρ_in, ρ_out)`; the bias lives on the invariant directions of ρ_out. The initial output variance equals
    the input variance.

    Args:
        in_type, out_type: types of one group; invariant channels (a number) fit any group.
        bias: whether to add the learned invariant vector.
        channel_axis: axis of the channels when no domain is given; -1, or 1 for grids.

    Shapes: x `[..., c_in, ...]` -> y with c_out on the same axis.

    >>> from gdl_core.groups import SymmetricGroup
    >>> S5 = SymmetricGroup(5)
    >>> layer = EquivariantLinear(FieldType(S5, "3xstandard"), FieldType(S5, "8xstandard"))  # Deep Sets
    >>> layer.weights[0].shape
    torch.Size([2, 8, 3])
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        bias: bool = True,
        channel_axis: int = -1,
    ):
        super().__init__(in_type, out_type)
        self.channel_axis = channel_axis
        bases = [[intertwiners(rep_in, rep_out) for _, rep_in in self._into.fields] for _, rep_out in self._out.fields]
        largest = max((len(basis) * basis.rows * basis.columns for row in bases for basis in row), default=0)
        self.is_dense = max(self._into.channels * self._out.channels, largest) <= DENSE_WEIGHTS
        for row, (_, rep_out) in enumerate(self._out.fields):
            for column, basis in enumerate(bases[row]):
                self._add_term(row, column, basis, dense=self.is_dense)
            self._add_bias(row, intertwiners(self._out.group.trivial(), rep_out) if bias else None)
        self.reset_parameters()

    def matrix(self) -> Tensor:
        """Return the whole matrix W in the component-major layout, `[c_out, c_in]` channels.

        Raises:
            ValueError: if the layer is so wide that the matrix is never built.
        """
        if not self.is_dense:
            raise ValueError(f"The matrix of {self!r} has more than {DENSE_WEIGHTS} entries; it is never built.")
        if not len(self.weights):
            return torch.zeros(self.out_type.channels, self.in_type.channels)
        rows, position = [], 0
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            blocks = [self.weights[0].new_zeros(rep_out.dim * c_out, rep.dim * c_in) for c_in, rep in self._into.fields]
            for column, _ in self._plan[row]:
                block = torch.einsum("kij,kab->iajb", getattr(self, f"basis{row}_{column}"), self.weights[position])
                blocks[column] = block.flatten(2).flatten(0, 1)
                position += 1
            rows.append(torch.cat(blocks, 1))
        return torch.cat(rows)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.channel_axis if domain is None else domain.channel_axis
        check_channels(x, self.in_type, axis, self)
        x = x.movedim(axis, -1)
        if self.is_dense and len(self.weights):
            return nn.functional.linear(x, self.matrix(), self.bias()).movedim(-1, axis)
        many = math.prod(x.shape[:-1])
        fields = [
            x[..., part].reshape(many, rep.dim, count).movedim(1, 0)  # [d_in, b, c]
            for (count, rep), part in zip(self._into.fields, self._into.slices())
        ]
        out = [
            y.movedim(0, 1).flatten(1).reshape((*x.shape[:-1], y.shape[0] * y.shape[2])) for y in self._sparse(fields)
        ]
        return torch.cat(out, -1).movedim(-1, axis)
