"""The Numba backend of `dropout`: blocks of entries in parallel."""

import numpy as np
import torch
from torch import Tensor

from gdl_core.kernels.cpu import compile_kernel, run_rows
from gdl_core.kernels.philox import COUNTERS, threshold
from gdl_core.kernels.philox_cpu import philox_block


@compile_kernel
def _drop(lo, hi, ptr, x, seed, bound, scale, out):
    """Block i holds the entries from ptr[i] to ptr[i + 1]."""
    zero = x.dtype.type(0)
    words = np.empty((4, COUNTERS), np.uint32)
    flat = words.reshape(4 * COUNTERS)
    for block in range(lo, hi):
        philox_block(seed, np.uint64(block * COUNTERS), words)
        start = ptr[block]
        for i in range(ptr[block + 1] - start):
            out[start + i] = x[start + i] * scale if flat[i] >= bound else zero


def dropout(x: Tensor, seed: Tensor, rate: float) -> Tensor:
    wide = x.detach().to(torch.float64 if x.dtype == torch.float64 else torch.float32).contiguous()
    out = torch.empty_like(wide)
    count, size = wide.numel(), 4 * COUNTERS
    ptr = np.minimum(np.arange(0, count + size, size, dtype=np.int64), count)
    number = out.numpy().dtype.type
    bound, key = np.uint32(threshold(rate) << 8), np.uint64(int(seed))
    run_rows(_drop, ptr, 4, wide.view(-1).numpy(), key, bound, number(1 / (1 - rate)), out.view(-1).numpy())
    return out.to(x.dtype)
