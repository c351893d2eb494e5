"""The Triton backend of `so2_conv`: a program per edge or row and lane of channels; nobody adds to another's sums.

All three kernels walk the same way: a lane is the copies of one field, its orders m = 0 … k end where the frame's do,
and the pair (+m, -m) of an order is (re, im), multiplied by i in lanes of the class pseudo.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
from functools import lru_cache

import torch
import triton
import triton.language as tl
from gdl_core.incidence.precision import accumulate_in
from torch import Tensor

from gdl_groups.kernels.so2_conv import Frame, frame_of
from gdl_groups.kernels.so2_conv_tables import tables


@triton.jit
def _lift(
    index, d, x, lanes, places, orders, out, edges, numbers, channels, ORDERS, DTYPE: tl.constexpr, BLOCK: tl.constexpr
):
    """out = the rows of x[index[e]] turned by d[e], order after order."""
    e, t = tl.program_id(0).to(tl.int64), tl.program_id(1)
    lane = lanes + 6 * t
    pseudo, degree, start, count = tl.load(lane), tl.load(lane + 1), tl.load(lane + 2), tl.load(lane + 3)
    first, k = tl.load(lane + 4), tl.load(lane + 5)
    size, c = 2 * degree + 1, tl.arange(0, BLOCK)
    live = c < count
    row, turn = x + tl.load(index + e).to(tl.int64) * channels + start + c, d + e * numbers + first
    for m in range(k + 1):
        pair = c * 0 + m > 0
        width, before = tl.load(orders + 2 * m), tl.load(orders + 2 * m + 1)
        re, im = tl.zeros([BLOCK], DTYPE), tl.zeros([BLOCK], DTYPE)
        for j in range(size):
            a = tl.load(turn + (degree + m) * size + j).to(DTYPE)
            b = tl.load(turn + (degree - m) * size + j).to(DTYPE)
            values = tl.load(row + j * count, mask=live, other=0).to(DTYPE)
            turned = tl.where(pair, pseudo, 0) != 0
            re += tl.where(turned, -b, a) * values
            im += tl.where(turned, a, b) * values
        base = out + edges * before + e * width * tl.where(pair, 2, 1) + tl.load(places + t * ORDERS + m) + c
        tl.store(base, re, mask=live)
        tl.store(base + width, im, mask=live & pair)


@triton.jit
def _lower(
    ptr,
    slot,
    d,
    z,
    lanes,
    places,
    orders,
    out,
    edges,
    numbers,
    channels,
    ORDERS,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[i] = the sum over the edges e = slot[p] of row i of what lies in the frame of e, turned back; one j each."""
    i, t, j = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    lane = lanes + 6 * t
    pseudo, degree, start, count = tl.load(lane), tl.load(lane + 1), tl.load(lane + 2), tl.load(lane + 3)
    first, k = tl.load(lane + 4), tl.load(lane + 5)
    size, c = 2 * degree + 1, tl.arange(0, BLOCK)
    live = (c < count) & (c * 0 + j < size)
    total = tl.zeros([BLOCK], DTYPE)
    lo, hi = tl.load(ptr + i), tl.load(ptr + i + 1)
    for place in range(lo, tl.where(j < size, hi, lo)):
        e = tl.load(slot + place).to(tl.int64)
        turn = d + e * numbers + first + j
        for m in range(k + 1):
            pair = c * 0 + m > 0
            width, before = tl.load(orders + 2 * m), tl.load(orders + 2 * m + 1)
            base = z + edges * before + e * width * tl.where(pair, 2, 1) + tl.load(places + t * ORDERS + m) + c
            re = tl.load(base, mask=live, other=0).to(DTYPE)
            im = tl.load(base + width, mask=live & pair, other=0).to(DTYPE)
            a, b = tl.load(turn + (degree + m) * size).to(DTYPE), tl.load(turn + (degree - m) * size).to(DTYPE)
            turned = tl.where(pair, pseudo, 0) != 0
            total += tl.where(turned, -b, a) * re + tl.where(turned, a, b) * im
    tl.store(out + i * channels + start + j * count + c, total, mask=live)


@triton.jit
def _turn(
    index,
    x,
    z,
    lanes,
    places,
    orders,
    blocks,
    out,
    edges,
    numbers,
    channels,
    COUNT,
    ORDERS,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[e, r, j] = <x[index[e], j], z[e, r]> over the channels of all lanes of a degree; other rows stay 0."""
    e, which, j = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    degree, first, k = tl.load(blocks + 3 * which), tl.load(blocks + 3 * which + 1), tl.load(blocks + 3 * which + 2)
    size, c = 2 * degree + 1, tl.arange(0, BLOCK)
    row = x + tl.load(index + e).to(tl.int64) * channels
    for m in range(tl.where(j < size, k + 1, 0)):
        pair = c * 0 + m > 0
        width, before = tl.load(orders + 2 * m), tl.load(orders + 2 * m + 1)
        plus, minus = tl.zeros([BLOCK], DTYPE), tl.zeros([BLOCK], DTYPE)
        for t in range(COUNT):
            lane = lanes + 6 * t
            count = tl.load(lane + 3)
            live = (c < count) & (c * 0 + tl.load(lane + 1) == degree)
            values = tl.load(row + tl.load(lane + 2) + j * count + c, mask=live, other=0).to(DTYPE)
            base = z + edges * before + e * width * tl.where(pair, 2, 1) + tl.load(places + t * ORDERS + m) + c
            re = tl.load(base, mask=live, other=0).to(DTYPE)
            im = tl.load(base + width, mask=live & pair, other=0).to(DTYPE)
            turned = tl.where(pair, tl.load(lane), 0) != 0
            plus += values * tl.where(turned, im, re)
            minus += values * tl.where(turned, -re, im)
        place = out + e * numbers + first + j
        tl.store(place + (degree + m) * size, tl.sum(plus))
        tl.store(place + (degree - m) * size, tl.sum(tl.where(pair, minus, plus)))  # for m = 0 the same place


@lru_cache(maxsize=256)
def _on(key: str, device: torch.device) -> tuple[Tensor, ...]:
    """Return lanes, places and orders as on the CPU, and for each degree itself, its first number and its order."""
    frame = frame_of(key)
    starts = frame.starts()
    blocks = [(degree, starts[degree], min(degree, frame.order)) for degree in frame.degrees]
    arrays = (*map(torch.from_numpy, tables(key)), torch.tensor(blocks, dtype=torch.int64).view(-1, 3))
    return tuple(array.to(device) for array in arrays)


def _constants(frame: Frame, wide: torch.dtype) -> dict[str, object]:
    block = triton.next_power_of_2(max(lane[3] for lane in frame.lanes))
    return {"DTYPE": tl.float64 if wide == torch.float64 else tl.float32, "BLOCK": block}


def so2_lift(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    x: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    found, wide, edges = frame_of(frame), accumulate_in(x, d), len(sender)
    out = x.new_empty(edges * sum(found.sizes()), dtype=wide)
    if out.numel():
        *places, _ = _on(frame, x.device)
        index, d, x = (sender if at_sender else receiver).contiguous(), d.detach().contiguous(), x.detach().contiguous()
        sizes = edges, found.numbers, found.channels, found.order + 1
        _lift[(edges, len(found.lanes))](index, d, x, *places, out, *sizes, **_constants(found, wide))
    return out.to(x.dtype)


def so2_lower(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    d: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    found, wide, edges = frame_of(frame), accumulate_in(z, d), len(sender)
    rows = ptr_t if at_sender else ptr
    slot = perm.contiguous() if at_sender else torch.arange(edges, dtype=perm.dtype, device=perm.device)
    out = z.new_empty(rows.shape[0] - 1, found.channels, dtype=wide)
    if out.numel():
        *places, _ = _on(frame, z.device)
        d, z = d.detach().contiguous(), z.detach().contiguous()
        sizes = edges, found.numbers, found.channels, found.order + 1
        grid = (out.shape[0], len(found.lanes), 2 * max(lane[1] for lane in found.lanes) + 1)
        _lower[grid](rows.contiguous(), slot, d, z, *places, out, *sizes, **_constants(found, wide))
    return out.to(z.dtype)


def so2_turn(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    z: Tensor,
    frame: str,
    at_sender: bool,
) -> Tensor:
    found, wide, edges = frame_of(frame), accumulate_in(x, z), len(sender)
    out = x.new_zeros(edges, found.numbers, dtype=wide)
    if out.numel() and found.lanes:
        places = _on(frame, x.device)
        index, x, z = (sender if at_sender else receiver).contiguous(), x.detach().contiguous(), z.detach().contiguous()
        sizes = edges, found.numbers, found.channels, len(found.lanes), found.order + 1
        grid = (edges, len(found.degrees), 2 * max(found.degrees) + 1)
        _turn[grid](index, x, z, *places, out, *sizes, **_constants(found, wide))
    return out.to(x.dtype)
