"""Coarsenings whose windows sit symmetrically on the grid, so that they commute with its turns and flips."""

import math

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.grid import Grid, extend, grid_of, per_axis
from gdl_core.representations import FieldType
from torch import Tensor
from torch.nn import functional

Size = int | tuple[int, ...]
_MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_MEAN = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
_CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


class CentredPool(Coarsening):
    """y(u) = reduce x(stride · u - m … stride · u - m + size - 1), the ⌈n / stride⌉ windows centred on the grid.

    The first window begins as far before the grid as the last one ends after it, m = ((⌈n / stride⌉ - 1) stride + size
    - n) / 2; where that is whole, turns and flips take windows to windows: cells (`size` = `stride`, which divides n),
    and odd windows of stride 2 on an odd number of points. A stride of 1 keeps shifts too. A larger one keeps no shift
    by less than itself. Sizes are the same for every axis, or one per axis.
    """

    is_linear = False

    def __init__(self, type: FieldType | int, size: Size, stride: Size):
        super().__init__(type, type)
        self.size = per_axis("size", size, None, self)
        self.stride = per_axis("stride", stride, None, self)

    def out_domain(self, domain: Domain) -> Domain:
        return self._coarse(domain, self._windows(domain)) if isinstance(domain, Grid) else domain

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        if not isinstance(domain, Grid):
            return ()
        rows = self._windows(domain)
        still = all(row.stride == 1 and row.size % 2 for row in rows)
        mirrored = all(row.before == row.after for row in rows)
        alike = len({(row.size, row.stride) for row in rows}) == 1
        kept = {
            "shift": still,
            "rotation": mirrored and alike,
            "reflection": mirrored,
            "lattice": still and mirrored and alike,
            "fractional_shift": still and self.is_linear,
        }
        offered = domain.symmetries()
        return tuple(
            name for name, holds in kept.items() if holds and name in offered and offered[name].acts_on(self.in_type)
        )

    def _windows(self, grid: Grid) -> "list[_Windows]":
        sizes, strides = (
            value * grid.ndim if len(value) == 1 else per_axis("size or stride", value, grid.ndim, self)
            for value in (self.size, self.stride)
        )
        return [_Windows(*row) for row in zip(grid.shape, sizes, strides)]

    def _coarse(self, grid: Grid, rows: "list[_Windows]") -> Grid:
        return grid.coarsen([row.stride for row in rows])

    def extra_repr(self) -> str:
        return f"{self.in_type}, size {'x'.join(map(str, self.size))}, stride {'x'.join(map(str, self.stride))}"


class _Windows:
    """The windows of one axis of n points: how many, and how far they reach before and after it."""

    def __init__(self, n: int, size: int, stride: int):
        self.n, self.size, self.stride = n, size, stride
        self.count = -(-n // stride)
        margin = (self.count - 1) * stride + size - n  # negative where points at the ends are in no window
        self.before = margin // 2
        self.after = margin - self.before


class MaxPool(CentredPool):
    """The largest value of each window, channel by channel. On a `zero` boundary points outside do not count.

    Args:
        type: fields that the group permutes: a maximum does not commute with signs or turns of vectors.
        size: of the window.
        stride: the size of the window if left out.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, one to three axes, and the coarser grid.

    Raises:
        TypeError: for fields that are not permuted.
    """

    def __init__(self, type: FieldType | int, size: Size = 2, stride: Size | None = None):
        super().__init__(type, size, size if stride is None else stride)
        if not self.in_type.is_permutation:
            raise TypeError(
                f"MaxPool takes fields that the group permutes, got {self.in_type!r}: use AvgPool or a norm pool."
            )

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        rows = self._windows(grid)
        for axis, row in enumerate(rows):
            if grid.boundary[axis] == "zero" and (row.before > 0 or row.after > 0):
                padding = [0, 0] * (grid.ndim - 1 - axis) + [row.before, row.after]
                x = functional.pad(x, padding, value=-math.inf)
            else:
                x = extend(x, axis + 2, -row.before, row.n + row.after, grid.boundary[axis])
        pooled = _MAX[grid.ndim](x, [row.size for row in rows], [row.stride for row in rows])
        return pooled, self._coarse(grid, rows)


class AvgPool(CentredPool):
    """The weighted mean of each window, channel by channel, so that it commutes with any action on the channels.

    With binomial weights it is the low-pass filter that makes subsampling smoother under turns by any angle and shifts
    (Zhang 2019; Weiler and Cesa 2019, appendix H, pool after a Gaussian). On a `zero` boundary the zeros outside count.

    Args:
        type: any fields.
        size: of the window.
        stride: the size of the window if left out.
        weights: `uniform`, or `binomial`: [1 1], [1 2 1], [1 3 3 1], … per axis, divided by their sum.

    Shapes: `[b, c, *shape] -> [b, c, *⌈shape / stride⌉]`, one to three axes, and the coarser grid.

    Raises:
        ValueError: for other weights.
    """

    is_linear = True

    def __init__(self, type: FieldType | int, size: Size = 2, stride: Size | None = None, *, weights: str = "uniform"):
        super().__init__(type, size, size if stride is None else stride)
        if weights not in ("uniform", "binomial"):
            raise ValueError(f"AvgPool takes weights='uniform' or 'binomial', got {weights!r}.")
        self.weights = weights
        for axis, k in enumerate(self.size if weights == "binomial" else ()):
            taps = [math.comb(k - 1, i) for i in range(k)]
            self.register_buffer(f"taps{axis}", torch.tensor(taps) / sum(taps), persistent=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type)
        rows = self._windows(grid)
        channels, d = x.shape[1], grid.ndim
        if self.weights == "uniform":
            for axis, row in enumerate(rows):
                x = extend(x, axis + 2, -row.before, row.n + row.after, grid.boundary[axis])
            return _MEAN[d](x, [row.size for row in rows], [row.stride for row in rows]), self._coarse(grid, rows)
        for axis, row in enumerate(rows):  # one axis at a time: the filter is separable
            x = extend(x, axis + 2, -row.before, row.n + row.after, grid.boundary[axis])
            taps = getattr(self, f"taps{axis if len(self.size) > 1 else 0}").to(x.dtype)
            shape, stride = [1] * d, [1] * d
            shape[axis], stride[axis] = row.size, row.stride
            x = _CONV[d](x, taps.reshape(1, 1, *shape).expand(channels, 1, *shape), stride=stride, groups=channels)
        return x, self._coarse(grid, rows)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.weights}"
