"""Poses that points single out: the principal axes of each sample, with all signs or with signs of their own."""

import torch
from gdl_core.incidence import broadcast, reduce
from torch import Tensor


def centred(positions: Tensor, ptr: Tensor) -> Tensor:
    """Return positions less the mean of their sample, `[n, d]`."""
    return positions - broadcast(ptr, reduce(ptr, positions, "mean"), positions.shape[0])


def principal_axes(middle: Tensor, ptr: Tensor) -> Tensor:
    """Return the eigenvectors of each sample's covariance as columns, by growing moment, `[b, d, d]` in float64."""
    x = middle.double()
    products = (x[:, :, None] * x[:, None, :]).flatten(1)
    covariance = reduce(ptr, products, "sum").unflatten(1, (x.shape[1], x.shape[1]))
    return torch.linalg.eigh(covariance).eigenvectors


def frames(middle: Tensor, ptr: Tensor, proper: bool) -> Tensor:
    """Return the principal axes of each sample under every choice of signs, `[f, b, d, d]` (Puny et al. 2022, §3.1).

    f is 2^d, or 2^(d-1) if `proper`: then the last axis makes the determinant one. Together they turn with the points.

    Args:
        middle: centred positions, `[n, d]`; see `centred`.
        ptr: offsets of the samples, as in `Points`.
        proper: whether only rotations count.
    """
    axes = principal_axes(middle, ptr)
    d = axes.shape[-1]
    choices = torch.cartesian_prod(*[torch.tensor([1.0, -1.0], dtype=axes.dtype, device=axes.device)] * d)
    choices = choices.reshape(-1, d)
    if proper:
        axes = _make_proper(axes)
        choices = choices[choices.prod(1) > 0]
    return (axes[None] * choices[:, None, None, :]).to(middle)


def canonical_frame(middle: Tensor, ptr: Tensor, owner: Tensor, proper: bool) -> Tensor:
    """Return the principal axes with the signs that make third moments positive, `[b, d, d]`.

    A `proper` frame takes the sign of its last axis from the others.
    """
    axes = principal_axes(middle, ptr)
    along = torch.einsum("ni,nik->nk", middle.double(), axes.index_select(0, owner))
    skew = reduce(ptr, along**3, "sum")
    signs = torch.where(skew < 0, -1.0, 1.0).to(axes)
    axes = axes * signs[:, None, :]
    return (_make_proper(axes) if proper else axes).to(middle)


def _make_proper(axes: Tensor) -> Tensor:
    """Turn the last axis where the determinant is -1."""
    sign = torch.linalg.det(axes).sign()
    return torch.cat([axes[..., :-1], axes[..., -1:] * sign[:, None, None]], -1)
