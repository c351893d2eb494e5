"""Real spherical harmonics as polynomials of the coordinates, of any degree."""

from collections.abc import Sequence

import torch
from gdl_core.errors import UnknownNameError, closest
from torch import Tensor

from gdl_groups.kernels.spherical_harmonics import NORMALIZATIONS
from gdl_groups.kernels.spherical_harmonics import spherical_harmonics as kernel
from gdl_groups.kernels.spherical_harmonics import unit as direction_and_inverse


def spherical_harmonics(
    degrees: int | Sequence[int], vectors: Tensor, normalize: bool = True, normalization: str = "component"
) -> Tensor:
    """Return the real spherical harmonics of some degrees, `[..., Σ (2 l + 1)]`, orders -l … l of each.

    The polar axis is y: degree 1 is a multiple of (x, y, z), and at r = e_y only order 0 is not zero. By recurrence in
    the degree (`kernels.spherical_harmonics.recurrence`), without angles, so that poles are points like any other.

    Args:
        degrees: l, or several; a number means this degree alone.
        vectors: r, ``[..., 3]``.
        normalize: take them at r / |r|. The zero vector then gives 0 for l > 0, with zero derivative. Otherwise they
            are the solid harmonics, homogeneous polynomials of degree l.
        normalization: `"component"`, Σ_m Y² = 2l + 1 at |r| = 1; `"norm"`, 1; `"integral"`, (2l + 1) / 4π, so that
            they are orthonormal on the sphere.

    Raises:
        ValueError: if a degree is no whole number from 0, or vectors have not 3 components.
        UnknownNameError: if there is no such normalization. TypeError: if vectors are not floating-point.

    Sign and order are e3nn's, whose harmonics end at degree 11; these are checked to 40.

    >>> y = spherical_harmonics([0, 1], torch.tensor([0.0, 2.0, 0.0]), normalization="norm")
    >>> bool(torch.allclose(y, torch.tensor([1.0, 0.0, 1.0, 0.0])))
    True
    """
    wanted = [degrees] if isinstance(degrees, int) else list(degrees)
    _check(wanted, vectors, normalization)
    highest = max(wanted, default=0)
    values = kernel(vectors.reshape(-1, 3), highest, bool(normalize), normalization)
    values = values.reshape(*vectors.shape[:-1], (highest + 1) ** 2)
    if wanted == list(range(highest + 1)):
        return values
    blocks = values.split([2 * degree + 1 for degree in range(highest + 1)], -1)
    return torch.cat([blocks[degree] for degree in wanted] or [values[..., :0]], -1)


def unit(vectors: Tensor) -> Tensor:
    """Return r / |r| over the last axis; the zero vector stays, with zero derivative.

    Lengths are taken after division by the largest component, so that nothing overflows or vanishes.
    """
    return direction_and_inverse(vectors)[0]


def _check(wanted: list[int], vectors: Tensor, normalization: str) -> None:
    for degree in wanted:
        if not isinstance(degree, int) or degree < 0:
            raise ValueError(f"A degree is a whole number from 0, got {degree!r}.")
    if normalization not in NORMALIZATIONS:
        raise UnknownNameError(
            f"spherical_harmonics has the normalizations {', '.join(NORMALIZATIONS)}, got {normalization!r}."
            + closest(str(normalization), NORMALIZATIONS)
        )
    if not vectors.is_floating_point():
        raise TypeError(f"spherical_harmonics expects floating-point vectors, got {vectors.dtype}.")
    if vectors.dim() < 1 or vectors.shape[-1] != 3:
        raise ValueError(f"spherical_harmonics expects vectors [..., 3], got {list(vectors.shape)}.")
