"""Random bits from a counter: the same on every device and for any number of threads, and nothing to store.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a seed of 64 bits is the key, a
counter of 64 bits the plaintext, and each counter yields four words of 32 bits. Decisions compare integers, so that all
backends agree exactly: `keep` the upper 24 bits of a word, `keep_range` each half of a word, 16 bits.
"""

import torch
from torch import Tensor

_MULTIPLIER = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
COUNTERS = 512  # per block of `keep_range`
HALVES = 8 * COUNTERS  # decisions per block


def new_seed(device: torch.device | str | None = None) -> Tensor:
    """Draw a seed, `int64[]`, from torch's generator of the device: `torch.manual_seed` repeats it."""
    return torch.randint(2**62, (), device=device)


def threshold(rate: float, bits: int = 24) -> int:
    """Return the number that random bits must reach to keep an entry that is dropped with probability `rate`."""
    return min(round(rate * 2**bits), 2**bits - 1)


def philox(seed: Tensor, counter: Tensor) -> Tensor:
    """Return `int64[..., 4]`, the words (0 … 2³² - 1) of each counter `int64[...]`."""
    k0, k1 = seed & _MASK, (seed >> 32) & _MASK
    c0, c1 = counter & _MASK, (counter >> 32) & _MASK
    c2, c3 = torch.zeros_like(c0), torch.zeros_like(c0)
    for _ in range(10):
        a, b = c0 * _MULTIPLIER[0], c2 * _MULTIPLIER[1]  # the upper half is right although int64 overflows
        c0, c1, c2, c3 = ((b >> 32) & _MASK) ^ c1 ^ k0, b & _MASK, ((a >> 32) & _MASK) ^ c3 ^ k1, a & _MASK
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return torch.stack([c0, c1, c2, c3], -1)


def keep(seed: Tensor, counter: Tensor, rate: float) -> Tensor:
    """Return `bool[...]`, by the first word of each counter: for entries that are visited in any order."""
    return (philox(seed, counter)[..., 0] >> 8) >= threshold(rate)


def keep_range(seed: Tensor, count: int, rate: float) -> Tensor:
    """Return `bool[count]`: a block of 512 counters decides 4096 entries, first all by the lower half of word 0, then
    all by that of word 1, …, then by the upper halves.

    In this order both vector registers and a GPU write neighbouring entries together.
    """
    blocks = (count + HALVES - 1) // HALVES
    words = philox(seed, torch.arange(blocks * COUNTERS, device=seed.device))
    words = words.reshape(blocks, 1, COUNTERS, 4).transpose(2, 3)
    halves = torch.cat([words & 0xFFFF, words >> 16], 1).reshape(-1)[:count]
    return halves >= threshold(rate, 16)
