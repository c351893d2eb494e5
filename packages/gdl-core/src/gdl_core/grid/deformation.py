"""Random smooth warps of a grid, with the cost that the stability of a network is measured against."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.geometry import Signal
from gdl_core.grid.boundary import source_indices

if TYPE_CHECKING:
    from gdl_core.grid.grid import Grid


class Warp:
    """x_τ(u) = x(u - τ(u)), τ a random low-pass displacement field (the book, §3.3, eq. 4).

    τ is a random trigonometric polynomial of frequencies 1 … `cutoff` per axis, in points, scaled so that its cost
    c(τ) = √(mean over the grid of ‖∇τ‖²), the Dirichlet energy per point of the derivative computed exactly from the
    coefficients, is `amplitude`. A translation costs nothing, and τ contains none.

    Values between points are multilinear interpolants that follow the boundary.
    """

    name = "warp"

    def __init__(self, grid: "Grid", cutoff: int = 3):
        self.grid, self.cutoff = grid, cutoff

    def sample(self, seed: int, amplitude: float, signal: Signal) -> tuple[Signal, float]:
        """Return the signal warped by the field of `seed`, and c(τ). Fibres are carried along unturned."""
        tau, cost = self.field(seed, amplitude)
        return signal.with_values(warp(signal.values, tau, self.grid.boundary)), cost

    def field(self, seed: int, amplitude: float) -> tuple[Tensor, float]:
        """Return τ, `float64[d, *shape]` in points, and its cost."""
        draw = torch.Generator().manual_seed(seed)
        d, shape = self.grid.ndim, self.grid.shape
        lengths = [min(self.cutoff, (n - 1) // 2) for n in shape]
        waves = torch.cartesian_prod(*[torch.arange(-k, k + 1) for k in lengths]).reshape(-1, d)
        first = (waves != 0).to(torch.int64).argmax(1)
        waves = waves[waves.gather(1, first[:, None])[:, 0] > 0]  # one of each pair ±k, and not zero
        coefficients = torch.randn(2, d, len(waves), generator=draw, dtype=torch.float64)
        if not len(waves) or amplitude == 0:
            return torch.zeros(d, *shape, dtype=torch.float64), 0.0
        slope = 2 * math.pi * waves.double() / torch.tensor(shape, dtype=torch.float64)  # [k, d] radians per point
        # The mean of cos² and sin² over the grid is 1/2, and different waves are orthogonal.
        energy = (coefficients.square().sum((0, 1)) * slope.square().sum(1)).sum() / 2
        coefficients = coefficients * (amplitude / energy.sqrt())
        angle = self.grid.coordinates().double() @ slope.T  # [n, k]
        tau = coefficients[0] @ torch.cos(angle).T + coefficients[1] @ torch.sin(angle).T
        return tau.reshape(d, *shape), float(amplitude)


def warp(x: Tensor, tau: Tensor, boundary: tuple[str, ...]) -> Tensor:
    """Return x(u - τ(u)) by multilinear interpolation; `x[b, c, *shape]`, `tau[d, *shape]` in points."""
    shape = x.shape[2:]
    d = len(shape)
    axes = torch.meshgrid(*[torch.arange(n, dtype=torch.float64) for n in shape], indexing="ij")
    place = [(axis - shift).reshape(-1) for axis, shift in zip(axes, tau)]
    low = [p.floor() for p in place]
    rest = [p - l for p, l in zip(place, low)]
    flat_values = x.flatten(2)
    total = torch.zeros_like(flat_values)
    for corner in range(2**d):
        weight = torch.ones_like(place[0])
        flat = torch.zeros_like(place[0], dtype=torch.int64)
        for axis in range(d):
            up = corner >> axis & 1
            index = source_indices(low[axis].to(torch.int64) + up, shape[axis], boundary[axis])
            weight = weight * (rest[axis] if up else 1 - rest[axis]) * (index >= 0)
            flat = flat * shape[axis] + index.clamp_min(0)
        total = total + flat_values[..., flat.to(x.device)] * weight.to(x)
    return total.reshape(x.shape)
