"""The Triton backend of `dropout`: a program per block of counters."""

# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# Launching with plain numbers for `tl.constexpr` parameters is how Triton is used.
import torch
import triton
import triton.language as tl
from torch import Tensor

from gdl_core.kernels.dropout import growth
from gdl_core.kernels.philox import COUNTERS, HALVES, threshold


@triton.jit
def _drop(x, seed, out, bound, scale, count, DTYPE: tl.constexpr, COUNTERS: tl.constexpr):
    j = tl.arange(0, COUNTERS)
    counter = tl.program_id(0).to(tl.int64) * COUNTERS + j
    low = counter.to(tl.uint32)
    none = low * 0
    words = tl.philox(tl.load(seed), low, (counter >> 32).to(tl.uint32), none, none)
    start = tl.program_id(0).to(tl.int64) * (8 * COUNTERS) + j
    for part in tl.static_range(8):
        place = start + part * COUNTERS
        value = tl.load(x + place, mask=place < count, other=0).to(DTYPE)
        keep = ((words[part % 4] >> (part // 4 * 16)) & 0xFFFF) >= bound
        tl.store(out + place, tl.where(keep, value * scale, 0), mask=place < count)


def dropout(x: Tensor, seed: Tensor, rate: float) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    if x.numel():
        grid = (triton.cdiv(x.numel(), HALVES),)
        scale = growth(rate)
        wide = tl.float64 if x.dtype == torch.float64 else tl.float32
        _drop[grid](x, seed, out, threshold(rate, 16), scale, x.numel(), DTYPE=wide, COUNTERS=COUNTERS)
    return out
