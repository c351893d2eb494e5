"""`GlobalPool`: from a signal of fields on a grid to one invariant vector per sample."""

from gdl_core.geometry import Domain, Readout
from gdl_core.grid import grid_of
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.grid.pool_group import GroupPool

EXACT = ("shift", "rotation", "reflection", "lattice")


class GlobalPool(Readout):
    """y_c = reduce over the grid of the reduction over the group of x_ic(u): invariant under every motion.

    Args:
        type: fields that the group permutes, or invariant channels.
        how: over the grid: `mean`, `sum` or `max`.
        group: over the components of each field: `max` or `mean`.

    Shapes: `[b, c, *shape] -> [b, copies]`.

    Raises:
        TypeError: for fields that are not permuted. ValueError: for another `how` or `group`.
    """

    def __init__(self, type: FieldType | int, how: str = "mean", *, group: str = "max"):
        super().__init__(type, 0)
        if how not in ("mean", "sum", "max"):
            raise ValueError(f"GlobalPool takes how='mean', 'sum' or 'max', got {how!r}.")
        self.how, self.pool = how, GroupPool(self.in_type, group)
        self.out_type = self.pool.out_type
        linear = how != "max" and (group == "mean" or self.in_type.is_invariant)
        self.claims = (*EXACT, "fractional_shift") if linear else EXACT

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        offered = domain.symmetries()
        return tuple(name for name in self.claims if name in offered and offered[name].acts_on(self.in_type))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type)
        points = self.pool(x, grid).flatten(2)
        return points.amax(2) if self.how == "max" else getattr(points, self.how)(2)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, {self.how}, {self.pool.how} over the group"
