"""The Triton backend of attention over edges: online softmax over the rows of an incidence, no atomics.

One program owns a row, or a piece of a row longer than `LONG`, and a few heads; the pieces of a row are merged in
order. Edges come in chunks, whose senders are gathered as tiles ``[edge, head, channel]``. Exponentials are taken to
the base 2, and addresses in 64 bits.

The backward pass gathers receivers once, at their senders, where the gradients of senders are summed and that of each
edge's score is written, if it is needed; what receivers get is then a sum over their edges of products with the scores.
For GAT, whose forward pass left sums over their edges, it is a product of rows.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
from typing import Any

import torch
import triton
from gdl_core.incidence import cuda
from gdl_core.incidence.cuda import add_pieces, num_pieces
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.philox import threshold
from torch import Tensor

from gdl_graphs.kernels import edge_attention_programs as programs

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def _tiles(heads: int, depth: int, channels: int, elements: int) -> dict[str, int]:
    """Powers of two: a few heads whose channels fill the 128 bytes of a read, and as many edges as registers hold."""
    depth, channels = (triton.next_power_of_2(max(size, 1)) for size in (depth, channels))
    widest = max(depth, channels)
    heads = min(triton.next_power_of_2(heads), max(1, 64 // widest))
    chunk = min(32, max(1, elements // (heads * widest)))
    return {"HEADS": heads, "DEPTH": depth, "CHANNELS": channels, "CHUNK": chunk}


def _constants(kind: str, factor: float, seed: Tensor | None, dropout: float, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "KIND": kind,
        "FACTOR": factor,
        "THRESHOLD": 0 if seed is None else threshold(dropout),
        "GROW": 1 / (1 - dropout),
        "DTYPE": cuda.TL[dtype],
        "LONG": cuda.LONG,
    }


def _forward(
    structure: tuple[Tensor, ...],
    kind: str,
    left: Tensor,
    right: Tensor,
    value: Tensor,
    attention: Tensor | None,
    bias: Tensor | None,
    seed: Tensor | None,
    factor: float,
    dropout: float,
    more: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The first two results; `more` is filled with what else GAT's backward pass needs."""
    ptr, sender = structure[:2]
    dtype = accumulate_in(left, right, value, attention, bias)
    rows, edges, (_, heads, channels) = ptr.shape[0] - 1, sender.shape[0], value.shape
    depth = left.shape[2] if left.dim() == 3 else 1
    out = value.new_empty(rows, heads, channels)
    lse = torch.empty(rows, heads, dtype=dtype, device=value.device)
    if not rows or not heads:
        return out, lse
    count, tiles = num_pieces(edges), _tiles(heads, depth, channels, 4096)
    pieces = [lse.new_empty(max(count, 1), heads, *size) for size in ((), (), (channels,))]
    pieces += [torch.empty_like(pieces[place]) for place in (1, 2)] if more else [lse, lse]
    results = (out, lse, *(more or (lse, lse)))
    constants = _constants(kind, factor, seed, dropout, dtype)
    grid = triton.cdiv(heads, tiles["HEADS"])
    tensors = [lse if x is None else x.contiguous() for x in (left, right, value, attention, bias, seed)]
    programs.row_attention[rows + count, grid](
        ptr,
        sender,
        *tensors,
        *results,
        *pieces,
        rows,
        edges,
        heads,
        depth,
        channels,
        TRAIN=more is not None,
        HAS_BIAS=bias is not None,
        **constants,
        **tiles,
    )
    if count:
        programs.merge_pieces[rows, grid](
            ptr,
            *results,
            *pieces,
            heads,
            channels,
            TRAIN=more is not None,
            DTYPE=cuda.TL[dtype],
            LONG=cuda.LONG,
            HEADS=tiles["HEADS"],
            CHANNELS=tiles["CHANNELS"],
        )
    return out, lse


def _backward(
    structure: tuple[Tensor, ...],
    kind: str,
    left: Tensor,
    right: Tensor,
    value: Tensor,
    attention: Tensor | None,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    factor: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `right`, `value` and the scores; `right` and `value` are one for GATv2.

    GAT has use for those of the scores only if there is a bias.
    """
    _, sender, _, ptr, index, slot = structure
    rows, edges, (_, heads, channels) = ptr.shape[0] - 1, sender.shape[0], value.shape
    depth = left.shape[2] if left.dim() == 3 else 1
    keep = kind != "gat" or bias is not None
    dscore = lse.new_empty(edges if keep else 0, heads)
    dvalue = value.new_empty(value.shape)
    dright = dvalue if kind == "gatv2" else right.new_empty(right.shape)
    if not rows or not heads:
        return dright, dvalue, dscore
    count, tiles = num_pieces(edges), _tiles(heads, depth, channels, 2048)
    pieces = [lse.new_empty(max(count, 1), heads, size) for size in (depth, channels)]
    constants = _constants(kind, factor, seed, dropout, lse.dtype)
    tensors = (left, right, value, attention, bias, seed, lse, delta.to(lse.dtype), g)
    programs.sender_backward[rows + count, triton.cdiv(heads, tiles["HEADS"])](
        ptr,
        index,
        slot,
        *(lse if x is None else x.contiguous() for x in tensors),
        dscore,
        dright,
        dvalue,
        *pieces,
        rows,
        edges,
        heads,
        depth,
        channels,
        KEEP=keep,
        HAS_BIAS=bias is not None,
        **constants,
        **tiles,
    )
    if kind != "gatv2":
        _add(ptr, pieces[0], dright, count, heads, depth)
    _add(ptr, pieces[1], dvalue, count, heads, channels)
    return dright, dvalue, dscore


def _add(ptr: Tensor, pieces: Tensor, out: Tensor, count: int, heads: int, channels: int) -> None:
    if count and channels:
        tile = cuda.tile_of(channels)
        constants = {"MEAN": False, "DTYPE": cuda.TL[pieces.dtype], "LONG": cuda.LONG, "TILE": tile}
        add_pieces[ptr.shape[0] - 1, heads, triton.cdiv(channels, tile)](ptr, pieces, out, heads, channels, **constants)


def _of_bias(dscore: Tensor, bias: Tensor | None) -> Tensor:
    return dscore.new_empty(0) if bias is None else dscore.to(bias.dtype)


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
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    return _forward(structure, "dot", query, key, value, None, bias, seed, scale, dropout)


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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    dkey, dvalue, ds = _backward(structure, "dot", query, key, value, None, bias, seed, lse, delta, g, scale, dropout)
    dquery = cuda.aggregate(*structure, key, ds * scale, False).to(query.dtype)
    return dquery, dkey, dvalue, _of_bias(ds, bias)


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
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    inputs = (receiver_score, sender_score, value, None, bias, seed)
    dtype, shape = accumulate_in(*inputs[:-1]), (ptr.shape[0] - 1 if train else 0, *value.shape[1:])
    more = value.new_empty(shape, dtype=dtype), value.new_empty(shape[:2], dtype=dtype)
    return *_forward(structure, "gat", *inputs, negative_slope, dropout, more if train else None), *more


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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    inputs = (receiver_score, sender_score, value, None, bias, seed, lse, delta, g)
    dsender, dvalue, dz = _backward(structure, "gat", *inputs, negative_slope, dropout)
    dreceiver = (g.to(lse.dtype) * sloped).sum(-1) - delta * mean_slope
    return dreceiver.to(receiver_score.dtype), dsender, dvalue, _of_bias(dz, bias)


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
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    inputs = (x_receiver, x_sender, x_sender, attention, bias, seed)
    return _forward(structure, "gatv2", *inputs, negative_slope, dropout)


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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    structure = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    inputs = (x_receiver, x_sender, x_sender, attention, bias, seed, lse, delta, g)
    _, dsender, ds = _backward(structure, "gatv2", *inputs, negative_slope, dropout)
    rows, edges, (_, heads, channels) = ptr.shape[0] - 1, sender.shape[0], x_sender.shape
    dreceiver = x_receiver.new_empty(x_receiver.shape)
    count, tiles = num_pieces(edges), _tiles(heads, channels, channels, 4096)
    parts = lse.new_zeros(rows + count, heads, channels)  # of the gradient of the attention vector
    if parts.numel():
        pieces = lse.new_empty(max(count, 1), heads, channels)
        del tiles["DEPTH"]
        programs.receiver_backward[rows + count, triton.cdiv(heads, tiles["HEADS"])](
            ptr,
            sender,
            *(x.contiguous() for x in (x_receiver, x_sender, attention)),
            ds,
            dreceiver,
            pieces,
            parts,
            rows,
            edges,
            heads,
            channels,
            SLOPE=negative_slope,
            DTYPE=cuda.TL[lse.dtype],
            LONG=cuda.LONG,
            **tiles,
        )
        _add(ptr, pieces, dreceiver, count, heads, channels)
    return dreceiver, dsender, parts.sum(0).to(attention.dtype), _of_bias(ds, bias)
