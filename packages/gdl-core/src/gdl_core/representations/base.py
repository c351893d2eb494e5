"""How group elements act linearly on a vector space: `Representation`, and its two leaf kinds."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.base import Group
from gdl_core.groups.tangent import velocity

if TYPE_CHECKING:
    from gdl_core.groups.homomorphism import Homomorphism
    from gdl_core.representations.irreps import Decomposition


class Representation:
    """A homomorphism ρ from a group to the invertible matrices of R^dim, ρ(gh) = ρ(g)ρ(h) (the book, §3.1).

    Subclasses give `matrix` (or, for a permutation of the coordinates, `images`); the rest follows. The algebra:
    `a + b` direct sum, `a * b` tensor product, `n * a` multiple, `a.dual`, `a.restrict(hom)`, `a.induce(hom)`.

    Attributes:
        group: the group that acts.
        name: unique within the group for named representations; algebraic ones spell their formula.
        dim: the dimension d.
        is_permutation: every matrix permutes the coordinates.
        is_orthogonal: every matrix is orthogonal.
        endomorphism: for an irrep, `"real"`, `"complex"` or `"quaternionic"`: what commutes with it; else None.
    """

    is_permutation = False
    is_orthogonal = False
    endomorphism: str | None = None

    def __init__(self, group: Group, name: str, dim: int):
        self.group, self.name, self.dim = group, name, dim

    def matrix(self, g: Tensor) -> Tensor:
        """Return ρ(g), `[..., d, d]` in float64."""
        images = self.images(g)
        return torch.nn.functional.one_hot(images, self.dim).double().mT.contiguous()  # torch.kron needs it

    def images(self, g: Tensor) -> Tensor:
        """Return the image of each coordinate, `[..., d]`, of a permutation: e_j goes to e_images[j]."""
        raise TypeError(f"{self!r} does not permute coordinates, so it has no images.")

    def derivative(self, a: Tensor) -> Tensor:
        """Return dρ(a) for an element `a` of the Lie algebra, `[..., d, d]`: d/dt ρ(exp(ta)) at 0."""
        return velocity(lambda t: self.matrix(self.group.exp(t * a)))

    def act(self, g: Tensor, x: Tensor, dim: int = -1) -> Tensor:
        """Apply ρ(g) to axis `dim` of `x`, for a single element g `[*element_shape]`."""
        if x.shape[dim] != self.dim:
            raise ValueError(f"{self!r} acts on {self.dim} components, got an axis of {x.shape[dim]}.")
        x = x.movedim(dim, 0)
        if self.is_permutation:
            moved = torch.empty_like(x)
            moved[self.images(g).to(x.device)] = x
        else:
            moved = torch.tensordot(self.matrix(g).to(x), x, dims=1)
        return moved.movedim(0, dim)

    def character(self, g: Tensor) -> Tensor:
        """Return the trace of ρ(g), `[...]`."""
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def decompose(self) -> "Decomposition":
        """Return the irreps of this representation and the change of basis; see `Decomposition`."""
        from gdl_core.representations.irreps import decompose

        return decompose(self)

    def known_decomposition(self) -> "Decomposition | None":
        """Return the decomposition if it follows from how this was built, without computing; else None."""
        if self.endomorphism is None:
            return None
        from gdl_core.representations.irreps import Decomposition

        return Decomposition(((1, self),), torch.eye(self.dim, dtype=torch.float64))

    def rename(self, name: str, endomorphism: str | None = None) -> "Representation":
        """Return the same representation under another name."""
        from gdl_core.representations.algebra import Renamed

        return Renamed(self, name, endomorphism or self.endomorphism)

    @property
    def dual(self) -> "Representation":
        """The dual, ρ*(g) = ρ(g⁻¹)ᵀ; an orthogonal representation is its own dual."""
        from gdl_core.representations.algebra import Dual

        return self if self.is_orthogonal else Dual(self)

    def restrict(self, hom: "Homomorphism") -> "Representation":
        """Return the representation of `hom.source`, h -> ρ(hom(h))."""
        from gdl_core.representations.algebra import Restricted

        return Restricted(self, hom)

    def induce(self, hom: "Homomorphism") -> "Representation":
        """Return the representation of `hom.target` induced along the embedding `hom` of finite groups."""
        from gdl_core.representations.induced import Induced

        return Induced(self, hom)

    def __add__(self, other: "Representation") -> "Representation":
        from gdl_core.representations.algebra import direct_sum

        return direct_sum([self, other])

    def __mul__(self, other: "Representation") -> "Representation":
        from gdl_core.representations.algebra import TensorProduct

        if not isinstance(other, Representation):
            return NotImplemented
        return TensorProduct(self, other)

    def __rmul__(self, count: int) -> "Representation":
        from gdl_core.representations.algebra import direct_sum

        return direct_sum([self] * count)

    def _identity(self) -> tuple:
        return (self.group, self.name, self.dim)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Representation) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.group.name, self.name, self.dim))

    def __repr__(self) -> str:
        return f"{self.group!r}.representation({self.name!r})"

    def __reduce__(self):
        return (_named, (self.group, self.name))


def _named(group: Group, name: str) -> Representation:
    return group.representation(name)


class Matrix(Representation):
    """A representation given by a function from elements to matrices."""

    def __init__(
        self,
        group: Group,
        name: str,
        dim: int,
        function: Callable[[Tensor], Tensor],
        *,
        derivative: Callable[[Tensor], Tensor] | None = None,
        orthogonal: bool = False,
        endomorphism: str | None = None,
    ):
        super().__init__(group, name, dim)
        self._function, self._derivative = function, derivative
        self.is_orthogonal = orthogonal
        self.endomorphism = endomorphism

    def matrix(self, g: Tensor) -> Tensor:
        return self._function(g).double()

    def derivative(self, a: Tensor) -> Tensor:
        return super().derivative(a) if self._derivative is None else self._derivative(a).double()


class Permutation(Representation):
    """A representation that permutes coordinates, given by the images `[..., dim]` of each element."""

    is_permutation = True
    is_orthogonal = True

    def __init__(self, group: Group, name: str, dim: int, images: Callable[[Tensor], Tensor]):
        super().__init__(group, name, dim)
        self._images = images

    def images(self, g: Tensor) -> Tensor:
        return self._images(g).to(torch.int64)


class Trivial(Representation):
    """The one-dimensional representation that does nothing; a group has one, whatever its table of irreps calls it."""

    is_permutation = True
    is_orthogonal = True
    endomorphism = "real"

    def __init__(self, group: Group, name: str = "trivial"):
        super().__init__(group, name, 1)

    def images(self, g: Tensor) -> Tensor:
        batch = g.shape[: g.dim() - len(self.group.element_shape)]
        return torch.zeros(*batch, 1, dtype=torch.int64)

    def derivative(self, a: Tensor) -> Tensor:
        batch = a.shape[: a.dim() - len(self.group.element_shape)]
        return torch.zeros(*batch, 1, 1, dtype=torch.float64)

    def _identity(self) -> tuple:
        return ("trivial", self.group)

    def __hash__(self) -> int:
        return hash(("trivial", self.group.name))

    def __reduce__(self):
        return (Trivial, (self.group, self.name))
