"""`GlobalPool`: from a signal to one vector per sample."""

from gdl_core.geometry import Domain, Readout
from gdl_core.grid import grid_of
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_grids.checks import scalar_type
from gdl_grids.norm import EXACT


class GlobalPool(Readout):
    """A(x) = mean, sum or maximum of x over the grid: invariant under every motion of it (the book, §3.5).

    Mean and sum are linear, and invariant under fractional shifts as well.

    Args:
        type: invariant channels.
        how: `mean`, `sum` or `max`.

    Shapes: `[b, c, *shape] -> [b, c]`.
    """

    def __init__(self, type: FieldType | int, how: str = "mean"):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        if how not in ("mean", "sum", "max"):
            raise ValueError(f"GlobalPool takes how='mean', 'sum' or 'max', got {how!r}.")
        self.how = how
        self.claims = EXACT if how == "max" else (*EXACT, "fractional_shift")

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid_of(x, domain, self, self.in_type)
        x = x.flatten(2)
        return x.amax(2) if self.how == "max" else getattr(x, self.how)(2)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.how}"
