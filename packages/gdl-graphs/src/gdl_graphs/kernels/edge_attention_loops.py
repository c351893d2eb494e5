"""The Numba loops of attention over edges: forward, and backward by senders and by receivers.

Row i is a receiver and `index` its senders; in the loops by senders row i is a sender, `index` its receivers and `slot`
the edges (elsewhere `slot` is empty and edge k is k itself). `bound` is 0 without dropout. Each row is written by one
thread, in one order. `statistics[m, 2, h]` are lse, finite, and delta.

The gradients of scores are written by senders, where scores are recomputed, and read by receivers: `ds` holds those of
a window of receivers, whose edges begin at `offset`. `cursor` is where each sender stands; `near` holds `stride` rows
for each receiver, the first of which is the query (GATv2: the receiver itself), the second, if any, its gradient.
"""

import numpy as np
from gdl_core.kernels.cpu import compile_kernel

from gdl_graphs.kernels import edge_attention_blocks as b
from gdl_graphs.kernels.edge_attention_blocks import BLOCK

ROWS = 64  # receivers whose part of the gradient of GATv2's attention vector is summed together


@compile_kernel
def dot_forward(lo, hi, ptr, index, query, key, value, bias, scale, seed, bound, grow, out, lse):
    heads, kind, slot = value.shape[1], value.dtype, index[:0]
    s, m, bits = b.blocks(heads, kind), b.blocks(heads, kind), b.words(heads)
    part = np.empty((1, heads, value.shape[2]), kind)
    top, total, shrink = np.empty(heads, kind), np.empty(heads, kind), np.empty(heads, kind)
    for i in range(lo, hi):
        top[:], total[:], out[i] = -np.inf, 0, 0
        for first in range(ptr[i], ptr[i + 1], BLOCK):
            count = min(BLOCK, ptr[i + 1] - first)
            b.prefetch(key, index, first, count)
            b.prefetch(value, index, first, count)
            b.dot_scores(s, i, query, key, bias, slot, index, first, count, scale)
            b.raise_top(s, count, top, total, shrink)
            if bound > 0:
                b.multipliers(m, bits, slot, first, count, seed, bound, grow)
                b.multiply(s, m, count)
            b.accumulate(out, i, part, shrink, first == ptr[i], s, value, index, first, count)
        b.finish(out, lse, i, top, total)


@compile_kernel
def gat_forward(lo, hi, ptr, index, own, other, value, bias, slope, seed, bound, grow, out, lse, sloped, mean_slope):
    """And sloped[i] = sum p m leaky' value[j], mean_slope[i] = sum p leaky', unless they are empty."""
    heads, kind, slot, train = value.shape[1], value.dtype, index[:0], mean_slope.size > 0
    s, w, m = b.blocks(heads, kind), b.blocks(heads, kind), b.blocks(heads, kind)
    bits = b.words(heads)
    part, other_part = np.empty((1, heads, value.shape[2]), kind), np.empty((1, heads, value.shape[2]), kind)
    top, total, shrink, steep = (
        np.empty(heads, kind),
        np.empty(heads, kind),
        np.empty(heads, kind),
        np.empty(heads, kind),
    )
    for i in range(lo, hi):
        top[:], total[:], steep[:], out[i] = -np.inf, 0, 0, 0
        if train:
            sloped[i] = 0
        for first in range(ptr[i], ptr[i + 1], BLOCK):
            count, is_first = min(BLOCK, ptr[i + 1] - first), first == ptr[i]
            b.prefetch(other, index, first, count)
            b.prefetch(value, index, first, count)
            b.gat_scores(s, w, i, own, other, bias, slot, index, first, count, slope)
            b.raise_top(s, count, top, total, shrink)
            if bound > 0:
                b.multipliers(m, bits, slot, first, count, seed, bound, grow)
            if train:
                b.multiply(w, s, count)
                b.add_sums(steep, shrink, w, count)
                if bound > 0:
                    b.multiply(s, m, count)
                    b.multiply(w, m, count)
                b.accumulate_two(out, sloped, i, part, other_part, shrink, is_first, s, w, value, index, first, count)
            else:
                if bound > 0:
                    b.multiply(s, m, count)
                b.accumulate(out, i, part, shrink, is_first, s, value, index, first, count)
        b.finish(out, lse, i, top, total)
        if train:
            b.finish_slopes(sloped, mean_slope, i, steep, total)


@compile_kernel
def gatv2_forward(lo, hi, ptr, index, own, other, attention, bias, slope, seed, bound, grow, out, lse):
    heads, kind, slot = other.shape[1], other.dtype, index[:0]
    s, m, bits = b.blocks(heads, kind), b.blocks(heads, kind), b.words(heads)
    part = np.empty((1, heads, other.shape[2]), kind)
    top, total, shrink = np.empty(heads, kind), np.empty(heads, kind), np.empty(heads, kind)
    for i in range(lo, hi):
        top[:], total[:], out[i] = -np.inf, 0, 0
        for first in range(ptr[i], ptr[i + 1], BLOCK):
            count = min(BLOCK, ptr[i + 1] - first)
            b.prefetch(other, index, first, count)
            b.gatv2_scores(s, i, own, other, attention, bias, slot, index, first, count, slope)
            b.raise_top(s, count, top, total, shrink)
            if bound > 0:
                b.multipliers(m, bits, slot, first, count, seed, bound, grow)
                b.multiply(s, m, count)
            b.accumulate(out, i, part, shrink, first == ptr[i], s, other, index, first, count)
        b.finish(out, lse, i, top, total)


@compile_kernel
def dot_senders(
    lo,
    hi,
    ptr,
    index,
    slot,
    cursor,
    window,
    offset,
    near,
    stride,
    key,
    query,
    value,
    bias,
    statistics,
    g,
    scale,
    seed,
    bound,
    grow,
    dkey,
    dvalue,
    ds,
):
    """dkey[j] = scale sum ds query[i], dvalue[j] = sum p m g[i], and ds, over the receivers below `window`."""
    heads, kind, one = value.shape[1], value.dtype, value.dtype.type(1)
    place, edge = np.empty(BLOCK, index.dtype), np.empty(BLOCK, slot.dtype)
    s, d, m = b.blocks(heads, kind), b.blocks(heads, kind), b.blocks(heads, kind)
    bits = b.words(heads)
    t, ones = np.zeros((2, heads, BLOCK), kind), np.ones(heads, kind)
    part_key, part = np.empty((1, heads, key.shape[2]), kind), np.empty((1, heads, value.shape[2]), kind)
    for j in range(lo, hi):
        begin, end = cursor[j], _first_from(index, cursor[j], ptr[j + 1], window)
        cursor[j] = end
        if begin == ptr[j]:
            dkey[j], dvalue[j] = 0, 0
        for first in range(begin, end, BLOCK):
            count = min(BLOCK, end - first)
            b.prefetch(statistics, index, first, count)
            b.prefetch(near, index, first, count)
            if stride == 1:
                b.prefetch(g, index, first, count)
            _places(place, edge, index, slot, first, count, stride)
            b.dot_scores(s, j, key, query, bias, edge, place, 0, count, scale)
            b.dots(d, j, value, g, place, 0, count, one)
            b.edge_statistics(t, statistics, index, first, count)
            if bound > 0:
                b.multipliers(m, bits, edge, 0, count, seed, bound, grow)
            b.score_gradients(s, d, m, t, count, bound > 0)
            _store(ds, edge, d, 0, count, offset)
            _scale(d, scale, count)
            b.accumulate(dkey, j, part_key, ones, first == ptr[j], d, query, place, 0, count)
            b.accumulate(dvalue, j, part, ones, first == ptr[j], s, g, place, 0, count)


@compile_kernel
def dot_receivers(lo, hi, ptr, index, key, ds, scale, dquery):
    """dquery[i] = scale sum ds key[j]."""
    heads, kind = key.shape[1], key.dtype
    d, part, ones = b.blocks(heads, kind), np.empty((1, heads, key.shape[2]), kind), np.ones(heads, kind)
    for i in range(lo, hi):
        dquery[i] = 0
        for first in range(ptr[i], ptr[i + 1], BLOCK):
            count = min(BLOCK, ptr[i + 1] - first)
            b.prefetch(key, index, first, count)
            _load(d, ds, first, count)
            _scale(d, scale, count)
            b.accumulate(dquery, i, part, ones, first == ptr[i], d, key, index, first, count)


@compile_kernel
def node_statistics(lo, hi, rows, lse, delta, statistics):
    """lse, finite, and delta side by side: they are read together."""
    for i in range(lo, hi):
        for h in range(lse.shape[1]):
            statistics[i, 0, h] = 0 if lse[i, h] == -np.inf else lse[i, h]
            statistics[i, 1, h] = delta[i, h]


@compile_kernel
def gat_receivers(lo, hi, rows, g, sloped, delta, mean_slope, down):
    """down[i] = <g[i], sloped[i]> - delta[i] mean_slope[i]."""
    for i in range(lo, hi):
        for h in range(g.shape[1]):
            total = g.dtype.type(0)
            for c in range(g.shape[2]):
                total += g[i, h, c] * sloped[i, h, c]
            down[i, h] = total - delta[i, h] * mean_slope[i, h]


@compile_kernel
def gat_senders(
    lo, hi, ptr, index, slot, own, other, value, bias, statistics, g, slope, seed, bound, grow, down, dvalue, dbias
):
    """down[j] = sum ds leaky', dvalue[j] = sum p m g[i], dbias = ds leaky'."""
    heads, kind, one = value.shape[1], value.dtype, value.dtype.type(1)
    s, d, m = b.blocks(heads, kind), b.blocks(heads, kind), b.blocks(heads, kind)
    bits = b.words(heads)
    slopes = b.blocks(heads, kind)
    t, part, ones = np.zeros((2, heads, BLOCK), kind), np.empty((1, heads, value.shape[2]), kind), np.ones(heads, kind)
    for j in range(lo, hi):
        down[j], dvalue[j] = 0, 0
        for first in range(ptr[j], ptr[j + 1], BLOCK):
            count = min(BLOCK, ptr[j + 1] - first)
            b.prefetch(other, index, first, count)
            b.prefetch(statistics, index, first, count)
            b.prefetch(g, index, first, count)
            b.gat_scores(s, slopes, j, own, other, bias, slot, index, first, count, slope)
            b.dots(d, j, value, g, index, first, count, one)
            b.edge_statistics(t, statistics, index, first, count)
            if bound > 0:
                b.multipliers(m, bits, slot, first, count, seed, bound, grow)
            b.score_gradients(s, d, m, t, count, bound > 0)
            b.multiply(d, slopes, count)
            _store(dbias, slot, d, first, count, 0)
            b.add_sums(down[j], ones, d, count)
            b.accumulate(dvalue, j, part, ones, first == ptr[j], s, g, index, first, count)


@compile_kernel
def gatv2_senders(
    lo,
    hi,
    ptr,
    index,
    slot,
    cursor,
    window,
    offset,
    near,
    stride,
    own,
    other,
    attention,
    bias,
    statistics,
    g,
    slope,
    seed,
    bound,
    grow,
    down,
    dvalue,
    ds,
):
    """down[j] = attention sum ds leaky'(z) + sum p m g[i], and ds, over the receivers below `window`.

    `dvalue` holds the second sum until a sender has had all its receivers.
    """
    heads, kind, one = own.shape[1], own.dtype, own.dtype.type(1)
    place, edge = np.empty(BLOCK, index.dtype), np.empty(BLOCK, slot.dtype)
    s, d, m = b.blocks(heads, kind), b.blocks(heads, kind), b.blocks(heads, kind)
    bits = b.words(heads)
    part = np.empty((1, heads, own.shape[2]), kind)
    t, ones = np.zeros((2, heads, BLOCK), kind), np.ones(heads, kind)
    for j in range(lo, hi):
        begin, end = cursor[j], _first_from(index, cursor[j], ptr[j + 1], window)
        cursor[j] = end
        if begin == ptr[j]:
            down[j], dvalue[j] = 0, 0
        for first in range(begin, end, BLOCK):
            count = min(BLOCK, end - first)
            b.prefetch(statistics, index, first, count)
            b.prefetch(near, index, first, count)
            if stride == 1:
                b.prefetch(g, index, first, count)
            _places(place, edge, index, slot, first, count, stride)
            b.gatv2_scores(s, j, own, other, attention, bias, edge, place, 0, count, slope)
            b.dots(d, j, own, g, place, 0, count, one)
            b.edge_statistics(t, statistics, index, first, count)
            if bound > 0:
                b.multipliers(m, bits, edge, 0, count, seed, bound, grow)
            b.score_gradients(s, d, m, t, count, bound > 0)
            _store(ds, edge, d, 0, count, offset)
            b.accumulate_slopes(down, j, d, own, other, place, 0, count, slope)
            b.accumulate(dvalue, j, part, ones, first == ptr[j], s, g, place, 0, count)
        if begin < end and end == ptr[j + 1]:
            for h in range(heads):
                for c in range(down.shape[2]):
                    down[j, h, c] = down[j, h, c] * attention[h, c] + dvalue[j, h, c]


@compile_kernel
def gatv2_receivers(lo, hi, groups, ptr, index, own, other, attention, ds, slope, down, dattention):
    """down[i] = attention sum ds leaky'(z), and dattention of a group of rows = sum ds leaky(z)."""
    heads, kind = other.shape[1], other.dtype
    d, rest, ones = b.blocks(heads, kind), np.empty((1, heads, other.shape[2]), kind), np.ones(heads, kind)
    for group in range(lo, hi):
        dattention[group] = 0
        for i in range(group * ROWS, min(group * ROWS + ROWS, ptr.size - 1)):
            down[i] = 0
            for first in range(ptr[i], ptr[i + 1], BLOCK):
                count = min(BLOCK, ptr[i + 1] - first)
                b.prefetch(other, index, first, count)
                _load(d, ds, first, count)
                rest[:] = 0
                b.accumulate_leaky(down, rest, d, i, own, other, index, first, count, slope)
                b.add_block(dattention, group, rest, ones)
            for h in range(heads):
                for c in range(down.shape[2]):
                    down[i, h, c] *= attention[h, c]


@b.inline
def _store(ds, slot, d, first, count, offset):
    if ds.size:
        for k in range(count):
            for h in range(d.shape[0]):
                ds[slot[first + k] - offset, h] = d[h, k]


@b.inline
def _first_from(index, begin, end, window):
    """The first place from `begin` on whose receiver is not below `window`; receivers rise along a row."""
    while begin < end:
        middle = (begin + end) // 2
        if index[middle] < window:
            begin = middle + 1
        else:
            end = middle
    return begin


@b.inline
def _places(place, edge, index, slot, first, count, stride):
    """Where the rows of a block's receivers are, and its edges."""
    for k in range(count):
        place[k] = stride * index[first + k]
        edge[k] = slot[first + k]


@b.inline
def _load(d, ds, first, count):
    for k in range(count):
        for h in range(d.shape[0]):
            d[h, k] = ds[first + k, h]


@b.inline
def _scale(d, scale, count):
    for h in range(d.shape[0]):
        for k in range(count):
            d[h, k] *= scale
