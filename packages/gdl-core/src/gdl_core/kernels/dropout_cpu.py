"""The Numba backend of `dropout`: blocks of entries in parallel."""

import numpy as np
import torch
from torch import Tensor

from gdl_core.kernels.arrays import empty, to_numpy
from gdl_core.kernels.cpu import compile_kernel, run_rows
from gdl_core.kernels.dropout import growth
from gdl_core.kernels.philox import COUNTERS, HALVES, threshold
from gdl_core.kernels.philox_cpu import philox_block

_LOW, _HALF = np.uint32(0xFFFF), np.uint32(16)


@compile_kernel
def _drop(lo, hi, ptr, x, seed, bound, scale, out):
    """Block i holds the entries from ptr[i] to ptr[i + 1]."""
    zero = x.dtype.type(0)
    words = np.empty((4, COUNTERS), np.uint32)
    flat = words.reshape(4 * COUNTERS)
    for block in range(lo, hi):
        philox_block(seed, np.uint64(block * COUNTERS), words)
        start = ptr[block]
        count = ptr[block + 1] - start
        for i in range(min(count, flat.size)):
            out[start + i] = x[start + i] * scale if (flat[i] & _LOW) >= bound else zero
        start += flat.size
        for i in range(count - flat.size):
            out[start + i] = x[start + i] * scale if (flat[i] >> _HALF) >= bound else zero


def dropout(x: Tensor, seed: Tensor, rate: float) -> Tensor:
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    wide, out = to_numpy(x, dtype), empty(*x.shape, dtype=dtype)
    count, size = wide.size, HALVES
    ptr = np.minimum(np.arange(0, count + size, size, dtype=np.int64), count)
    number = wide.dtype.type
    bound, key = np.uint32(threshold(rate, 16)), np.uint64(int(seed))
    run_rows(_drop, ptr, 4, wide.reshape(-1), key, bound, number(growth(rate)), out.view(-1).numpy())
    return out.to(x.dtype)
