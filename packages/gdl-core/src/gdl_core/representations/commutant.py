"""The null-space solver: all matrices W with ρ_out(g) W = W ρ_in(g), for any group with generators."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lobpcg
from torch import Tensor

from gdl_core.representations.base import Representation
from gdl_core.representations.gauge import canonical_basis

DENSE_LIMIT = 1600  # unknowns; beyond it the eigenproblem is solved iteratively
NULL, GAP = 1e-10, 1e-7  # relative to the largest eigenvalue: below is zero, above is not


def constraints(rep_in: Representation, rep_out: Representation) -> list[tuple[Tensor, Tensor]]:
    """Return the pairs (A, B) with A W = W B, one for each discrete and each infinitesimal generator."""
    group = rep_in.group
    pairs = [(rep_out.matrix(g), rep_in.matrix(g)) for g in group.generators()]
    pairs += [(rep_out.derivative(a), rep_in.derivative(a)) for a in group.algebra()]
    return pairs


def residual(basis: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Return the certificate: the largest entry of A W - W B over all generators and basis elements `[k, m, n]`."""
    if basis.shape[0] == 0 or not pairs:
        return 0.0
    return max(float((a @ basis - basis @ b).abs().max()) for a, b in pairs)


def commutant_basis(rep_in: Representation, rep_out: Representation) -> Tensor:
    """Return the canonical orthonormal basis of the intertwiners, `[k, d_out, d_in]` in float64.

    The kernel of M = Σ KᵀK with K(W) = A W - W B is found by a symmetric eigenproblem. Where both representations
    are orthogonal, or their Lie algebra holds the transpose of each of its matrices (Lorentz, symplectic, special
    linear groups), W carries eigenspaces of a fixed random symmetric element of the algebra that the generators span
    to eigenspaces of the same eigenvalue, which leaves few unknowns. Otherwise the problem is dense up to 1600
    unknowns, and beyond that LOBPCG with a growing block finds the kernel. The spectral gap is certified.

    Raises:
        ArithmeticError: if there is no clear gap between zero and the other eigenvalues.
    """
    rows, columns = rep_out.dim, rep_in.dim
    pairs = constraints(rep_in, rep_out)
    if not pairs:
        return torch.eye(rows * columns, dtype=torch.float64).reshape(-1, rows, columns)
    if (rep_in.is_orthogonal and rep_out.is_orthogonal) or _holds_transposes(pairs, len(rep_in.group.generators())):
        vectors = _by_eigenspaces(pairs)
    elif rows * columns <= DENSE_LIMIT:
        vectors = _dense(pairs, rows, columns)
    else:
        vectors = _iterative(pairs, rows, columns)
    return canonical_basis(vectors).T.reshape(-1, rows, columns)


def _holds_transposes(pairs: list[tuple[Tensor, Tensor]], discrete: int) -> bool:
    """Return whether the transposes of the constraints follow from them, on both sides by the same coefficients.

    Discrete generators must be orthogonal; the Lie algebra must be closed under transposition, as that of a reductive
    group is in a suitable basis (Knapp 2002, §VII.2).
    """
    sides = [torch.stack([pair[side] for pair in pairs]) for side in (0, 1)]
    for x in sides:
        if not torch.allclose(x[:discrete] @ x[:discrete].mT, torch.eye(x.shape[-1], dtype=x.dtype), atol=1e-10):
            return False
    span = torch.cat([x[discrete:].flatten(1) for x in sides], 1)
    transposed = torch.cat([x[discrete:].mT.flatten(1) for x in sides], 1)
    gram = span @ span.mT
    inside = torch.linalg.pinv(gram, hermitian=True) @ (span @ transposed.mT)
    return bool(torch.allclose(inside.mT @ span, transposed, atol=1e-10 * max(1.0, float(span.abs().max()))))


def _by_eigenspaces(pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Solve for the blocks between equal eigenspaces of S = Σ s_ab (X_a X_b + (X_a X_b)ᵀ), a symmetric matrix.

    The X are the generators' matrices; W S_in = S_out W follows from the constraints because the transpose of an
    orthogonal matrix is its inverse and that of the Lie algebra lies in it, so the generated algebra holds S. An irrep
    of dimension d has d different eigenvalues, so Σ d · m_in · m_out unknowns remain for multiplicities m.
    """
    a, b = (torch.stack([pair[side] for pair in pairs]) for side in (0, 1))
    draw = torch.Generator().manual_seed(0)
    single = torch.randn(len(pairs), generator=draw, dtype=torch.float64)
    double = torch.randn(len(pairs), len(pairs), generator=draw, dtype=torch.float64)
    (left_values, left), (right_values, right) = (_eigenspaces(x, single, double) for x in (a, b))
    # Rounding is relative to generators of order 1: where they act as zero, what is left of them must not decide.
    scale = max(float(left_values.abs().max()), float(right_values.abs().max()), 1.0)
    i, j = torch.nonzero((left_values[:, None] - right_values[None, :]).abs() < 1e-9 * scale, as_tuple=True)
    m = torch.zeros(len(i), len(i), dtype=torch.float64)
    same_i, same_j = i[:, None] == i, j[:, None] == j
    for x, y in zip(left.T @ a @ left, right.T @ b @ right):
        m += (x.T @ x)[i[:, None], i] * same_j + (y @ y.T)[j[:, None], j] * same_i
        cross = x[i[:, None], i] * y[j[:, None], j]
        m -= cross + cross.T
    if len(i) == 0:
        return torch.zeros(a.shape[-1] * b.shape[-1], 0, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(m)
    count = _split(values, max(float(values[-1]), 1e-12))
    blocks = torch.zeros(count, a.shape[-1], b.shape[-1], dtype=torch.float64)
    blocks[:, i, j] = vectors[:, :count].T
    return (left @ blocks @ right.T).flatten(1).T


def _eigenspaces(x: Tensor, single: Tensor, double: Tensor) -> tuple[Tensor, Tensor]:
    s = torch.einsum("a,aij->ij", single, x) + torch.einsum("ab,aij,bjk->ik", double, x, x)
    return torch.linalg.eigh(s + s.T)


def _split(values: Tensor, scale: float) -> int:
    """Return how many eigenvalues are zero; raise if the gap is not clear."""
    count = int((values < NULL * scale).sum())
    if count < len(values) and float(values[count]) < GAP * scale:
        raise ArithmeticError(
            f"The constraints have no clear null space: eigenvalue {count} is {float(values[count]) / scale:.1e} "
            f"of the largest, between {NULL:.0e} (zero) and {GAP:.0e} (not zero)."
        )
    return count


def _dense(pairs: list[tuple[Tensor, Tensor]], rows: int, columns: int) -> Tensor:
    # K = A ⊗ I - I ⊗ Bᵀ on row-major W, so KᵀK = AᵀA ⊗ I + I ⊗ BBᵀ - Aᵀ ⊗ Bᵀ - A ⊗ B.
    left = torch.eye(rows, dtype=torch.float64)
    right = torch.eye(columns, dtype=torch.float64)
    m = torch.kron(torch.stack([a.mT @ a for a, _ in pairs]).sum(0), right)
    m += torch.kron(left, torch.stack([b @ b.mT for _, b in pairs]).sum(0))
    for a, b in pairs:
        cross = torch.kron(a.contiguous(), b.contiguous())
        m -= cross + cross.mT
    values, vectors = torch.linalg.eigh(m)
    scale = max(float(values[-1]), 1e-12)
    return vectors[:, : _split(values, scale)]


def _iterative(pairs: list[tuple[Tensor, Tensor]], rows: int, columns: int) -> Tensor:
    a = torch.stack([pair[0] for pair in pairs])
    b = torch.stack([pair[1] for pair in pairs])
    size = rows * columns
    scale = 4 * float(sum(max(_norm(x), _norm(y)) ** 2 for x, y in pairs))

    def apply(flat: np.ndarray) -> np.ndarray:
        w = torch.from_numpy(np.ascontiguousarray(flat.T)).reshape(-1, 1, rows, columns)
        gap = a @ w - w @ b  # [block, generator, rows, columns]
        back = (a.mT @ gap - gap @ b.mT).sum(1)
        return back.reshape(-1, size).T.numpy()

    operator = _Matrix((size, size), apply)
    draw = torch.Generator().manual_seed(0)
    block = 32
    while block <= size // 4:
        start = torch.randn(size, block, generator=draw, dtype=torch.float64).numpy()
        with warnings.catch_warnings():  # a block that stalls just short of the tolerance is judged by the certificate
            warnings.simplefilter("ignore", UserWarning)
            values, vectors = lobpcg(operator, start, largest=False, tol=scale * 1e-11, maxiter=500)
        order = np.argsort(values)
        values, vectors = torch.from_numpy(values[order]), vectors[:, order]
        count = int((values < NULL * scale).sum())
        if count < block:
            count = _split(values, scale)
            return _polish(apply, vectors[:, :count], 0.5 * float(values[count]), scale)
        block *= 2
    return _dense(pairs, rows, columns)


class _Matrix(LinearOperator):
    """The matrix M, known by what it does to a block of vectors."""

    def __init__(self, shape: tuple[int, int], apply: Callable[[np.ndarray], np.ndarray]):
        super().__init__(np.float64, shape)
        self._block = apply

    def _matmat(self, X: np.ndarray) -> np.ndarray:
        return self._block(X)


def _polish(apply: Callable[[np.ndarray], np.ndarray], vectors: np.ndarray, low: float, high: float) -> Tensor:
    """Damp what is left of eigenvalues in [low, high] by a Chebyshev filter that keeps the null space."""
    centre, half = (high + low) / 2, (high - low) / 2
    degree = int(np.ceil(20 / np.sqrt(low / high)))  # e^-40 relative to the null space
    previous, current = vectors, (centre * vectors - apply(vectors)) / half
    ratio_before, ratio = 1.0, centre / half  # the same polynomials at zero, to normalise by
    for _ in range(degree):
        previous, current = current, 2 * (centre * current - apply(current)) / half - previous
        ratio_before, ratio = ratio, 2 * centre / half * ratio - ratio_before
        if ratio > 1e100:
            previous, current, ratio_before, ratio = previous / ratio, current / ratio, ratio_before / ratio, 1.0
    return torch.linalg.qr(torch.from_numpy(np.ascontiguousarray(current / ratio)))[0]


def _norm(matrix: Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix, 2))
