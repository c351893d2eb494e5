"""The Triton backend: one program owns a row (or a piece of one), no atomics, so results repeat bit for bit.

Each public function is the `cuda` backend of the kernel of the same name and takes the arguments of its reference.
Rows longer than `LONG` are read in pieces, each by its own program, and the pieces are joined in order.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false
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
def row_piece(pid, ptr, rows, edges, LONG: tl.constexpr):
    """Which edges program `pid` owns: ``(row, first, last, length of the row, mine)``.

    Programs 0 ... rows - 1 own the short rows; the others own the pieces of rows longer than LONG. Window w holds the
    edges w LONG ... (w + 1) LONG - 1. A long row is longer than a window, so at most two of them meet a window: the
    one that owns its first edge (piece 2w) and the one that owns its last edge (piece 2w + 1).
    """
    row = pid
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
    _, first, last, length, mine = row_piece(pid, ptr, rows, edges, LONG)
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
def merge_extreme(value, k, nan, best, edge, LARGEST: tl.constexpr):
    """Take `value` at edge `k` where it is more extreme than `best`; the first NaN is more extreme than anything."""
    if LARGEST:
        better = value > best
    else:
        better = value < best
    better = (edge < 0) | ((best == best) & (nan | better))
    return tl.where(better, value, best), tl.where(better, k, edge)


@triton.jit
def chunk_extreme(values, k, live, best, edge, LARGEST: tl.constexpr):
    """Merge a chunk ``values[k, c]`` of edges into the most extreme value of each channel and its first edge."""
    nan = (values != values) & live
    if LARGEST:
        value = tl.max(tl.where(live & ~nan, values, float("-inf")), axis=0)
    else:
        value = tl.min(tl.where(live & ~nan, values, float("inf")), axis=0)
    any_nan = tl.max(nan.to(tl.int32), axis=0) > 0
    hit = tl.where(any_nan[None, :], nan, live & (values == value[None, :]))
    where = tl.min(tl.where(hit, k[:, None], 2147483647), axis=0)
    return merge_extreme(tl.where(any_nan, float("nan"), value), where, any_nan, best, edge, LARGEST)


@triton.jit
def _row_extreme(
    ptr,
    values,
    out,
    arg,
    pieces,
    piece_edge,
    rows,
    edges,
    channels,
    FILL: tl.constexpr,
    LARGEST: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """The most extreme value of each row and its first edge, and those of the pieces of long rows."""
    pid = tl.program_id(0)
    c = tl.program_id(1) * TILE + tl.arange(0, TILE)
    _, first, last, _, mine = row_piece(pid, ptr, rows, edges, LONG)
    if mine:
        best = tl.full([TILE], FILL, dtype=DTYPE)
        edge = tl.full([TILE], -1, dtype=tl.int32)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            live = (k < last)[:, None] & (c < channels)[None, :]
            v = tl.load(values + k.to(tl.int64)[:, None] * channels + c[None, :], mask=live, other=0).to(DTYPE)
            best, edge = chunk_extreme(v, k, live, best, edge, LARGEST)
        if pid < rows:
            tl.store(out + pid.to(tl.int64) * channels + c, best, mask=c < channels)
            tl.store(arg + pid.to(tl.int64) * channels + c, edge, mask=c < channels)
        else:
            tl.store(pieces + (pid - rows).to(tl.int64) * channels + c, best, mask=c < channels)
            tl.store(piece_edge + (pid - rows).to(tl.int64) * channels + c, edge, mask=c < channels)


@triton.jit
def _merge_extremes(
    ptr,
    pieces,
    piece_edge,
    out,
    arg,
    channels,
    LARGEST: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    TILE: tl.constexpr,
):
    """Merge the pieces of each long row, in order."""
    row = tl.program_id(0)
    c = tl.program_id(1) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    if stop - start > LONG:
        best = tl.zeros([TILE], dtype=DTYPE)
        edge = tl.full([TILE], -1, dtype=tl.int32)
        for window in range(start // LONG, (stop - 1) // LONG + 1):
            piece = 2 * window + (start > window * LONG).to(tl.int32)  # as in `row_piece`
            v = tl.load(pieces + piece.to(tl.int64) * channels + c, mask=c < channels, other=0)
            k = tl.load(piece_edge + piece.to(tl.int64) * channels + c, mask=c < channels, other=-1)
            best, edge = merge_extreme(v, k, v != v, best, edge, LARGEST)
        tl.store(out + row.to(tl.int64) * channels + c, best, mask=c < channels)
        tl.store(arg + row.to(tl.int64) * channels + c, edge, mask=c < channels)


@triton.jit
def _merge_total(top, total, new_top, new_total):
    """Join the largest logits of two parts of a row and their sums of exponentials."""
    best = tl.maximum(top, new_top)
    safe = tl.where(best == float("-inf"), 0, best)
    return best, total * tl.exp(top - safe) + new_total * tl.exp(new_top - safe)


@triton.jit
def _load_chunk(x, k, last, h, heads, other, DTYPE: tl.constexpr):
    """x[k, h] for k < last."""
    mask = (k < last)[:, None] & (h < heads)[None, :]
    return tl.load(x + k.to(tl.int64)[:, None] * heads + h[None, :], mask=mask, other=other).to(DTYPE)


@triton.jit
def _write_softmax(logits, out, first, last, h, heads, top, total, DTYPE: tl.constexpr, CHUNK: tl.constexpr):
    for begin in range(first, last, CHUNK):
        k = begin + tl.arange(0, CHUNK)
        p = tl.exp(_load_chunk(logits, k, last, h, heads, 0, DTYPE) - top[None, :]) / total[None, :]
        mask = (k < last)[:, None] & (h < heads)[None, :]
        tl.store(out + k.to(tl.int64)[:, None] * heads + h[None, :], p, mask=mask)


@triton.jit
def _row_softmax(
    ptr,
    logits,
    out,
    tops,
    totals,
    rows,
    edges,
    heads,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """Two passes over a short row; of the pieces of long rows, the largest logit and the sum of exponentials."""
    pid = tl.program_id(0)
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    _, first, last, _, mine = row_piece(pid, ptr, rows, edges, LONG)
    if mine:
        top = tl.full([TILE], float("-inf"), dtype=DTYPE)
        total = tl.zeros([TILE], dtype=DTYPE)
        for begin in range(first, last, CHUNK):
            s = _load_chunk(logits, begin + tl.arange(0, CHUNK), last, h, heads, float("-inf"), DTYPE)
            best = tl.max(s, axis=0)
            sums = tl.sum(tl.exp(s - tl.where(best == float("-inf"), 0, best)[None, :]), axis=0)
            top, total = _merge_total(top, total, best, sums)
        if pid < rows:
            _write_softmax(logits, out, first, last, h, heads, top, total, DTYPE, CHUNK)
        else:
            tl.store(tops + pid.to(tl.int64) * heads + h, top, mask=h < heads)
            tl.store(totals + pid.to(tl.int64) * heads + h, total, mask=h < heads)


@triton.jit
def _merge_softmax(ptr, tops, totals, rows, heads, DTYPE: tl.constexpr, LONG: tl.constexpr, TILE: tl.constexpr):
    """Merge the pieces of each long row, in order: they follow the rows in `tops` and `totals`."""
    row = tl.program_id(0)
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    if stop - start > LONG:
        top = tl.full([TILE], float("-inf"), dtype=DTYPE)
        total = tl.zeros([TILE], dtype=DTYPE)
        for window in range(start // LONG, (stop - 1) // LONG + 1):
            piece = rows + 2 * window + (start > window * LONG).to(tl.int32)  # as in `row_piece`
            place = piece.to(tl.int64) * heads + h
            new_top = tl.load(tops + place, mask=h < heads, other=float("-inf"))
            top, total = _merge_total(top, total, new_top, tl.load(totals + place, mask=h < heads, other=0))
        tl.store(tops + row.to(tl.int64) * heads + h, top, mask=h < heads)
        tl.store(totals + row.to(tl.int64) * heads + h, total, mask=h < heads)


@triton.jit
def _long_softmax(
    ptr,
    logits,
    out,
    tops,
    totals,
    rows,
    edges,
    heads,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """The quotients of the pieces of long rows."""
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    row, first, last, _, mine = row_piece(tl.program_id(0) + rows, ptr, rows, edges, LONG)
    if mine:
        top = tl.load(tops + row.to(tl.int64) * heads + h, mask=h < heads, other=0)
        total = tl.load(totals + row.to(tl.int64) * heads + h, mask=h < heads, other=1)
        _write_softmax(logits, out, first, last, h, heads, top, total, DTYPE, CHUNK)


@triton.jit
def _write_softmax_backward(p, g, out, first, last, h, heads, total, DTYPE: tl.constexpr, CHUNK: tl.constexpr):
    for begin in range(first, last, CHUNK):
        k = begin + tl.arange(0, CHUNK)
        away = _load_chunk(g, k, last, h, heads, 0, DTYPE) - total[None, :]
        mask = (k < last)[:, None] & (h < heads)[None, :]
        place = out + k.to(tl.int64)[:, None] * heads + h[None, :]
        tl.store(place, _load_chunk(p, k, last, h, heads, 0, DTYPE) * away, mask=mask)


@triton.jit
def _row_softmax_backward(
    ptr,
    p,
    g,
    out,
    pieces,
    rows,
    edges,
    heads,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """out[k] = p[k] (g[k] - sum of p g over the row); of the pieces of long rows, the sum."""
    pid = tl.program_id(0)
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    _, first, last, _, mine = row_piece(pid, ptr, rows, edges, LONG)
    if mine:
        total = tl.zeros([TILE], dtype=DTYPE)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            left = _load_chunk(p, k, last, h, heads, 0, DTYPE)
            total += tl.sum(left * _load_chunk(g, k, last, h, heads, 0, DTYPE), axis=0)
        if pid < rows:
            _write_softmax_backward(p, g, out, first, last, h, heads, total, DTYPE, CHUNK)
        else:
            tl.store(pieces + (pid - rows).to(tl.int64) * heads + h, total, mask=h < heads)


@triton.jit
def _long_softmax_backward(
    ptr,
    p,
    g,
    out,
    totals,
    rows,
    edges,
    heads,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    h = tl.program_id(1) * TILE + tl.arange(0, TILE)
    row, first, last, _, mine = row_piece(tl.program_id(0) + rows, ptr, rows, edges, LONG)
    if mine:
        total = tl.load(totals + row.to(tl.int64) * heads + h, mask=h < heads, other=0)
        _write_softmax_backward(p, g, out, first, last, h, heads, total, DTYPE, CHUNK)


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
    rows, (edges, channels) = ptr.shape[0] - 1, values.shape
    out = values.new_empty(rows, channels)
    arg = torch.empty(rows, channels, dtype=torch.int64, device=values.device)
    if not out.numel():
        return out, arg
    dtype, tile, count = accumulate_in(values), tile_of(channels), num_pieces(edges)
    pieces = out.new_empty(max(count, 1), channels, dtype=dtype)
    piece_edge = arg.new_empty(max(count, 1), channels, dtype=torch.int32)
    constants = {"LARGEST": largest, "DTYPE": TL[dtype], "LONG": LONG, "TILE": tile}
    grid = triton.cdiv(channels, tile)
    tensors = (ptr, values.contiguous(), out, arg, pieces, piece_edge)
    _row_extreme[rows + count, grid](*tensors, rows, edges, channels, FILL=fill, CHUNK=CHUNK, **constants)
    if count:
        _merge_extremes[rows, grid](ptr, pieces, piece_edge, out, arg, channels, **constants)
    return out, arg


def segment_softmax(ptr: Tensor, logits: Tensor) -> Tensor:
    rows, (edges, heads) = ptr.shape[0] - 1, logits.shape
    out = torch.empty_like(logits, memory_format=torch.contiguous_format)
    if not out.numel() or not rows:
        return out
    dtype, tile, count = accumulate_in(logits), min(triton.next_power_of_2(heads), 16), num_pieces(edges)
    tops, totals = (out.new_empty(rows + count if count else 1, heads, dtype=dtype) for _ in range(2))
    constants, grid = {"DTYPE": TL[dtype], "LONG": LONG, "TILE": tile}, triton.cdiv(heads, tile)
    arguments = (ptr, logits.contiguous(), out, tops, totals, rows, edges, heads)
    _row_softmax[rows + count, grid](*arguments, CHUNK=32, **constants)
    if count:
        _merge_softmax[rows, grid](ptr, tops, totals, rows, heads, **constants)
        _long_softmax[count, grid](*arguments, CHUNK=32, **constants)
    return out


def segment_softmax_backward(ptr: Tensor, p: Tensor, g: Tensor) -> Tensor:
    rows, (edges, heads) = ptr.shape[0] - 1, p.shape
    out = torch.empty_like(p, memory_format=torch.contiguous_format)
    if not out.numel() or not rows:
        return out
    dtype, tile, count = accumulate_in(p, g), min(triton.next_power_of_2(heads), 16), num_pieces(edges)
    pieces = out.new_empty(max(count, 1), heads, dtype=dtype)
    constants, grid = {"DTYPE": TL[dtype], "LONG": LONG, "TILE": tile}, triton.cdiv(heads, tile)
    tensors, sizes = (ptr, p.contiguous(), g.contiguous(), out), (rows, edges, heads)
    _row_softmax_backward[rows + count, grid](*tensors, pieces, *sizes, CHUNK=32, **constants)
    if count:
        totals = pieces.new_empty(rows, heads)
        add_pieces[rows, 1, grid](ptr, pieces, totals, 1, heads, MEAN=False, **constants)
        _long_softmax_backward[count, grid](*tensors, totals, *sizes, CHUNK=32, **constants)
    return out


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
