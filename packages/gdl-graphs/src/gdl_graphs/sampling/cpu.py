"""Numba loops of sampling: drawing, numbering, sorting, transposing. Rows are independent: threads change nothing."""

import numba
import numpy as np
from gdl_core.kernels.cpu import compile_kernel
from gdl_core.kernels.philox_cpu import philox

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_FEW = 48


@numba.njit(nogil=True, inline="always")
def _slot(key, mask):
    return np.int64((np.uint64(key) * _GOLDEN) >> _HALF) & mask


@compile_kernel
def draw(lo, hi, out_ptr, nodes, ptr, sender, seed, epoch, found, edge):
    """For frontier node i, write ``out_ptr[i + 1] - out_ptr[i]`` of its edges: all, or a uniform set in rising order.

    Floyd's algorithm: one number per edge drawn, and where that repeats an earlier one, the newest possible number. The
    numbers come from Philox: a key of (seed, epoch), a counter of (node, place), so they depend on nothing else.
    """
    words = philox(seed, epoch)
    key = np.uint64(words[0]) | (np.uint64(words[1]) << _HALF)
    most = 0
    for i in range(lo, hi):
        most = max(most, out_ptr[i + 1] - out_ptr[i])
    size = 1
    while most > _FEW and size < 2 * most:
        size *= 2
    table = np.empty(size, np.int64)
    for i in range(lo, hi):
        v, first = nodes[i], out_ptr[i]
        start = ptr[v]
        degree, count = ptr[v + 1] - start, out_ptr[i + 1] - first
        row = edge[first : first + count]
        if count == degree:
            for k in range(count):
                row[k] = start + k
                found[first + k] = sender[start + k]
            continue
        used = 1
        while count > _FEW and used < 2 * count:
            used *= 2
        table[:used] = -1
        for k in range(count):
            if k % 2 == 0:
                words = philox(key, np.uint64(v) | (np.uint64(k // 2) << _HALF))
                high, low = words[0], words[1]
            else:
                high, low = words[2], words[3]
            unit = (
                np.float64(high >> np.uint32(5)) * 67108864.0 + np.float64(low >> np.uint32(6))
            ) / 9007199254740992.0
            newest = start + degree - count + k
            pick = start + np.int64(unit * (degree - count + k + 1))
            if count <= _FEW:  # sorted as they come; seeing a repeat and making room cost less than a table
                repeat = False
                for m in range(k):
                    repeat |= row[m] == pick
                j = k
                while not repeat and j > 0 and row[j - 1] > pick:
                    row[j] = row[j - 1]
                    j -= 1
                row[j] = newest if repeat else pick
                continue
            at = _slot(pick, used - 1)
            while table[at] != -1 and table[at] != pick:
                at = (at + 1) & (used - 1)
            if table[at] == pick:
                pick = newest
                at = _slot(pick, used - 1)
                while table[at] != -1:
                    at = (at + 1) & (used - 1)
            table[at] = row[k] = pick
        if count > _FEW:
            row.sort()
        for k in range(count):
            found[first + k] = sender[row[k]]


@compile_kernel
def number(found, keys, slots, nodes, local, count):
    """Give each node its number within the batch, new nodes the next one in order of appearance; ``count[0]`` grows.

    `keys` and `slots` are an open table of the batch's nodes, of a power of two in size and at least half empty.
    """
    mask = keys.size - 1
    known = count[0]
    for e in range(found.size):
        v = found[e]
        at = _slot(v, mask)
        while keys[at] != -1 and keys[at] != v:
            at = (at + 1) & mask
        if keys[at] == -1:
            keys[at], slots[at], nodes[known] = v, known, v
            known += 1
        local[e] = slots[at]
    count[0] = known


@compile_kernel
def sort_rows(lo, hi, ptr, sender, edge):
    """Sort each row by sender, stably, and bring `edge` along unless it is empty."""
    along = edge.size > 0
    for i in range(lo, hi):
        first, last = ptr[i], ptr[i + 1]
        if last - first > 48:
            keys = np.empty(last - first, np.int64)  # sender and place in one number, so that any sort is stable
            for k in range(last - first):
                keys[k] = np.int64(sender[first + k]) << 32 | k
            keys.sort()
            carried = edge[first:last].copy() if along else edge
            for k in range(last - first):
                sender[first + k] = keys[k] >> 32
                if along:
                    edge[first + k] = carried[keys[k] & 0xFFFFFFFF]
            continue
        for k in range(first + 1, last):
            s, j = sender[k], k - 1
            e = edge[k] if along else edge.dtype.type(0)
            while j >= first and sender[j] > s:
                sender[j + 1] = sender[j]
                if along:
                    edge[j + 1] = edge[j]
                j -= 1
            sender[j + 1] = s
            if along:
                edge[j + 1] = e


@compile_kernel
def transpose(ptr, sender, receiver, ptr_t, receiver_t, perm):
    """Fill `receiver` and the sender-major order of rows that are sorted by receiver; one pass each, no sort."""
    ptr_t[:] = 0
    for e in range(sender.size):
        ptr_t[sender[e] + 1] += 1
    for v in range(ptr_t.size - 1):
        ptr_t[v + 1] += ptr_t[v]
    place = ptr_t[:-1].copy()
    for i in range(ptr.size - 1):
        for e in range(ptr[i], ptr[i + 1]):
            at = place[sender[e]]
            place[sender[e]] += 1
            receiver[e], receiver_t[at], perm[at] = i, i, e


@compile_kernel
def scatter(sender, receiver, weight, place, out_sender, out_weight):
    """Put a chunk of edges into the rows of their receivers, at the next free place of each."""
    for e in range(sender.size):
        at = place[receiver[e]]
        place[receiver[e]] += 1
        out_sender[at] = sender[e]
        if weight.size:
            out_weight[at] = weight[e]
