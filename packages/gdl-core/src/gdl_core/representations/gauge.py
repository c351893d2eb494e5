"""A canonical basis of a subspace: the same vectors on every machine."""

import torch
from torch import Tensor


def canonical_basis(vectors: Tensor, tolerance: float = 1e-6) -> Tensor:
    """Return the canonical orthonormal basis of a subspace, given any orthonormal basis `vectors[n, k]`.

    Let P be the projector onto the subspace, which does not depend on the basis. Going through the columns
    P e_1, P e_2, … in order, each one that is not yet in the span is orthogonalised against the earlier ones and kept
    (the pivots are those of the reduced row echelon form). Each vector is positive at its pivot, and zero at earlier
    ones. Work is O(n k²), done on the k-dimensional rows of `vectors`.

    Raises:
        ArithmeticError: if fewer than k pivots are found, so `vectors` was not orthonormal.
    """
    count = vectors.shape[1]
    residual = vectors.clone()  # row j: coordinates of P e_j, minus what earlier pivots span
    rows = torch.zeros(count, count, dtype=vectors.dtype)
    start = 0
    for position in range(count):
        norms = residual[start:].norm(dim=1)
        above = torch.nonzero(norms > tolerance)
        if above.shape[0] == 0:
            raise ArithmeticError(f"Found {position} of {count} pivots: the vectors given are not orthonormal.")
        start += int(above[0])
        row = residual[start] / residual[start].norm()
        rows[position] = row
        residual = residual - torch.outer(residual @ row, row)
        residual = residual - torch.outer(residual @ row, row)  # twice is enough (Kahan)
    return vectors @ rows.T
