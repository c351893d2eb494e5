"""Representations that permute coordinates up to sign, and the orbits of kernel entries under them."""

from dataclasses import dataclass

import torch
from gdl_core.derive.orbits import orbit_labels
from gdl_core.representations import Representation
from torch import Tensor


def signed_images(rep: Representation, elements: Tensor) -> tuple[Tensor, Tensor]:
    """Return ρ(g) as a permutation with signs: e_j goes to `signs[g, j]` · e_`images[g, j]`, both `int64[k, dim]`.

    Raises:
        TypeError: if some ρ(g) is not a permutation of the coordinates up to sign.
    """
    if rep.is_permutation:
        images = rep.images(elements)
        return images, torch.ones_like(images)
    matrix = rep.matrix(elements)
    whole = matrix.round()
    lonely = (whole.abs().sum(-1) == 1).all() and (whole.abs().sum(-2) == 1).all()
    if not bool(lonely) or float((matrix - whole).abs().max()) > 1e-8:
        raise TypeError(
            f"A group convolution permutes the entries of its kernel, so it takes representations that permute "
            f"coordinates up to sign (trivial, regular, quotient, sign, standard of quarter turns), got {rep!r}: "
            "use a steerable convolution."
        )
    images = whole.abs().argmax(-2)
    return images, whole.gather(-2, images.unsqueeze(-2)).squeeze(-2).to(torch.int64)


@dataclass(frozen=True)
class Orbits:
    """The orbits of N things that a group permutes up to sign, numbered by their smallest member.

    Attributes:
        index: the orbit of each thing, `int64[N]`; 0 where `sign` is 0.
        sign: +1 or -1 relative to the smallest member; 0 where some element turns a thing into its negative, so that
            only zero is invariant.
        first: the smallest member of each orbit, `int64[count]`.
    """

    index: Tensor
    sign: Tensor
    first: Tensor

    @property
    def count(self) -> int:
        """The number of orbits that carry a number: the dimension of the space of invariants."""
        return len(self.first)


def signed_orbits(images: Tensor, signs: Tensor) -> Orbits:
    """Return the orbits of N things under generators, `images` and `signs` `int64[k, N]`.

    Things and their negatives are 2 N points of a graph; an orbit vanishes if its point and its negative are joined.
    """
    size = images.shape[1]
    if size == 0:
        return Orbits(*[torch.empty(0, dtype=torch.int64)] * 3)
    same = torch.where(signs > 0, images, images + size)
    other = torch.where(signs > 0, images + size, images)
    labels = orbit_labels(torch.cat([same, other], 1))  # numbered by first occurrence
    positive, negative = labels[:size], labels[size:]
    member = torch.minimum(positive, negative)  # one label for a thing and its negative
    first = torch.full((int(labels.max()) + 1,), size, dtype=torch.int64)
    first.scatter_reduce_(0, member, torch.arange(size), "amin")
    smallest = first[member]
    alive = positive != negative
    sign = torch.where(positive == positive[smallest], 1, -1) * alive
    kept, index = torch.unique(smallest[alive], return_inverse=True)
    return Orbits(torch.zeros(size, dtype=torch.int64).masked_scatter(alive, index), sign, kept)


def kernel_orbits(rep_in: Representation, rep_out: Representation, taps: Tensor) -> Orbits:
    """Return the orbits of the entries (i, v, j) of a kernel K(v) with K(g v) = ρ_out(g) K(v) ρ_in(g)⁻¹.

    Args:
        rep_in, rep_out: representations of one group that permute up to sign.
        taps: the image of each tap under each generator, `int64[k, t]`.

    Returns:
        Orbits of the flat index (i · t + v) · dim_in + j, i of the output and j of the input.
    """
    generators = rep_in.group.generators()
    out_images, out_signs = signed_images(rep_out, generators)
    in_images, in_signs = signed_images(rep_in, generators)
    t = taps.shape[1]
    images = (out_images[:, :, None, None] * t + taps[:, None, :, None]) * rep_in.dim + in_images[:, None, None, :]
    signs = (out_signs[:, :, None, None] * in_signs[:, None, None, :]).expand_as(images)
    return signed_orbits(images.flatten(1), signs.flatten(1))


def invariant_orbits(rep: Representation) -> Orbits:
    """Return the orbits of the coordinates of ρ: its invariant vectors."""
    return signed_orbits(*signed_images(rep, rep.group.generators()))


def tap_images(axes: Representation, kernel_size: tuple[int, ...]) -> Tensor:
    """Return where each generator moves the taps of a kernel, row-major and about its centre, `int64[k, t]`.

    Args:
        axes: how the group turns the axes of the grid, of dimension d and permuting up to sign.
        kernel_size: per axis; equal for axes that are exchanged, odd for axes that are flipped.

    Raises:
        ValueError: for a kernel that the group does not map to itself.
    """
    generators = axes.group.generators()
    images, signs = signed_images(axes, generators)
    coordinates = torch.cartesian_prod(*[torch.arange(k) for k in kernel_size]).reshape(-1, len(kernel_size))
    found = []
    for image, sign in zip(images.tolist(), signs.tolist()):
        moved = torch.empty_like(coordinates)
        for axis, (target, flip) in enumerate(zip(image, sign)):
            k = kernel_size[axis]
            if kernel_size[target] != k:
                raise ValueError(
                    f"{axes.group!r} takes axis {axis} to axis {target}, so a kernel has the same size along both, "
                    f"got {kernel_size}."
                )
            if k % 2 == 0 and flip < 0:
                raise ValueError(f"{axes.group!r} flips axis {axis}, so a kernel has an odd size there, got {k}.")
            moved[:, target] = coordinates[:, axis] if flip > 0 else k - 1 - coordinates[:, axis]
        flat = torch.zeros(len(moved), dtype=torch.int64)
        for axis, k in enumerate(kernel_size):
            flat = flat * k + moved[:, axis]
        found.append(flat)
    return torch.stack(found) if found else torch.empty(0, len(coordinates), dtype=torch.int64)
