"""The transport route: operators on signals whose fibres turn. Solve at one pair per orbit, carry it along.

An invariant operator has blocks with K(gi, gj) = ρ_out(g) K(i, j) ρ_in(g)⁻¹. So K is fixed on an orbit of pairs by its
block at one pair, which must commute with the stabiliser of that pair. A spanning tree of the orbit gives an element
that carries the first pair to each other one; the edges that are not in the tree give generators of the stabiliser
(Schreier's lemma). Work is linear in the number of pairs times generators.
"""

import torch
from torch import Tensor

from gdl_core.derive.basis import Basis, by_first_entry
from gdl_core.derive.orbits import orbit_labels
from gdl_core.representations.gauge import canonical_basis


def transport_basis(
    moves: Tensor, receiver: Tensor, sender: Tensor, points: int, out_matrices: Tensor, in_matrices: Tensor
) -> Basis:
    """Return the invariant operators for any fibres.

    Args:
        moves: images of pairs under each generator, `[k, p]`.
        receiver, sender: the pairs, `[p]`, sorted.
        points: the number of points.
        out_matrices, in_matrices: ρ_out and ρ_in of each generator, `[k, d_out, d_out]` and `[k, d_in, d_in]`.

    Raises:
        ArithmeticError: if the result is not invariant under every generator to 1e-8.
    """
    d_out, d_in = out_matrices.shape[-1], in_matrices.shape[-1]
    orbit = _numbered(orbit_labels(moves))
    count = int(orbit.max()) + 1 if orbit.shape[0] else 0
    carry_out, carry_in = _carry(moves, orbit, count, out_matrices, in_matrices)
    back_in = torch.linalg.inv(carry_in)
    blocks = _stabilised(moves, orbit, count, carry_out, back_in, out_matrices, in_matrices)

    pair, local, matrices = [], [], []
    start = 0
    for number, block in enumerate(blocks):  # one turn per orbit
        members = torch.nonzero(orbit == number).ravel()
        carried = carry_out[members][:, None] @ block @ back_in[members][:, None]  # [m, k, d_out, d_in]
        carried = carried / members.shape[0] ** 0.5
        pair.append(members.repeat_interleave(block.shape[0]))
        local.append(torch.arange(start, start + block.shape[0]).repeat(members.shape[0]))
        matrices.append(carried.flatten(0, 1))
        start += block.shape[0]
    whole = torch.cat(matrices) if matrices else torch.empty(0, d_out, d_in, dtype=torch.float64)
    pairs = torch.cat(pair) if pair else torch.empty(0, dtype=torch.int64)
    elements = torch.cat(local) if local else torch.empty(0, dtype=torch.int64)
    certificate = _certificate(moves, pairs, elements, whole, start, out_matrices, in_matrices)
    if certificate > 1e-8:
        raise ArithmeticError(f"The derived operator misses a generator by {certificate:.1e}; it is not returned.")

    entry, a, b = torch.nonzero(whole.abs() > 1e-12, as_tuple=True)
    rows = receiver[pairs[entry]] * d_out + a
    columns = sender[pairs[entry]] * d_in + b
    element, value = elements[entry], whole[entry, a, b]
    place = rows * (points * d_in) + columns
    order = torch.argsort(place, stable=True)
    renamed = torch.empty_like(element)
    renamed[order] = by_first_entry(element[order], start)  # the canonical order
    order = torch.argsort(place * max(start, 1) + renamed)
    rows, columns, element, value = rows[order], columns[order], renamed[order], value[order]
    return Basis(points * d_out, points * d_in, start, element, rows, columns, value, "transport", certificate)


def _numbered(labels: Tensor) -> Tensor:
    """Renumber labels by first appearance."""
    return by_first_entry(labels, int(labels.max()) + 1 if labels.shape[0] else 0)


def _carry(
    moves: Tensor, orbit: Tensor, count: int, out_matrices: Tensor, in_matrices: Tensor
) -> tuple[Tensor, Tensor]:
    """Return, for each pair, the fibre matrices of an element that carries its orbit's first pair to it."""
    pairs = moves.shape[1]
    carry_out = torch.eye(out_matrices.shape[-1], dtype=torch.float64).repeat(pairs, 1, 1)
    carry_in = torch.eye(in_matrices.shape[-1], dtype=torch.float64).repeat(pairs, 1, 1)
    first = torch.full((count,), pairs, dtype=torch.int64)
    first.scatter_reduce_(0, orbit, torch.arange(pairs), "amin")
    reached = torch.zeros(pairs, dtype=torch.bool)
    reached[first] = True
    frontier = first
    while frontier.shape[0]:  # breadth first, all orbits at once
        grown = []
        for generator in range(moves.shape[0]):
            target = moves[generator, frontier]
            fresh = ~reached[target]
            target, source = target[fresh], frontier[fresh]
            reached[target] = True
            carry_out[target] = out_matrices[generator] @ carry_out[source]
            carry_in[target] = in_matrices[generator] @ carry_in[source]
            grown.append(target)
        frontier = torch.cat(grown) if grown else frontier[:0]
    return carry_out, carry_in


def _stabilised(
    moves: Tensor,
    orbit: Tensor,
    count: int,
    carry_out: Tensor,
    back_in: Tensor,
    out_matrices: Tensor,
    in_matrices: Tensor,
) -> list[Tensor]:
    """Return for each orbit the canonical basis of blocks that commute with its stabiliser, `[k, d_out, d_in]`."""
    d_out, d_in = carry_out.shape[-1], back_in.shape[-1]
    size = d_out * d_in
    constraint = torch.zeros(count, size, size, dtype=torch.float64)
    back_out, carry_in = torch.linalg.inv(carry_out), torch.linalg.inv(back_in)
    draw = torch.Generator().manual_seed(0)
    probe = torch.randn(d_out * d_out + d_in * d_in, generator=draw, dtype=torch.float64)
    eye = torch.eye(size, dtype=torch.float64)
    for generator in range(moves.shape[0]):
        target = moves[generator]
        out = back_out[target] @ out_matrices[generator] @ carry_out  # the Schreier element at each pair
        into = back_in[target] @ in_matrices[generator] @ carry_in
        # Few of them differ: one representative for each (orbit, element), told apart by a random projection.
        number = torch.cat([out.flatten(1), into.flatten(1)], 1) @ probe
        whole = torch.unique((number * 1e6).round().long(), return_inverse=True)[1]
        inverse = torch.unique(whole * count + orbit, return_inverse=True)[1]
        chosen = torch.full((int(inverse.max()) + 1,), inverse.shape[0], dtype=torch.int64)
        chosen.scatter_reduce_(0, inverse, torch.arange(inverse.shape[0]), "amin")
        # K = S_out K S_in⁻¹: on row-major K the map is S_out ⊗ S_in⁻ᵀ.
        turned = torch.linalg.inv(into[chosen]).mT
        gap = torch.einsum("pab,pcd->pacbd", out[chosen], turned).reshape(-1, size, size) - eye
        constraint.index_add_(0, orbit[chosen], gap.mT @ gap)
    values, vectors = torch.linalg.eigh(constraint)
    found = []
    for number in range(count):
        null = int((values[number] < 1e-9 * max(1.0, float(values[number, -1]))).sum())
        found.append(canonical_basis(vectors[number][:, :null]).T.reshape(-1, d_out, d_in))
    return found


def _certificate(
    moves: Tensor,
    pairs: Tensor,
    elements: Tensor,
    blocks: Tensor,
    count: int,
    out_matrices: Tensor,
    in_matrices: Tensor,
) -> float:
    """Return the largest entry of K(gi, gj) - ρ_out(g) K(i, j) ρ_in(g)⁻¹ over all pairs and generators."""
    if blocks.shape[0] == 0:
        return 0.0
    key = pairs * count + elements
    order = torch.argsort(key)
    key, blocks = key[order], blocks[order]
    worst = 0.0
    for generator in range(moves.shape[0]):
        target = moves[generator, pairs[order]] * count + elements[order]
        place = torch.searchsorted(key, target)
        carried = out_matrices[generator] @ blocks @ torch.linalg.inv(in_matrices[generator])
        worst = max(worst, float((blocks[place] - carried).abs().max()))
    return worst
