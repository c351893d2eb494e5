"""Irreducible representations of finite groups, and the decomposition of any representation into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.representations.base import Matrix, Representation, Trivial
from gdl_core.representations.commutant import commutant_basis
from gdl_core.representations.gauge import canonical_basis

if TYPE_CHECKING:
    from gdl_core.groups.finite import FiniteGroup

ENDOMORPHISM_DIM = {"real": 1, "complex": 2, "quaternionic": 4}


@dataclass(frozen=True)
class Decomposition:
    """ρ(g) = Q (⊕ m_i ψ_i(g)) Q⁻¹.

    Attributes:
        irreps: pairs (multiplicity m_i, irrep ψ_i); the columns of Q follow this order, copy after copy.
        change_of_basis: Q, `[d, d]` in float64.
    """

    irreps: tuple[tuple[int, Representation], ...]
    change_of_basis: Tensor

    def copies(self) -> list[tuple[Representation, slice]]:
        """Return each copy of an irrep with its columns of Q."""
        found, start = [], 0
        for count, irrep in self.irreps:
            for _ in range(count):
                found.append((irrep, slice(start, start + irrep.dim)))
                start += irrep.dim
        return found

    def __repr__(self) -> str:
        return " + ".join(f"{count}x{irrep.name}" for count, irrep in self.irreps)


def join_decompositions(parts: Sequence[Decomposition]) -> Decomposition:
    """Return the decomposition of the direct sum of what `parts` decompose."""
    irreps = tuple(pair for part in parts for pair in part.irreps)
    return Decomposition(irreps, torch.block_diag(*[part.change_of_basis for part in parts]))


def _average(matrices_out: Tensor, middle: Tensor, matrices_in: Tensor) -> Tensor:
    """Return the mean over g of ρ_out(g) X ρ_in(g)ᵀ for X `[k, m, n]`: it commutes with the group."""
    return torch.einsum("gab,kbc,gdc->kad", matrices_out, middle, matrices_in) / matrices_out.shape[0]


@lru_cache(maxsize=256)
def numeric_irreps(group: "FiniteGroup") -> tuple[Representation, ...]:
    """Return the real irreps of a finite group, from a random symmetric element of the regular commutant.

    The eigenspaces of such an element are irreducible with probability one (Dixon 1970); the seed is fixed and
    every irrep found is certified by its character norm <χ, χ> = 1, 2 or 4. Ordered by dimension, then by
    character, with the trivial one first; named `"0"`, `"1"`, ….

    Raises:
        ValueError: for more than 4096 elements.
    """
    elements = group.elements()
    order = elements.shape[0]
    if order > 4096:
        raise ValueError(f"{group!r} has {order} elements; irreps are computed for up to 4096.")
    table = group.table  # right translations commute with the regular representation
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(order, generator=draw, dtype=torch.float64)
    inverse = (table == 0).to(torch.int64).argmax(1)
    weights = weights + weights[inverse]  # symmetric: w(h) = w(h^-1)
    # The operator (Tx)(g) = sum_h w(h) x(gh), as a matrix: T[g, gh] = w(h).
    operator = torch.zeros(order, order, dtype=torch.float64)
    operator[torch.arange(order)[:, None], table] = weights
    values, vectors = torch.linalg.eigh(operator)
    edges = [0, *(torch.nonzero(values.diff() > 1e-7 * values.abs().max()).ravel() + 1).tolist(), order]
    found: dict[tuple, tuple[str, Tensor]] = {}
    for start, stop in pairwise(edges):
        basis = canonical_basis(vectors[:, start:stop])  # [order, d], orthonormal
        # (ρ(g) v)[gh] = v[h], so <u, ρ(g) v> = sum_h u[gh] v[h].
        matrices = torch.einsum("gha,hb->gab", basis[table], basis)
        character = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = round(float(character.square().mean()), 6)
        kind = {1.0: "real", 2.0: "complex", 4.0: "quaternionic"}.get(norm)
        if kind is None:
            raise ArithmeticError(f"The numerical irreps of {group!r} did not separate (norm {norm}).")
        rounded = tuple((character * 1e5).round().to(torch.int64).tolist())
        key = (stop - start, tuple(-value for value in rounded))
        found.setdefault(key, (kind, matrices))
    irreps: list[Representation] = []
    for position, key in enumerate(sorted(found)):
        kind, matrices = found[key]
        if position == 0:
            irreps.append(Trivial(group, "0"))
        else:
            irreps.append(_from_table(group, str(position), kind, matrices))
    return tuple(irreps)


def _from_table(group: "FiniteGroup", name: str, kind: str, matrices: Tensor) -> Representation:
    return Matrix(
        group,
        name,
        matrices.shape[-1],
        lambda g: matrices[group.index(g)],
        orthogonal=True,
        endomorphism=kind,
    )


def endomorphisms(irrep: Representation) -> Tensor:
    """Return an orthogonal basis of the maps that commute with an irrep, `[1 | 2 | 4, d, d]`, each of norm sqrt(d)."""
    if irrep.endomorphism == "real":
        return torch.eye(irrep.dim, dtype=torch.float64)[None]
    return _endomorphisms(irrep)


@lru_cache(maxsize=1024)
def _endomorphisms(irrep: Representation) -> Tensor:
    return commutant_basis(irrep, irrep) * irrep.dim**0.5


def multiplicities(rep: Representation) -> list[tuple[int, Representation]]:
    """Return how often each irrep of a finite group occurs: m = <χ_ρ, χ_ψ> / <χ_ψ, χ_ψ>."""
    group = rep.group
    elements = group.elements()  # type: ignore[attr-defined]
    character = rep.character(elements)
    found = []
    for irrep in group.irreps():  # type: ignore[attr-defined]
        other = irrep.character(elements)
        count = round(float((character * other).mean() / other.square().mean()))
        if count:
            found.append((count, irrep))
    return found


def decompose(rep: Representation) -> Decomposition:
    """Decompose a representation of a finite group into irreps, by averaging and Schur's lemma.

    Raises:
        TypeError: if the group is not finite and the decomposition is not known from how `rep` was built.
    """
    known = rep.known_decomposition()
    if known is not None:
        return known
    from gdl_core.groups.finite import FiniteGroup

    group = rep.group
    if not isinstance(group, FiniteGroup):
        raise TypeError(f"{rep!r} can be decomposed only if its group is finite or its irreps are known.")
    elements = group.elements()
    matrices = rep.matrix(elements)
    root, back = _unitary_root(rep, matrices)
    matrices = root @ matrices @ back  # orthogonal now
    columns, irreps = [], multiplicities(rep)
    draw = torch.Generator().manual_seed(0)
    for count, irrep in irreps:
        inner = irrep.matrix(elements)
        algebra = endomorphisms(irrep)
        size = ENDOMORPHISM_DIM[irrep.endomorphism or "real"]
        trials = torch.randn(count * size + 2, rep.dim, irrep.dim, generator=draw, dtype=torch.float64)
        maps = _average(matrices, trials, inner)  # random elements of Hom(irrep, rep)
        kept: list[Tensor] = []
        for candidate in maps:
            for other in kept:
                span = other @ algebra  # [t, d, irrep.dim], mutually orthogonal, each of norm sqrt(irrep.dim)
                weights = torch.einsum("tij,ij->t", span, candidate) / irrep.dim
                candidate = candidate - torch.einsum("t,tij->ij", weights, span)
            norm = candidate.norm()
            if norm > 1e-6 and len(kept) < count:
                kept.append(candidate * (irrep.dim**0.5 / norm))
        if len(kept) != count:
            raise ArithmeticError(f"Decomposing {rep!r} found {len(kept)} of {count} copies of {irrep!r}.")
        columns.extend(kept)
    return Decomposition(tuple(irreps), back @ torch.cat(columns, 1))


def _unitary_root(rep: Representation, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return S and S⁻¹ such that S ρ(g) S⁻¹ is orthogonal: S² is the mean of ρ(g)ᵀρ(g)."""
    eye = torch.eye(rep.dim, dtype=torch.float64)
    if rep.is_orthogonal:
        return eye, eye
    values, vectors = torch.linalg.eigh((matrices.mT @ matrices).mean(0))
    return (vectors * values.sqrt()) @ vectors.mT, (vectors / values.sqrt()) @ vectors.mT
