"""The derived convolution and an invariant readout."""

from gdl_core.derive import EquivariantOperator
from gdl_core.geometry import Domain, Readout, check_channels
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_hex.lattice import HexTorus


class HexConv(EquivariantOperator):
    """Every linear map over the one-ring that commutes with p6m.

    Args:
        domain: the lattice.
        in_type, out_type: fields of D_6, or a number of invariant channels.
        bias: whether to add the learned invariant signal.
    """

    def __init__(self, domain: HexTorus, in_type: FieldType | int, out_type: FieldType | int, bias: bool = True):
        super().__init__(domain, "p6m", in_type, out_type, locality=domain.ring(), bias=bias)


class HexMean(Readout):
    """The mean over all cells: `[b, c, n, n]` to `[b, c]`.

    Args:
        type: invariant channels, as a number or a field type; others raise TypeError, since their mean still turns.
    """

    claims = ("p6m",)

    def __init__(self, type: FieldType | int):
        super().__init__(type, type)
        if not self.in_type.is_invariant:
            raise TypeError(f"HexMean expects invariant channels, got {self.in_type!r}.")

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, 1, self)
        return x.mean((2, 3))
