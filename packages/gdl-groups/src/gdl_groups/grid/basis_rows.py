"""Kernels into fields that the group permutes: one row says all others, so that filters are made from it alone."""

from dataclasses import dataclass

import torch
from gdl_core.groups import FiniteGroup
from gdl_core.representations import Representation
from torch import Tensor
from torch.nn import functional

WORTH, MANY, CERTIFIED = 4, 100, 1e-9  # so many times fewer products, of so many kernels: else more calls cost more


@dataclass(frozen=True)
class Rows:
    """The basis kernels B_p as turns of their first rows: B_p[o, i, t] = Σ_f first[p, j(o, i), f] · turned[o, f, t].

    Attributes:
        first: `float64[k, d_in, f]`, the first row of each kernel in terms of f ring functions.
        turned: `float64[d_out, f, taps]`, these functions turned as the first component of the field is to each.
        source: j, `int64[d_out, d_in]`.
    """

    first: Tensor
    turned: Tensor
    source: Tensor


def rows_of(
    matrices: Tensor,
    functions: dict[int, Tensor],
    turns: dict[int, Representation],
    into: Representation,
    out: Representation,
) -> Rows | None:
    """Return the rows of a basis, or None where they do not exist or save little.

    With K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹ and permutations, K(x)[g o, g i] = K(g⁻¹x)[o, i]: the transform-and-convolve of
    Cohen and Welling (2016), with the ring functions turned by their representation instead of the pixels. As many
    numbers fewer are multiplied and kept as the field has components.

    Args:
        matrices: `float64[k, d_out, d_in, taps]`.
        functions: the sampled ring functions of each degree, `[rings, dim, taps]`.
        turns: how the harmonics of each degree turn.
        into, out: ρ_in and ρ_out.
    """
    group, count = out.group, sum(sampled.shape[0] * sampled.shape[1] for sampled in functions.values())
    k, d_out, d_in, taps = matrices.shape
    dense, rows = k * d_out * d_in * taps, d_in * count * (k + d_out * taps)
    if (
        not (isinstance(group, FiniteGroup) and out.is_permutation and into.is_permutation)
        or k < MANY
        or WORTH * rows > dense
    ):
        return None
    elements = group.elements()
    reached = out.images(elements)[:, 0]
    if len(reached.unique()) < d_out:  # several orbits
        return None
    first_to = torch.stack([(reached == o).nonzero()[0, 0] for o in range(d_out)])
    movers = elements[first_to]
    source = torch.argsort(into.images(movers), 1)  # e_j goes to e_images[j]
    parts = []
    for degree, sampled in functions.items():
        turn = turns[degree].matrix(movers)  # Y(g⁻¹x) = H(g)ᵀ Y(x)
        parts.append(torch.einsum("ohm,rht->ormt", turn, sampled).flatten(1, 2))
    turned = torch.cat(parts, 1)
    stacked = torch.empty(k, d_in, d_out, taps, dtype=torch.float64)
    for o in range(d_out):
        stacked[:, source[o], o] = matrices[:, o]
    flat = turned.transpose(0, 1).flatten(1)
    first = stacked.flatten(2) @ torch.linalg.pinv(flat, rtol=1e-10)
    missed = float((first @ flat - stacked.flatten(2)).abs().max())
    return Rows(first, turned, source) if missed <= CERTIFIED else None


def expand_rows(weight: Tensor, first: Tensor, turned: Tensor, source: Tensor) -> Tensor:
    """Return the filter Σ_p w_p B_p in the component-major layout, `[d_out · c_out, d_in · c_in, taps]`.

    Args:
        weight: `[k, c_out, c_in]`.
        first, turned, source: as in `Rows`.
    """
    (_, c_out, c_in), (d_out, d_in) = weight.shape, source.shape
    functions, taps = turned.shape[1:]
    mixed = weight.flatten(1).T @ first.flatten(1).to(weight)  # [c_out · c_in, d_in · f]
    mixed = mixed.reshape(c_out * c_in, d_in, functions).transpose(0, 1).flatten(1)
    # The derivative of an embedding adds whole rows, in a fixed order.
    moved = functional.embedding(source, mixed).reshape(d_out, d_in * c_out * c_in, functions)
    filter = torch.bmm(moved, turned.to(moved)).reshape(d_out, d_in, c_out, c_in, taps)
    return filter.permute(0, 2, 1, 3, 4).reshape(d_out * c_out, d_in * c_in, taps)
