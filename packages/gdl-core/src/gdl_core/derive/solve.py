"""`intertwiners`: all linear maps that commute with a group, by the fastest exact route."""

import torch
from torch import Tensor

from gdl_core.derive.basis import Basis, by_first_entry
from gdl_core.derive.bending import balanced
from gdl_core.derive.cache import content_hash, remembered
from gdl_core.derive.orbits import orbit_basis
from gdl_core.derive.schur import schur_basis
from gdl_core.representations.algebra import DirectSum
from gdl_core.representations.base import Representation
from gdl_core.representations.commutant import commutant_basis, constraints, residual

METHODS = ("auto", "orbits", "schur", "nullspace")
CERTIFIED = 1e-8


def intertwiners(rep_in: Representation, rep_out: Representation, method: str = "auto") -> Basis:
    """Return the basis of {W : ρ_out(g) W = W ρ_in(g) for all g}, `W[d_out, d_in]`.

    Args:
        rep_in, rep_out: representations of the same group.
        method: `"orbits"` (both permute coordinates: exact 0/1 patterns, near-linear in the number of pairs),
            `"schur"` (both decompositions are known), `"nullspace"` (any generators and Lie algebra), or `"auto"`: the
            first of these that applies, block by block for direct sums.

    The basis is orthonormal, in the canonical gauge (`canonical_basis`), and certified against every generator; all
    routes give the same basis. Results are kept in memory and, if slow, on disk.

    Raises:
        TypeError: if the groups differ, or `method` does not apply.
        ArithmeticError: if the result cannot be certified.

    >>> from gdl_core.groups import SymmetricGroup
    >>> points = SymmetricGroup(5).representation("standard")
    >>> len(intertwiners(points, points)), len(intertwiners(points * points, points * points))
    (2, 15)
    """
    if rep_in.group != rep_out.group:
        raise TypeError(f"intertwiners expects two representations of one group, got {rep_in!r} and {rep_out!r}.")
    if method not in METHODS:
        raise ValueError(f"intertwiners expects a method from {METHODS}, got {method!r}.")
    if method == "auto":
        method = _choose(rep_in, rep_out)
    if method == "blocks":
        return _blocks(rep_in, rep_out)
    if method == "nullspace":
        left, right = balanced(rep_in, rep_out)
        found = remembered(_key(left, right, method), lambda: _derive(left, right, method))
        return found.reshape(rep_out.dim, rep_in.dim)
    return remembered(_key(rep_in, rep_out, method), lambda: _derive(rep_in, rep_out, method))


def _choose(rep_in: Representation, rep_out: Representation) -> str:
    if rep_in.is_permutation and rep_out.is_permutation and not len(rep_in.group.algebra()):
        return "orbits"
    if isinstance(rep_in, DirectSum) or isinstance(rep_out, DirectSum):
        return "blocks"
    if rep_in.known_decomposition() is not None and rep_out.known_decomposition() is not None:
        return "schur"
    return "nullspace"


def _key(rep_in: Representation, rep_out: Representation, method: str) -> str:
    group = rep_in.group
    parts: list[Tensor | str | int] = [method, rep_in.dim, rep_out.dim]
    for rep in (rep_in, rep_out):
        for g in group.generators():
            parts.append(rep.images(g) if rep.is_permutation else rep.matrix(g))
        parts += [rep.derivative(a) for a in group.algebra()]
    return content_hash(*parts)


def _derive(rep_in: Representation, rep_out: Representation, method: str) -> Basis:
    if method == "orbits":
        if not (rep_in.is_permutation and rep_out.is_permutation):
            raise TypeError(f"The orbit route expects two permutation representations, got {rep_in!r} and {rep_out!r}.")
        return orbit_basis(rep_in, rep_out)
    if method == "schur":
        matrices = schur_basis(rep_in.decompose(), rep_out.decompose())
    else:
        matrices = commutant_basis(rep_in, rep_out)
    pairs = constraints(rep_in, rep_out)
    certificate = residual(matrices, pairs)
    scale = max([1.0, *(float(matrix.abs().max()) for pair in pairs for matrix in pair)])
    if certificate > CERTIFIED * scale:
        raise ArithmeticError(
            f"The maps from {rep_in!r} to {rep_out!r} found by {method!r} miss the generators by {certificate:.1e}, "
            f"more than {CERTIFIED * scale:.0e}; they are not returned."
        )
    return Basis.from_dense(matrices, method, certificate)


def _blocks(rep_in: Representation, rep_out: Representation) -> Basis:
    """Solve a direct sum once per distinct pair of summands and place the blocks."""
    parts_in = rep_in.parts if isinstance(rep_in, DirectSum) else (rep_in,)
    parts_out = rep_out.parts if isinstance(rep_out, DirectSum) else (rep_out,)
    element, row, column, value = [], [], [], []
    count, top, certificate = 0, 0, 0.0
    for out in parts_out:
        left = 0
        for into in parts_in:
            block = intertwiners(into, out)
            element.append(block.element + count)
            row.append(block.row + top)
            column.append(block.column + left)
            value.append(block.value)
            count += block.count
            certificate = max(certificate, block.certificate)
            left += into.dim
        top += out.dim
    whole = [torch.cat(pieces) for pieces in (element, row, column, value)]
    order = torch.argsort(whole[1] * rep_in.dim + whole[2], stable=True)
    labels, rows, columns, values = [piece[order] for piece in whole]
    labels = by_first_entry(labels, count)
    order = torch.argsort((rows * rep_in.dim + columns) * max(count, 1) + labels)
    placed = [piece[order] for piece in (labels, rows, columns, values)]
    return Basis(rep_out.dim, rep_in.dim, count, *placed, method="blocks", certificate=certificate)
