"""`Upsample`: from a coarse grid to a finer one by repetition or interpolation."""

import math

import torch
from gdl_core.geometry import Domain, Refinement
from gdl_core.grid import Grid, extend, grid_of, per_axis
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_grids.checks import scalar_type
from gdl_grids.norm import EXACT

MODES = ("nearest", "linear", "fourier")


class Upsample(Refinement):
    """Replace each point by a cell of `scale` points per axis: coarse point u is the centre of s·u … s·u + s - 1.

    `nearest` repeats the value, `linear` interpolates between the centres, `fourier` is the trigonometric interpolant
    (periodic axes only). All commute with shifts of the coarse grid, turns and flips.

    If the domain has a parent of at most `scale` times its size, the result is cropped to it and lives on it, so that
    an odd size comes back as it was.

    Args:
        type: invariant channels.
        scale: s, the same for every axis or one per axis.
        mode: `nearest`, `linear` or `fourier`.

    Shapes: `[b, c, *shape] -> [b, c, *(scale · shape)]`, or the parent's shape; and that grid.
    """

    claims = EXACT

    def __init__(self, type: FieldType | int, scale: int | tuple[int, ...] = 2, mode: str = "nearest"):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        self.scale = per_axis("scale", scale, None, self)
        if mode not in MODES:
            raise ValueError(f"Upsample has the modes {', '.join(MODES)}, got {mode!r}.")
        self.mode = mode

    def out_domain(self, domain: Domain) -> Domain:
        if not isinstance(domain, Grid):
            return domain
        scale, parent = self._axes(domain), domain.parent
        if parent is not None and all(-(-n // s) == m for n, s, m in zip(parent.shape, scale, domain.shape)):
            return parent
        shape = tuple(n * s for n, s in zip(domain.shape, scale))
        return Grid(shape, domain.boundary, tuple(step / s for step, s in zip(domain.spacing, scale)))

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        if not isinstance(domain, Grid):
            return ()
        fine, scale = self.out_domain(domain), self._axes(domain)
        if any(n != m * s for n, m, s in zip(fine.shape, domain.shape, scale)):  # type: ignore[attr-defined]
            return ()
        names = self.claims if len(set(scale)) == 1 else ("shift", "reflection")
        return tuple(name for name in names if name in domain.symmetries())

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        fine = self.out_domain(grid)
        assert isinstance(fine, Grid)
        for axis, scale in enumerate(self._axes(grid)):
            dim, boundary = axis + 2, grid.boundary[axis]
            if self.mode == "nearest":
                x = x.repeat_interleave(scale, dim)
            elif self.mode == "linear":
                x = _linear(x, scale, dim, boundary)
            elif boundary == "periodic":
                x = _fourier(x, scale, dim)
            else:
                raise ValueError(f"Upsample by 'fourier' needs periodic axes: axis {axis} of {grid} is {boundary}.")
            x = x.narrow(dim, 0, fine.shape[axis])
        return x, fine

    def _axes(self, grid: Grid) -> tuple[int, ...]:
        return self.scale * grid.ndim if len(self.scale) == 1 else per_axis("scale", self.scale, grid.ndim, self)

    def extra_repr(self) -> str:
        return f"{self.in_type}, scale {'x'.join(map(str, self.scale))}, {self.mode}"


def _linear(x: Tensor, scale: int, dim: int, boundary: str) -> Tensor:
    n = x.shape[dim]
    before, after = extend(x, dim, -1, n - 1, boundary), extend(x, dim, 1, n + 1, boundary)
    points = []
    for j in range(scale):
        offset = (j - (scale - 1) / 2) / scale  # from the centre of the cell, in coarse points
        neighbour = before if offset < 0 else after
        points.append((1 - abs(offset)) * x + abs(offset) * neighbour)
    return torch.stack(points, dim + 1).flatten(dim, dim + 1)


def _fourier(x: Tensor, scale: int, dim: int) -> Tensor:
    """Evaluate the interpolant of the rows at (j - (scale - 1) / 2) / scale, as a product with one real matrix."""
    n = x.shape[dim]
    fine = (torch.arange(scale * n, dtype=torch.float64, device=x.device) - (scale - 1) / 2) / scale
    angle = 2 * math.pi / n * (fine[:, None] - torch.arange(n, dtype=torch.float64, device=x.device))
    matrix = torch.ones_like(angle)
    for k in range(1, (n - 1) // 2 + 1):
        matrix = matrix + 2 * torch.cos(k * angle)
    if n % 2 == 0:
        matrix = matrix + torch.cos(n // 2 * angle)
    return (x.movedim(dim, -1) @ (matrix / n).to(x.dtype).mT).movedim(-1, dim)
