"""The Triton backend of attention within the samples of a packed batch (FlashAttention, arXiv 2205.14135, 2307.08691).

One program owns a block of queries, or of keys, of one sample and one head, and walks over the sample's keys, or
queries. How many blocks there are at most follows from shapes, and which block a program owns from offsets on the
device: nothing waits for the device. No atomics; scores are not kept. Products of float32 are float32, not TF32.
"""

# pyright: reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
import torch
import triton
import triton.language as tl
from gdl_core.incidence.cuda import TL
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.select import interpreting
from torch import Tensor

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _block(first, ptr, samples, SIZE: tl.constexpr):
    """This program's sample, where its block starts and the sample ends, and whether there is such a block."""
    pid = tl.program_id(0)
    low = pid * 0
    high = low + samples - 1
    while low < high:  # the last sample whose first block is this one or before it
        middle = (low + high + 1) // 2
        if tl.load(first + middle) <= pid:
            low = middle
        else:
            high = middle - 1
    start = tl.load(ptr + low) + (pid - tl.load(first + low)) * SIZE
    return low, start, tl.load(ptr + low + 1), pid < tl.load(first + samples)


@triton.jit
def _rows(x, i, h, c, stop, heads, width, FACTOR: tl.constexpr):
    """x[i, h, c] for i < stop and c < width, else 0, as a factor of a product."""
    mask = (i < stop)[:, None] & (c < width)[None, :]
    return tl.load(x + (i[:, None].to(tl.int64) * heads + h) * width + c[None, :], mask=mask, other=0).to(FACTOR)


@triton.jit
def _store_rows(x, i, h, c, stop, heads, width, values):
    mask = (i < stop)[:, None] & (c < width)[None, :]
    tl.store(x + (i[:, None].to(tl.int64) * heads + h) * width + c[None, :], values, mask=mask)


@triton.jit
def _dot(a, b, DTYPE: tl.constexpr):
    return tl.dot(a, b, input_precision="ieee", out_dtype=DTYPE)


@triton.jit
def _seen(i, j, stop_q, stop_k, CAUSAL: tl.constexpr):
    """Which keys j a query i sees; counted from the end of the sample, a causal one sees as far as its own place."""
    seen = (i < stop_q)[:, None] & (j < stop_k)[None, :]
    if CAUSAL:
        seen = seen & ((stop_k - j)[None, :] >= (stop_q - i)[:, None])
    return seen


@triton.jit
def _forward(
    query,
    key,
    value,
    ptr_q,
    ptr_k,
    first,
    out,
    lse,
    samples,
    heads,
    depth,
    channels,
    CAUSAL: tl.constexpr,
    SCALE: tl.constexpr,
    DTYPE: tl.constexpr,
    FACTOR: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    h = tl.program_id(1)
    d, c = tl.arange(0, DEPTH), tl.arange(0, CHANNELS)
    sample, start, stop_q, mine = _block(first, ptr_q, samples, QUERIES)
    if mine:
        i = start + tl.arange(0, QUERIES)
        start_k, stop_k = tl.load(ptr_k + sample), tl.load(ptr_k + sample + 1)
        q = _rows(query, i, h, d, stop_q, heads, depth, FACTOR)
        top = tl.full([QUERIES], float("-inf"), dtype=DTYPE)
        total = tl.zeros([QUERIES], dtype=DTYPE)
        acc = tl.zeros([QUERIES, CHANNELS], dtype=DTYPE)
        last = stop_k
        if CAUSAL:  # the last query of the block sees furthest
            last = tl.minimum(stop_k, stop_k - stop_q + tl.minimum(start + QUERIES, stop_q))
        for begin in range(start_k, last, KEYS):
            j = begin + tl.arange(0, KEYS)
            s = _dot(q, tl.trans(_rows(key, j, h, d, stop_k, heads, depth, FACTOR)), DTYPE) * (SCALE * LOG2E)
            s = tl.where(_seen(i, j, stop_q, stop_k, CAUSAL), s, float("-inf"))
            best = tl.maximum(top, tl.max(s, axis=1))
            safe = tl.where(best == float("-inf"), 0, best)
            p = tl.exp2(s - safe[:, None])
            shrink = tl.exp2(top - safe)
            v = _rows(value, j, h, c, stop_k, heads, channels, FACTOR)
            acc = acc * shrink[:, None] + _dot(p.to(v.dtype), v, DTYPE)
            total = total * shrink + tl.sum(p, axis=1)
            top = best
        some = tl.where(total == 0, 1, total)
        _store_rows(out, i, h, c, stop_q, heads, channels, acc / some[:, None])
        whole = tl.where(total == 0, float("-inf"), (top + tl.log2(some)) / LOG2E)
        tl.store(lse + i.to(tl.int64) * heads + h, whole, mask=i < stop_q)


@triton.jit
def _weights(q, k, i, j, stop_q, stop_k, whole, CAUSAL: tl.constexpr, SCALE: tl.constexpr, DTYPE: tl.constexpr):
    """p[i, j] again, from the logarithm of its denominator."""
    s = _dot(q, tl.trans(k), DTYPE) * SCALE
    return tl.where(_seen(i, j, stop_q, stop_k, CAUSAL), tl.exp2((s - whole[:, None]) * LOG2E), 0)


@triton.jit
def _query_backward(
    g,
    query,
    key,
    value,
    lse,
    delta,
    ptr_q,
    ptr_k,
    first,
    dquery,
    samples,
    heads,
    depth,
    channels,
    CAUSAL: tl.constexpr,
    SCALE: tl.constexpr,
    DTYPE: tl.constexpr,
    FACTOR: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    h = tl.program_id(1)
    d, c = tl.arange(0, DEPTH), tl.arange(0, CHANNELS)
    sample, start, stop_q, mine = _block(first, ptr_q, samples, QUERIES)
    if mine:
        i = start + tl.arange(0, QUERIES)
        start_k, stop_k = tl.load(ptr_k + sample), tl.load(ptr_k + sample + 1)
        q = _rows(query, i, h, d, stop_q, heads, depth, FACTOR)
        up = _rows(g, i, h, c, stop_q, heads, channels, FACTOR)
        whole = tl.load(lse + i.to(tl.int64) * heads + h, mask=i < stop_q, other=0)
        shift = tl.load(delta + i.to(tl.int64) * heads + h, mask=i < stop_q, other=0)
        acc = tl.zeros([QUERIES, DEPTH], dtype=DTYPE)
        last = stop_k
        if CAUSAL:
            last = tl.minimum(stop_k, stop_k - stop_q + tl.minimum(start + QUERIES, stop_q))
        for begin in range(start_k, last, KEYS):
            j = begin + tl.arange(0, KEYS)
            k = _rows(key, j, h, d, stop_k, heads, depth, FACTOR)
            p = _weights(q, k, i, j, stop_q, stop_k, whole, CAUSAL, SCALE, DTYPE)
            dp = _dot(up, tl.trans(_rows(value, j, h, c, stop_k, heads, channels, FACTOR)), DTYPE)
            ds = p * (dp - shift[:, None])
            acc += _dot(ds.to(k.dtype), k, DTYPE)
        _store_rows(dquery, i, h, d, stop_q, heads, depth, acc * SCALE)


@triton.jit
def _key_backward(
    g,
    query,
    key,
    value,
    lse,
    delta,
    ptr_q,
    ptr_k,
    first,
    dkey,
    dvalue,
    samples,
    heads,
    depth,
    channels,
    CAUSAL: tl.constexpr,
    SCALE: tl.constexpr,
    DTYPE: tl.constexpr,
    FACTOR: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    h = tl.program_id(1)
    d, c = tl.arange(0, DEPTH), tl.arange(0, CHANNELS)
    sample, start, stop_k, mine = _block(first, ptr_k, samples, KEYS)
    if mine:
        j = start + tl.arange(0, KEYS)
        start_q, stop_q = tl.load(ptr_q + sample), tl.load(ptr_q + sample + 1)
        k = _rows(key, j, h, d, stop_k, heads, depth, FACTOR)
        v = _rows(value, j, h, c, stop_k, heads, channels, FACTOR)
        acc_k = tl.zeros([KEYS, DEPTH], dtype=DTYPE)
        acc_v = tl.zeros([KEYS, CHANNELS], dtype=DTYPE)
        if CAUSAL:  # the first query that sees the first key of the block
            start_q = tl.maximum(start_q, stop_q - stop_k + start)
        for begin in range(start_q, stop_q, QUERIES):
            i = begin + tl.arange(0, QUERIES)
            q = _rows(query, i, h, d, stop_q, heads, depth, FACTOR)
            up = _rows(g, i, h, c, stop_q, heads, channels, FACTOR)
            whole = tl.load(lse + i.to(tl.int64) * heads + h, mask=i < stop_q, other=0)
            shift = tl.load(delta + i.to(tl.int64) * heads + h, mask=i < stop_q, other=0)
            p = _weights(q, k, i, j, stop_q, stop_k, whole, CAUSAL, SCALE, DTYPE)
            acc_v += _dot(tl.trans(p).to(up.dtype), up, DTYPE)
            ds = p * (_dot(up, tl.trans(v), DTYPE) - shift[:, None])
            acc_k += _dot(tl.trans(ds).to(q.dtype), q, DTYPE)
        _store_rows(dkey, j, h, d, stop_k, heads, depth, acc_k * SCALE)
        _store_rows(dvalue, j, h, c, stop_k, heads, channels, acc_v)


def _types(query: Tensor, dtype: torch.dtype) -> dict[str, tl.dtype]:
    """What sums are accumulated in, and what factors are rounded to: the interpreter knows no products of bfloat16."""
    half = query.dtype in (torch.float16, torch.bfloat16) and not interpreting()
    return {"DTYPE": TL[dtype], "FACTOR": getattr(tl, str(query.dtype).removeprefix("torch.")) if half else TL[dtype]}


def _first_blocks(ptr: Tensor, size: int) -> Tensor:
    """`int32[b + 1]`, the number of blocks before each sample."""
    blocks = (ptr.diff() + (size - 1)) // size
    return torch.nn.functional.pad(blocks.cumsum(0), (1, 0)).int()


def _tiles(query: Tensor, value: Tensor, samples: int) -> dict[str, int]:
    """Powers of two: blocks no larger than a usual sample, and as many rows as registers hold; products need 16."""
    depth, channels = (max(16, triton.next_power_of_2(size)) for size in (query.shape[2], value.shape[2]))
    room = 8192 // max(depth, channels) * 2 // query.element_size()
    usual = [triton.next_power_of_2(max(1, x.shape[0] // max(samples, 1))) for x in (query, value)]
    queries, keys = (max(16, min(64, room, size)) for size in usual)
    return {"QUERIES": queries, "KEYS": keys, "DEPTH": depth, "CHANNELS": channels}


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
    n, heads, depth = query.shape
    samples, channels = ptr_q.shape[0] - 1, value.shape[2]
    dtype = accumulate_in(query, key, value)
    out, lse = query.new_empty(n, heads, channels), query.new_empty(n, heads, dtype=dtype)
    if n and heads and samples:
        tiles = _tiles(query, value, samples)
        _forward[triton.cdiv(n, tiles["QUERIES"]) + samples, heads](
            query.contiguous(),
            key.contiguous(),
            value.contiguous(),
            ptr_q,
            ptr_k,
            _first_blocks(ptr_q, tiles["QUERIES"]),
            out,
            lse,
            samples,
            heads,
            depth,
            channels,
            CAUSAL=causal,
            SCALE=scale,
            **_types(query, dtype),
            **tiles,
        )
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
    (n, heads, depth), m = query.shape, key.shape[0]
    samples, channels, dtype = ptr_q.shape[0] - 1, value.shape[2], lse.dtype
    dquery, dkey, dvalue = query.new_empty(query.shape), key.new_empty(key.shape), value.new_empty(value.shape)
    if not heads or not samples:
        return dquery, dkey, dvalue
    delta = (g.to(dtype) * out.to(dtype)).sum(-1)
    tensors = [x.contiguous() for x in (g.to(query.dtype), query, key, value, lse, delta, ptr_q, ptr_k)]
    sizes, tiles = (samples, heads, depth, channels), _tiles(query, value, samples)
    constants = {"CAUSAL": causal, "SCALE": scale} | _types(query, dtype) | tiles
    if n:
        blocks = triton.cdiv(n, tiles["QUERIES"]) + samples
        _query_backward[blocks, heads](*tensors, _first_blocks(ptr_q, tiles["QUERIES"]), dquery, *sizes, **constants)
    if m:
        blocks = triton.cdiv(m, tiles["KEYS"]) + samples
        first = _first_blocks(ptr_k, tiles["KEYS"])
        _key_backward[blocks, heads](*tensors, first, dkey, dvalue, *sizes, **constants)
    return dquery, dkey, dvalue
