"""The Triton programs of attention over edges; `edge_attention_cuda` launches them.

Tiles are ``[edge, head, channel]``. A KIND is a score: "dot", "gat" or "gatv2"; FACTOR is its scale or negative slope.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false
# Tiles are typed as plain tensors by Triton's own annotations only in part.
import triton
import triton.language as tl
from gdl_core.incidence.cuda import row_piece

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _numbers(x, row, h, live, heads, DTYPE: tl.constexpr):
    """x[row, h]"""
    mask = live[:, None] & (h < heads)[None, :]
    return tl.load(x + row[:, None].to(tl.int64) * heads + h[None, :], mask=mask, other=0).to(DTYPE)


@triton.jit
def _vectors(x, row, h, c, live, heads, channels, DTYPE: tl.constexpr):
    """x[row, h, c]"""
    place = (row[:, None, None].to(tl.int64) * heads + h[None, :, None]) * channels + c[None, None, :]
    mask = live[:, None, None] & (h < heads)[None, :, None] & (c < channels)[None, None, :]
    return tl.load(x + place, mask=mask, other=0).to(DTYPE)


@triton.jit
def _end(x, row, h, d, live, heads, depth, KIND: tl.constexpr, DTYPE: tl.constexpr):
    """What one end of an edge brings to the score: a number per head for GAT, else a vector."""
    if KIND == "gat":
        return _numbers(x, row, h, live, heads, DTYPE)
    else:
        return _vectors(x, row, h, d, live, heads, depth, DTYPE)


@triton.jit
def _leaky(z, slope):
    return tl.where(z > 0, z, z * slope)


@triton.jit
def _score(left, right, bias, attention, KIND: tl.constexpr, FACTOR: tl.constexpr):
    """The scores ``[e, h]``, and what the leaky ReLU was taken of."""
    if KIND == "dot":
        s = tl.sum(left * right, axis=2) * FACTOR + bias
        return s, s
    elif KIND == "gat":
        z = left + right + bias
        return _leaky(z, FACTOR), z
    else:
        z = left + right
        return tl.sum(_leaky(z, FACTOR) * attention, axis=2) + bias, z


@triton.jit
def _bias(bias, e, h, live, heads, HAS_BIAS: tl.constexpr, DTYPE: tl.constexpr):
    if HAS_BIAS:
        return _numbers(bias, e, h, live, heads, DTYPE)
    else:
        return tl.zeros([e.shape[0], h.shape[0]], dtype=DTYPE)


@triton.jit
def _drop(x, seed, e, h, heads, THRESHOLD: tl.constexpr, GROW: tl.constexpr):
    """x[e, h], zero where the counter e heads + h says so, grown elsewhere (`gdl_core.kernels.philox`)."""
    if THRESHOLD > 0:
        counter = e[:, None].to(tl.int64) * heads + h[None, :]
        low = counter.to(tl.uint32)
        word, _b, _c, _d = tl.philox(tl.load(seed), low, (counter >> 32).to(tl.uint32), low * 0, low * 0)
        x = tl.where((word >> 8) >= THRESHOLD, x * GROW, 0)
    return x


@triton.jit
def _merge(top, total, acc, new_top, new_total, new_acc):
    """Join two parts of a softmax: the largest scores, the sums of exponentials and of weighted values."""
    best = tl.maximum(top, new_top)
    safe = tl.where(best == float("-inf"), 0, best)
    old, new = tl.exp2(top - safe), tl.exp2(new_top - safe)
    return best, total * old + new_total * new, acc * old[:, None] + new_acc * new[:, None]


@triton.jit
def _store_result(row, h, c, out, lse, top, total, acc, heads, channels):
    safe = tl.where(total == 0, 1, total)
    place = row.to(tl.int64) * heads + h
    tl.store(lse + place, tl.where(total == 0, float("-inf"), (top + tl.log2(safe)) / LOG2E), mask=h < heads)
    mask = (h < heads)[:, None] & (c < channels)[None, :]
    tl.store(out + place[:, None] * channels + c[None, :], acc / safe[:, None], mask=mask)


@triton.jit
def _store_slopes(row, h, c, sloped, mean_slope, total, steep, steep_acc, heads, channels):
    safe = tl.where(total == 0, 1, total)
    place = row.to(tl.int64) * heads + h
    tl.store(mean_slope + place, steep / safe, mask=h < heads)
    mask = (h < heads)[:, None] & (c < channels)[None, :]
    tl.store(sloped + place[:, None] * channels + c[None, :], steep_acc / safe[:, None], mask=mask)


@triton.jit
def row_attention(
    ptr,
    index,
    left,
    right,
    value,
    attention,
    bias,
    seed,
    out,
    lse,
    sloped,
    mean_slope,
    piece_top,
    piece_total,
    piece_out,
    piece_steep,
    piece_sloped,
    rows,
    edges,
    heads,
    depth,
    channels,
    KIND: tl.constexpr,
    FACTOR: tl.constexpr,
    TRAIN: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    THRESHOLD: tl.constexpr,
    GROW: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    HEADS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Softmax and weighted sum over the short rows, and over the pieces of long rows, which `merge_pieces` joins.

    TRAIN, for GAT: the sums with the slopes of the leaky ReLU too.
    """
    h = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    d, c = tl.arange(0, DEPTH), tl.arange(0, CHANNELS)
    row, first, last, _length, mine = row_piece(tl.program_id(0), ptr, rows, edges, LONG)
    if mine:
        i = tl.zeros([1], dtype=tl.int32) + row
        own = _end(left, i, h, d, i >= 0, heads, depth, KIND, DTYPE)
        vector = _vectors(attention, i * 0, h, c, i >= 0, heads, channels, DTYPE) if KIND == "gatv2" else own
        top = tl.full([HEADS], float("-inf"), dtype=DTYPE)
        total = tl.zeros([HEADS], dtype=DTYPE)
        acc = tl.zeros([HEADS, CHANNELS], dtype=DTYPE)
        steep, steep_acc = total, acc
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            live = k < last
            j = tl.load(index + k, mask=live, other=0)
            other = _end(right, j, h, d, live, heads, depth, KIND, DTYPE)
            s, z = _score(own, other, _bias(bias, k, h, live, heads, HAS_BIAS, DTYPE), vector, KIND, FACTOR)
            s = tl.where(live[:, None], s * LOG2E, float("-inf"))
            v = other if KIND == "gatv2" else _vectors(value, j, h, c, live, heads, channels, DTYPE)
            best = tl.max(s, axis=0)
            p = tl.exp2(s - tl.where(best == float("-inf"), 0, best)[None, :])
            w = _drop(p, seed, k, h, heads, THRESHOLD, GROW)
            if TRAIN:
                slope = tl.where(z > 0, 1.0, FACTOR).to(DTYPE)
                new, new_acc = tl.sum(p * slope, axis=0), tl.sum((w * slope)[:, :, None] * v, axis=0)
                _top, steep, steep_acc = _merge(top, steep, steep_acc, best, new, new_acc)
            top, total, acc = _merge(top, total, acc, best, tl.sum(p, axis=0), tl.sum(w[:, :, None] * v, axis=0))
        pid = tl.program_id(0)
        if pid < rows:
            _store_result(pid, h, c, out, lse, top, total, acc, heads, channels)
            if TRAIN:
                _store_slopes(pid, h, c, sloped, mean_slope, total, steep, steep_acc, heads, channels)
        else:
            place = (pid - rows).to(tl.int64) * heads + h
            mask = (h < heads)[:, None] & (c < channels)[None, :]
            tl.store(piece_top + place, top, mask=h < heads)
            tl.store(piece_total + place, total, mask=h < heads)
            tl.store(piece_out + place[:, None] * channels + c[None, :], acc, mask=mask)
            if TRAIN:
                tl.store(piece_steep + place, steep, mask=h < heads)
                tl.store(piece_sloped + place[:, None] * channels + c[None, :], steep_acc, mask=mask)


@triton.jit
def merge_pieces(
    ptr,
    out,
    lse,
    sloped,
    mean_slope,
    piece_top,
    piece_total,
    piece_out,
    piece_steep,
    piece_sloped,
    heads,
    channels,
    TRAIN: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Join the pieces of each long row, in order."""
    row = tl.program_id(0)
    h = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    c = tl.arange(0, CHANNELS)
    start = tl.load(ptr + row)
    stop = tl.load(ptr + row + 1)
    if stop - start > LONG:
        top = tl.full([HEADS], float("-inf"), dtype=DTYPE)
        total = tl.zeros([HEADS], dtype=DTYPE)
        acc = tl.zeros([HEADS, CHANNELS], dtype=DTYPE)
        steep, steep_acc = total, acc
        for window in range(start // LONG, (stop - 1) // LONG + 1):
            piece = 2 * window + (start > window * LONG).to(tl.int32)  # as in `row_piece`
            place = piece.to(tl.int64) * heads + h
            mask = (h < heads)[:, None] & (c < channels)[None, :]
            new_top = tl.load(piece_top + place, mask=h < heads, other=float("-inf"))
            new_total = tl.load(piece_total + place, mask=h < heads, other=0)
            new = tl.load(piece_out + place[:, None] * channels + c[None, :], mask=mask, other=0)
            if TRAIN:
                new_steep = tl.load(piece_steep + place, mask=h < heads, other=0)
                new_sloped = tl.load(piece_sloped + place[:, None] * channels + c[None, :], mask=mask, other=0)
                _top, steep, steep_acc = _merge(top, steep, steep_acc, new_top, new_steep, new_sloped)
            top, total, acc = _merge(top, total, acc, new_top, new_total, new)
        _store_result(row, h, c, out, lse, top, total, acc, heads, channels)
        if TRAIN:
            _store_slopes(row, h, c, sloped, mean_slope, total, steep, steep_acc, heads, channels)


@triton.jit
def _store_sum(x, pieces, row, rows, h, c, heads, channels, acc):
    """acc[h, c] to the row, or to the piece."""
    mask = (h < heads)[:, None] & (c < channels)[None, :]
    if row < rows:
        tl.store(x + (row.to(tl.int64) * heads + h)[:, None] * channels + c[None, :], acc, mask=mask)
    else:
        place = ((row - rows).to(tl.int64) * heads + h)[:, None] * channels + c[None, :]
        tl.store(pieces + place, acc, mask=mask)


@triton.jit
def sender_backward(
    ptr,
    index,
    slot,
    left,
    right,
    value,
    attention,
    bias,
    seed,
    lse,
    delta,
    g,
    dscore,
    dright,
    dvalue,
    piece_right,
    piece_value,
    rows,
    edges,
    heads,
    depth,
    channels,
    KIND: tl.constexpr,
    FACTOR: tl.constexpr,
    KEEP: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    THRESHOLD: tl.constexpr,
    GROW: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    HEADS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """The gradients of what senders bring, and where KEEP of their edges' scores (for GAT, within the leaky ReLU)."""
    h = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    d, c = tl.arange(0, DEPTH), tl.arange(0, CHANNELS)
    row, first, last, _length, mine = row_piece(tl.program_id(0), ptr, rows, edges, LONG)
    if mine:
        j = tl.zeros([1], dtype=tl.int32) + row
        own = _end(right, j, h, d, j >= 0, heads, depth, KIND, DTYPE)
        vector = _vectors(attention, j * 0, h, c, j >= 0, heads, channels, DTYPE) if KIND == "gatv2" else own
        v = own if KIND == "gatv2" else _vectors(value, j, h, c, j >= 0, heads, channels, DTYPE)
        acc = tl.zeros([HEADS, CHANNELS], dtype=DTYPE)
        acc_right = tl.zeros([HEADS, DEPTH], dtype=DTYPE)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            live = k < last
            i = tl.load(index + k, mask=live, other=0)
            e = tl.load(slot + k, mask=live, other=0)
            other = _end(left, i, h, d, live, heads, depth, KIND, DTYPE)
            s, z = _score(other, own, _bias(bias, e, h, live, heads, HAS_BIAS, DTYPE), vector, KIND, FACTOR)
            whole = _numbers(lse, i, h, live, heads, DTYPE)
            whole = tl.where(whole == float("-inf"), 0, whole)
            p = tl.where(live[:, None], tl.exp2((s - whole) * LOG2E), 0)
            gi = _vectors(g, i, h, c, live, heads, channels, DTYPE)
            dp = _drop(tl.sum(gi * v, axis=2), seed, e, h, heads, THRESHOLD, GROW)
            ds = p * (dp - _numbers(delta, i, h, live, heads, DTYPE))
            w = _drop(p, seed, e, h, heads, THRESHOLD, GROW)
            acc += tl.sum(w[:, :, None] * gi, axis=0)
            if KIND == "dot":
                acc_right += tl.sum((ds * FACTOR)[:, :, None] * other, axis=0)
            elif KIND == "gat":
                ds = tl.where(z > 0, ds, ds * FACTOR)
                acc_right += tl.sum(ds, axis=0)[:, None]
            else:
                acc_right += tl.sum(tl.where(z > 0, ds[:, :, None], (ds * FACTOR)[:, :, None]), axis=0)
            if KEEP:
                mask = live[:, None] & (h < heads)[None, :]
                tl.store(dscore + e[:, None].to(tl.int64) * heads + h[None, :], ds, mask=mask)
        pid = tl.program_id(0)
        if KIND == "gatv2":
            acc += acc_right * tl.sum(vector, axis=0)  # the sum takes away an axis of length one
        else:
            _store_sum(dright, piece_right, pid, rows, h, d, heads, depth, acc_right)
        _store_sum(dvalue, piece_value, pid, rows, h, c, heads, channels, acc)


@triton.jit
def receiver_backward(
    ptr,
    index,
    left,
    right,
    attention,
    dscore,
    dleft,
    piece_left,
    dattention,
    rows,
    edges,
    heads,
    channels,
    SLOPE: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    HEADS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """GATv2's gradients of what receivers bring, and each row's part of that of the attention vector."""
    h = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    c = tl.arange(0, CHANNELS)
    row, first, last, _length, mine = row_piece(tl.program_id(0), ptr, rows, edges, LONG)
    if mine:
        i = tl.zeros([1], dtype=tl.int32) + row
        own = _vectors(left, i, h, c, i >= 0, heads, channels, DTYPE)
        vector = _vectors(attention, i * 0, h, c, i >= 0, heads, channels, DTYPE)
        acc = tl.zeros([HEADS, CHANNELS], dtype=DTYPE)
        part = tl.zeros([HEADS, CHANNELS], dtype=DTYPE)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            live = k < last
            j = tl.load(index + k, mask=live, other=0)
            z = own + _vectors(right, j, h, c, live, heads, channels, DTYPE)
            ds = _numbers(dscore, k, h, live, heads, DTYPE)[:, :, None]
            acc += tl.sum(tl.where(z > 0, ds, ds * SLOPE), axis=0)
            part += tl.sum(ds * _leaky(z, SLOPE), axis=0)
        pid = tl.program_id(0)
        _store_sum(dleft, piece_left, pid, rows, h, c, heads, channels, acc * tl.sum(vector, axis=0))
        place = (pid.to(tl.int64) * heads + h)[:, None] * channels + c[None, :]
        tl.store(dattention + place, part, mask=(h < heads)[:, None] & (c < channels)[None, :])
