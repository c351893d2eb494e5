"""Adaptive polyphase sampling: which of the s_1 ⋯ s_d interleaved grids to keep, keeping it, and putting it back.

`polyphase_gather` and `polyphase_scatter` are each other's adjoint, which closes them under differentiation.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from gdl_core.kernels.kernel import Kernel
from torch import Tensor

_CPU, _CUDA = "gdl_grids.kernels.polyphase_cpu:", "gdl_grids.kernels.polyphase_cuda:"


def split_phases(x: Tensor, stride: Sequence[int]) -> Tensor:
    """View `x[b, c, *n]` as `[b, P, c, *n / stride]`, the phases in row-major order."""
    d = len(stride)
    for axis in range(d):
        x = x.unflatten(2 + 2 * axis, (-1, stride[axis]))
    order = [0, *range(3, 3 + 2 * d, 2), 1, *range(2, 2 + 2 * d, 2)]
    return x.permute(order).flatten(1, d) if d > 1 else x.permute(order)


def join_phases(x: Tensor, stride: Sequence[int]) -> Tensor:
    """Undo `split_phases`."""
    d = len(stride)
    x = x.unflatten(1, tuple(stride))
    order = [0, d + 1]
    for axis in range(d):
        order += [d + 2 + axis, 1 + axis]
    x = x.permute(order)
    for axis in range(d):
        x = x.flatten(2 + axis, 3 + axis)
    return x


def flat_phase(phase: Tensor, stride: Sequence[int]) -> Tensor:
    """Return the row-major number `[b]` of each phase `[b, d]`."""
    flat = torch.zeros_like(phase[:, 0])
    for axis, step in enumerate(stride):
        flat = flat * step + phase[:, axis]
    return flat


def fixed_point_bits(x: Tensor) -> int:
    """Return to how many bits values are rounded so that the sum of their squares over a sample fits 62 bits."""
    count = max(1, math.prod(x.shape[1:]))
    return min(20, (62 - count.bit_length()) // 2)


def fixed_point_scale(x: Tensor) -> Tensor:
    """Return the power of two, `float64[b]`, that takes the largest finite |x| of each sample just below 2^bits."""
    values = x.abs().flatten(1)
    largest = torch.where(values.isfinite(), values, 0).amax(1).double() if values.numel() else x.new_ones(x.shape[0])
    exponent = torch.frexp(torch.where(largest > 0, largest, 1.0)).exponent
    return torch.ldexp(torch.ones_like(largest, dtype=torch.float64), fixed_point_bits(x) - exponent)


def choose_phase(energy: Tensor, total: Tensor, stride: Sequence[int]) -> Tensor:
    """Return the phase `int64[b, d]` of largest energy; ties go to the largest sum, then to the lowest number."""
    best = energy == energy.amax(1, keepdim=True)
    total = torch.where(best, total, torch.iinfo(torch.int64).min)
    best = best & (total == total.amax(1, keepdim=True))
    flat = best.to(torch.int64).argmax(1)  # the first of those that are left
    parts = []
    for step in reversed(stride):
        parts.append(flat % step)
        flat = flat // step
    return torch.stack(parts[::-1], 1)


# polyphase_phase: x[b, c, *n] -> int64[b, d]


def _phase(x: Tensor, stride: Sequence[int]) -> Tensor:
    scale = fixed_point_scale(x)
    scaled = (x.detach().double() * scale.reshape(-1, *[1] * (x.dim() - 1))).round()
    whole = torch.where(scaled.isfinite(), scaled, 0.0).to(torch.int64)
    parts = split_phases(whole, stride).flatten(2)  # [b, P, c * n / P]
    return choose_phase((parts * parts).sum(2), parts.sum(2), stride)


def _phase_fake(x: Tensor, stride: Sequence[int]) -> Tensor:
    return x.new_empty(x.shape[0], len(stride), dtype=torch.int64)


def _no_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    """Nothing to keep: a choice has no derivative."""


def _no_backward(ctx: Any, g: Tensor) -> tuple:
    return None, None


polyphase_phase = Kernel(
    "polyphase_phase",
    _phase,
    fake=_phase_fake,
    cpu=_CPU + "phase",
    cuda=_CUDA + "phase",
    setup_context=_no_setup,
    backward=_no_backward,
)


# polyphase_gather: y[b, c, u] = x[b, c, phase[b] + stride u]


def _gather(x: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    rows = torch.arange(x.shape[0], device=x.device)
    return split_phases(x, stride)[rows, flat_phase(phase, stride)].contiguous()


def _gather_fake(x: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    return x.new_empty(*x.shape[:2], *[n // step for n, step in zip(x.shape[2:], stride)])


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    _, phase, ctx.stride = inputs
    ctx.save_for_backward(phase)


def _gather_backward(ctx: Any, g: Tensor) -> tuple:
    return polyphase_scatter(g, ctx.saved_tensors[0], ctx.stride), None, None


polyphase_gather = Kernel(
    "polyphase_gather",
    _gather,
    fake=_gather_fake,
    cpu=_CPU + "gather",
    cuda=_CUDA + "gather",
    setup_context=_setup,
    backward=_gather_backward,
)


# polyphase_scatter: x[b, c, phase[b] + stride u] = y[b, c, u], zero elsewhere


def _scatter(y: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    rows = torch.arange(y.shape[0], device=y.device)
    parts = y.new_zeros(y.shape[0], math.prod(stride), *y.shape[1:])
    return join_phases(parts.index_put((rows, flat_phase(phase, stride)), y), stride).contiguous()


def _scatter_fake(y: Tensor, phase: Tensor, stride: Sequence[int]) -> Tensor:
    return y.new_empty(*y.shape[:2], *[n * step for n, step in zip(y.shape[2:], stride)])


def _scatter_backward(ctx: Any, g: Tensor) -> tuple:
    return polyphase_gather(g, ctx.saved_tensors[0], ctx.stride), None, None


polyphase_scatter = Kernel(
    "polyphase_scatter",
    _scatter,
    fake=_scatter_fake,
    cpu=_CPU + "scatter",
    cuda=_CUDA + "scatter",
    setup_context=_setup,
    backward=_scatter_backward,
)
