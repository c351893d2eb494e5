"""`Basis`: the linear maps that commute with a group, as a sparse orthonormal basis with its certificate."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Basis:
    """An orthonormal (Frobenius) basis B_1 … B_k of {W : ρ_out(g) W = W ρ_in(g) for all g}, in the canonical gauge.

    Stored as its nonzero entries, sorted by row, column, element: a basis made of orbits has one entry per pair.

    Attributes:
        rows, columns: the shape of each W, d_out and d_in.
        count: k, the number of basis elements.
        element, row, column: which entry of which element, `[nnz]` int64.
        value: the entries, `[nnz]` float64.
        method: `"orbits"`, `"schur"`, `"nullspace"` or `"transport"`: how it was found.
        certificate: the largest entry of ρ_out(g) B - B ρ_in(g) over all generators and elements.
    """

    rows: int
    columns: int
    count: int
    element: Tensor
    row: Tensor
    column: Tensor
    value: Tensor
    method: str
    certificate: float

    @staticmethod
    def from_dense(matrices: Tensor, method: str, certificate: float) -> "Basis":
        """Return the basis with these matrices, `[k, d_out, d_in]`; entries below 1e-12 are dropped."""
        row, column, element = torch.nonzero(matrices.permute(1, 2, 0).abs() > 1e-12, as_tuple=True)
        count, rows, columns = matrices.shape
        value = matrices[element, row, column]
        return Basis(rows, columns, count, element, row, column, value, method, certificate)

    def dense(self) -> Tensor:
        """Return the matrices, `[k, d_out, d_in]` in float64."""
        whole = torch.zeros(self.count, self.rows, self.columns, dtype=torch.float64)
        whole[self.element, self.row, self.column] = self.value
        return whole

    def reshape(self, rows: int, columns: int) -> "Basis":
        """Return the same entries, in row-major order, as matrices of another shape with as many entries."""
        if rows == self.rows:
            return self
        place = self.row * self.columns + self.column
        return replace(self, rows=rows, columns=columns, row=place // columns, column=place % columns)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return (
            f"Basis({self.count} maps from {self.columns} to {self.rows} dimensions, by {self.method}, "
            f"certified to {self.certificate:.1e})"
        )


def by_first_entry(element: Tensor, count: int) -> Tensor:
    """Renumber elements by their first entry, for entries sorted by row and column: the canonical order."""
    first = torch.full((count,), element.shape[0], dtype=torch.int64)
    first.scatter_reduce_(0, element, torch.arange(element.shape[0]), "amin")
    rank = torch.empty(count, dtype=torch.int64)
    rank[torch.argsort(first)] = torch.arange(count)
    return rank[element]


def labels_to_basis(labels: Tensor, rows: int, columns: int, row: Tensor, column: Tensor) -> Basis:
    """Return the basis of indicator matrices of orbits, each divided by the root of its size.

    `labels[p]`, from 0 without gaps, is the orbit of the pair (row[p], column[p]); pairs come sorted by row and column.
    Orbits are renumbered by their first pair, which is the canonical gauge.
    """
    count = int(labels.max()) + 1 if labels.shape[0] else 0
    element = by_first_entry(labels, count)
    sizes = torch.bincount(element, minlength=count).double()
    return Basis(rows, columns, count, element, row, column, sizes.rsqrt()[element], "orbits", 0.0)
