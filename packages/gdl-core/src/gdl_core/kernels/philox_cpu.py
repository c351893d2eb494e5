"""Philox4x32-10 for Numba kernels; see `philox`."""

import numba
import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_32 = np.uint64(32)


@numba.njit(nogil=True)
def philox(seed, counter):
    """The four words, uint32, of a counter; both arguments are uint64."""
    k0, k1 = np.uint32(seed), np.uint32(seed >> _32)
    c0, c1 = np.uint32(counter), np.uint32(counter >> _32)
    c2, c3 = np.uint32(0), np.uint32(0)
    for _ in range(10):
        a, b = np.uint64(c0) * _M0, np.uint64(c2) * _M1
        c0, c1 = np.uint32(b >> _32) ^ c1 ^ k0, np.uint32(b)
        c2, c3 = np.uint32(a >> _32) ^ c3 ^ k1, np.uint32(a)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@numba.njit(nogil=True)
def philox_block(seed, first, words):
    """words[:, j] = the words of counter `first` + j."""
    c0, c1 = words[0], words[1]
    for j in range(c0.size):
        counter = first + np.uint64(j)
        c0[j], c1[j] = np.uint32(counter), np.uint32(counter >> _32)
    philox_rounds(seed, words[0], words[1], words[2], words[3], c0.size)


@numba.njit(nogil=True)
def philox_rounds(seed, c0, c1, c2, c3, count):
    """Replace `count` counters, whose halves are c0 and c1, by their words; one round of all, in vector registers."""
    k0, k1 = np.uint32(seed), np.uint32(seed >> _32)
    for j in range(count):
        c2[j], c3[j] = 0, 0
    for _ in range(10):
        for j in range(count):
            a, b = np.uint64(c0[j]) * _M0, np.uint64(c2[j]) * _M1
            x1, x3 = c1[j], c3[j]
            c0[j], c1[j] = np.uint32(b >> _32) ^ x1 ^ k0, np.uint32(b)
            c2[j], c3[j] = np.uint32(a >> _32) ^ x3 ^ k1, np.uint32(a)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
