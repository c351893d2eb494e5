"""Coarsenings that look at fixed windows: maximum, average, blur, and plain subsampling."""

import math

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.grid import BOUNDARIES, Grid, extend, grid_of, per_axis
from gdl_core.representations import FieldType
from torch import Tensor
from torch.nn import functional

from gdl_grids.checks import scalar_type
from gdl_grids.kernels import axis_filter
from gdl_grids.norm import EXACT

Size = int | tuple[int, ...]


class WindowPool(Coarsening):
    """y(u) = reduce x(stride · u - before … stride · u - before + size - 1), per axis.

    `before` is ⌊(size - 1) / 2⌋, as in `Conv`, but 0 if size and stride agree: then windows are cells. They follow the
    boundary of the domain, and there are ⌈n / stride⌉ of them. Sizes are the same for every axis, or one per axis.

    With stride 1 it commutes with shifts; with a larger one, with no shift by less than the stride. It commutes with
    turns and flips if these take windows to windows: for cells, for odd windows of stride 1 and even ones of stride 2.
    """

    def __init__(self, type: FieldType | int, size: Size, stride: Size):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        self.size = _sizes("size", size, self)
        self.stride = _sizes("stride", stride, self)

    def out_domain(self, domain: Domain) -> Domain:
        return domain.coarsen(self._axes(self.stride, domain)) if isinstance(domain, Grid) else domain

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        if not isinstance(domain, Grid):
            return ()
        rows = list(zip(domain.shape, self._axes(self.size, domain), self._axes(self.stride, domain)))
        still = all(step == 1 for _, _, step in rows)
        mirrored = all(n % step == 0 and (k == step or step == 2 - k % 2) for n, k, step in rows)
        alike = len({row[1:] for row in rows}) == 1
        offered = domain.symmetries()
        claims = []
        if still:
            claims.append("shift")
        if mirrored:
            claims.append("reflection")
        if mirrored and alike:
            claims.append("rotation")
        if still and mirrored and alike:
            claims.append("lattice")
        return tuple(name for name in EXACT if name in claims and name in offered)

    def _axes(self, sizes: tuple[int, ...], grid: Grid) -> tuple[int, ...]:
        return sizes * grid.ndim if len(sizes) == 1 else per_axis("size or stride", sizes, grid.ndim, self)

    def extra_repr(self) -> str:
        return f"{self.in_type}, size {'x'.join(map(str, self.size))}, stride {'x'.join(map(str, self.stride))}"


def _sizes(name: str, value: Size, where: Coarsening) -> tuple[int, ...]:
    return per_axis(name, value, None, where)


class MaxPool(WindowPool):
    """The largest value of each window. On a `zero` boundary points outside do not count.

    Args:
        type: invariant channels.
        size: of the window.
        stride: the size of the window if left out.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, and the coarser grid.
    """

    def __init__(self, type: FieldType | int, size: Size = 2, stride: Size | None = None):
        super().__init__(type, size, size if stride is None else stride)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        size, stride = self._axes(self.size, grid), self._axes(self.stride, grid)
        for axis, (n, k, step) in enumerate(zip(grid.shape, size, stride)):
            before = (k - 1) // 2 if k != step else 0
            start, stop = -before, (-(-n // step) - 1) * step - before + k
            if grid.boundary[axis] == "zero":
                x = functional.pad(x, [0, 0] * (grid.ndim - 1 - axis) + [-start, stop - n], value=-math.inf)
            else:
                x = extend(x, axis + 2, start, stop, grid.boundary[axis])
        return _max(x, size, stride), grid.coarsen(stride)


def _max(x: Tensor, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    if len(size) < 4:
        pools = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
        return pools[len(size)](x, size, stride)
    rows = x.shape[2]
    x = functional.max_pool3d(x.flatten(1, 2), size[1:], stride[1:])  # [b, c * n, ...]
    rest = x.shape[2:]
    x = functional.max_pool2d(x.unflatten(1, (-1, rows)).flatten(3), (size[0], 1), (stride[0], 1))
    return x.unflatten(3, rest)


class _FilterPool(WindowPool):
    """A separable filter of fixed taps, followed by subsampling, in one pass per axis."""

    def __init__(self, type: FieldType | int, taps: list[Tensor], stride: Size):
        super().__init__(type, tuple(len(row) for row in taps), stride)
        for axis, row in enumerate(taps):
            self.register_buffer(f"taps_{axis}", row, persistent=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        stride = self._axes(self.stride, grid)
        self._axes(self.size, grid)
        for axis in range(grid.ndim):  # the last axis last: it is the slowest, and by then there is less of it
            taps = getattr(self, f"taps_{axis if len(self.size) > 1 else 0}")
            n, k = grid.shape[axis], taps.shape[0]
            before = (k - 1) // 2 if k != stride[axis] else 0
            code = BOUNDARIES.index(grid.boundary[axis])
            shape = x.shape
            x = x.reshape(math.prod(shape[: axis + 2]), n, math.prod(shape[axis + 3 :]))
            outputs = -(-n // stride[axis])
            x = axis_filter(x, taps, n, outputs, stride[axis], before, code, False)
            x = x.reshape(*shape[: axis + 2], outputs, *shape[axis + 3 :])
        return x, grid.coarsen(stride)


class AvgPool(_FilterPool):
    """The mean of each window; on a `zero` boundary the zeros outside count.

    Args:
        type: invariant channels.
        size: of the window.
        stride: the size of the window if left out.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, and the coarser grid.
    """

    def __init__(self, type: FieldType | int, size: Size = 2, stride: Size | None = None):
        sizes = size if isinstance(size, tuple | list) else (size,)
        checked = [k if isinstance(k, int) and k > 0 else 1 for k in sizes]
        taps = [torch.full((k,), 1 / k, dtype=torch.float64) for k in checked]
        super().__init__(type, taps, size if stride is None else stride)
        self.size = _sizes("size", size, self)


class BlurPool(_FilterPool):
    """A binomial low-pass filter, then every `stride`-th value (Zhang 2019): smoother under shifts, not equivariant.

    Args:
        type: invariant channels.
        size: taps per axis, 2 to 7: [1 1], [1 2 1], [1 3 3 1], … divided by their sum.
        stride: per axis.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, and the coarser grid.

    Raises:
        ValueError: for another size.
    """

    def __init__(self, type: FieldType | int, size: int = 3, stride: Size = 2):
        super().__init__(type, [binomial(size)], stride)


def binomial(size: int) -> Tensor:
    """Return the binomial coefficients of `size` taps divided by their sum, `float64[size]`."""
    if not isinstance(size, int) or not 2 <= size <= 7:
        raise ValueError(f"A binomial filter has 2 to 7 taps, got {size!r}.")
    return torch.tensor([math.comb(size - 1, k) for k in range(size)], dtype=torch.float64) / 2 ** (size - 1)


class Subsample(WindowPool):
    """Every `stride`-th value, from the first, as a strided layer keeps them: the `PolyphasePool` that loses shifts.

    Args:
        type: invariant channels.
        stride: per axis.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, and the coarser grid.
    """

    def __init__(self, type: FieldType | int, stride: Size = 2):
        super().__init__(type, 1, stride)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        stride = self._axes(self.stride, grid)
        kept = x[(..., *[slice(None, None, step) for step in stride])]
        return kept.clone(memory_format=torch.contiguous_format), grid.coarsen(stride)
