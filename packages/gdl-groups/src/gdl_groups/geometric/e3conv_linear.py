"""`IrrepLinear`: the linear map between types of irreps, one matrix product per irrep."""

import torch
from gdl_core.derive.parameters import joint_group
from gdl_core.geometry import Domain, check_channels
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.products.plan import degree_and_parity


class IrrepLinear(FibreMap):
    """y_l = W_l x_l: copies of one irrep mix, whatever the component (Schur's lemma); a bias for invariant channels.

    The same maps as `EquivariantLinear`, for irreps of SO(3) or O(3) only, and without the zeros of the whole matrix.
    At the start the output variance equals that of the input; outputs that no input reaches are zero.

    With `kinds` there is a map per kind of point, and `forward` takes what kind each is: y = Σ_z kind[z] W_z x, the
    fully connected tensor product with scalars.

    Args:
        in_type, out_type: irreps of one group, or invariant channels.
        bias: add a learnt number to each invariant channel.
        kinds: how many kinds of points there are; None for one map.

    Raises:
        TypeError: if a field is no irrep of SO(3) or O(3).

    Shapes: `[..., c_in] -> [..., c_out]`, kind `[..., kinds]`.
    """

    def __init__(
        self, in_type: FieldType | int, out_type: FieldType | int, bias: bool = True, kinds: int | None = None
    ):
        super().__init__(in_type, out_type)
        into, out = joint_group(self.in_type, self.out_type, "IrrepLinear")
        self.kinds = kinds
        self._sources, self._counts = _by_irrep(into)
        self._targets, widths = _by_irrep(out)
        self._fields = [(count, rep.dim) for count, rep in out.fields]
        self._irreps = [irrep for irrep in self._targets if irrep in self._sources]
        self.weights = nn.ParameterList(
            torch.empty((kinds or 1) * self._counts[irrep], widths[irrep]) for irrep in self._irreps
        )
        invariant = widths.get((0, 1), 0) if bias else 0
        self.bias = nn.Parameter(torch.zeros(invariant)) if invariant else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for irrep, weight in zip(self._irreps, self.weights):
            nn.init.normal_(weight, std=max(self._counts[irrep], 1) ** -0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, domain: Domain | None = None, kind: Tensor | None = None) -> Tensor:
        check_channels(x, self.in_type, -1, self)
        if (kind is None) != (self.kinds is None):
            raise ValueError(f"IrrepLinear with kinds={self.kinds} expects {'no ' if kind is not None else 'a '}kind.")
        out: list[Tensor | None] = [None] * len(self._fields)
        for irrep, weight in zip(self._irreps, self.weights):
            dim = 2 * irrep[0] + 1
            fields = [x[..., part].unflatten(-1, (dim, -1)) for _, part in self._sources[irrep]]
            joined = fields[0] if len(fields) == 1 else torch.cat(fields, -1)
            if kind is not None:
                joined = (joined.unsqueeze(-2) * kind[..., None, :, None]).flatten(-2)
            mixed = joined @ weight
            if irrep == (0, 1) and self.bias is not None:
                mixed = mixed + self.bias
            places = self._targets[irrep]
            for (place, _), part in zip(places, mixed.split([self._fields[place][0] for place, _ in places], -1)):
                out[place] = part.flatten(-2)
        parts = [
            x.new_zeros((*x.shape[:-1], count * dim)) if part is None else part
            for part, (count, dim) in zip(out, self._fields)
        ]
        return torch.cat(parts, -1) if parts else x[..., :0]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}" + ("" if self.kinds is None else f", kinds={self.kinds}")


def _by_irrep(type: FieldType) -> tuple[dict[tuple[int, int], list[tuple[int, slice]]], dict[tuple[int, int], int]]:
    """Return for each irrep its fields (number, channels), and how many copies they have together."""
    fields: dict[tuple[int, int], list[tuple[int, slice]]] = {}
    copies: dict[tuple[int, int], int] = {}
    for place, ((count, rep), channels) in enumerate(zip(type.fields, type.slices())):
        irrep = degree_and_parity(rep)
        fields.setdefault(irrep, []).append((place, channels))
        copies[irrep] = copies.get(irrep, 0) + count
    return fields, copies
