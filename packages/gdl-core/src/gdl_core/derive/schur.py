"""The Schur route: both decompositions into irreps are known, so a map is free numbers per matching pair."""

import torch

from gdl_core.representations.gauge import canonical_basis
from gdl_core.representations.irreps import Decomposition, endomorphisms


def schur_basis(into: Decomposition, out_of: Decomposition) -> torch.Tensor:
    """Return the intertwiners from what `into` decomposes to what `out_of` decomposes, `[k, d_out, d_in]`.

    By Schur's lemma W = Q_out (⊕ c E) Q_in⁻¹, with 1, 2 or 4 endomorphisms E for each pair of copies of the same
    irrep of real, complex or quaternionic type (Bröcker & tom Dieck 1985, §II.6).
    """
    q_out, q_in = out_of.change_of_basis, torch.linalg.inv(into.change_of_basis)
    found = []
    for irrep, rows in out_of.copies():
        for other, columns in into.copies():
            if irrep == other:
                found.append(q_out[:, rows] @ endomorphisms(irrep) @ q_in[columns])
    shape = (q_out.shape[0], q_in.shape[0])
    if not found:
        return torch.empty(0, *shape, dtype=torch.float64)
    flat = torch.cat(found).reshape(-1, shape[0] * shape[1])
    vectors = torch.linalg.qr(flat.T)[0]
    return canonical_basis(vectors).T.reshape(-1, *shape)
