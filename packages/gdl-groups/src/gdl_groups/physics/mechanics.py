"""Mechanics as a symmetry: motions that follow from a learned energy or Lagrangian keep what the energy keeps."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Scalar = Callable[[Tensor, Tensor], Tensor]


class Hamiltonian(nn.Module):
    """dq/dt = ∂H/∂p, dp/dt = -∂H/∂q for an energy H(q, p), so that H is constant along every motion.

    An energy that is invariant under a group gives a field that is equivariant to it, and conserves the momentum that
    belongs to it (Noether).

    Args:
        energy: ``energy(q, p)`` gives one number per sample, `[b]` or `[b, 1]`, from q and p `[b, ...]`.

    Shapes: q, p `[b, ...]` -> (dq/dt, dp/dt) of the same shapes. Differentiable, so that it trains on observed
    velocities and forces.

    Source: Greydanus, Dzamba and Yosinski 2019, eq. 1 and 3.
    """

    def __init__(self, energy: nn.Module):
        super().__init__()
        self.energy = energy

    def forward(self, q: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        keep = _learns(self, q, p)
        with torch.enable_grad():
            q, p = _tracked(q), _tracked(p)
            down, along = torch.autograd.grad(self.energy(q, p).sum(), (q, p), create_graph=keep)
        return along, -down

    def leapfrog(self, q: Tensor, p: Tensor, step: float, count: int) -> tuple[Tensor, Tensor]:
        """Follow the motion for `count` steps of length `step` (time), for an energy T(p) + V(q): Störmer-Verlet.

        Symplectic and of second order, so that the energy's error stays bounded instead of growing (Hairer, Lubich and
        Wanner 2006, §I.1.4). Returns q and p after every step, `[count + 1, b, ...]`.
        """
        places, momenta = [q], [p]
        force = self(q, p)[1]
        for _ in range(count):
            half = p + 0.5 * step * force
            q = q + step * self(q, half)[0]
            force = self(q, half)[1]
            p = half + 0.5 * step * force
            places.append(q)
            momenta.append(p)
        return torch.stack(places), torch.stack(momenta)


class Lagrangian(nn.Module):
    """The acceleration of a learned Lagrangian L(q, v): a = (∂²L/∂v²)⁺ (∂L/∂q - ∂²L/∂v∂q v), from Euler and Lagrange.

    Needs no momenta, so it learns from positions and velocities in any coordinates.

    Args:
        lagrangian: ``lagrangian(q, v)`` gives one number per sample from q and v `[b, d]`.
        damping: what is added to the diagonal of the mass matrix ∂²L/∂v², which may be singular at first.

    Shapes: q, v `[b, d]` -> a `[b, d]`.

    Source: Cranmer et al. 2020, eq. 6.
    """

    def __init__(self, lagrangian: nn.Module, damping: float = 0.0):
        super().__init__()
        self.lagrangian, self.damping = lagrangian, damping

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        if q.dim() != 2 or q.shape != v.shape:
            raise ValueError(f"Lagrangian expects q and v [b, d], got {list(q.shape)} and {list(v.shape)}.")
        keep = _learns(self, q, v)
        with torch.enable_grad():
            q, v = _tracked(q), _tracked(v)
            total = self.lagrangian(q, v).sum()
            force, momentum = torch.autograd.grad(total, (q, v), create_graph=True)
            rows = [_gradients(momentum[:, i].sum(), q, v) for i in range(q.shape[1])]
        mixed = torch.stack([row[0] for row in rows], 1)  # ∂²L / ∂v_i ∂q_j
        mass = torch.stack([row[1] for row in rows], 1)  # ∂²L / ∂v_i ∂v_j
        mass = mass + self.damping * torch.eye(q.shape[1], dtype=q.dtype, device=q.device)
        acceleration = torch.linalg.solve(mass, force - torch.einsum("bij,bj->bi", mixed, v))
        return acceleration if keep else acceleration.detach()


def _learns(module: nn.Module, *inputs: Tensor) -> bool:
    """Whether anyone may differentiate the result: otherwise no graph is kept, however long the motion."""
    tensors = (*inputs, *module.parameters())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _tracked(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.detach().requires_grad_()


def _gradients(total: Tensor, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return both gradients, zero where `total` does not depend on the argument."""
    if not total.requires_grad:
        return torch.zeros_like(q), torch.zeros_like(v)
    found = torch.autograd.grad(total, (q, v), create_graph=True, allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g for x, g in zip((q, v), found, strict=True))  # type: ignore[return-value]
