"""Attention within each sample of a batch, for tensors and for domains."""

import math

import torch
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.kernels.set_attention import set_attention
from gdl_graphs.point_set import PointSet


def packed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool = False,
    scale: float | None = None,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Attend within each sample: ``y[i] = sum_j softmax_j(scale <query[i], key[j]>) value[j]`` (the book, §5.3-5.4).

    Sample s owns the queries ``ptr_q[s] <= i < ptr_q[s + 1]`` and likewise keys. Nothing is padded: time Σ n_s m_s,
    memory Σ (n_s + m_s). Differentiable to any order; the first derivative keeps the output and one number per query.

    Args:
        query: ``[n, h, d]``. key: ``[m, h, d]``. value: ``[m, h, c]``.
        ptr_q, ptr_k: ``int32[b + 1]``, offsets of the samples.
        causal: query i of n_s sees key j of m_s only if m_s - j >= n_s - i: the last query sees all keys.
        scale: 1/√d if None.
        size: the numbers of queries and keys of every sample, where these are the same for all.

    Returns:
        ``[n, h, c]``; zero for a query that sees no key.

    Raises:
        ValueError: if shapes do not fit; on the CPU also if the offsets do not. TypeError: if dtypes differ.
    """
    shapes = f"query{list(query.shape)}, key{list(key.shape)}, value{list(value.shape)}"
    if any(t.dim() != 3 for t in (query, key, value)):
        raise ValueError(f"packed_attention expects query[n, h, d], key[m, h, d] and value[m, h, c], got {shapes}.")
    if query.shape[1:] != key.shape[1:] or key.shape[:2] != value.shape[:2]:
        raise ValueError(f"packed_attention expects the same heads, widths and numbers of keys, got {shapes}.")
    if not query.is_floating_point() or query.dtype != key.dtype or key.dtype != value.dtype:
        raise TypeError(
            f"packed_attention expects one floating-point dtype, got {query.dtype}, {key.dtype} and {value.dtype}."
        )
    if ptr_q.shape != ptr_k.shape or ptr_q.dim() != 1:
        raise ValueError(
            f"ptr_q and ptr_k must be [b + 1] for the same b, got {list(ptr_q.shape)} and {list(ptr_k.shape)}."
        )
    size_q, size_k = (-1, -1) if size is None else size
    samples = ptr_q.shape[0] - 1
    if size is not None and (query.shape[0] != samples * size_q or key.shape[0] != samples * size_k):
        raise ValueError(f"{samples} samples of size {size} do not make {query.shape[0]} queries, {key.shape[0]} keys.")
    scale = 1 / math.sqrt(max(query.shape[2], 1)) if scale is None else float(scale)
    return set_attention(query, key, value, ptr_q.int(), ptr_k.int(), causal, scale, size_q, size_k)[0]


def static_size(domain: Points) -> int | None:
    """Return the number of points of every sample where the domain knows it without asking the device."""
    return domain.size if isinstance(domain, PointSet) else None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    domain: Points,
    keys: Points | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return `packed_attention` of the points of `domain` over those of `keys`, or over their own."""
    keys = domain if keys is None else keys
    sizes = static_size(domain), static_size(keys)
    size = None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])
    return packed_attention(query, key, value, domain.ptr, keys.ptr, causal, scale, size)


def equal_sets(samples: int, size: int, device: torch.device) -> PointSet:
    """Return `samples` sets of `size` points each, made on the device."""
    ptr = torch.arange(samples + 1, dtype=torch.int32, device=device) * size
    owner = torch.arange(samples * size, dtype=torch.int32, device=device).div(max(size, 1), rounding_mode="floor")
    return PointSet(ptr, owner, None, size)


def as_channels(type: FieldType | int) -> int:
    """Return the number of channels of `type`."""
    return type if isinstance(type, int) else type.channels
