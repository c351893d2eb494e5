"""`wigner`: Wigner matrices from spherical harmonics at turned points."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from gdl_core.kernels import Kernel
from torch import Tensor

from gdl_groups.kernels.spherical_harmonics import spherical_harmonics, spherical_harmonics_backward, table

CHUNK = 512  # rotations whose harmonics are kept at a time on the CPU


def nodes(degree: int) -> np.ndarray:
    """Return 3L + 2 points spread over a half sphere by Fibonacci's spiral, `[K, 3]`.

    On them the harmonics of each degree are well conditioned (condition number at most 8 to degree 20).
    """
    count = 3 * degree + 2
    place = np.arange(count) + 0.5
    y, angle = place / count, math.pi * (1 + 5**0.5) * place
    return np.stack([np.sqrt(1 - y * y) * np.sin(angle), y, np.sqrt(1 - y * y) * np.cos(angle)], 1)


@lru_cache(maxsize=64)
def weights(degree: int) -> np.ndarray:
    """Return, for each degree l <= L, the pseudo-inverse of the harmonics at the nodes, `[K, (L + 1)²]`."""
    points = torch.from_numpy(nodes(degree))
    values = spherical_harmonics.backend("reference")(points, degree, False, "component").numpy()
    blocks = [values[:, l * l : (l + 1) ** 2] for l in range(degree + 1)]
    return np.concatenate([np.linalg.pinv(block.T) for block in blocks], 1)


def _wigner(rotations: Tensor, degrees: list[int]) -> Tensor:
    """D_l Y_l(x_k) = Y_l(R x_k) at enough points x_k determines D_l: a polynomial of degree l in R."""
    highest = max(degrees, default=0)
    frame, back = table(nodes, highest, rotations), table(weights, highest, rotations)
    points = turned(frame, rotations)
    values = spherical_harmonics(points.flatten(0, 1), highest, False, "component").unflatten(0, points.shape[:2])
    blocks = []
    for l in degrees:
        part = slice(l * l, (l + 1) ** 2)
        columns = values[:, :, part].flatten(1)  # [K, n (2l + 1)]: one product for all rotations
        blocks.append((columns.T @ back[:, part]).reshape(rotations.shape[0], (2 * l + 1) ** 2))
    return torch.cat(blocks, 1) if blocks else rotations.new_empty(rotations.shape[0], 0)


def turned(points: Tensor, rotations: Tensor) -> Tensor:
    """Return ``R x``, `[K, n, 3]`, for `points[K, 3]` and `rotations[n, 3, 3]`."""
    return (points @ rotations.flatten(0, 1).T).unflatten(1, (rotations.shape[0], 3))


def _fake(rotations: Tensor, degrees: list[int]) -> Tensor:
    return rotations.new_empty(rotations.shape[0], sum((2 * l + 1) ** 2 for l in degrees))


def wigner_cpu(rotations: Tensor, degrees: list[int]) -> Tensor:
    """The same for few rotations at a time, whose harmonics stay in the cache."""
    wide = rotations.detach().to(torch.float64 if rotations.dtype == torch.float64 else torch.float32)
    if wide.shape[0] <= CHUNK:
        return _wigner(wide, degrees).to(rotations.dtype)
    return torch.cat([_wigner(part, degrees) for part in wide.split(CHUNK)]).to(rotations.dtype)


def wigner_cuda(rotations: Tensor, degrees: list[int]) -> Tensor:
    wide = rotations.detach().to(torch.float64 if rotations.dtype == torch.float64 else torch.float32)
    return _wigner(wide, degrees).to(rotations.dtype)


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    rotations, ctx.degrees = inputs
    ctx.save_for_backward(rotations)


def _backward(ctx: Any, g: Tensor) -> tuple:
    (rotations,) = ctx.saved_tensors
    highest = max(ctx.degrees, default=0)
    frame, back = table(nodes, highest, rotations), table(weights, highest, rotations)
    points = turned(frame, rotations)
    parts: list[Tensor | None] = [None] * (highest + 1)
    for l, block in zip(ctx.degrees, g.split([(2 * l + 1) ** 2 for l in ctx.degrees], 1)):
        part = back[:, l * l : (l + 1) ** 2] @ block.reshape(-1, 2 * l + 1).T  # [K, n (2l + 1)]
        before = parts[l]
        parts[l] = part if before is None else before + part
    slopes = []
    for l, part in enumerate(parts):
        shape = (*points.shape[:2], 2 * l + 1)
        slopes.append(points.new_zeros(shape) if part is None else part.reshape(shape))
    joined = torch.cat(slopes, 2).flatten(0, 1)
    pull = spherical_harmonics_backward(points.flatten(0, 1), joined, highest, False, "component")
    return torch.einsum("kna,kb->nab", pull.unflatten(0, points.shape[:2]), frame), None


wigner = Kernel(
    "wigner",
    _wigner,
    fake=_fake,
    cpu="gdl_groups.kernels.wigner:wigner_cpu",
    cuda="gdl_groups.kernels.wigner:wigner_cuda",
    setup_context=_setup,
    backward=_backward,
)
wigner.__doc__ = "``D[n, Σ (2l + 1)²]`` of ``rotations[n, 3, 3]``, block after block."
