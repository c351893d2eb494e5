"""Wigner matrices as polynomials of the rotation matrix: no angles, so no gimbal lock."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_groups.angular.coupling import clebsch_gordan


def wigner_d(degree: int, rotations: Tensor) -> Tensor:
    """Return the Wigner matrix of a degree, `[..., 2l+1, 2l+1]`, for rotations `[..., 3, 3]`."""
    return wigner_blocks([degree], rotations)[0]


def wigner_blocks(degrees: Sequence[int], rotations: Tensor) -> list[Tensor]:
    """Return the Wigner matrices of several degrees, `[..., 2l+1, 2l+1]` each."""
    found = [torch.ones_like(rotations[..., :1, :1])]
    for degree in range(1, max(degrees, default=0) + 1):
        coupling = clebsch_gordan(degree - 1, 1, degree).to(rotations) * (2 * degree + 1) ** 0.5
        left = torch.einsum("abc,...ad->...bcd", coupling, found[-1])
        left = torch.einsum("...bcd,...be->...cde", left, rotations)
        found.append(torch.einsum("...cde,def->...cf", left, coupling))
    return [found[degree] for degree in degrees]
