"""In which precision sums are accumulated."""

import torch
from torch import Tensor


def accumulate_in(*tensors: Tensor | None) -> torch.dtype:
    """Return float64 if any of `tensors` is float64, else float32: a half-precision sum stops growing at 256."""
    wide = any(tensor is not None and tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if wide else torch.float32
