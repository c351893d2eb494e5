"""Maps between groups that respect composition: subgroup embeddings, projections."""

from collections.abc import Callable

import torch
from torch import Tensor

from gdl_core.groups.base import Group
from gdl_core.groups.finite import FiniteGroup
from gdl_core.groups.tangent import velocity


class Homomorphism:
    """A map `source -> target` with f(gh) = f(g)f(h); `hom(g)` maps batched elements.

    Args:
        source: the group that is mapped, for example a subgroup H.
        target: the group that it is mapped into.
        function: element tensors `[..., *source.element_shape]` to `[..., *target.element_shape]`.
        derivative: the induced map of Lie algebras; by automatic differentiation when left out.
        check: whether to test f(gh) = f(g)f(h) on generators and samples at once.

    Raises:
        ValueError: with `check`, if `function` is not a homomorphism.
    """

    def __init__(
        self,
        source: Group,
        target: Group,
        function: Callable[[Tensor], Tensor],
        derivative: Callable[[Tensor], Tensor] | None = None,
        *,
        check: bool = False,
    ):
        self.source, self.target, self._function, self._derivative = source, target, function, derivative
        if check:
            self.check()

    def __call__(self, g: Tensor) -> Tensor:
        return self._function(g)

    def __repr__(self) -> str:
        return f"Homomorphism({self.source!r} -> {self.target!r})"

    def derivative(self, a: Tensor) -> Tensor:
        """Map algebra elements, `[..., *element_shape]`."""
        if self._derivative is not None:
            return self._derivative(a)
        return velocity(lambda t: self(self.source.exp(t * a)).double())

    def then(self, other: "Homomorphism") -> "Homomorphism":
        """Return `other` after this one."""
        if other.source != self.target:
            raise TypeError(f"{other!r} cannot follow {self!r}: {self.target!r} is not {other.source!r}.")
        return Homomorphism(self.source, other.target, lambda g: other(self(g)))

    def check(self, samples: int = 8, tolerance: float = 1e-8) -> None:
        """Raise ValueError unless f(gh) = f(g)f(h) on generators and samples."""
        draw = torch.Generator().manual_seed(0)
        g = torch.cat([self.source.generators(), self.source.sample(samples, draw)])
        h = g.flip(0)
        left, right = self(self.source.compose(g, h)), self.target.compose(self(g), self(h))
        if not self.target.close(left, right, tolerance):
            raise ValueError(f"{self!r} is not a homomorphism: f(gh) differs from f(g)f(h).")

    def cosets(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the left cosets t·f(H) of an embedding of finite groups.

        Returns representatives `t[k, *element_shape]`, the coset of each target element `[order]`, and for each
        target element x = t f(h) the position of h in `source.elements()`, `[order]`.
        """
        source, target = self.source, self.target
        if not isinstance(source, FiniteGroup) or not isinstance(target, FiniteGroup):
            raise TypeError(f"Cosets need finite groups, got {self!r}.")
        members = target.index(self(source.elements()))
        if len(torch.unique(members)) != len(members):
            raise ValueError(f"{self!r} is not injective, so it embeds no subgroup.")
        table = target.table
        coset = torch.full((table.shape[0],), -1, dtype=torch.int64)
        inner = torch.zeros_like(coset)
        representatives = []
        while bool((coset < 0).any()):
            first = int((coset < 0).to(torch.int64).argmax())
            reached = table[first, members]
            coset[reached] = len(representatives)
            inner[reached] = torch.arange(len(members))
            representatives.append(first)
        return target.elements()[torch.tensor(representatives)], coset, inner
