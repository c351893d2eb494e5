"""Irreps by highest weight, of any group of matrices whose Lie algebra is classical: SU(n), SO(n), SL(n), Lorentz, ….

V_λ is found in V_μ ⊗ V, for the defining representation V and μ one step below λ, where it occurs once: its vector of
highest weight is what all raising operators send to zero, and lowering operators make the rest (Fulton and Harris
1991, §14; for the steps see §25.3). The matrix of a group element is then a polynomial of its entries,

    ρ_λ(g) = Pᵀ (ρ_μ(g) ⊗ g) P,

with P an orthonormal basis of V_λ: exact, differentiable, and without logarithms or angles.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.lie import LieGroup, realify
from gdl_core.groups.weights import Classical, Weight, dynkin_labels, labels_name, of_dynkin_labels, parse_labels

if TYPE_CHECKING:
    from gdl_core.representations import Representation


@dataclass(frozen=True)
class _Module:
    """V_λ in a basis of weight vectors: the embeddings P `[d_μ, n, d]` that lead to it, and its operators."""

    embeddings: tuple[Tensor, ...]
    weights: Tensor  # [d, r]
    raising: Tensor  # [s, d, d]


@lru_cache(maxsize=1024)
def _module(algebra: Classical, weight: Weight) -> _Module:
    if not any(weight):
        count = len(algebra.simple_roots)
        return _Module(
            (), torch.zeros(1, algebra.rank, dtype=torch.int64), torch.zeros(count, 1, 1, dtype=torch.float64)
        )
    row = max(i for i, entry in enumerate(weight) if entry)
    step = 1 if weight[row] > 0 else -1
    below = _module(algebra, (*weight[:row], weight[row] - step, *weight[row + 1 :]))
    weights, raising = algebra.defining()
    d, n = len(below.weights), algebra.size
    eye = torch.eye(d, dtype=torch.float64), torch.eye(n, dtype=torch.float64)
    product = torch.stack([torch.kron(a, eye[1]) + torch.kron(eye[0], b) for a, b in zip(below.raising, raising)])
    levels = _weight_spaces(algebra, product, (below.weights[:, None] + weights).flatten(0, 1), weight)
    basis = torch.cat([vectors for _, vectors in levels], 1)
    if basis.shape[1] != algebra.dimension(weight):
        raise ArithmeticError(f"The irrep of weight {weight} came out with {basis.shape[1]} dimensions.")
    found = torch.cat([torch.tensor([key]).expand(vectors.shape[1], -1) for key, vectors in levels])
    return _Module((*below.embeddings, basis.reshape(d, n, -1)), found, basis.T @ product @ basis)


def _weight_spaces(
    algebra: Classical, raising: Tensor, weights: Tensor, highest: Weight
) -> list[tuple[Weight, Tensor]]:
    """Return the weight spaces `[N, k]` of the irrep with the vector of `highest` weight, from the top down."""
    from gdl_core.representations.gauge import canonical_basis

    place = torch.nonzero((weights == torch.tensor(highest)).all(1)).ravel()
    _, values, directions = torch.linalg.svd(raising[:, :, place].flatten(0, 1))
    if int((values < 1e-9).sum()) + max(0, len(place) - len(values)) != 1:
        raise ArithmeticError(f"The weight {highest} is not that of one irrep of the product.")
    top = torch.zeros(len(weights), 1, dtype=torch.float64)
    top[place] = directions[-1:].T
    found, level = [], {highest: canonical_basis(top)}
    while level:
        found += sorted(level.items(), reverse=True)
        lower: dict[Weight, list[Tensor]] = {}
        for weight, vectors in level.items():
            for root, operator in zip(algebra.simple_roots, raising):
                lower.setdefault(tuple(a - b for a, b in zip(weight, root)), []).append(operator.T @ vectors)
        level = {}
        for weight, candidates in lower.items():
            left, values, _ = torch.linalg.svd(torch.cat(candidates, 1), full_matrices=False)
            rank = int((values > 1e-9).sum())
            if rank:
                level[weight] = canonical_basis(left[:, :rank])
    return found


@dataclass(frozen=True)
class Frame:
    """How a group of real matrices is a form of a classical Lie algebra.

    Attributes:
        algebra: the complex Lie algebra.
        matrix: from elements, or elements of the Lie algebra, `[..., m, m]`, to their matrices on the weight vectors of
            the defining representation, `[..., n, n]`; linear.
        conjugate: from the highest weight of an irrep to that of its complex conjugate.
        rule: what labels of irreps are, in words.
        check: raises ValueError for matrices that are no elements.
        labels, weight: from highest weights to the field's labels of irreps, and back.
    """

    algebra: Classical
    matrix: Callable[[Tensor], Tensor]
    conjugate: Callable[[Weight], Weight]
    rule: str
    check: Callable[[Tensor], None] = lambda g: None
    labels: Callable[[Weight], tuple] = lambda weight: weight
    weight: Callable[[tuple], tuple] = lambda labels: labels


def form_frame(change: Tensor, twisted: bool, check: Callable[[Tensor], None] = lambda g: None) -> Frame:
    """Return the frame of a group of matrices that keep a symmetric form B.

    Args:
        change: the vectors v_1, …, v_r, v_-1, …, v_-r, and v_0 if one is left over, as columns, orthonormal, with
            B(v_i, v_-i) = 1, B(v_0, v_0) = 1 and every other product 0; `complex[m, m]`.
        twisted: whether complex conjugation exchanges λ_r and -λ_r.
        check: see `Frame`.
    """
    m = len(change)
    r = m // 2
    return Frame(
        Classical("B" if m % 2 else "D", r),
        matrix=lambda g: change.mH.to(g.device) @ g.to(change.dtype) @ change.to(g.device),
        conjugate=lambda weight: (*weight[:-1], -weight[-1] if twisted else weight[-1]),
        rule=f"its highest weight is {r} whole numbers λ_1 ≥ … ≥ " + ("λ_r ≥ 0" if m % 2 else "|λ_r|"),
        check=check,
    )


def linear_frame(n: int, matrix: Callable[[Tensor], Tensor], conjugate: Callable[[Weight], Weight]) -> Frame:
    """Return the frame of a form of SL(n, C), whose irreps are labelled by n - 1 Dynkin labels; see `Frame`."""
    return Frame(
        Classical("A", n),
        matrix,
        conjugate,
        rule=f"its Dynkin labels are {n - 1} whole numbers from 0",
        labels=dynkin_labels,
        weight=of_dynkin_labels,
    )


def labelled_irrep(group: LieGroup, frame: Frame, labels: tuple) -> "Representation":
    """Return the real irrep of these labels; conjugate ones are one real irrep, named after the larger labels.

    Raises:
        ValueError: if no irrep has these labels.
    """
    weight = frame.weight(tuple(Fraction(label) for label in labels))
    if any(entry.denominator != 1 for entry in weight) or not frame.algebra.is_dominant(weight):
        raise ValueError(f"{group!r} has no irrep {labels_name(labels)}: {frame.rule}.")
    whole = tuple(int(entry) for entry in weight)
    whole = max(whole, frame.conjugate(whole), key=frame.labels)
    return _highest_weight_irrep(group, frame, whole, labels_name(frame.labels(whole)))


def named_irrep(group: LieGroup, frame: Frame, name: str) -> "Representation | None":
    """Return the irrep of a name such as `"(1,0)"`, or None for a name of another form."""
    labels = parse_labels(name)
    return None if labels is None else labelled_irrep(group, frame, labels)


def irreps_in_order(group: LieGroup, frame: Frame) -> "Iterator[Representation]":
    """Yield every real irrep once, in the order of the dimensions of V_λ."""
    for weight in frame.algebra.dominant_weights():
        if frame.labels(frame.conjugate(weight)) <= frame.labels(weight):
            yield labelled_irrep(group, frame, frame.labels(weight))


def _highest_weight_irrep(group: LieGroup, frame: Frame, weight: Weight, name: str) -> "Representation":
    """Return the real irrep that holds V_λ.

    Of real type where V_λ has a real form, of the dimension of V_λ; of complex type where V_λ is not its own conjugate,
    and of quaternionic type otherwise, of twice that dimension (Bröcker and tom Dieck 1985, §II.6).
    """
    from gdl_core.representations import Matrix, Trivial

    if not any(weight):
        return Trivial(group, name)
    embeddings = _module(frame.algebra, weight).embeddings

    def complex_matrix(g: Tensor) -> Tensor:
        frame.check(g)
        step = frame.matrix(g.double())
        found = step.new_ones(*step.shape[:-2], 1, 1)
        for p in embeddings:
            found = _restrict(found, step, p.to(step))
        return found

    def complex_derivative(a: Tensor) -> Tensor:
        step = frame.matrix(a.double())
        found = step.new_zeros(*step.shape[:-2], 1, 1)
        for p in embeddings:
            p = p.to(step)
            one, eye = torch.eye(p.shape[0], dtype=p.dtype), torch.eye(p.shape[1], dtype=p.dtype)
            found = _restrict(found, eye, p) + _restrict(one, step, p)
        return found

    size = embeddings[-1].shape[2]
    if len(embeddings) == 1 and size == group.element_shape[0]:
        return group.standard().rename(name, "real")
    if not frame.matrix(group.identity()).is_complex():  # the weight vectors are real: so is V_λ
        return Matrix(group, name, size, complex_matrix, derivative=complex_derivative, endomorphism="real")

    def matrix(g: Tensor) -> Tensor:
        return realify(complex_matrix(g))

    def derivative(a: Tensor) -> Tensor:
        return realify(complex_derivative(a))

    orthogonal = group.is_orthogonal
    whole = Matrix(group, name, 2 * size, matrix, derivative=derivative, orthogonal=orthogonal, endomorphism="complex")
    if frame.conjugate(weight) != weight:
        return whole
    kind, half = _real_form(whole)
    if half is None:
        return whole.rename(name, kind)
    return Matrix(
        group,
        name,
        size,
        lambda g: half.T @ matrix(g) @ half,
        derivative=lambda a: half.T @ derivative(a) @ half,
        orthogonal=orthogonal,
        endomorphism="real",
    )


def _restrict(left: Tensor, right: Tensor, p: Tensor) -> Tensor:
    """Return Pᵀ (A ⊗ B) P for A `[..., d, d]`, B `[..., n, n]` and P `[d, n, k]`, `[..., k, k]`."""
    moved = torch.einsum("...ij,bjd->...ibd", right, p)
    return torch.einsum("aic,...ab,...ibd->...cd", p, left, moved)


def _real_form(rep: "Representation") -> tuple[str, Tensor | None]:
    """Return the type of V_λ from its representation on R^2d, and if real a basis `[2d, d]` of one of its two halves.

    What commutes with two copies of a real irrep are the real 2 x 2 matrices, of which some are symmetric and not
    scalar; with an irrep of complex or quaternionic type, these numbers, of which none is.
    """
    from gdl_core.representations.commutant import commutant_basis
    from gdl_core.representations.gauge import canonical_basis

    maps = commutant_basis(rep, rep)
    for matrix in maps:
        symmetric = matrix + matrix.T
        symmetric -= symmetric.diagonal().mean() * torch.eye(rep.dim, dtype=torch.float64)
        if symmetric.norm() > 1e-6:
            values, vectors = torch.linalg.eigh(symmetric)
            return "real", canonical_basis(vectors[:, values > 0])
    return {2: "complex", 4: "quaternionic"}[len(maps)], None
