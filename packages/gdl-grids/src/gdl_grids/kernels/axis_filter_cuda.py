"""The Triton backend of `axis_filter`: each program owns a block of outputs and gathers its taps, both ways."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 512


@triton.jit
def _source(t, n, BOUNDARY: tl.constexpr):
    """The row that stands at t of the extended axis: itself, wrapped, mirrored, or -1 for zero."""
    if BOUNDARY == 0:
        s = ((t % n) + n) % n
    elif BOUNDARY == 1:
        s = tl.where((t >= 0) & (t < n), t, -1)
    else:
        period = tl.maximum(2 * n - 2, 1)
        s = ((t % period) + period) % period
        s = tl.where(s < n, s, 2 * n - 2 - s)
    return s


@triton.jit
def _forward(
    x,
    taps,
    y,
    size,
    n,
    outputs,
    columns,
    stride,
    before,
    TAPS: tl.constexpr,
    BOUNDARY: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = place < size
    m = place % columns
    o = (place // columns) % outputs
    r = place // (columns * outputs)
    total = tl.zeros([BLOCK], dtype=DTYPE)
    for j in range(TAPS):
        s = _source(o * stride - before + j, n, BOUNDARY)
        value = tl.load(x + (r * n + s) * columns + m, mask=live & (s >= 0), other=0)
        total += tl.load(taps + j).to(DTYPE) * value.to(DTYPE)
    tl.store(y + place, total, mask=live)


@triton.jit
def _adjoint(
    g,
    taps,
    x,
    size,
    n,
    outputs,
    columns,
    stride,
    before,
    low,
    high,
    TAPS: tl.constexpr,
    BOUNDARY: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """x[i] = the sum over every t in low … high - 1 that stands for row i, and the taps that reach t."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = place < size
    m = place % columns
    i = (place // columns) % n
    r = place // (columns * n)
    total = tl.zeros([BLOCK], dtype=DTYPE)
    period = n
    images = 1
    if BOUNDARY == 2:
        period = tl.maximum(2 * n - 2, 1)
        images = 2
    if BOUNDARY == 1:
        first, last = 0, 1
    else:  # t = ±i + period q, with low <= t < high
        first = -(((-low) + period - 1) // period) - 1
        last = (high + period - 1) // period + 1
    for q in range(first, last):
        for image in range(images):
            t = tl.where(image == 0, i, -i) + q * period
            once = live & ((image == 0) | ((i != 0) & (i != n - 1)))  # the ends are their own mirror images
            for j in range(TAPS):
                top = t + before - j
                o = top // stride
                hit = once & (top >= 0) & (top % stride == 0) & (o < outputs)
                value = tl.load(g + (r * outputs + o) * columns + m, mask=hit, other=0)
                total += tl.load(taps + j).to(DTYPE) * value.to(DTYPE)
    tl.store(x + place, total, mask=live)


def axis_filter(
    x: Tensor, taps: Tensor, n: int, outputs: int, stride: int, before: int, boundary: int, transposed: bool
) -> Tensor:
    x = x.detach().contiguous()
    taps = taps.detach().to(x.device).contiguous()
    columns, k = x.shape[2], taps.shape[0]
    y = x.new_empty(x.shape[0], n if transposed else outputs, columns)
    if y.numel() == 0:
        return y
    dtype = tl.float64 if x.dtype == torch.float64 else tl.float32
    options = {"TAPS": k, "BOUNDARY": boundary, "BLOCK": BLOCK, "DTYPE": dtype}
    grid = (triton.cdiv(y.numel(), BLOCK),)
    if not transposed:
        _forward[grid](x, taps, y, y.numel(), n, outputs, columns, stride, before, **options)
    else:
        low, high = -before, (outputs - 1) * stride - before + k
        _adjoint[grid](x, taps, y, y.numel(), n, outputs, columns, stride, before, low, high, **options)
    return y
