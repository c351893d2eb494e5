"""The null-space solver: all matrices W with ρ_out(g) W = W ρ_in(g), for any group with generators."""

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

    The kernel of M = Σ KᵀK with K(W) = A W - W B is found by a symmetric eigenproblem: dense up to 1600
    unknowns, LOBPCG with a growing block beyond. The spectral gap is certified.

    Raises:
        ArithmeticError: if there is no clear gap between zero and the other eigenvalues.
    """
    rows, columns = rep_out.dim, rep_in.dim
    pairs = constraints(rep_in, rep_out)
    if not pairs:
        return torch.eye(rows * columns, dtype=torch.float64).reshape(-1, rows, columns)
    if rows * columns <= DENSE_LIMIT:
        vectors = _dense(pairs, rows, columns)
    else:
        vectors = _iterative(pairs, rows, columns)
    return canonical_basis(vectors).T.reshape(-1, rows, columns)


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
        cross = torch.kron(a, b)
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

    operator = LinearOperator((size, size), matvec=lambda v: apply(v[:, None])[:, 0], matmat=apply, dtype=np.float64)
    draw = torch.Generator().manual_seed(0)
    block = 8
    while True:
        start = torch.randn(size, block, generator=draw, dtype=torch.float64).numpy()
        values, vectors = lobpcg(operator, start, largest=False, tol=scale * 1e-12, maxiter=2000)
        order = np.argsort(values)
        values, vectors = torch.from_numpy(values[order]), torch.from_numpy(vectors[:, order].copy())
        count = int((values < NULL * scale).sum())
        if count < block:
            return vectors[:, : _split(values, scale)]
        block *= 2
        if block > size // 4:
            return _dense(pairs, rows, columns)


def _norm(matrix: Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix, 2))
