"""What sets and graphs share: points first, samples one after the other."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gdl_core.geometry import Domain


class Points(Domain):
    """A batch of samples, each a number of points; values are `[n, c]`, the points of all samples in order.

    Sample s owns the points `ptr[s] <= i < ptr[s + 1]`, and point i belongs to sample `owner[i]`. A layer for sets
    takes any `Points`, so it runs on a graph too, where it ignores the edges.
    """

    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[n]
    positions: Tensor | None  # [n, d], in whatever unit of length the user has

    @property
    def num_points(self) -> int:
        return self.owner.shape[0]

    @property
    def batch_size(self) -> int:
        return self.ptr.shape[0] - 1

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != 2 or values.shape[0] != self.num_points:
            raise ValueError(f"{where} expects values [{self.num_points}, c] on {self}, got {list(values.shape)}.")


def check_count(count: Any, what: str, least: int = 0) -> int:
    """Return `count` as an int; raise TypeError unless it is a whole number, ValueError if it is below `least`."""
    try:
        whole = operator.index(count)  # also NumPy's integers and tensors of one integer
    except TypeError:
        raise TypeError(f"{what} must be a whole number from {least}, got {count!r}.") from None
    if whole < least:
        raise ValueError(f"{what} must be a whole number from {least}, got {whole}.")
    return whole


Sizes = int | Sequence[int] | Tensor | np.ndarray  # of samples; one number is one sample


def offsets(sizes: Sizes) -> tuple[Tensor, Tensor]:
    """Return `ptr[b + 1]` and `owner[n]` for samples of the given sizes; one number is one sample.

    Raises:
        ValueError: if a size is negative. TypeError: if it is not a whole number.
    """
    plain: Any = sizes.tolist() if isinstance(sizes, Tensor | np.ndarray) else sizes
    given = plain if isinstance(plain, Sequence) else [plain]
    checked = [check_count(size, f"The number of points of sample {place}") for place, size in enumerate(given)]
    counts = torch.tensor(checked, dtype=torch.int64)
    ptr = torch.nn.functional.pad(counts.cumsum(0), (1, 0)).int()
    return ptr, torch.repeat_interleave(torch.arange(len(checked), dtype=torch.int32), counts)


def join_offsets(domains: Sequence[Points]) -> tuple[Tensor, Tensor]:
    """Return `ptr` and `owner` of all samples of `domains`, one after the other."""
    ptrs, owners, points, samples = [domains[0].ptr[:1]], [], 0, 0
    for domain in domains:
        ptrs.append(domain.ptr[1:] + points)
        owners.append(domain.owner + samples)
        points, samples = points + domain.num_points, samples + domain.batch_size
    return torch.cat(ptrs), torch.cat(owners)


def join(values: Sequence[Tensor | None], what: str) -> Tensor | None:
    """Concatenate what every sample has; None where no sample has it.

    Raises:
        ValueError: if some samples have it and others do not, or with another dtype or number of columns.
    """
    present = [value is not None for value in values]
    if not any(present):
        return None
    if not all(present):
        raise ValueError(f"Sample {present.index(False)} of the batch has no {what}, others have.")
    kinds = [(value.dtype, list(value.shape[1:])) for value in values if value is not None]
    for sample, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(
                f"Sample {sample} of the batch has {what} of {kind[0]} with rows of shape {kind[1]}, "
                f"sample 0 of {kinds[0][0]} with rows of shape {kinds[0][1]}."
            )
    return torch.cat(list(values))  # type: ignore[arg-type]


def check_positions(positions: Tensor | None, points: int) -> None:
    """Raise unless `positions` is a floating-point tensor `[n, d]` and finite."""
    if positions is None:
        return
    if not isinstance(positions, Tensor) or not positions.is_floating_point():
        kind = positions.dtype if isinstance(positions, Tensor) else type(positions)
        raise TypeError(f"positions must be a floating-point tensor, got {kind}.")
    if positions.dim() != 2 or positions.shape[0] != points:
        raise ValueError(f"positions must be [{points}, d], one row per point, got {list(positions.shape)}.")
    finite = torch.isfinite(positions).all(-1)
    if not bool(finite.all()):
        row = int((~finite).int().argmax())
        raise ValueError(f"positions must be finite, got {positions[row].tolist()} at point {row}.")
