"""Colours: whole numbers for things that are equal, given by rank so that no order of the input shows in them."""

import numpy as np
import torch
from torch import Tensor


def rows(table: Tensor) -> Tensor:
    """Return ``int64[n]``, the rank of each row of the integers ``table[n, k]`` among its distinct rows."""
    if table.shape[1] == 0 or table.shape[0] == 0:
        return torch.zeros(table.shape[0], dtype=torch.int64)
    table = table.long().cpu().contiguous()
    low, high = table.amin(0), table.amax(0)
    span = [int(width) + 1 for width in (high - low)]
    key, size = table[:, 0] - low[0], span[0]
    for column in range(1, table.shape[1]):  # pack columns into one number for as long as it fits, else rank it first
        if size * span[column] >= 2**62:
            key = torch.unique(key, return_inverse=True)[1]
            size = int(key.max()) + 1
        key, size = key * span[column] + (table[:, column] - low[column]), size * span[column]
    return torch.unique(key, return_inverse=True)[1]


def multisets(ptr: Tensor, values: Tensor) -> Tensor:
    """Return ``int64[n]``, equal for two rows exactly if they hold the same multiset of `values`.

    Numbers are ranks of (size, sorted values), compared exactly: no hash is involved. Time O(e log e).

    Args:
        ptr: ``[n + 1]``, row i holds ``values[ptr[i] : ptr[i + 1]]``.
        values: ``[e]`` integers.

    Raises:
        ValueError: if `ptr` does not end at the number of values.
    """
    ptr, values = ptr.long().cpu(), values.long().cpu()
    if values.dim() != 1 or int(ptr[-1]) != values.shape[0]:
        raise ValueError(f"multisets expects {int(ptr[-1])} values, the end of ptr, got {list(values.shape)}.")
    sizes = ptr.diff()
    ids, next_id = torch.zeros(sizes.shape[0], dtype=torch.int64), 0
    for size in torch.unique(sizes).tolist():  # at most √(2e) different sizes
        where = (sizes == size).nonzero()[:, 0]
        place = ptr[where][:, None] + torch.arange(size)
        found = row_ranks(np.sort(values[place].numpy(), axis=1))
        ids[where] = next_id + found
        next_id += int(found.max()) + 1
    return ids


def row_ranks(table: np.ndarray) -> Tensor:
    """Return ``int64[n]``, the lexicographic rank of each row of ``[n, k]`` integers; for many columns."""
    if table.shape[0] == 0 or table.shape[1] <= 4:
        return rows(torch.from_numpy(table))
    big_endian = np.ascontiguousarray((table - table.min()).astype(">u4" if np.ptp(table) < 2**32 else ">u8"))
    packed = big_endian.view(np.dtype((np.void, big_endian.dtype.itemsize * table.shape[1])))[:, 0]
    return torch.from_numpy(np.unique(packed, return_inverse=True)[1].astype(np.int64))


def ranks(values: Tensor, tolerance: float) -> Tensor:
    """Return ``int64``, the rank of each number among those that differ: a new rank starts after a gap > `tolerance`.

    Unlike rounding, it puts no boundary between numbers that differ in their last bits.
    """
    flat = values.detach().double().cpu().reshape(-1)
    order = torch.argsort(flat, stable=True)
    level = torch.zeros_like(order)
    level[order[1:]] = (flat[order].diff() > tolerance).long().cumsum(0)
    return level.reshape(values.shape)


def same(colours: Tensor) -> Tensor:
    """Return ``bool[b // 2]``: whether samples 2i and 2i + 1 have the same colour."""
    return colours[0::2] == colours[1::2]
