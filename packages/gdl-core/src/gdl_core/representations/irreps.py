"""Irreducible representations of finite groups, and the decomposition of any representation into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.representations.base import Matrix, Representation, Trivial
from gdl_core.representations.commutant import commutant_basis
from gdl_core.representations.gauge import canonical_basis

if TYPE_CHECKING:
    from gdl_core.groups.finite import FiniteGroup

ENDOMORPHISM_DIM = {"real": 1, "complex": 2, "quaternionic": 4}
MAX_TRIED = 1000  # irreps of an infinite group that are tried before a decomposition gives up


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
    """Return how often each real irrep occurs in a representation.

    Of a finite group by characters, m = <χ_ρ, χ_ψ> / <χ_ψ, χ_ψ>; of SO(2), O(2), SO(3), O(3) and other compact groups
    whose irreps are known in order, by the number of maps that commute with the group.

    Raises:
        TypeError: if the irreps of the group are not known.
        ArithmeticError: if irreps are missing after the first 1000, as in representations that do not split.
    """
    from gdl_core.groups.finite import FiniteGroup

    if not isinstance(rep.group, FiniteGroup):
        return [(len(maps) // ENDOMORPHISM_DIM[irrep.endomorphism or "real"], irrep) for irrep, maps in _embedded(rep)]
    elements = rep.group.elements()
    character = rep.character(elements)
    found = []
    for irrep in rep.group.irreps():
        other = irrep.character(elements)
        count = round(float((character * other).mean() / other.square().mean()))
        if count:
            found.append((count, irrep))
    return found


def _embedded(rep: Representation) -> list[tuple[Representation, Tensor]]:
    """Return the irreps in a representation of an infinite group, each with all maps into it, `[k, d, d_irrep]`."""
    series = rep.group._irrep_series()
    if series is None:
        raise TypeError(f"The irreps of {rep.group!r} are not known by name, so {rep!r} cannot be decomposed.")
    found, missing = [], rep.dim
    for irrep in islice(series, MAX_TRIED):
        if missing == 0:
            return found
        maps = commutant_basis(irrep, rep)
        if len(maps):
            found.append((irrep, maps))
            missing -= irrep.dim * len(maps) // ENDOMORPHISM_DIM[irrep.endomorphism or "real"]
    if missing:
        raise ArithmeticError(f"{missing} of {rep.dim} dimensions of {rep!r} lie in none of {MAX_TRIED} irreps.")
    return found


def decompose(rep: Representation) -> Decomposition:
    """Decompose a representation of a finite group, or of a compact one whose irreps are known, by Schur's lemma.

    Raises:
        TypeError: if the irreps of the group are not known, or the group is infinite and `rep` is not orthogonal.
        ArithmeticError: see `multiplicities`.
    """
    known = rep.known_decomposition()
    if known is not None:
        return known
    from gdl_core.groups.finite import FiniteGroup

    if isinstance(rep.group, FiniteGroup):
        found, back = _averaged(rep)
    elif rep.is_orthogonal:
        found, back = _embedded(rep), torch.eye(rep.dim, dtype=torch.float64)
    else:
        raise TypeError(f"{rep!r} of the infinite group {rep.group!r} must be orthogonal to be decomposed.")
    columns, irreps = [], []
    for irrep, maps in found:
        copies = _independent(irrep, maps)
        irreps.append((len(copies), irrep))
        columns.extend(copies)
    basis = torch.cat(columns, 1)
    if basis.shape[0] != basis.shape[1]:
        raise ArithmeticError(f"Decomposing {rep!r} found {basis.shape[1]} of {basis.shape[0]} dimensions.")
    return Decomposition(tuple(irreps), back @ basis)


def _averaged(rep: Representation) -> tuple[list[tuple[Representation, Tensor]], Tensor]:
    """Return random elements of Hom(irrep, ρ') for each irrep of a finite group, and B with ρ = B ρ' B⁻¹ orthogonal."""
    elements = rep.group.elements()  # type: ignore[attr-defined]
    matrices = rep.matrix(elements)
    root, back = _unitary_root(rep, matrices)
    matrices = root @ matrices @ back  # orthogonal now
    draw = torch.Generator().manual_seed(0)
    found = []
    for count, irrep in multiplicities(rep):
        size = count * ENDOMORPHISM_DIM[irrep.endomorphism or "real"] + 2
        trials = torch.randn(size, rep.dim, irrep.dim, generator=draw, dtype=torch.float64)
        found.append((irrep, _average(matrices, trials, irrep.matrix(elements))))
    return found, back


def _independent(irrep: Representation, maps: Tensor) -> list[Tensor]:
    """Return orthogonal embeddings of copies of an irrep, from maps that span them all."""
    algebra = endomorphisms(irrep)
    kept: list[Tensor] = []
    for candidate in maps:
        scale = candidate.norm()
        for other in kept:
            span = other @ algebra  # [t, d, irrep.dim], mutually orthogonal, each of norm sqrt(irrep.dim)
            weights = torch.einsum("tij,ij->t", span, candidate) / irrep.dim
            candidate = candidate - torch.einsum("t,tij->ij", weights, span)
        norm = candidate.norm()
        if norm > 1e-6 * scale.clamp_min(1.0):
            kept.append(candidate * (irrep.dim**0.5 / norm))
    return kept


def _unitary_root(rep: Representation, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return S and S⁻¹ such that S ρ(g) S⁻¹ is orthogonal: S² is the mean of ρ(g)ᵀρ(g)."""
    eye = torch.eye(rep.dim, dtype=torch.float64)
    if rep.is_orthogonal:
        return eye, eye
    values, vectors = torch.linalg.eigh((matrices.mT @ matrices).mean(0))
    return (vectors * values.sqrt()) @ vectors.mT, (vectors / values.sqrt()) @ vectors.mT
