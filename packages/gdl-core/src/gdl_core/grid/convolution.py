"""Convolution in one to four dimensions that reads its boundary values without a padded copy of the input."""

import torch
from torch import Tensor
from torch.nn import functional

from gdl_core.grid.boundary import extend

_CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_PAD_MODE = {"periodic": "circular", "reflect": "reflect"}
# Above this share of the outputs a padded copy is the faster way, and small enough not to matter.
BORDER_SHARE = 0.04


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    boundary: tuple[str, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Tensor:
    """y[o] = bias + Σ_j weight[j] x[stride · o + dilation · j - ⌊dilation (k - 1) / 2⌋], a cross-correlation.

    By locality only a thin border of y sees past the edge. So y is convolved with zero padding, which is free, and its
    border is computed again from thin slabs that hold the boundary values: the input is never copied as a whole. Where
    the border is a large share of y (small grids, large kernels), the slabs would cost more than the copy, which is
    then made.

    Args:
        x: `[b, c_in, *shape]`, one to four spatial axes.
        weight: `[c_out, c_in / groups, *kernel]`.
        boundary: per axis, `periodic`, `zero` or `reflect`.

    Returns:
        `[b, c_out, *⌈shape / stride⌉]`.
    """
    axes = [_Axis(*row) for row in zip(x.shape[2:], weight.shape[2:], stride, dilation, boundary)]
    if len(axes) == 4:
        return _convolve_4d(x, weight, bias, boundary, stride, dilation, groups)
    conv = _CONV[len(axes)]
    if sum(axis.border_share() for axis in axes) > BORDER_SHARE:
        for axis in axes:
            axis.extended = axis.extended or axis.boundary != "zero"
    whole = _extend_axes(x, axes)
    padding = [0 if axis.extended else axis.padding for axis in axes]
    y = conv(whole, weight, bias, stride, padding, dilation, groups)
    for dim, axis in enumerate(axes, 2):
        start = axis.padding - axis.before
        if not axis.extended and (start or y.shape[dim] != axis.outputs):  # the derivative of a slice is a filled copy
            y = y.narrow(dim, start, axis.outputs)
    for dim, axis in enumerate(axes, 2):
        for first, last in axis.borders():
            slab = x
            for other, crossed in enumerate(axes, 2):
                rows = crossed.rows(first, last) if other == dim else crossed.rows(0, crossed.outputs)
                slab = extend(slab, other, *rows, crossed.boundary)
            _write(y, conv(slab, weight, bias, stride, 0, dilation, groups), dim, first)
    return y


def _extend_axes(x: Tensor, axes: "list[_Axis]") -> Tensor:
    """Copy `x` with the rows that its extended axes need outside, in one operator where torch has one."""
    extended = {dim: axis for dim, axis in enumerate(axes, 2) if axis.extended}
    kinds = {axis.boundary for axis in extended.values()}
    margins = [axis.margins() if axis.extended else (0, 0) for axis in reversed(axes)]
    if len(kinds) == 1 and kinds <= _PAD_MODE.keys() and all(axis.margin_fits() for axis in extended.values()):
        return functional.pad(x, [side for pair in margins for side in pair], _PAD_MODE[kinds.pop()])
    for dim, axis in extended.items():
        x = extend(x, dim, *axis.rows(0, axis.outputs), axis.boundary)
    return x


def _write(y: Tensor, slab: Tensor, dim: int, first: int) -> None:
    """Put `slab` into rows `first …` of y; what runs over the end goes to the beginning."""
    count = slab.shape[dim]
    low = min(count, y.shape[dim] - first)
    y.narrow(dim, first, low).copy_(slab.narrow(dim, 0, low))
    if low < count:
        y.narrow(dim, 0, count - low).copy_(slab.narrow(dim, low, count - low))


class _Axis:
    """One axis of a convolution: n points, k taps."""

    def __init__(self, n: int, k: int, stride: int, dilation: int, boundary: str):
        self.n, self.stride, self.boundary = n, stride, boundary
        self.span = dilation * (k - 1)
        self.before = self.span // 2
        after = self.span - self.before
        self.outputs = -(-n // stride)
        # Zero padding is the same on both sides; an even kernel with stride one pads one more and drops the first row.
        self.padding = after if stride == 1 else self.before
        self.head = -(-self.before // stride)  # the first outputs, which read before the grid
        self.tail = (n - 1 + self.before - self.span) // stride + 1  # the first output that reads past its end
        short = (n + 2 * self.padding - self.span - 1) // stride + 1 < self.outputs
        whole = boundary != "zero" and self.span > 0 and self.head >= self.tail
        self.extended = short or whole or n + 2 * self.padding <= self.span

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """Return the input rows, from and to, that the outputs `first … last - 1` read."""
        return first * self.stride - self.before, (last - 1) * self.stride - self.before + self.span + 1

    def margins(self) -> tuple[int, int]:
        """Return how many rows are read before the grid and after its end."""
        first, last = self.rows(0, self.outputs)
        return -first, last - self.n

    def margin_fits(self) -> bool:
        """Whether `torch.nn.functional.pad` can make the margins: not negative, and at most once around."""
        limit = self.n if self.boundary == "periodic" else self.n - 1
        return all(0 <= margin <= limit for margin in self.margins())

    def border_share(self) -> float:
        """Return the share of the outputs of this axis that zero padding gets wrong."""
        return sum(last - first for first, last in self.borders()) / self.outputs

    def borders(self) -> list[tuple[int, int]]:
        """Return the ranges of outputs that zero padding gets wrong; one past the end wraps to the beginning."""
        if self.boundary == "zero" or self.extended:
            return []
        if self.boundary == "periodic" and self.n % self.stride == 0:
            ranges = [(self.tail, self.outputs + self.head)]
        else:
            ranges = [(0, self.head), (self.tail, self.outputs)]
        return [(first, last) for first, last in ranges if first < last]


def _convolve_4d(x, weight, bias, boundary, stride, dilation, groups) -> Tensor:
    """Sum three-dimensional convolutions over the taps of the first spatial axis, whose rows join the batch."""
    axis = _Axis(x.shape[2], weight.shape[2], stride[0], dilation[0], boundary[0])
    x = extend(x, 2, *axis.rows(0, axis.outputs), boundary[0])
    total = None
    for tap in range(weight.shape[2]):
        start = tap * dilation[0]
        rows = x[:, :, start : start + (axis.outputs - 1) * axis.stride + 1 : axis.stride]
        flat = rows.movedim(2, 1).flatten(0, 1)  # [b * n, c, ...]
        first = bias if tap == 0 else None
        part = convolve(flat, weight[:, :, tap], first, boundary[1:], stride[1:], dilation[1:], groups)
        total = part if total is None else total + part
    assert total is not None
    return total.unflatten(0, (-1, axis.outputs)).movedim(1, 2)


def reference_convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    boundary: tuple[str, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int = 1,
) -> Tensor:
    """Return the same from a padded copy, tap by tap: the specification of `convolve`."""
    axes = [_Axis(*row) for row in zip(x.shape[2:], weight.shape[2:], stride, dilation, boundary)]
    for dim, axis in enumerate(axes, 2):
        x = extend(x, dim, *axis.rows(0, axis.outputs), axis.boundary)
    x = x.unflatten(1, (groups, -1))
    weight = weight.unflatten(0, (groups, -1))  # [g, o, i, *kernel]
    total = x.new_zeros(())
    for tap in torch.cartesian_prod(*[torch.arange(k) for k in weight.shape[3:]]).reshape(-1, len(axes)).tolist():
        rows = x
        for dim, (axis, j, step) in enumerate(zip(axes, tap, dilation), 3):
            rows = rows.narrow(dim, j * step, (axis.outputs - 1) * axis.stride + 1)
            rows = rows[(slice(None),) * dim + (slice(None, None, axis.stride),)]
        total = total + torch.einsum("bgi...,goi->bgo...", rows, weight[(..., *tap)])
    y = total.flatten(1, 2)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(axes))
