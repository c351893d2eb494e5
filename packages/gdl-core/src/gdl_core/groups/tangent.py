"""The velocity of a curve at its start, by forward-mode differentiation."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor


def velocity(curve: Callable[[Tensor], Tensor]) -> Tensor:
    """Return d/dt curve(t) at t = 0, for a curve of float64 tensors."""
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    with warnings.catch_warnings():  # the first use of forward mode imports a part of torch that warns about itself
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.script.*", category=DeprecationWarning)
        return torch.func.jvp(curve, (zero,), (one,))[1]
