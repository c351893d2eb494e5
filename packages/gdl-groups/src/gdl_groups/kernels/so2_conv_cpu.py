"""The Numba backend of `so2_conv`: edges or rows in parallel, one lane of channels after the other."""

import numpy as np
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.arrays import to_numpy
from gdl_core.kernels.cpu import compile_kernel, run_rows
from torch import Tensor

from gdl_groups.kernels.so2_conv import frame_of
from gdl_groups.kernels.so2_conv_tables import tables


@compile_kernel
def _lift(lo, hi, ptr, index, d, x, lanes, places, orders, out):
    """out = the rows of x[index[e]] turned by d[e], order after order."""
    edges = len(index)
    for e in range(lo, hi):
        for t in range(len(lanes)):
            pseudo, degree, start, count, first, k = lanes[t]
            size = 2 * degree + 1
            row = x[index[e]]
            for m in range(k + 1):
                base = edges * orders[m, 1] + e * orders[m, 0] * (2 if m else 1) + places[t, m]
                re = out[base : base + count]
                plus, minus = first + (degree + m) * size, first + (degree - m) * size
                if m == 0:
                    for c in range(count):
                        re[c] = d[e, plus] * row[start + c]
                    for j in range(1, size):
                        a = d[e, plus + j]
                        values = row[start + j * count : start + (j + 1) * count]
                        for c in range(count):
                            re[c] += a * values[c]
                    continue
                im = out[base + orders[m, 0] : base + orders[m, 0] + count]
                for j in range(size):
                    a, b = d[e, plus + j], d[e, minus + j]
                    if pseudo:
                        a, b = -b, a
                    values = row[start + j * count : start + (j + 1) * count]
                    if j == 0:
                        for c in range(count):
                            re[c] = a * values[c]
                            im[c] = b * values[c]
                    else:
                        for c in range(count):
                            re[c] += a * values[c]
                            im[c] += b * values[c]


@compile_kernel
def _lower(lo, hi, ptr, slot, d, z, lanes, places, orders, out):
    """out[i] = the sum over the edges e = slot[k] of row i of what lies in the frame of e, turned back."""
    edges = len(slot)
    for i in range(lo, hi):
        out[i] = 0
        for place in range(ptr[i], ptr[i + 1]):
            e = slot[place]
            for t in range(len(lanes)):
                pseudo, degree, start, count, first, k = lanes[t]
                size = 2 * degree + 1
                for m in range(k + 1):
                    base = edges * orders[m, 1] + e * orders[m, 0] * (2 if m else 1) + places[t, m]
                    re = z[base : base + count]
                    im = re if m == 0 else z[base + orders[m, 0] : base + orders[m, 0] + count]
                    plus, minus = first + (degree + m) * size, first + (degree - m) * size
                    for j in range(size):
                        total = out[i, start + j * count : start + (j + 1) * count]
                        a, b = d[e, plus + j], d[e, minus + j]
                        if m == 0:
                            for c in range(count):
                                total[c] += a * re[c]
                            continue
                        if pseudo:
                            a, b = -b, a
                        for c in range(count):
                            total[c] += a * re[c] + b * im[c]


@compile_kernel
def _turn(lo, hi, ptr, index, x, z, lanes, places, orders, out):
    """out[e, r, j] = <x[index[e], j], z[e, r]> over the channels."""
    edges = len(index)
    for e in range(lo, hi):
        out[e] = 0
        row = x[index[e]]
        for t in range(len(lanes)):
            pseudo, degree, start, count, first, k = lanes[t]
            size = 2 * degree + 1
            for m in range(k + 1):
                base = edges * orders[m, 1] + e * orders[m, 0] * (2 if m else 1) + places[t, m]
                re = z[base : base + count]
                im = re if m == 0 else z[base + orders[m, 0] : base + orders[m, 0] + count]
                plus, minus = first + (degree + m) * size, first + (degree - m) * size
                for j in range(size):
                    values = row[start + j * count : start + (j + 1) * count]
                    a, b = x.dtype.type(0), x.dtype.type(0)
                    if m == 0:
                        for c in range(count):
                            a += values[c] * re[c]
                        out[e, plus + j] += a
                        continue
                    for c in range(count):
                        a += values[c] * re[c]
                        b += values[c] * im[c]
                    if pseudo:
                        a, b = b, -a
                    out[e, plus + j] += a
                    out[e, minus + j] += b


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
    index = (sender if at_sender else receiver).numpy()
    values = to_numpy(d, wide), to_numpy(x, wide)
    run_rows(_lift, np.arange(edges + 1), 4 * found.channels, index, *values, *tables(frame), out.numpy())
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
    rows, slot = (ptr_t, perm.numpy()) if at_sender else (ptr, np.arange(edges, dtype=np.int32))
    out = z.new_empty(rows.shape[0] - 1, found.channels, dtype=wide)
    values = to_numpy(d, wide), to_numpy(z, wide)
    run_rows(_lower, rows.numpy(), 4 * found.channels, slot, *values, *tables(frame), out.numpy())
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
    out = x.new_empty(edges, found.numbers, dtype=wide)
    index = (sender if at_sender else receiver).numpy()
    values = to_numpy(x, wide), to_numpy(z, wide)
    run_rows(_turn, np.arange(edges + 1), 4 * found.channels, index, *values, *tables(frame), out.numpy())
    return out.to(x.dtype)
