"""Adaptive polyphase sampling: a coarsening that is exactly shift-equivariant, and the way back."""

from gdl_core.geometry import Coarsening, Domain, Refinement
from gdl_core.grid import Grid, extend, grid_of, per_axis
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_grids.checks import scalar_type
from gdl_grids.kernels import polyphase_gather, polyphase_phase, polyphase_scatter
from gdl_grids.norm import EXACT
from gdl_grids.pool import BlurPool, MaxPool, Size, WindowPool


class PolyphasePool(Coarsening):
    """Keep, of the s^d interleaved grids x(s · u + p), the one of largest norm: p* = argmax_p ‖x(s · + p)‖₂.

    A shift of x permutes the interleaved grids, so the same one is kept wherever it went, and what is kept has shifted
    by whole points: exact equivariance, before and after training (Chaman and Dokmanić 2021, §3). The coarse domain
    holds p*, one per sample, so `PolyphaseUp` can put values back where they came from.

    The choice does not depend on the order of summation: energies are summed as integers, of values in fixed point
    relative to the largest (20 bits). *Ties* go to the grid of the larger sum, then to the first in row-major order;
    only the last rule depends on where a signal sits, and it is met by signals such as a constant, whose grids are all
    alike.

    A signal that some shift leaves as it is has interleaved grids that are all the same: what is kept is right, but no
    rule can say, equivariantly, where `PolyphaseUp` should put it.

    Args:
        type: invariant channels.
        stride: s per axis; must divide the size of the grid, unless `extend`.
        before: `"max"` or `"blur"`, applied first with stride one, which keeps the equivariance; None for nothing.
        size: of the window or the filter of `before`.
        extend: extend a grid that the stride does not divide by its boundary, to the next multiple. A torus of such a
            size has no sublattice of index s, so no coarsening of it is exactly shift-equivariant, nor is this.

    Shapes: `[b, c, *shape] -> [b, c, *shape / stride]`, and the coarse grid with its `phase` and `parent`.

    Raises:
        ValueError: if the stride does not divide the size of an axis and `extend` is not set.
    """

    def __init__(
        self,
        type: FieldType | int,
        stride: Size = 2,
        *,
        before: str | None = None,
        size: int = 3,
        extend: bool = False,
    ):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        self.stride = per_axis("stride", stride, None, self)
        self.extend = extend
        pools = {None: lambda: None, "max": lambda: MaxPool(type, size, 1), "blur": lambda: BlurPool(type, size, 1)}
        if before not in pools:
            raise ValueError(f"PolyphasePool takes before='max', before='blur' or None, got {before!r}.")
        self.before: WindowPool | None = pools[before]()

    def out_domain(self, domain: Domain) -> Domain:
        if not isinstance(domain, Grid):
            return domain
        self._check(domain)
        return domain.coarsen(self._axes(domain))

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        if not isinstance(domain, Grid):
            return ()
        stride, offered = self._axes(domain), domain.symmetries()
        if any(n % step for n, step in zip(domain.shape, stride)):
            return ()
        found = EXACT if len(set(stride)) == 1 else ("shift", "reflection")
        if self.before is not None:
            found = tuple(name for name in found if name in self.before.symmetries(domain))
        return tuple(name for name in found if name in offered)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        self._check(grid)
        stride = self._axes(grid)
        if self.before is not None:
            x, _ = self.before(x, grid)
        for axis, (n, step) in enumerate(zip(grid.shape, stride)):
            x = extend(x, axis + 2, 0, -(-n // step) * step, grid.boundary[axis])
        phase = polyphase_phase(x, stride)
        return polyphase_gather(x, phase, stride), grid.coarsen(stride, phase)

    def _axes(self, grid: Grid) -> tuple[int, ...]:
        return self.stride * grid.ndim if len(self.stride) == 1 else per_axis("stride", self.stride, grid.ndim, self)

    def _check(self, grid: Grid) -> None:
        for axis, (n, step) in enumerate(zip(grid.shape, self._axes(grid))):
            if n % step and not self.extend:
                raise ValueError(
                    f"PolyphasePool keeps one of {step} interleaved grids, so its stride must divide the size of each "
                    f"axis: axis {axis} of {grid} has {n} points and the stride is {step}. Choose another size or "
                    "stride, or extend=True, which gives up exact shift equivariance."
                )

    def extra_repr(self) -> str:
        return f"{self.in_type}, stride {'x'.join(map(str, self.stride))}"


class PolyphaseUp(Refinement):
    """Put each value back on the point of the parent grid that it came from, zero elsewhere; then blur, if asked to.

    x(s · u + p*) = y(u), with p* and the parent read from the domain that `PolyphasePool` returned, so that down and up
    together commute with shifts by single points of the parent (Chaman and Dokmanić 2021, §4).

    Args:
        type: invariant channels.
        blur: taps of a binomial filter that fills the gaps, scaled to keep the mean; None for zeros between.

    Shapes: `[b, c, *shape] -> [b, c, *parent.shape]`, and the parent.

    Raises:
        ValueError: if the domain has no phase.
    """

    claims = EXACT

    def __init__(self, type: FieldType | int, *, blur: int | None = None):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        self.blur = None if blur is None else BlurPool(type, blur, 1)

    def out_domain(self, domain: Domain) -> Domain:
        return domain.parent if isinstance(domain, Grid) and domain.parent is not None else domain

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        if not isinstance(domain, Grid) or domain.parent is None:
            return ()
        stride = self._stride(domain, domain.parent)
        if any(n != m * step for n, m, step in zip(domain.parent.shape, domain.shape, stride)):
            return ()
        blurred = self.claims if self.blur is None else self.blur.symmetries(domain.parent)
        return tuple(name for name in blurred if name in domain.symmetries())

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        if grid.phase is None or grid.parent is None:
            raise ValueError(
                "PolyphaseUp needs the domain that PolyphasePool returned, which knows the phase and the parent, "
                f"got {'no domain' if domain is None else f'{grid} without them'}."
            )
        stride = self._stride(grid, grid.parent)
        y = polyphase_scatter(x, grid.phase, stride)
        for axis, n in enumerate(grid.parent.shape):
            y = extend(y, axis + 2, 0, n, "zero")
        if self.blur is not None:
            gain = 1
            for step in stride:
                gain *= step
            y, _ = self.blur(y * gain, grid.parent)
        return y, grid.parent

    @staticmethod
    def _stride(grid: Grid, parent: Grid) -> tuple[int, ...]:
        return tuple(round(there / here) for here, there in zip(parent.spacing, grid.spacing))
