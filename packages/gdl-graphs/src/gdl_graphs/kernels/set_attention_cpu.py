"""The CPU backend: samples of equal sizes together, each group by PyTorch's blocked attention, which keeps no scores.

Rows are sorted by group once, so that a group is a view ``[b, t, h, d]``, which blocked attention reads as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gdl_graphs.kernels.set_attention import attend_dense, attend_dense_backward, seen_from

_FORWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


@dataclass(frozen=True)
class Groups:
    """``(samples, n, m)`` for each pair of numbers of queries and keys; the rows in this order (None: as given)."""

    sizes: list[tuple[int, int, int]]
    query_rows: Tensor | None
    key_rows: Tensor | None


def group_samples(ptr_q: Tensor, ptr_k: Tensor, queries: int, keys: int, size_q: int, size_k: int) -> Groups:
    """Return the groups of samples of equal sizes.

    Raises:
        ValueError: if the offsets do not rise from 0 to the number of rows, or differ in their number of samples.
    """
    samples = len(ptr_q) - 1
    if size_q >= 0 and size_k >= 0:
        return Groups([(samples, size_q, size_k)], None, None)
    starts_q, starts_k = _offsets("ptr_q", ptr_q, queries), _offsets("ptr_k", ptr_k, keys)
    if len(starts_q) != len(starts_k):
        raise ValueError(f"ptr_q has {samples} samples, ptr_k has {len(starts_k) - 1}.")
    n, m = np.diff(starts_q), np.diff(starts_k)
    order = np.lexsort((m, n))
    n, m = n[order], m[order]
    cuts = np.flatnonzero(np.concatenate(([True], (n[1:] != n[:-1]) | (m[1:] != m[:-1])))[:samples])
    counts = np.diff(np.append(cuts, samples))
    sizes = list(zip(counts.tolist(), n[cuts].tolist(), m[cuts].tolist()))
    if (order[1:] > order[:-1]).all():
        return Groups(sizes, None, None)
    return Groups(sizes, _rows(starts_q[order], n), _rows(starts_k[order], m))


def _offsets(name: str, ptr: Tensor, rows: int) -> np.ndarray:
    offsets = ptr.numpy().astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != rows or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(
            f"{name} must rise from 0 to the number of rows ({rows}) without ever falling, got offsets from "
            f"{offsets[0]} to {offsets[-1]}."
        )
    return offsets


def _rows(starts: np.ndarray, sizes: np.ndarray) -> Tensor:
    """The rows ``starts[s], …, starts[s] + sizes[s] - 1`` of one sample after the other."""
    ends = np.cumsum(sizes)
    return torch.from_numpy(np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1]))


def _by_group(
    groups: Groups, inputs: Sequence[Tensor], is_query: Sequence[bool], outputs: Sequence[bool], run: Callable
) -> list[Tensor]:
    """Call ``run(*views [samples, t, ...])`` for every group and put its results back into the order given."""
    both = (groups.key_rows, groups.query_rows)
    sorted_inputs = []
    for t, q in zip(inputs, is_query):
        rows = both[q]
        sorted_inputs.append(t if rows is None else t.index_select(0, rows))
    found: list[list[Tensor]] = [[] for _ in outputs]
    first = [0, 0]  # keys, queries
    for samples, n, m in groups.sizes:
        size = (m, n)
        views = []
        for t, q in zip(sorted_inputs, is_query):
            rows = t.narrow(0, first[q], samples * size[q])
            views.append(rows.reshape(samples, size[q], *t.shape[1:]))
        first = [first[0] + samples * m, first[1] + samples * n]
        for parts, result in zip(found, run(*views)):
            parts.append(result.flatten(0, 1))
    results = []
    for parts, q in zip(found, outputs):
        rows, joined = both[q], parts[0] if len(parts) == 1 else torch.cat(parts)
        if rows is not None:
            joined = torch.empty_like(joined).index_copy_(0, rows, joined)
        results.append(joined)
    return results


def _is_blocked(query: Tensor, key: Tensor, causal: bool) -> bool:
    """Whether PyTorch's blocked attention computes this group ``[b, t, h, d]``: it wants rows, and n = m if causal."""
    return min(query.numel(), key.numel()) > 0 and (not causal or query.shape[1] == key.shape[1])


def seen(query: Tensor, key: Tensor, causal: bool) -> Tensor | None:
    return seen_from(query.shape[1], key.shape[1], query.device) if causal else None


def _same_width(*tensors: Tensor) -> list[Tensor]:
    """``[b, t, h, d]`` as ``[b, h, t, d]``, with zeros appended so that all have the same d."""
    width = max(t.shape[-1] for t in tensors)
    padded = [t if t.shape[-1] == width else torch.nn.functional.pad(t, (0, width - t.shape[-1])) for t in tensors]
    return [t.transpose(1, 2) for t in padded]


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
    def run(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        single = causal and q.shape[1] == 1  # the last query sees all keys
        if not _is_blocked(q, k, causal and not single):
            return attend_dense(q, k, v, seen(q, k, causal), scale)
        out, lse = _FORWARD(*_same_width(q, k, v), 0.0, causal and not single, scale=scale)
        return out.transpose(1, 2)[..., : v.shape[-1]], lse.transpose(1, 2)

    groups = group_samples(ptr_q, ptr_k, len(query), len(key), size_q, size_k)
    if not groups.sizes:
        groups = Groups([(0, 0, 0)], None, None)
    out, lse = _by_group(groups, (query, key, value), (True, False, False), (True, True), run)
    return out.contiguous(), lse.contiguous()


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
    def run(dout: Tensor, o: Tensor, z: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        single = causal and q.shape[1] == 1
        if not _is_blocked(q, k, causal and not single):
            return attend_dense_backward(dout, q, k, v, seen(q, k, causal), scale)
        dout, q_, k_, v_, o = _same_width(dout, q, k, v, o)
        grads = _BACKWARD(dout, q_, k_, v_, o, z.transpose(1, 2), 0.0, causal and not single, scale=scale)
        return tuple(d.transpose(1, 2)[..., : t.shape[-1]] for d, t in zip(grads, (q, k, v)))

    groups = group_samples(ptr_q, ptr_k, len(query), len(key), size_q, size_k)
    if not groups.sizes:
        groups = Groups([(0, 0, 0)], None, None)
    inputs = (g, out, lse, query, key, value)
    dq, dk, dv = _by_group(groups, inputs, (True, True, True, True, False, False), (True, False, False), run)
    return dq.contiguous(), dk.contiguous(), dv.contiguous()
