"""What stands outside a grid: the rows before the first and after the last, along one axis."""

import torch
from torch import Tensor

BOUNDARIES = ("periodic", "zero", "reflect")


def source_indices(index: Tensor, n: int, boundary: str) -> Tensor:
    """Return the point of `0 … n - 1` whose value stands at each `index` of the extended axis; -1 where zero does."""
    if boundary == "periodic":
        return index % n
    if boundary == "zero":
        return torch.where((index >= 0) & (index < n), index, -1)
    if n == 1:
        return torch.zeros_like(index)
    index = index % (2 * n - 2)
    return torch.where(index < n, index, 2 * n - 2 - index)


def extend(x: Tensor, dim: int, start: int, stop: int, boundary: str) -> Tensor:
    """Return the rows `start … stop - 1` of axis `dim` of the signal extended by its boundary, as one new tensor.

    Both ends may lie outside `0 … n`, by any number of periods. Slices and flips only, so nothing is sent to a device.
    """
    n = x.shape[dim]
    if start >= 0 and stop <= n:
        return x.narrow(dim, start, stop - start)
    pieces = []
    while start < stop:
        piece = _next_piece(x, dim, n, start, stop, boundary)
        pieces.append(piece)
        start += piece.shape[dim]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim)


def _next_piece(x: Tensor, dim: int, n: int, start: int, stop: int, boundary: str) -> Tensor:
    """Return the longest run of rows from `start` that is one slice of `x`, of its mirror image, or zero."""
    if boundary == "zero":
        if 0 <= start < n:
            return x.narrow(dim, start, min(n, stop) - start)
        shape = list(x.shape)
        shape[dim] = (min(stop, 0) if start < 0 else stop) - start
        return x.new_zeros(shape)
    if boundary == "periodic":
        first = start % n
        return x.narrow(dim, first, min(n - first, stop - start))
    if n == 1:
        shape = list(x.shape)
        shape[dim] = stop - start
        return x.expand(shape)
    first = start % (2 * n - 2)
    if first < n:
        return x.narrow(dim, first, min(n - first, stop - start))
    last = 2 * n - 2 - first  # runs down to row 1; row 0 begins the next piece
    count = min(last, stop - start)
    return x.narrow(dim, last - count + 1, count).flip(dim)
