"""The Numba backend of attention over edges; each function takes the arguments of its reference.

The loops know float32 and float64; half-precision nodes are widened before and rounded once after. The backward pass
goes over the edges by senders, where it computes scores anew. GAT's ends there; the others leave the gradient of each
score, a number per edge and head, for what receivers get.
"""

import itertools
from typing import Any

import numpy as np
import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.arrays import empty, to_numpy
from gdl_core.kernels.cpu import run_rows
from gdl_core.kernels.philox import threshold
from torch import Tensor

from gdl_graphs.kernels import edge_attention_loops as loops

SMALL = 1 << 17  # entries of a node tensor that a cache of a processor holds

Four = tuple[Tensor, Tensor, Tensor, Tensor]
_NO_EDGES = {torch.float32: np.empty((0, 0), np.float32), torch.float64: np.empty((0, 0), np.float64)}


def edge_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    scale: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    nodes = (query, key, value)
    return _forward(loops.dot_forward, ptr, sender, nodes, value, bias, seed, scale, dropout)


def gat_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
    train: bool,
) -> Four:
    nodes = (receiver_score, sender_score, value)
    dtype, shape = accumulate_in(*nodes, bias), (len(ptr) - 1 if train else 0, *value.shape[1:])
    more = empty(*shape, dtype=dtype), empty(*shape[:2], dtype=dtype)
    numbers = (negative_slope, dropout)
    return *_forward(loops.gat_forward, ptr, sender, nodes, value, bias, seed, *numbers, more), *more


def gatv2_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    nodes = (x_receiver, x_sender, attention)
    return _forward(loops.gatv2_forward, ptr, sender, nodes, x_sender, bias, seed, negative_slope, dropout)


def edge_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    scale: float,
    dropout: float,
) -> Four:
    near, left, g = _side_by_side(query, g, lse.dtype)
    q, k, v = _arrays(lse.dtype, left, key, value)
    dq, dk, dv = _like(query, key, value, dtype=lse.dtype)
    shared = _shared(bias, seed, lse, delta, g, scale, dropout)
    (rows, columns, index), work = _numpy(ptr, ptr_t, sender), 4 * g.shape[1] * g.shape[2]
    ds, windows = _windows(rows, ptr_t, g.shape[1], lse.dtype, bias)
    walk = (work, *_numpy(receiver_t, perm), ptr_t[:-1].clone().numpy())
    for a, z in windows:
        lo, hi = rows[a], rows[z]
        run_rows(loops.dot_senders, columns, *walk, z, lo, *near, k, q, v, *shared, dk, dv, ds)
        run_rows(loops.dot_receivers, rows[a : z + 1] - lo, work, index[lo:hi], k, ds, q.dtype.type(scale), dq[a:z])
    return _results((dq, dk, dv), (query, key, value), ds, bias)


def gat_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    sloped: Tensor,
    mean_slope: Tensor,
    negative_slope: float,
    dropout: float,
) -> Four:
    a, b, v = _arrays(lse.dtype, receiver_score, sender_score, value)
    da, db, dv = _like(receiver_score, sender_score, value, dtype=lse.dtype)
    shared = _shared(bias, seed, lse, delta, g, negative_slope, dropout)
    dbias = _NO_EDGES[lse.dtype] if bias is None else _like(bias, dtype=lse.dtype)[0]
    rows = _arrays(lse.dtype, g, sloped, delta, mean_slope)
    run_rows(loops.gat_receivers, np.arange(len(a) + 1), g.shape[1] * g.shape[2], *rows, da)
    run_rows(loops.gat_senders, *_rows(ptr_t, g), *_numpy(receiver_t, perm), b, a, v, *shared, db, dv, dbias)
    return _results((da, db, dv), (receiver_score, sender_score, value), dbias, bias)


def gatv2_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    negative_slope: float,
    dropout: float,
) -> Four:
    x, y, a = _arrays(lse.dtype, x_receiver, x_sender, attention)
    dx, dy, dv = _like(x_receiver, x_sender, x_sender, dtype=lse.dtype)
    near, left, g = _side_by_side(x_receiver, g, lse.dtype)
    shared = _shared(bias, seed, lse, delta, g, negative_slope, dropout)
    (rows, columns, index), work = _numpy(ptr, ptr_t, sender), 4 * g.shape[1] * g.shape[2]
    ds, windows = _windows(rows, ptr_t, g.shape[1], lse.dtype, bias)
    walk = (work, *_numpy(receiver_t, perm), ptr_t[:-1].clone().numpy())
    (z,), slope, parts = _arrays(lse.dtype, left), a.dtype.type(negative_slope), []
    for first, last in windows:
        lo, hi = rows[first], rows[last]
        run_rows(loops.gatv2_senders, columns, *walk, last, lo, *near, y, z, a, *shared, dy, dv, ds)
        # The part of the gradient of `attention` from each group of rows: few numbers, always the same groups.
        own = rows[first : last + 1] - lo
        groups = np.append(own[:-1][:: loops.ROWS], own[-1:])
        parts.append(np.empty((len(groups) - 1, *a.shape), a.dtype))
        arrays = (index[lo:hi], x[first:last], y, a, ds, slope, dx[first:last], parts[-1])
        run_rows(loops.gatv2_receivers, groups, work, own, *arrays)
    return _results((dx, dy, np.concatenate(parts).sum(0)), (x_receiver, x_sender, attention), ds, bias)


def _forward(
    loop: Any,
    ptr: Tensor,
    sender: Tensor,
    nodes: tuple[Tensor, ...],
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    number: float,
    dropout: float,
    more: tuple[Tensor, ...] = (),
) -> tuple[Tensor, Tensor]:
    """The first two results; the loop fills `more`."""
    dtype = accumulate_in(*nodes, bias)
    out = empty(len(ptr) - 1, *value.shape[1:], dtype=dtype)
    lse = empty(*out.shape[:2], dtype=dtype)
    numbers = _numbers(dtype, seed, number, dropout)
    arrays = (*_numpy(sender), *_arrays(dtype, *nodes), _edge_array(bias, dtype), *numbers)
    run_rows(loop, *_rows(ptr, out), *arrays, *_numpy(out, lse, *more))
    return out.to(value.dtype), lse


def _shared(
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    number: float,
    dropout: float,
) -> tuple[Any, ...]:
    """The arguments that all loops by senders have."""
    dtype = lse.dtype
    (statistics,) = _numpy(empty(len(lse), 2, lse.shape[1], dtype=dtype))
    run_rows(loops.node_statistics, np.arange(len(lse) + 1), lse.shape[1], *_arrays(dtype, lse, delta), statistics)
    return _edge_array(bias, dtype), statistics, *_arrays(dtype, g), *_numbers(dtype, seed, number, dropout)


def _side_by_side(x: Tensor, g: Tensor, dtype: torch.dtype) -> tuple[tuple[np.ndarray, int], Tensor, Tensor]:
    """What to fetch for a receiver and how many rows that is; `x` and `g`, whose rows are as many apart.

    Rows of one shape lie side by side, unless a cache holds them all: two that are far apart take longer to fetch.
    """
    if x.shape != g.shape or g.numel() < SMALL:
        (near,) = _arrays(dtype, x)
        return (near, 1), x.to(dtype), g
    rows = empty(len(x), 2, *x.shape[1:], dtype=dtype)
    rows[:, 0], rows[:, 1] = x.detach(), g.detach()
    (near,) = _arrays(dtype, rows.flatten(1, 2))
    return (near, 2), rows.flatten(0, 1), rows.flatten(0, 1)[1:]


def _windows(
    rows: np.ndarray, ptr_t: Tensor, heads: int, dtype: torch.dtype, bias: Tensor | None
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Room for the gradients of the scores of one window of receivers, and the windows: O(nodes) memory.

    With a bias these gradients are a result, so that there is one window and room for all.
    """
    count, edges = len(rows) - 1, int(rows[-1])
    limit = max(8 * (count + len(ptr_t)), 1 << 16)
    if bias is not None or edges <= limit:
        return to_numpy(empty(edges, heads, dtype=dtype)), [(0, count)]
    pieces = -(-edges // limit)
    cuts = np.searchsorted(rows, [edges * k // pieces for k in range(1, pieces)]) // loops.ROWS * loops.ROWS
    bounds = sorted({0, *cuts.tolist(), count})
    windows = list(itertools.pairwise(bounds))
    longest = max(int(rows[z] - rows[a]) for a, z in windows)
    return to_numpy(empty(longest, heads, dtype=dtype)), windows


def _numbers(dtype: torch.dtype, seed: Tensor | None, number: float, dropout: float) -> tuple[Any, ...]:
    """The scale or slope, and of dropout: the seed, what a word must reach to be kept, what is kept grows by."""
    kind = np.float64 if dtype == torch.float64 else np.float32
    if seed is None or dropout == 0:
        return kind(number), np.uint64(0), np.uint64(0), kind(1)
    key = np.uint64(int(seed) & 0xFFFFFFFFFFFFFFFF)
    return kind(number), key, np.uint64(threshold(dropout) << 8), kind(1 / (1 - dropout))


def _results(
    grads: tuple[np.ndarray, ...], inputs: tuple[Tensor, ...], dscore: np.ndarray, bias: Tensor | None
) -> Four:
    a, b, c = (torch.from_numpy(grad).to(x.dtype) for grad, x in zip(grads, inputs, strict=True))
    if bias is None:
        return a, b, c, torch.from_numpy(np.empty(0, dscore.dtype))
    return a, b, c, torch.from_numpy(dscore).to(bias.dtype)


def _edge_array(bias: Tensor | None, dtype: torch.dtype) -> np.ndarray:
    return _NO_EDGES[dtype] if bias is None else to_numpy(bias, dtype)


def _rows(ptr: Tensor, out: Tensor) -> tuple[np.ndarray, int]:
    """The offsets of the rows, and the work per edge."""
    return _numpy(ptr)[0], 4 * out.shape[1] * out.shape[2]


def _arrays(dtype: torch.dtype, *tensors: Tensor) -> list[np.ndarray]:
    return [to_numpy(t, dtype) for t in tensors]


def _numpy(*tensors: Tensor) -> list[np.ndarray]:
    return [to_numpy(t) for t in tensors]


def _like(*tensors: Tensor, dtype: torch.dtype) -> list[np.ndarray]:
    """Room for results of the shapes of `tensors`."""
    return _numpy(*(empty(*t.shape, dtype=dtype) for t in tensors))
