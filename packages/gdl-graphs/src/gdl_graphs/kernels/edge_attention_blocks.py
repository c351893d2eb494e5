"""What the Numba loops of attention do with a block of up to `BLOCK` edges of a row.

Scores ``s[h, k]`` and what is made of them stay in the cache. A block ends with a multiple of `LANES` scores, the spare
ones -inf, so that exponentials always fill vector registers. Edge k of the block is the edge `first + k`; it goes from
row `i` to ``index[first + k]``.
"""

import numba
import numpy as np
from gdl_core.kernels.philox_cpu import philox_rounds
from gdl_core.kernels.prefetch_cpu import prefetch  # noqa: F401  # for the loops
from numba import types
from numba.extending import overload

BLOCK = 64
LANES = 8

inline = numba.njit(nogil=True, fastmath={"reassoc", "contract", "nsz"})


def exp(x):
    """exp(x) for x up to about 1; 0 below the smallest normal number."""
    return np.exp(x)


@overload(exp, jit_options={"fastmath": {"contract"}})
def _overload_exp(x):
    if x != types.float32:
        return lambda x: np.exp(x)

    # 2^n e^r with |r| <= ln(2) / 2: Cody and Waite's reduction and a polynomial, which vectorise where libm does not.
    log2e, magic = np.float32(1.4426950408889634), np.float32(12582912.0)  # adding 1.5 * 2^23 rounds to whole numbers
    high, low = np.float32(0.693359375), np.float32(-2.12194440e-4)
    c1, c2, c3 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
    c4, c5, c6 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
    one, least, zero = np.float32(1), np.float32(-87.3), np.float32(0)
    bias, places = np.int32(127), np.int32(23)

    def vector_exp(x):
        t = x * log2e + magic
        n = t - magic
        r = (x - n * high) - n * low
        y = ((((c1 * r + c2) * r + c3) * r + c4) * r + c5) * r + c6
        y = (y * r) * r + r + one
        power = np.int32((np.float32(t).view(np.int32) + bias) << places).view(np.float32)
        return zero if x < least else y * power

    return vector_exp


@inline
def blocks(heads, kind):
    # One array each: what an array of more axes unpacks to is not known to be contiguous, so it would not vectorise.
    return np.zeros((heads, BLOCK), kind)


# scores


@inline
def padded(count):
    # A loop of unknown length that is a multiple of LANES becomes vector code; one of LANES itself would not.
    return (count + LANES - 1) // LANES * LANES


@inline
def _add_bias(s, bias, slot, first, count):
    if bias.size:
        for k in range(count):
            e = slot[first + k] if slot.size else first + k
            for h in range(s.shape[0]):
                s[h, k] += bias[e, h]


@inline
def _fill(s, count):
    for h in range(s.shape[0]):
        for k in range(count, padded(count)):
            s[h, k] = -np.inf


@inline
def dots(out, i, left, right, index, first, count, scale):
    """out[h, k] = scale <left[i, h], right[index[k], h]>, four edges at a time."""
    zero = out.dtype.type(0)
    k = 0
    while k + 4 <= count:
        j0, j1, j2, j3 = index[first + k], index[first + k + 1], index[first + k + 2], index[first + k + 3]
        for h in range(left.shape[1]):
            d0, d1, d2, d3 = zero, zero, zero, zero
            for c in range(left.shape[2]):
                x = left[i, h, c]
                d0 += x * right[j0, h, c]
                d1 += x * right[j1, h, c]
                d2 += x * right[j2, h, c]
                d3 += x * right[j3, h, c]
            out[h, k], out[h, k + 1], out[h, k + 2], out[h, k + 3] = d0 * scale, d1 * scale, d2 * scale, d3 * scale
        k += 4
    while k < count:
        j0 = index[first + k]
        for h in range(left.shape[1]):
            d0 = zero
            for c in range(left.shape[2]):
                d0 += left[i, h, c] * right[j0, h, c]
            out[h, k] = d0 * scale
        k += 1


@inline
def dot_scores(s, i, own, other, bias, slot, index, first, count, scale):
    """s = scale <own[i], other[j]> + bias."""
    dots(s, i, own, other, index, first, count, scale)
    _add_bias(s, bias, slot, first, count)
    _fill(s, count)


@inline
def gat_scores(s, slopes, i, own, other, bias, slot, index, first, count, slope):
    """s = leaky(own[i] + other[j] + bias), and the slope of the leaky ReLU there."""
    one = s.dtype.type(1)
    for h in range(s.shape[0]):
        for k in range(count):
            s[h, k] = own[i, h] + other[index[first + k], h]
    _add_bias(s, bias, slot, first, count)
    for h in range(s.shape[0]):
        for k in range(count):
            f = one if s[h, k] > 0 else slope
            slopes[h, k] = f
            s[h, k] *= f
    _fill(s, count)


@inline
def gatv2_scores(s, i, own, other, attention, bias, slot, index, first, count, slope):
    """s = <attention, leaky(own[i] + other[j])> + bias."""
    one, zero = s.dtype.type(1), s.dtype.type(0)
    k = 0
    while k + 4 <= count:
        j0, j1, j2, j3 = index[first + k], index[first + k + 1], index[first + k + 2], index[first + k + 3]
        for h in range(own.shape[1]):
            d0, d1, d2, d3 = zero, zero, zero, zero
            for c in range(own.shape[2]):
                x, a = own[i, h, c], attention[h, c]
                z0, z1, z2, z3 = x + other[j0, h, c], x + other[j1, h, c], x + other[j2, h, c], x + other[j3, h, c]
                d0 += a * (one if z0 > 0 else slope) * z0
                d1 += a * (one if z1 > 0 else slope) * z1
                d2 += a * (one if z2 > 0 else slope) * z2
                d3 += a * (one if z3 > 0 else slope) * z3
            s[h, k], s[h, k + 1], s[h, k + 2], s[h, k + 3] = d0, d1, d2, d3
        k += 4
    while k < count:
        j0 = index[first + k]
        for h in range(own.shape[1]):
            d0 = zero
            for c in range(own.shape[2]):
                z0 = own[i, h, c] + other[j0, h, c]
                d0 += attention[h, c] * (one if z0 > 0 else slope) * z0
            s[h, k] = d0
        k += 1
    _add_bias(s, bias, slot, first, count)
    _fill(s, count)


# softmax and dropout


@numba.njit(nogil=True, fastmath={"reassoc", "nnan", "nsz"})
def _largest(s, h, stop, best):
    """The largest of scores that are numbers; if one is not, the sum of exponentials will tell."""
    for k in range(stop):
        best = s[h, k] if s[h, k] > best else best
    return best


@inline
def raise_top(s, count, top, total, shrink):
    """Turn scores into exp(s - top) with the new largest score; shrink[h] is what earlier sums are multiplied by."""
    zero, stop = s.dtype.type(0), padded(count)
    for h in range(s.shape[0]):
        best = _largest(s, h, stop, top[h])
        base = best if best > -np.inf else zero
        shrink[h] = exp(top[h] - base)
        part = zero
        for k in range(stop):
            p = exp(s[h, k] - base)
            s[h, k] = p
            part += p
        top[h] = best
        total[h] = total[h] * shrink[h] + part


@inline
def words(heads):
    """Room for the four words of each number of a block."""
    return np.empty((4, heads * BLOCK), np.uint32)


@inline
def multipliers(m, bits, slot, first, count, seed, bound, grow):
    """m = grow where an edge is kept, else 0; `bits` is room for `words`."""
    heads, zero = m.shape[0], m.dtype.type(0)
    low, high = bits[0], bits[1]
    for k in range(count):
        e = slot[first + k] if slot.size else first + k
        for h in range(heads):
            counter = np.uint64(e) * np.uint64(heads) + np.uint64(h)
            low[k * heads + h], high[k * heads + h] = np.uint32(counter), np.uint32(counter >> np.uint64(32))
    for j in range(count * heads, padded(count * heads)):
        low[j], high[j] = 0, 0
    philox_rounds(seed, low, high, bits[2], bits[3], padded(count * heads))
    for h in range(heads):
        for k in range(count):
            m[h, k] = grow if low[k * heads + h] >= bound else zero


@inline
def multiply(s, m, count):
    for h in range(s.shape[0]):
        for k in range(count):
            s[h, k] *= m[h, k]


@inline
def edge_statistics(t, statistics, index, first, count):
    """t[0] and t[1] = lse and delta of the receivers index[k]."""
    for h in range(t.shape[1]):
        for k in range(count):
            j = index[first + k]
            t[0, h, k] = statistics[j, 0, h]
            t[1, h, k] = statistics[j, 1, h]


@inline
def score_gradients(s, d, m, t, count, dropping):
    """From scores s and dp = d make weights p m = s and the gradients of the scores ds = d."""
    for h in range(s.shape[0]):
        for k in range(padded(count)):
            s[h, k] = exp(s[h, k] - t[0, h, k])
        if dropping:
            for k in range(count):
                p = s[h, k]
                s[h, k] = p * m[h, k]
                d[h, k] = p * (m[h, k] * d[h, k] - t[1, h, k])
        else:
            for k in range(count):
                d[h, k] = s[h, k] * (d[h, k] - t[1, h, k])


# sums over a block


@inline
def accumulate(out, i, part, shrink, is_first, w, x, index, first, count):
    """out[i, h] = out[i, h] shrink[h] + sum_k w[h, k] x[index[k], h].

    Blocks are summed each by itself, which keeps the rounding error from growing with the degree.
    """
    if is_first:
        _add_products(out, i, w, x, index, first, count)
    else:
        part[:] = 0
        _add_products(part, 0, w, x, index, first, count)
        add_block(out, i, part, shrink)


@inline
def _add_products(out, i, w, x, index, first, count):
    """out[i, h] += sum_k w[h, k] x[index[k], h], four edges at a time: a quarter of the traffic of `out`."""
    k = 0
    while k + 4 <= count:
        j0, j1, j2, j3 = index[first + k], index[first + k + 1], index[first + k + 2], index[first + k + 3]
        for h in range(w.shape[0]):
            w0, w1, w2, w3 = w[h, k], w[h, k + 1], w[h, k + 2], w[h, k + 3]
            for c in range(x.shape[2]):
                out[i, h, c] += (w0 * x[j0, h, c] + w1 * x[j1, h, c]) + (w2 * x[j2, h, c] + w3 * x[j3, h, c])
        k += 4
    while k < count:
        j0 = index[first + k]
        for h in range(w.shape[0]):
            w0 = w[h, k]
            for c in range(x.shape[2]):
                out[i, h, c] += w0 * x[j0, h, c]
        k += 1


@inline
def accumulate_two(out, also, i, part, also_part, shrink, is_first, w, v, x, index, first, count):
    """`accumulate` to `out` with weights w and to `also` with weights v, from one visit to each row."""
    if is_first:
        _add_two_products(out, also, i, w, v, x, index, first, count)
    else:
        part[:], also_part[:] = 0, 0
        _add_two_products(part, also_part, 0, w, v, x, index, first, count)
        add_block(out, i, part, shrink)
        add_block(also, i, also_part, shrink)


@inline
def _add_two_products(out, also, i, w, v, x, index, first, count):
    k = 0
    while k + 4 <= count:
        j0, j1, j2, j3 = index[first + k], index[first + k + 1], index[first + k + 2], index[first + k + 3]
        for h in range(w.shape[0]):
            w0, w1, w2, w3 = w[h, k], w[h, k + 1], w[h, k + 2], w[h, k + 3]
            v0, v1, v2, v3 = v[h, k], v[h, k + 1], v[h, k + 2], v[h, k + 3]
            for c in range(x.shape[2]):
                x0, x1, x2, x3 = x[j0, h, c], x[j1, h, c], x[j2, h, c], x[j3, h, c]
                out[i, h, c] += (w0 * x0 + w1 * x1) + (w2 * x2 + w3 * x3)
                also[i, h, c] += (v0 * x0 + v1 * x1) + (v2 * x2 + v3 * x3)
        k += 4
    while k < count:
        j0 = index[first + k]
        for h in range(w.shape[0]):
            w0, v0 = w[h, k], v[h, k]
            for c in range(x.shape[2]):
                out[i, h, c] += w0 * x[j0, h, c]
                also[i, h, c] += v0 * x[j0, h, c]
        k += 1


@inline
def add_sums(out, shrink, d, count):
    """out[h] = out[h] shrink[h] + sum_k d[h, k]."""
    for h in range(d.shape[0]):
        total = d.dtype.type(0)
        for k in range(count):
            total += d[h, k]
        out[h] = out[h] * shrink[h] + total


@inline
def accumulate_slopes(out, i, w, own, other, index, first, count, slope):
    """out[i, h] += sum_k w[h, k] leaky'(own[i, h] + other[index[k], h]), four edges at a time."""
    k = 0
    while k + 4 <= count:
        j0, j1, j2, j3 = index[first + k], index[first + k + 1], index[first + k + 2], index[first + k + 3]
        for h in range(w.shape[0]):
            a0, a1, a2, a3 = w[h, k], w[h, k + 1], w[h, k + 2], w[h, k + 3]
            b0, b1, b2, b3 = slope * a0, slope * a1, slope * a2, slope * a3
            for c in range(own.shape[2]):
                x = own[i, h, c]
                t0 = a0 if x + other[j0, h, c] > 0 else b0
                t1 = a1 if x + other[j1, h, c] > 0 else b1
                t2 = a2 if x + other[j2, h, c] > 0 else b2
                t3 = a3 if x + other[j3, h, c] > 0 else b3
                out[i, h, c] += (t0 + t1) + (t2 + t3)
        k += 4
    while k < count:
        j0 = index[first + k]
        for h in range(w.shape[0]):
            a0, b0 = w[h, k], slope * w[h, k]
            for c in range(own.shape[2]):
                out[i, h, c] += a0 if own[i, h, c] + other[j0, h, c] > 0 else b0
        k += 1


@inline
def accumulate_leaky(out, rest, w, i, own, other, index, first, count, slope):
    """The same, and rest[0, h] += sum_k w[h, k] leaky(own[i, h] + other[index[k], h]); two edges at a time."""
    k = 0
    while k + 2 <= count:
        j0, j1 = index[first + k], index[first + k + 1]
        for h in range(w.shape[0]):
            a0, a1 = w[h, k], w[h, k + 1]
            b0, b1 = slope * a0, slope * a1
            for c in range(own.shape[2]):
                x = own[i, h, c]
                z0, z1 = x + other[j0, h, c], x + other[j1, h, c]
                t0, t1 = a0 if z0 > 0 else b0, a1 if z1 > 0 else b1
                out[i, h, c] += t0 + t1
                rest[0, h, c] += t0 * z0 + t1 * z1
        k += 2
    if k < count:
        j0 = index[first + k]
        for h in range(w.shape[0]):
            a0, b0 = w[h, k], slope * w[h, k]
            for c in range(own.shape[2]):
                z0 = own[i, h, c] + other[j0, h, c]
                t0 = a0 if z0 > 0 else b0
                out[i, h, c] += t0
                rest[0, h, c] += t0 * z0


@inline
def add_block(out, i, part, shrink):
    """out[i] = out[i] shrink + part[0]."""
    for h in range(out.shape[1]):
        for c in range(out.shape[2]):
            out[i, h, c] = out[i, h, c] * shrink[h] + part[0, h, c]


@inline
def finish(out, lse, i, top, total):
    for h in range(out.shape[1]):
        if total[h] == 0:
            out[i, h, :] = 0
            lse[i, h] = -np.inf
            continue
        share = 1 / total[h]
        for c in range(out.shape[2]):
            out[i, h, c] *= share
        lse[i, h] = top[h] + np.log(total[h])


@inline
def finish_slopes(sloped, mean_slope, i, steep, total):
    """Divide by the sums of exponentials; rows without edges are 0."""
    one, zero = sloped.dtype.type(1), sloped.dtype.type(0)
    for h in range(sloped.shape[1]):
        share = one / total[h] if total[h] != 0 else zero
        for c in range(sloped.shape[2]):
            sloped[i, h, c] *= share
        mean_slope[i, h] = steep[h] * share
