"""Tensors of the CPU as NumPy arrays, which Numba kernels take, and memory for their results."""

import math

import numpy as np
import torch
from torch import Tensor

from gdl_core.kernels.memory import lend

_LARGE = 1 << 22  # bytes from which NumPy asks the system for huge pages


def to_numpy(tensor: Tensor, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return a contiguous array of the values of `tensor`, in `dtype`; shares memory where nothing has to change."""
    # Each of these conversions costs about a microsecond, and a call has twenty tensors, so only those that are needed.
    if dtype is not None and tensor.dtype != dtype:
        tensor = tensor.to(dtype)
    if tensor.requires_grad:
        tensor = tensor.detach()
    return (tensor if tensor.is_contiguous() else tensor.contiguous()).numpy()


def empty(*shape: int, dtype: torch.dtype) -> Tensor:
    """``torch.empty``, whose large results use memory again, on huge pages where the system has them (see `memory`)."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(lend(size)).view(dtype).view(shape)
