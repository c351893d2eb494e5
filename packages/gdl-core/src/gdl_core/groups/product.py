"""Direct and semidirect products. An element is the elements of the factors, flattened and joined."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gdl_core.groups.base import Group
from gdl_core.groups.finite import FiniteGroup
from gdl_core.groups.homomorphism import Homomorphism


class _Joined(Group):
    """Shared by both products: elements are `[size]` vectors, split into the factors' own shapes."""

    factors: tuple[Group, ...]

    def _prepare(self, factors: Sequence[Group]) -> None:
        self.factors = tuple(factors)
        self._sizes = [math.prod(factor.element_shape) for factor in self.factors]
        self.element_shape = (sum(self._sizes),)
        whole = all(not factor.element_dtype.is_floating_point for factor in self.factors)
        self.element_dtype = torch.int64 if whole else torch.float64
        orders = [factor.order for factor in self.factors]
        self.order = None if None in orders else math.prod(order for order in orders if order is not None)
        self.is_compact = all(factor.is_compact for factor in self.factors)

    def split(self, g: Tensor) -> list[Tensor]:
        """Return the parts of `g`, each in its factor's own shape and dtype."""
        batch = g.shape[:-1]
        parts = torch.split(g, self._sizes, dim=-1)
        return [
            part.reshape((*batch, *factor.element_shape)).to(factor.element_dtype)
            for part, factor in zip(parts, self.factors)
        ]

    def split_algebra(self, a: Tensor) -> list[Tensor]:
        """Return the parts of an algebra element, each in its factor's own shape."""
        parts = torch.split(a, self._sizes, dim=-1)
        return [part.reshape((*a.shape[:-1], *f.element_shape)) for part, f in zip(parts, self.factors)]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the element with these parts, `[..., size]`; batch axes are broadcast."""
        flat = []
        for part, factor, size in zip(parts, self.factors, self._sizes):
            batch = part.shape[: part.dim() - len(factor.element_shape)]
            flat.append(part.reshape((*batch, size)).to(self.element_dtype))
        shape = torch.broadcast_tensors(*[part[..., :1] for part in flat])[0].shape[:-1]
        return torch.cat([part.expand((*shape, part.shape[-1])) for part in flat], -1)

    def identity(self) -> Tensor:
        return self.join([factor.identity() for factor in self.factors])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return self.join([factor.sample(count, generator) for factor in self.factors])

    def _embedded(self, kind: str, algebra: bool) -> Tensor:
        rows = []
        for position, factor in enumerate(self.factors):
            for element in getattr(factor, kind)():
                parts = [
                    torch.zeros(other.element_shape, dtype=torch.float64) if algebra else other.identity()
                    for other in self.factors
                ]
                parts[position] = element
                flat = [part.reshape(-1).double() for part in parts]
                rows.append(torch.cat(flat))
        dtype = torch.float64 if algebra else self.element_dtype
        return torch.stack(rows).to(dtype) if rows else torch.empty(0, *self.element_shape, dtype=dtype)

    def generators(self) -> Tensor:
        return self._embedded("generators", algebra=False)

    def algebra(self) -> Tensor:
        return self._embedded("algebra", algebra=True)

    def projection(self, position: int) -> Homomorphism:
        """Return the map to one factor; of a semidirect product only the one to H is a homomorphism."""
        return Homomorphism(
            self,
            self.factors[position],
            lambda g: self.split(g)[position],
            derivative=lambda a: self.split_algebra(a)[position],
        )


class ProductGroup(_Joined):
    """The direct product G_1 x G_2 x …; it acts by each factor independently.

    `representation("a|b")` is the outer product of the factors' representations `a` and `b`.

    >>> from gdl_core.groups import CyclicGroup
    >>> ProductGroup([CyclicGroup(4), CyclicGroup(6)]).order
    24
    """

    def __new__(cls, factors: Sequence[Group] = ()):  # the default is for pickle
        if cls is ProductGroup and factors and all(isinstance(factor, FiniteGroup) for factor in factors):
            return super().__new__(FiniteProductGroup)  # type: ignore[arg-type]
        return super().__new__(cls)

    def __init__(self, factors: Sequence[Group]):
        if not factors:
            raise ValueError("ProductGroup takes at least one factor, got none.")
        self._prepare(factors)
        self.name = f"ProductGroup([{', '.join(map(repr, self.factors))}])"

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return self.join([f.compose(a, b) for f, a, b in zip(self.factors, self.split(g), self.split(h))])

    def inverse(self, g: Tensor) -> Tensor:
        return self.join([f.inverse(a) for f, a in zip(self.factors, self.split(g))])

    def exp(self, a: Tensor) -> Tensor:
        return self.join(
            [
                factor.exp(part) if factor.algebra().shape[0] else factor.identity()
                for factor, part in zip(self.factors, self.split_algebra(a))
            ]
        )

    def _irrep(self, name: str):
        names = name.split("|")
        if len(names) != len(self.factors):
            return None
        found = None
        for position, (factor, part) in enumerate(zip(self.factors, names)):
            pulled = factor.representation(part).restrict(self.projection(position))
            found = pulled if found is None else found * pulled
        return found.rename(name) if found is not None else None


class FiniteProductGroup(ProductGroup, FiniteGroup):
    """A direct product of finite groups; `ProductGroup` makes it when every factor is finite."""

    def irreps(self):
        return FiniteGroup.irreps(self)

    def _irrep(self, name: str):
        return ProductGroup._irrep(self, name) or FiniteGroup._irrep(self, name)


class SemidirectProduct(_Joined):
    """N ⋊ H with (n, h)(n', h') = (n · φ_h(n'), h h'), for example translations ⋊ rotations.

    Args:
        normal: the normal subgroup N.
        acting: the group H.
        action: φ, `action(h, n) -> n'`, batched over leading axes of both; an automorphism of N for every h.
        name: what `repr` prints.
    """

    def __new__(cls, normal=None, acting=None, action=None, name: str | None = None):  # defaults for pickle
        finite = isinstance(normal, FiniteGroup) and isinstance(acting, FiniteGroup)
        if cls is SemidirectProduct and finite:
            return super().__new__(FiniteSemidirectProduct)  # type: ignore[arg-type]
        return super().__new__(cls)

    def __init__(
        self,
        normal: Group,
        acting: Group,
        action: Callable[[Tensor, Tensor], Tensor],
        name: str | None = None,
    ):
        self._prepare([normal, acting])
        self.normal, self.acting, self.action = normal, acting, action
        self.name = name or f"SemidirectProduct({normal!r}, {acting!r})"

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        (n, a), (m, b) = self.split(g), self.split(h)
        return self.join([self.normal.compose(n, self.action(a, m)), self.acting.compose(a, b)])

    def inverse(self, g: Tensor) -> Tensor:
        n, a = self.split(g)
        back = self.acting.inverse(a)
        return self.join([self.action(back, self.normal.inverse(n)), back])

    def exp(self, a: Tensor) -> Tensor:
        """Not defined from the factors' exponentials alone.

        Raises:
            NotImplementedError: always; a Lie group of this kind, such as SE(3), is a `LieGroup` of affine matrices.
        """
        raise NotImplementedError(
            f"{self!r} does not know its exponential, which mixes both factors; declare it as a LieGroup of matrices."
        )

    def to_acting(self) -> Homomorphism:
        """Return the homomorphism to H, (n, h) -> h."""
        return self.projection(1)


class FiniteSemidirectProduct(SemidirectProduct, FiniteGroup):
    """A semidirect product of finite groups; `SemidirectProduct` makes it when both factors are finite."""
