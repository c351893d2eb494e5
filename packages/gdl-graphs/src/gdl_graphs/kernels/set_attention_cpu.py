"""The CPU backend: samples of equal sizes together, by PyTorch's blocked attention, which keeps no scores.

Blocked attention reads ``[b, t, h, d]`` as it lies in memory. Samples that are not neighbours are copied together group
by group, so that the copies are small and stay in the cache.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gdl_graphs.kernels.set_attention import attend_dense, attend_dense_backward, seen_from

_FORWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default

Rows = slice | Tensor


def groups(
    ptr_q: Tensor, ptr_k: Tensor, queries: int, keys: int, size_q: int, size_k: int
) -> Iterator[tuple[int, Rows, Rows]]:
    """Yield ``(samples, rows of queries, rows of keys)`` for each pair of numbers of queries and keys.

    Raises:
        ValueError: if the offsets do not rise from 0 to the number of rows, or differ in their number of samples.
    """
    samples = len(ptr_q) - 1
    if size_q >= 0 and size_k >= 0:
        yield samples, slice(0, queries), slice(0, keys)
        return
    starts_q, starts_k = _offsets("ptr_q", ptr_q, queries), _offsets("ptr_k", ptr_k, keys)
    if len(starts_q) != len(starts_k):
        raise ValueError(f"ptr_q has {samples} samples, ptr_k has {len(starts_k) - 1}.")
    n, m = np.diff(starts_q), np.diff(starts_k)
    order = np.lexsort((m, n))  # stable
    changes = (np.diff(n[order]) != 0) | (np.diff(m[order]) != 0)
    for members in np.split(order, np.flatnonzero(changes) + 1) if samples else ():
        yield len(members), _rows(starts_q, members), _rows(starts_k, members)


def _offsets(name: str, ptr: Tensor, rows: int) -> np.ndarray:
    """Return the offsets; wrong ones would read past the end of an array."""
    offsets = ptr.numpy().astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != rows or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(
            f"{name} must rise from 0 to the number of rows ({rows}) without ever falling, got offsets from "
            f"{offsets[0]} to {offsets[-1]}."
        )
    return offsets


def _rows(starts: np.ndarray, members: np.ndarray) -> Rows:
    """Return the rows of samples of equal sizes, which are given in ascending order."""
    first, last = int(members[0]), int(members[-1])
    if last - first + 1 == len(members):
        return slice(int(starts[first]), int(starts[last + 1]))
    size = int(starts[first + 1] - starts[first])
    return torch.from_numpy((starts[members][:, None] + np.arange(size)).ravel())


def _take(tensors: tuple[Tensor, ...], samples: int, rows: Rows) -> list[Tensor]:
    """Return the rows of a group, ``[samples, t, ...]``; views where they are neighbours."""
    parts = [t[rows] if isinstance(rows, slice) else t.index_select(0, rows) for t in tensors]
    return [t.reshape(samples, t.shape[0] // samples if samples else 0, *t.shape[1:]) for t in parts]


def _put(target: Tensor, rows: Rows, values: Tensor) -> None:
    """Write ``[samples, t, h, d or more]`` to the rows of a group."""
    values = values[..., : target.shape[2]] if target.dim() == 3 else values
    if isinstance(rows, slice):
        target[rows].view_as(values).copy_(values)
    else:
        target.index_copy_(0, rows, values.flatten(0, 1))


def _same_width(*tensors: Tensor) -> list[Tensor]:
    """``[b, t, h, d]`` as ``[b, h, t, d]``, with zeros appended so that all have the same d."""
    width = max(t.shape[-1] for t in tensors)
    padded = [t if t.shape[-1] == width else torch.nn.functional.pad(t, (0, width - t.shape[-1])) for t in tensors]
    return [t.transpose(1, 2) for t in padded]


def _mask(query: Tensor, key: Tensor, causal: bool) -> tuple[bool, bool, Tensor | None]:
    """Whether blocked attention computes a group, whether it is to hide later keys; the mask if it does not."""
    n, m = query.shape[1], key.shape[1]
    causal = causal and n != 1  # the last query sees all keys
    blocked = min(query.numel(), key.numel()) > 0 and (not causal or n == m)
    return blocked, causal, seen_from(n, m, query.device) if causal and not blocked else None


def set_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor]:
    n, heads, _ = query.shape
    out = query.new_empty(n, heads, value.shape[2])
    lse = query.new_empty(n, heads, dtype=torch.float64 if query.dtype == torch.float64 else torch.float32)
    for samples, q_rows, k_rows in groups(ptr_q, ptr_k, n, len(key), size_q, size_k):
        (q,), (k, v) = _take((query,), samples, q_rows), _take((key, value), samples, k_rows)
        blocked, hide, seen = _mask(q, k, causal)
        if blocked:
            o, z = (t.transpose(1, 2) for t in _FORWARD(*_same_width(q, k, v), 0.0, hide, scale=scale))
        else:
            o, z = attend_dense(q, k, v, seen, scale)
        _put(out, q_rows, o)
        _put(lse, q_rows, z)
    return out, lse


def set_attention_backward(
    g: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    lse: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor, Tensor]:
    dq, dk, dv = (t.new_empty(t.shape) for t in (query, key, value))
    for samples, q_rows, k_rows in groups(ptr_q, ptr_k, len(query), len(key), size_q, size_k):
        dout, q, o, z = _take((g, query, out, lse), samples, q_rows)
        k, v = _take((key, value), samples, k_rows)
        blocked, hide, seen = _mask(q, k, causal)
        if blocked:
            dout, q, k, v, o = _same_width(dout, q, k, v, o)
            found = _BACKWARD(dout, q, k, v, o, z.transpose(1, 2), 0.0, hide, scale=scale)
            found = [t.transpose(1, 2) for t in found]
        else:
            found = attend_dense_backward(dout, q, k, v, seen, scale)
        for grad, rows, values in zip((dq, dk, dv), (q_rows, k_rows, k_rows), found):
            _put(grad, rows, values)
    return dq, dk, dv
