"""Matrix Lie groups: a basis of the algebra, plus discrete generators for the other components."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.base import Group

if TYPE_CHECKING:
    from gdl_core.representations import Representation


class LieGroup(Group):
    """A group of real matrices `[m, m]`, given by its Lie algebra and its discrete generators.

    Args:
        name: what `repr` prints.
        algebra: a basis of the Lie algebra, `[dim, m, m]`.
        discrete: one matrix in each further connected component that is needed to generate them, `[k, m, m]`.
        is_compact: whether the group is compact.

    `sample` draws products of exponentials of normal algebra elements and random discrete generators: not the
    Haar law, but with full support. Subclasses with a Haar sampler override it. A complex group enters through
    `realify`.

    >>> import torch
    >>> algebra = torch.tensor([[[1., 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]])
    >>> SL2 = LieGroup("SL(2)", algebra, is_compact=False)
    >>> SL2.representation("standard").dim
    2
    """

    def __init__(self, name: str, algebra: Tensor, discrete: Tensor | None = None, *, is_compact: bool = True):
        algebra = torch.as_tensor(algebra, dtype=torch.float64)
        if algebra.dim() != 3 or algebra.shape[1] != algebra.shape[2]:
            raise ValueError(
                f"The algebra of {name} must be square matrices [dim, m, m], "
                f"got a tensor of shape {list(algebra.shape)}."
            )
        self.name = name
        self.element_shape = tuple(algebra.shape[1:])
        self.is_compact = is_compact
        self._algebra = algebra
        size = algebra.shape[1]
        empty = torch.empty(0, size, size, dtype=torch.float64)
        self._discrete = empty if discrete is None else torch.as_tensor(discrete, dtype=torch.float64)
        skew = torch.allclose(algebra, -algebra.mT, atol=1e-12)
        eye = torch.eye(size, dtype=torch.float64).expand_as(self._discrete)
        self.is_orthogonal = bool(skew and torch.allclose(self._discrete @ self._discrete.mT, eye, atol=1e-10))

    def identity(self) -> Tensor:
        return torch.eye(self.element_shape[0], dtype=torch.float64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g @ h

    def inverse(self, g: Tensor) -> Tensor:
        return g.mT if self.is_orthogonal else torch.linalg.inv(g)

    def generators(self) -> Tensor:
        return self._discrete

    def algebra(self) -> Tensor:
        return self._algebra

    def exp(self, a: Tensor) -> Tensor:
        return torch.linalg.matrix_exp(a)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        found = self.identity().expand(count, *self.element_shape)
        spread = 1.0 if self.is_compact else 0.5
        for _ in range(3 if self.is_compact else 1):
            weights = torch.randn(count, self._algebra.shape[0], generator=generator, dtype=torch.float64)
            found = self.exp(torch.einsum("ca,aij->cij", spread * weights, self._algebra)) @ found
        for element in self._discrete:
            use = torch.randint(2, (count,), generator=generator).bool()
            found = torch.where(use[:, None, None], element @ found, found)
        return found

    def standard(self) -> "Representation":
        """Return the defining representation: the matrices themselves."""
        from gdl_core.representations import Matrix

        return Matrix(
            self,
            "standard",
            self.element_shape[0],
            lambda g: g,
            derivative=lambda a: a,
            orthogonal=self.is_orthogonal,
        )

    def determinant(self) -> "Representation":
        """Return the one-dimensional representation det."""
        from gdl_core.representations import Matrix

        return Matrix(
            self,
            "det",
            1,
            lambda g: torch.linalg.det(g)[..., None, None],
            derivative=lambda a: a.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None],
            orthogonal=self.is_orthogonal,
        )

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard, "det": self.determinant}


def realify(matrix: Tensor) -> Tensor:
    """Return the real form of complex matrices: `[..., m, m]` on C^m becomes `[..., 2m, 2m]` on R^2m.

    A + iB maps to [[A, -B], [B, A]], so products and exponentials are preserved.
    """
    real, imaginary = matrix.real, matrix.imag
    return torch.cat([torch.cat([real, -imaginary], -1), torch.cat([imaginary, real], -1)], -2)


def rotation_algebra(m: int) -> Tensor:
    """Return the basis E_ji - E_ij (i < j) of so(m), `[m(m-1)/2, m, m]`, ordered so that so(3) is (L_x, L_y, L_z)."""
    pairs = [(i, j) for i in range(m) for j in range(i + 1, m)]
    basis = torch.zeros(len(pairs), m, m, dtype=torch.float64)
    for position, (i, j) in enumerate(pairs):
        basis[position, j, i], basis[position, i, j] = 1.0, -1.0
    if m == 3:  # (xy, xz, yz) -> (L_x, L_y, L_z), right-handed
        basis = torch.stack([basis[2], -basis[1], basis[0]])
    return basis


def haar_orthogonal(count: int, m: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw orthogonal matrices from the Haar law by QR of a normal matrix (Mezzadri 2007, §5), `[count, m, m]`."""
    q, r = torch.linalg.qr(torch.randn(count, m, m, generator=generator, dtype=torch.float64))
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
