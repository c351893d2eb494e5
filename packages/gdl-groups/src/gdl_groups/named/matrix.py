"""Matrix groups that say which equations their elements satisfy, with their adjoint representation."""

from typing import TYPE_CHECKING

import torch
from gdl_core.groups import LieGroup
from torch import Tensor

if TYPE_CHECKING:
    from gdl_core.representations import Representation


def size_of(name: str, value: int, least: int) -> int:
    """Return `value`; raise ValueError unless it is a whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} takes a whole number of at least {least}, got {value!r}.")
    return value


def units(m: int) -> Tensor:
    """Return the matrices E_ij with a single 1, `[m, m, m, m]`, the first two axes being i and j."""
    return torch.eye(m * m, dtype=torch.float64).reshape(m, m, m, m)


class MatrixGroup(LieGroup):
    """A `LieGroup` that knows the equations of its elements, for `check_element`, and its adjoint representation."""

    has_determinant = True  # False where every determinant is 1

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        """Return for each equation, spelt out, by how much `g` `[..., m, m]` misses it, `[...]`."""
        return {}

    def _named_representations(self) -> dict:
        known = super()._named_representations() | {"adjoint": lambda: adjoint(self)}
        return {name: make for name, make in known.items() if name != "det" or self.has_determinant}


class FormGroup(MatrixGroup):
    """Matrices that keep a bilinear form, gᵀ F g = F, so that g⁻¹ = F⁻¹ gᵀ F.

    Args:
        name: what `repr` prints.
        form: the form F, `[m, m]`, invertible.
        algebra: a basis of the Lie algebra, `[dim, m, m]`.
        discrete: generators for further components, `[k, m, m]`.
    """

    def __init__(self, name: str, form: Tensor, algebra: Tensor, discrete: Tensor | None = None):
        super().__init__(name, algebra, discrete, is_compact=False)
        self.form = form

    def inverse(self, g: Tensor) -> Tensor:
        return torch.linalg.inv(self.form) @ g.mT @ self.form

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        return {"gᵀ F g = F": largest(g.mT @ self.form @ g - self.form)}


def largest(gap: Tensor) -> Tensor:
    """Return the largest absolute entry of each matrix `[..., m, n]`, `[...]`."""
    return gap.abs().flatten(-2).amax(-1)


def orthogonality(g: Tensor) -> dict[str, Tensor]:
    """Return by how much `g` `[..., m, m]` is not orthogonal."""
    return {"gᵀ g = 1": largest(g.mT @ g - torch.eye(g.shape[-1], dtype=g.dtype))}


def unit_determinant(g: Tensor) -> dict[str, Tensor]:
    """Return how far the determinant of `g` is from 1."""
    return {"det g = 1": (torch.linalg.det(g) - 1).abs()}


def adjoint(group: LieGroup) -> "Representation":
    """Return the adjoint representation, Ad(g) A = g A g⁻¹ in the basis `group.algebra()`, dimension dim g.

    Orthogonal where the group is and the basis is orthogonal with equal norms (Hall 2015, §3.5).
    """
    from gdl_core.representations import Matrix

    basis = group.algebra()
    flat = basis.flatten(1).T  # [m², dim]
    coordinates = torch.linalg.pinv(flat)
    gram = flat.T @ flat
    equal = torch.allclose(gram, gram[0, 0] * torch.eye(len(gram), dtype=torch.float64), atol=1e-12)

    def matrix(g: Tensor) -> Tensor:
        moved = g.unsqueeze(-3) @ basis @ group.inverse(g).unsqueeze(-3)  # [..., dim, m, m]
        return coordinates @ moved.flatten(-2).mT

    def derivative(a: Tensor) -> Tensor:
        a = a.unsqueeze(-3)
        return coordinates @ (a @ basis - basis @ a).flatten(-2).mT

    return Matrix(group, "adjoint", len(basis), matrix, derivative=derivative, orthogonal=group.is_orthogonal and equal)


def determinant_sign(group: LieGroup) -> "Representation":
    """Return the sign of the determinant, a one-dimensional representation that is constant on components."""
    from gdl_core.representations import Matrix

    return Matrix(
        group,
        "det",
        1,
        lambda g: torch.linalg.det(g).sign()[..., None, None],
        derivative=lambda a: torch.zeros_like(a[..., :1, :1]),
        orthogonal=True,
    )
