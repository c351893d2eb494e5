"""`dropout`: zero entries at random, with the random numbers recomputed in the backward pass instead of a mask kept."""

from typing import Any

import torch
from torch import Tensor

from gdl_core.kernels.kernel import Kernel
from gdl_core.kernels.philox import keep_range, new_seed, threshold


def dropout(x: Tensor, rate: float) -> Tensor:
    """Return ``y = x * keep / p``, each entry kept with probability ``p = 1 - rate`` (Srivastava et al. 2014).

    Bitwise the same on every backend for one seed, which torch's generator draws; stores eight bytes, not a mask.

    Args:
        x: floating-point, of any shape; entries are numbered in row-major order.
        rate: the probability of zeroing an entry, rounded to 16 bits.

    Raises:
        ValueError: unless ``0 <= rate < 1``. TypeError: if `x` is not floating-point.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout expects a rate in [0, 1), got {rate}.")
    if not x.is_floating_point():
        raise TypeError(f"dropout expects floating-point values, got {x.dtype}.")
    return x if rate == 0 else dropout_kernel(x, new_seed(x.device), rate)


def growth(rate: float) -> float:
    """Return what kept entries are multiplied by: one over the share of the 2¹⁶ numbers that keep one."""
    return 2**16 / (2**16 - threshold(rate, 16))


def _dropout(x: Tensor, seed: Tensor, rate: float) -> Tensor:
    mask = keep_range(seed, x.numel(), rate).reshape(x.shape)
    return torch.where(mask, x * growth(rate), 0)


def _dropout_fake(x: Tensor, seed: Tensor, rate: float) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _dropout_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    _, seed, ctx.rate = inputs
    ctx.save_for_backward(seed)


def _dropout_backward(ctx: Any, g: Tensor) -> tuple:
    return dropout_kernel(g, *ctx.saved_tensors, ctx.rate), None, None


dropout_kernel = Kernel(
    "dropout",
    _dropout,
    fake=_dropout_fake,
    cpu="gdl_core.kernels.dropout_cpu:dropout",
    cuda="gdl_core.kernels.dropout_cuda:dropout",
    setup_context=_dropout_setup,
    backward=_dropout_backward,
)
