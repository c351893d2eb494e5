"""The Triton backend of `multi_aggregate`: one program owns a row (or a piece of one), no atomics."""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false, reportGeneralTypeIssues=false
# Launching with plain numbers for `tl.constexpr` parameters, and `static_range`, are how Triton is used.
import torch
import triton
import triton.language as tl
from gdl_core.incidence import cuda
from gdl_core.incidence.cuda import add_pieces, chunk_extreme, merge_extreme, num_pieces, row_piece
from gdl_core.incidence.precision import accumulate_in
from torch import Tensor


@triton.jit
def _merge_squares(before, now, sums, chunk, m2, apart):
    """Chan, Golub and LeVeque (1983), eq. 2.1: the squares about the mean of `before` + `now` messages."""
    gap = chunk / now - sums / tl.maximum(before, 1)
    return m2 + apart + before * now / (before + now) * gap * gap


@triton.jit
def _row_statistics(
    ptr,
    index,
    weight,
    x,
    values,
    places,
    rows,
    edges,
    channels,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    LARGEST: tl.constexpr,
    SMALLEST: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """Read each message once. Pieces of long rows follow the rows; their squares are not yet divided."""
    pid = tl.program_id(0)
    c = tl.program_id(1) * TILE + tl.arange(0, TILE)
    _, first, last, length, mine = row_piece(pid, ptr, rows, edges, LONG)
    if mine:
        sums = tl.zeros([TILE], dtype=DTYPE)
        m2 = tl.zeros([TILE], dtype=DTYPE)
        top = tl.zeros([TILE], dtype=DTYPE)
        bottom = tl.zeros([TILE], dtype=DTYPE)
        top_edge = tl.full([TILE], -1, dtype=tl.int32)
        bottom_edge = tl.full([TILE], -1, dtype=tl.int32)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            j = tl.load(index + k, mask=k < last, other=0).to(tl.int64)
            live = (k < last)[:, None] & (c < channels)[None, :]
            m = tl.load(x + j[:, None] * channels + c[None, :], mask=live, other=0).to(DTYPE)
            if HAS_WEIGHT:
                m *= tl.load(weight + k, mask=k < last, other=0).to(DTYPE)[:, None]
            if TOTAL:
                chunk = tl.sum(m, axis=0)
                if VARIANCE:
                    now = (tl.minimum(last, begin + CHUNK) - begin).to(DTYPE)
                    away = tl.where(live, m - (chunk / now)[None, :], 0)
                    apart = tl.sum(away * away, axis=0)
                    m2 = _merge_squares((begin - first).to(DTYPE), now, sums, chunk, m2, apart)
                sums += chunk
            if LARGEST:
                top, top_edge = chunk_extreme(m, k, live, top, top_edge, True)
            if SMALLEST:
                bottom, bottom_edge = chunk_extreme(m, k, live, bottom, bottom_edge, False)
        if VARIANCE & (pid < rows):
            m2 = m2 / tl.maximum(length, 1).to(DTYPE)
        _store(
            pid, c, values, places, channels, sums, m2, top, bottom, top_edge, bottom_edge,
            TOTAL, VARIANCE, LARGEST, SMALLEST,
        )  # fmt: skip


@triton.jit
def _store(
    row,
    c,
    values,
    places,
    channels,
    sums,
    m2,
    top,
    bottom,
    top_edge,
    bottom_edge,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    LARGEST: tl.constexpr,
    SMALLEST: tl.constexpr,
):
    value = values + row.to(tl.int64) * (TOTAL + VARIANCE + LARGEST + SMALLEST) * channels + c
    place = places + row.to(tl.int64) * (LARGEST + SMALLEST) * channels + c
    if TOTAL:
        tl.store(value, sums, mask=c < channels)
        value += channels
    if VARIANCE:
        tl.store(value, m2, mask=c < channels)
        value += channels
    if LARGEST:
        tl.store(value, top, mask=c < channels)
        tl.store(place, top_edge, mask=c < channels)
        value += channels
        place += channels
    if SMALLEST:
        tl.store(value, bottom, mask=c < channels)
        tl.store(place, bottom_edge, mask=c < channels)


@triton.jit
def _merge_pieces(
    ptr,
    values,
    places,
    rows,
    channels,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    LARGEST: tl.constexpr,
    SMALLEST: tl.constexpr,
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
        sums = tl.zeros([TILE], dtype=DTYPE)
        m2 = tl.zeros([TILE], dtype=DTYPE)
        top = tl.zeros([TILE], dtype=DTYPE)
        bottom = tl.zeros([TILE], dtype=DTYPE)
        top_edge = tl.full([TILE], -1, dtype=tl.int32)
        bottom_edge = tl.full([TILE], -1, dtype=tl.int32)
        for window in range(start // LONG, (stop - 1) // LONG + 1):
            piece = rows + 2 * window + (start > window * LONG).to(tl.int32)  # as in `row_piece`
            value = values + piece.to(tl.int64) * (TOTAL + VARIANCE + LARGEST + SMALLEST) * channels + c
            place = places + piece.to(tl.int64) * (LARGEST + SMALLEST) * channels + c
            if TOTAL:
                chunk = tl.load(value, mask=c < channels, other=0)
                value += channels
                if VARIANCE:
                    before = (tl.maximum(window * LONG, start) - start).to(DTYPE)
                    now = (tl.minimum((window + 1) * LONG, stop) - start).to(DTYPE) - before
                    apart = tl.load(value, mask=c < channels, other=0)
                    value += channels
                    m2 = _merge_squares(before, now, sums, chunk, m2, apart)
                sums += chunk
            if LARGEST:
                found = tl.load(value, mask=c < channels, other=0)
                k = tl.load(place, mask=c < channels, other=-1)
                top, top_edge = merge_extreme(found, k, found != found, top, top_edge, True)
                value += channels
                place += channels
            if SMALLEST:
                found = tl.load(value, mask=c < channels, other=0)
                k = tl.load(place, mask=c < channels, other=-1)
                bottom, bottom_edge = merge_extreme(found, k, found != found, bottom, bottom_edge, False)
        if VARIANCE:
            m2 = m2 / (stop - start).to(DTYPE)
        _store(
            row, c, values, places, channels, sums, m2, top, bottom, top_edge, bottom_edge,
            TOTAL, VARIANCE, LARGEST, SMALLEST,
        )  # fmt: skip


@triton.jit
def _gradient(
    i,
    e,
    c,
    live,
    m,
    coefficient,
    places,
    channels,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    EXTREMES: tl.constexpr,
    DTYPE: tl.constexpr,
):
    """The gradient ``dm[e, c]`` of the messages `m` of the edges `e` with the receivers `i`."""
    dm = tl.zeros(m.shape, dtype=DTYPE)
    slope = coefficient + i[:, None] * (TOTAL + VARIANCE + EXTREMES) * channels + c[None, :]
    place = places + i[:, None] * EXTREMES * channels + c[None, :]
    if TOTAL:
        dm += tl.load(slope, mask=live, other=0)
        slope += channels
    if VARIANCE:
        dm += tl.load(slope, mask=live, other=0) * m
        slope += channels
    for _ in tl.static_range(EXTREMES):
        dm += tl.where(tl.load(place, mask=live, other=-1) == e[:, None], tl.load(slope, mask=live, other=0), 0)
        slope += channels
        place += channels
    return dm


@triton.jit
def _row_backward(
    ptr,
    index,
    slot,
    weight,
    x,
    coefficient,
    places,
    out,
    pieces,
    rows,
    edges,
    channels,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    EXTREMES: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    DTYPE: tl.constexpr,
    LONG: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """out[j] = sum over the edges e of sender j of weight[e] dm[e]."""
    pid = tl.program_id(0)
    c = tl.program_id(1) * TILE + tl.arange(0, TILE)
    j, first, last, _, mine = row_piece(pid, ptr, rows, edges, LONG)
    if mine:
        acc = tl.zeros([TILE], dtype=DTYPE)
        own = acc
        if VARIANCE:
            own = tl.load(x + j.to(tl.int64) * channels + c, mask=c < channels, other=0).to(DTYPE)
        for begin in range(first, last, CHUNK):
            k = begin + tl.arange(0, CHUNK)
            i = tl.load(index + k, mask=k < last, other=0).to(tl.int64)
            e = tl.load(slot + k, mask=k < last, other=0)
            live = (k < last)[:, None] & (c < channels)[None, :]
            w = (k < last).to(DTYPE)
            if HAS_WEIGHT:
                w = tl.load(weight + e, mask=k < last, other=0).to(DTYPE)
            m = w[:, None] * own[None, :]
            dm = _gradient(i, e, c, live, m, coefficient, places, channels, TOTAL, VARIANCE, EXTREMES, DTYPE)
            acc += tl.sum(dm * w[:, None], axis=0)
        if pid < rows:
            tl.store(out + pid.to(tl.int64) * channels + c, acc, mask=c < channels)
        else:
            tl.store(pieces + (pid - rows).to(tl.int64) * channels + c, acc, mask=c < channels)


@triton.jit
def _weight_backward(
    sender,
    receiver,
    weight,
    x,
    coefficient,
    places,
    out,
    edges,
    channels,
    TOTAL: tl.constexpr,
    VARIANCE: tl.constexpr,
    EXTREMES: tl.constexpr,
    DTYPE: tl.constexpr,
    CHUNK: tl.constexpr,
    TILE: tl.constexpr,
):
    """out[e] = <x[sender[e]], dm[e]>: a chunk of edges per program, receivers come from cache."""
    e = tl.program_id(0) * CHUNK + tl.arange(0, CHUNK)
    i = tl.load(receiver + e, mask=e < edges, other=0).to(tl.int64)
    j = tl.load(sender + e, mask=e < edges, other=0).to(tl.int64)
    w = tl.load(weight + e, mask=e < edges, other=0).to(DTYPE)
    dot = tl.zeros([CHUNK], dtype=DTYPE)
    for first in range(0, channels, TILE):
        c = first + tl.arange(0, TILE)
        live = (e < edges)[:, None] & (c < channels)[None, :]
        own = tl.load(x + j[:, None] * channels + c[None, :], mask=live, other=0).to(DTYPE)
        m = own * w[:, None]
        dm = _gradient(i, e, c, live, m, coefficient, places, channels, TOTAL, VARIANCE, EXTREMES, DTYPE)
        dot += tl.sum(own * dm, axis=1)
    tl.store(out + e, dot, mask=e < edges)


def sender_statistics(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    dtype, rows, edges, channels = accumulate_in(x, weight), ptr.shape[0] - 1, sender.shape[0], x.shape[1]
    count, extremes = num_pieces(edges), largest + smallest
    values = torch.empty(rows + count, total + variance + extremes, channels, dtype=dtype, device=x.device)
    places = torch.empty(rows + count, extremes, channels, dtype=torch.int32, device=x.device)
    if not rows or not channels:
        return values[:rows], places[:rows]
    flags = {"TOTAL": total, "VARIANCE": variance, "LARGEST": largest, "SMALLEST": smallest}
    tile = cuda.tile_of(channels)
    constants = flags | {"DTYPE": cuda.TL[dtype], "LONG": cuda.LONG, "TILE": tile}
    _row_statistics[rows + count, triton.cdiv(channels, tile)](
        ptr,
        sender,
        values if weight is None else weight.contiguous(),
        x.contiguous(),
        values,
        places,
        rows,
        edges,
        channels,
        HAS_WEIGHT=weight is not None,
        CHUNK=cuda.CHUNK,
        **constants,
    )
    if count:
        _merge_pieces[rows, triton.cdiv(channels, tile)](ptr, values, places, rows, channels, **constants)
    return values[:rows], places[:rows]


def sender_statistics_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    coefficient: Tensor,
    edge: Tensor,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    dtype, rows, edges, channels = coefficient.dtype, ptr_t.shape[0] - 1, sender.shape[0], coefficient.shape[2]
    dx = x.new_empty(rows, channels)
    dw = x.new_empty(0) if weight is None else weight.new_zeros(edges)
    if not channels or not rows:
        return dx, dw
    count, tile = num_pieces(edges), cuda.tile_of(channels)
    pieces = torch.empty(max(count, 1), channels, dtype=dtype, device=x.device)
    weights = pieces if weight is None else weight.contiguous()  # stands for an absent argument
    tensors = (weights, x.contiguous(), coefficient.contiguous(), edge.contiguous())
    number, grid = cuda.TL[dtype], triton.cdiv(channels, tile)
    flags = {"TOTAL": total, "VARIANCE": variance, "EXTREMES": largest + smallest, "DTYPE": number}
    _row_backward[rows + count, grid](
        ptr_t,
        receiver_t,
        perm,
        *tensors,
        dx,
        pieces,
        rows,
        edges,
        channels,
        HAS_WEIGHT=weight is not None,
        LONG=cuda.LONG,
        CHUNK=cuda.CHUNK,
        TILE=tile,
        **flags,
    )
    if count:
        add_pieces[rows, 1, grid](ptr_t, pieces, dx, 1, channels, MEAN=False, DTYPE=number, LONG=cuda.LONG, TILE=tile)
    if weight is not None and edges:
        _weight_backward[triton.cdiv(edges, cuda.CHUNK),](
            sender, receiver, *tensors, dw, edges, channels, CHUNK=cuda.CHUNK, TILE=tile, **flags
        )
    return dx, dw
