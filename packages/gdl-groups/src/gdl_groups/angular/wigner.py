"""Wigner matrices as polynomials of the rotation matrix: no angles, so no gimbal lock."""

from collections.abc import Sequence

from torch import Tensor

from gdl_groups.kernels.wigner import wigner


def wigner_d(degree: int, rotations: Tensor) -> Tensor:
    """Return the Wigner matrix D of a degree, `[..., 2l+1, 2l+1]`, for rotations R, `[..., 3, 3]`: Y(R r) = D(R) Y(r).

    A polynomial of degree l in the entries of R, so there is no gimbal lock, and derivatives of every order are exact:
    harmonics at a few points turned by R are solved for D. On any device, in float32 and float64. In the basis of
    `spherical_harmonics`, which is e3nn's; D of degree 1 is R.

    R is taken at its word: of a matrix with determinant -1 this is the polynomial, (-1)^l D(-R), which is right for
    the parity of harmonics and for no other. Reflections act through a type of O(3); `check_rotation` refuses them.

    Raises:
        ValueError: if the degree is no whole number from 0, or rotations are not `[..., 3, 3]`.
        TypeError: if rotations are not floating-point.

    >>> import torch
    >>> quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # about the polar axis y
    >>> wigner_d(2, quarter).diagonal().round(decimals=5) + 0.0
    tensor([-1.,  0.,  1.,  0., -1.])
    """
    return wigner_blocks([degree], rotations)[0]


def wigner_blocks(degrees: Sequence[int], rotations: Tensor) -> list[Tensor]:
    """Return the Wigner matrices of several degrees, `[..., 2l+1, 2l+1]` each, sharing the work; see `wigner_d`."""
    wanted = list(degrees)
    for degree in wanted:
        if not isinstance(degree, int) or degree < 0:
            raise ValueError(f"A degree is a whole number from 0, got {degree!r}.")
    if not rotations.is_floating_point():
        raise TypeError(f"Wigner matrices are of floating-point rotations, got {rotations.dtype}.")
    if rotations.dim() < 2 or rotations.shape[-2:] != (3, 3):
        raise ValueError(f"Wigner matrices are of rotations [..., 3, 3], got {list(rotations.shape)}.")
    batch = rotations.shape[:-2]
    flat = wigner(rotations.reshape(-1, 3, 3), wanted)
    sizes = [2 * degree + 1 for degree in wanted]
    blocks = flat.split([size * size for size in sizes], 1) if wanted else ()
    return [block.reshape(*batch, size, size) for size, block in zip(sizes, blocks)]
