"""A fixed filter along one axis with a stride and a boundary, and its adjoint: blur pools, average pools, up-sampling.

`axis_filter` and its own transposed form are each other's adjoint, which closes it under differentiation.
"""

from typing import Any

import torch
from gdl_core.grid import BOUNDARIES, source_indices
from gdl_core.kernels.kernel import Kernel
from torch import Tensor


def filter_sources(n: int, outputs: int, taps: int, stride: int, before: int, boundary: int) -> Tensor:
    """Return the input row that tap j of output o reads, `int64[outputs, taps]`; -1 for a zero outside."""
    index = torch.arange(outputs)[:, None] * stride - before + torch.arange(taps)
    return source_indices(index, n, BOUNDARIES[boundary])


def _filter(
    x: Tensor, taps: Tensor, n: int, outputs: int, stride: int, before: int, boundary: int, transposed: bool
) -> Tensor:
    """y[r, o, m] = Σ_j taps[j] x[r, source(o, j), m]: `[r, n, m] -> [r, outputs, m]`; transposed, the other way."""
    source = filter_sources(n, outputs, taps.shape[0], stride, before, boundary).to(x.device)
    weight = taps.to(x.dtype) * (source >= 0)  # [outputs, taps]
    source = source.clamp_min(0).reshape(-1)
    if not transposed:
        rows = x.index_select(1, source).unflatten(1, (outputs, -1))
        return (rows * weight[None, :, :, None]).sum(2)
    spread = (x.unsqueeze(2) * weight[None, :, :, None]).flatten(1, 2)
    return x.new_zeros(x.shape[0], n, x.shape[2]).index_add(1, source, spread)


def _fake(
    x: Tensor, taps: Tensor, n: int, outputs: int, stride: int, before: int, boundary: int, transposed: bool
) -> Tensor:
    return x.new_empty(x.shape[0], n if transposed else outputs, x.shape[2])


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    _, taps, *ctx.numbers = inputs
    ctx.save_for_backward(taps)


def _backward(ctx: Any, g: Tensor) -> tuple:
    *numbers, transposed = ctx.numbers
    dx = axis_filter(g.contiguous(), ctx.saved_tensors[0], *numbers, not transposed)
    return (dx, *[None] * 7)  # the taps are fixed


axis_filter = Kernel(
    "axis_filter",
    _filter,
    fake=_fake,
    cpu="gdl_grids.kernels.axis_filter_cpu:axis_filter",
    cuda="gdl_grids.kernels.axis_filter_cuda:axis_filter",
    setup_context=_setup,
    backward=_backward,
)
