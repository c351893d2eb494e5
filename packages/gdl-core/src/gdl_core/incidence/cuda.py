"""The Triton backend: one program owns a row (or a piece of one), no atomics, so results repeat bit for bit.

Each public function is the `cuda` backend of the kernel of the same name and takes the arguments of its reference.
Rows longer than `LONG` are summed in pieces, each by its own program, and the pieces are added in order.
"""

# pyright: reportArgumentType=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
import torch
import triton
import triton.language as tl
from torch import Tensor

from gdl_core.incidence.kernels import rows_of
from gdl_core.incidence.precision import accumulate_in

LONG = 1024  # edges that one program sums; a power of two
CHUNK = 16  # edges that one program gathers at a time


@triton.jit
def _sum_range(
    start,
    stop,
    h,
    c,
    index,
    slot,
    weight,
    x,
    heads,
    channels,
    acc,
    HAS_INDEX: tl.constexpr,
    HAS_SLOT: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """acc[c] + sum over start <= k < stop of weight[slot[k], h] x[index[k], h, c]."""
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        live = k < stop
        j = k.to(tl.int64)
        if HAS_INDEX:
            j = tl.load(index + k, mask=live, other=0).to(tl.int64)
        tile = tl.load(
            x + (j[:, None] * heads + h) * channels + c[None, :], mask=live[:, None] & (c < channels)[None, :], other=0
        ).to(acc.dtype)
        if HAS_WEIGHT:
            s = k.to(tl.int64)
            if HAS_SLOT:
                s = tl.load(slot + k, mask=live, other=0).to(tl.int64)
            tile *= tl.load(weight + s * heads + h, mask=live, other=0).to(acc.dtype)[:, None]
        acc += tl.sum(tile, axis=0)
    return acc


@triton.jit
def row_piece(ptr, rows, edges, LONG: tl.constexpr):
    """Which edges this program owns: ``(row, first, last, length of the row, mine)``.

    Programs 0 ... rows - 1 own the short rows; the others own the pieces of rows longer than LONG. Window w holds the
    edges w LONG ... (w + 1) LONG - 1. A long row is longer than a window, so at most two of them meet a window: the
    one that owns its first edge (piece 2w) and the one that owns its last edge (piece 2w + 1).
    """
    row = tl.program_id(0)
    piece = row - rows
    begin = row * 0
    end = begin + edges
    if piece >= 0:
        begin = (piece // 2) * LONG
        end = tl.minimum(begin + LONG, edges)
        edge = tl.where(piece % 2 == 0, begin, end - 1)
        low = piece * 0
        high = low + rows - 1
        while low < high:  # the row that owns `edge`: the last one that starts at or before it
            middle = (low + high + 1) // 2
            if tl.load(ptr + middle) <= edge:
                low = middle
            else:
                high = middle - 1
        row = low
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    # A row that owns the first and the last edge of a window is piece 2w only.
    owner = (piece < 0) | (piece % 2 == 0) | (start > begin)
    mine = owner & ((stop - start > LONG) == (piece >= 0))
    return row, tl.maximum(start, begin), tl.minimum(stop, end), stop - start, mine


@triton.jit
def _row_sum(
    ptr,
    index,
    slot,
    weight,
    x,
    out,
    pieces,
    rows,
    edges,
    heads,
    channels,
    MEAN: tl.constexpr,
    HAS_INDEX: tl.constexpr,
    HAS_SLOT: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """Sum the short rows, and the pieces of long rows, which `add_pieces` adds."""
    pid = tl.program_id(0)
    h = tl.program_id(1)
    c = tl.program_id(2) * TILE + tl.arange(0, TILE)
    _, first, last, length, mine = row_piece(ptr, rows, edges, LONG)
    if mine:
        acc = tl.zeros([TILE], dtype=DTYPE)
        acc = _sum_range(
            first, last, h, c, index, slot, weight, x, heads, channels, acc, HAS_INDEX, HAS_SLOT, HAS_WEIGHT, CHUNK
        )
        if pid < rows:
            if MEAN:
                acc = acc / tl.maximum(length, 1).to(DTYPE)
            tl.store(out + (pid.to(tl.int64) * heads + h) * channels + c, acc, mask=c < channels)
        else:
            tl.store(pieces + ((pid - rows).to(tl.int64) * heads + h) * channels + c, acc, mask=c < channels)


@triton.jit
def add_pieces(
    ptr, pieces, out, heads, channels, MEAN: tl.constexpr, DTYPE: tl.constexpr, LONG: tl.constexpr, TILE: tl.constexpr
):
    """Add the pieces of each long row, in order."""
    row = tl.program_id(0)
    h = tl.program_id(1)
    c = tl.program_id(2) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    if stop - start > LONG:
        acc = tl.zeros([TILE], dtype=DTYPE)
        for window in range(start // LONG, (stop - 1) // LONG + 1):
            piece = 2 * window + (start > window * LONG).to(tl.int32)  # as in `row_piece`
            place = (piece.to(tl.int64) * heads + h) * channels + c
            acc += tl.load(pieces + place, mask=c < channels, other=0)
        if MEAN:
            acc = acc / (stop - start).to(DTYPE)
        tl.store(out + (row.to(tl.int64) * heads + h) * channels + c, acc, mask=c < channels)


@triton.jit
def _edge_dot(
    sender, receiver, a, b, out, edges, heads, channels, DTYPE: tl.constexpr, CHUNK: tl.constexpr, TILE: tl.constexpr
):
    """out[e, h] = <a[receiver[e], h], b[sender[e], h]>: a chunk of edges per program, receivers come from cache."""
    e = tl.program_id(0) * CHUNK + tl.arange(0, CHUNK)
    h = tl.program_id(1)
    live = e < edges
    i = tl.load(receiver + e, mask=live, other=0).to(tl.int64)
    j = tl.load(sender + e, mask=live, other=0).to(tl.int64)
    dot = tl.zeros([CHUNK], dtype=DTYPE)
    for first in range(0, channels, TILE):
        c = first + tl.arange(0, TILE)
        mask = live[:, None] & (c < channels)[None, :]
        left = tl.load(a + (i[:, None] * heads + h) * channels + c[None, :], mask=mask, other=0).to(DTYPE)
        right = tl.load(b + (j[:, None] * heads + h) * channels + c[None, :], mask=mask, other=0).to(DTYPE)
        dot += tl.sum(left * right, axis=1)
    tl.store(out + e.to(tl.int64) * heads + h, dot, mask=live)


@triton.jit
def _row_extreme(ptr, values, out, arg, fill, channels, LARGEST: tl.constexpr, DTYPE: tl.constexpr, TILE: tl.constexpr):
    """The most extreme value of each row and its first edge; a NaN is more extreme than anything."""
    row = tl.program_id(0)
    c = tl.program_id(1) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    best = tl.zeros([TILE], dtype=DTYPE) + fill
    where = tl.full([TILE], -1, dtype=tl.int64)
    edge = values + start.to(tl.int64) * channels + c
    for k in range(start, stop):
        v = tl.load(edge, mask=c < channels, other=0).to(DTYPE)
        edge += channels
        if LARGEST:
            better = v > best
        else:
            better = v < best
        better = better | ((v != v) & (best == best)) | (k == start)
        best = tl.where(better, v, best)
        where = tl.where(better, k, where)
    place = row.to(tl.int64) * channels + c
    tl.store(out + place, best, mask=c < channels)
    tl.store(arg + place, where, mask=c < channels)


@triton.jit
def _row_softmax(ptr, logits, out, heads, DTYPE: tl.constexpr, CHUNK: tl.constexpr, TILE: tl.constexpr):
    """Three passes over a row: largest logit, sum of exponentials, quotient."""
    row = tl.program_id(0)
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    top = tl.full([TILE], float("-inf"), dtype=DTYPE)
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        mask = (k < stop)[:, None] & (h < heads)[None, :]
        place = k.to(tl.int64)[:, None] * heads + h[None, :]
        top = tl.maximum(top, tl.max(tl.load(logits + place, mask=mask, other=float("-inf")).to(DTYPE), axis=0))
    total = tl.zeros([TILE], dtype=DTYPE)
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        mask = (k < stop)[:, None] & (h < heads)[None, :]
        place = k.to(tl.int64)[:, None] * heads + h[None, :]
        s = tl.load(logits + place, mask=mask, other=0).to(DTYPE)
        total += tl.sum(tl.where(mask, tl.exp(s - top[None, :]), 0), axis=0)
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        mask = (k < stop)[:, None] & (h < heads)[None, :]
        place = k.to(tl.int64)[:, None] * heads + h[None, :]
        s = tl.load(logits + place, mask=mask, other=0).to(DTYPE)
        tl.store(out + place, tl.exp(s - top[None, :]) / total[None, :], mask=mask)


@triton.jit
def _row_softmax_backward(ptr, p, g, out, heads, DTYPE: tl.constexpr, CHUNK: tl.constexpr, TILE: tl.constexpr):
    """out[k] = p[k] (g[k] - sum of p g over the row)."""
    row = tl.program_id(0)
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    total = tl.zeros([TILE], dtype=DTYPE)
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        mask = (k < stop)[:, None] & (h < heads)[None, :]
        place = k.to(tl.int64)[:, None] * heads + h[None, :]
        left = tl.load(p + place, mask=mask, other=0).to(DTYPE)
        total += tl.sum(left * tl.load(g + place, mask=mask, other=0).to(DTYPE), axis=0)
    for first in range(start, stop, CHUNK):
        k = first + tl.arange(0, CHUNK)
        mask = (k < stop)[:, None] & (h < heads)[None, :]
        place = k.to(tl.int64)[:, None] * heads + h[None, :]
        left = tl.load(p + place, mask=mask, other=0).to(DTYPE)
        right = tl.load(g + place, mask=mask, other=0).to(DTYPE)
        tl.store(out + place, left * (right - total[None, :]), mask=mask)


def aggregate(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    transposed: bool,
) -> Tensor:
    rows, index, slot = (ptr_t, receiver_t, perm) if transposed else (ptr, sender, None)
    return _sum(rows, index, slot, weight, x, False)


def edge_dot(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    a: Tensor,
    b: Tensor,
) -> Tensor:
    edges, (_, heads, channels) = sender.shape[0], a.shape
    dtype = accumulate_in(a, b)
    out = torch.zeros(edges, heads, dtype=dtype, device=a.device)
    if out.numel() and channels:
        tile = tile_of(channels)
        _edge_dot[triton.cdiv(edges, CHUNK), heads](
            sender,
            receiver,
            a.contiguous(),
            b.contiguous(),
            out,
            edges,
            heads,
            channels,
            DTYPE=TL[dtype],
            CHUNK=CHUNK,
            TILE=tile,
        )
    return out


def segment_sum(ptr: Tensor, order: Tensor | None, row: Tensor | None, values: Tensor, mean: bool) -> Tensor:
    return _sum(ptr, order, None, None, values[:, None], mean)[:, 0]


def segment_gather(ptr: Tensor, order: Tensor | None, row: Tensor | None, x: Tensor, edges: int, mean: bool) -> Tensor:
    if mean:
        x = (x.to(accumulate_in(x)) / ptr.diff().clamp(min=1)[:, None]).to(x.dtype)
    return x.index_select(0, rows_of(ptr, edges) if row is None else row)  # one pass already


def segment_extreme(ptr: Tensor, values: Tensor, fill: float, largest: bool) -> tuple[Tensor, Tensor]:
    rows, channels = ptr.shape[0] - 1, values.shape[1]
    out = values.new_empty(rows, channels)
    arg = torch.empty(rows, channels, dtype=torch.int64, device=values.device)
    if out.numel():
        tile = tile_of(channels)
        _row_extreme[rows, triton.cdiv(channels, tile)](
            ptr,
            values.contiguous(),
            out,
            arg,
            fill,
            channels,
            LARGEST=largest,
            DTYPE=TL[accumulate_in(values)],
            TILE=tile,
        )
    return out, arg


def segment_softmax(ptr: Tensor, logits: Tensor) -> Tensor:
    return _softmax(_row_softmax, ptr, logits)


def segment_softmax_backward(ptr: Tensor, p: Tensor, g: Tensor) -> Tensor:
    return _softmax(_row_softmax_backward, ptr, p, g)


TL = {torch.float32: tl.float32, torch.float64: tl.float64}


def num_pieces(edges: int) -> int:
    """How many programs stand ready for pieces of long rows; from shapes only, the device is not asked."""
    return 2 * triton.cdiv(edges, LONG) if edges > LONG else 0


def tile_of(channels: int) -> int:
    """Channels per program: a power of two that fills a 128-byte sector where there are that many."""
    return min(triton.next_power_of_2(channels), 128)


def _sum(
    ptr: Tensor, index: Tensor | None, slot: Tensor | None, weight: Tensor | None, x: Tensor, mean: bool
) -> Tensor:
    rows, (_, heads, channels) = ptr.shape[0] - 1, x.shape
    edges = x.shape[0] if index is None else index.shape[0]
    dtype = accumulate_in(x, weight)
    out = x.new_empty(rows, heads, channels)
    if not out.numel():
        return out
    tile = tile_of(channels)
    count = num_pieces(edges)
    pieces = torch.empty(max(count, 1), heads, channels, dtype=dtype, device=x.device)
    grid = (heads, triton.cdiv(channels, tile))
    spare = pieces  # stands for an absent argument, which the kernel does not read
    _row_sum[rows + count, *grid](
        ptr,
        spare if index is None else index,
        spare if slot is None else slot,
        spare if weight is None else weight.contiguous(),
        x.contiguous(),
        out,
        pieces,
        rows,
        edges,
        heads,
        channels,
        MEAN=mean,
        HAS_INDEX=index is not None,
        HAS_SLOT=slot is not None,
        HAS_WEIGHT=weight is not None,
        DTYPE=TL[dtype],
        LONG=LONG,
        CHUNK=CHUNK,
        TILE=tile,
    )
    if count:
        add_pieces[rows, *grid](ptr, pieces, out, heads, channels, MEAN=mean, DTYPE=TL[dtype], LONG=LONG, TILE=tile)
    return out


def _softmax(kernel, ptr: Tensor, *inputs: Tensor) -> Tensor:
    edges, heads = inputs[0].shape
    out = torch.empty(edges, heads, dtype=inputs[0].dtype, device=inputs[0].device)
    if out.numel() and ptr.shape[0] > 1:
        tile = min(triton.next_power_of_2(heads), 16)
        kernel[ptr.shape[0] - 1, triton.cdiv(heads, tile)](
            ptr,
            *(value.contiguous() for value in inputs),
            out,
            heads,
            DTYPE=TL[accumulate_in(*inputs)],
            CHUNK=32,
            TILE=tile,
        )
    return out
