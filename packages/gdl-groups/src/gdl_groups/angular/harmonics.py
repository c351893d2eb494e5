"""Real spherical harmonics as polynomials of the coordinates, of any degree."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_groups.angular.coupling import clebsch_gordan

NORMALIZATIONS = ("component", "norm", "integral")


def spherical_harmonics(
    degrees: int | Sequence[int], vectors: Tensor, normalize: bool = True, normalization: str = "component"
) -> Tensor:
    """Return the real spherical harmonics of `vectors[..., 3]`, `[..., Σ (2 l + 1)]`."""
    wanted = [degrees] if isinstance(degrees, int) else list(degrees)
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"spherical_harmonics expects a normalization from {NORMALIZATIONS}, got {normalization!r}.")
    if normalize:
        square = vectors.square().sum(-1, keepdim=True)
        zero = square == 0
        vectors = vectors * torch.where(zero, 0, torch.where(zero, 1, square).rsqrt())
    found = [torch.ones_like(vectors[..., :1])]
    for degree in range(1, max(wanted, default=0) + 1):
        coupling = clebsch_gordan(degree - 1, 1, degree).to(vectors)
        scale = float(clebsch_gordan(degree - 1, 1, degree)[degree - 1, 1, degree])
        found.append(torch.einsum("...a,...b,abc->...c", found[-1], vectors, coupling / scale))
    factor = {"norm": 0.0, "component": 1.0, "integral": 1 / math.sqrt(4 * math.pi)}[normalization]
    return torch.cat([found[l] * (factor * math.sqrt(2 * l + 1) if factor else 1) for l in wanted], -1)
