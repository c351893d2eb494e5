"""Induced representations of finite groups."""

from functools import cached_property
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from gdl_core.representations.base import Representation

if TYPE_CHECKING:
    from gdl_core.groups.finite import FiniteGroup
    from gdl_core.groups.homomorphism import Homomorphism


class Induced(Representation):
    """Ind_H^G ρ: one copy of ρ per left coset t_i H; g t_j = t_i h moves copy j to copy i by ρ(h).

    The dimension is |G|/|H| · dim ρ. Inducing the trivial representation gives the quotient representation
    (a permutation of the cosets); inducing it from the trivial subgroup, the regular one (Serre 1977, §3.3).
    """

    def __init__(self, base: Representation, hom: "Homomorphism"):
        if base.group != hom.source:
            raise TypeError(f"{base!r} cannot be induced along {hom!r}: the groups differ.")
        self.base, self.hom = base, hom
        index = self._cosets[0].shape[0]
        super().__init__(hom.target, f"induced({base.name} of {hom.source!r})", index * base.dim)
        self.is_permutation, self.is_orthogonal = base.is_permutation, base.is_orthogonal

    @cached_property
    def _cosets(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.hom.cosets()

    def _moves(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Return for every coset j the coset i that g moves it to, and the position of h in H; both `[..., k]`."""
        group = cast("FiniteGroup", self.group)
        representatives, coset, inner = self._cosets
        moved = group.index(group.compose(g.unsqueeze(-1 - len(group.element_shape)), representatives))
        return coset[moved], inner[moved]

    def images(self, g: Tensor) -> Tensor:
        if not self.is_permutation:
            return super().images(g)
        source = cast("FiniteGroup", self.hom.source)
        coset, inner = self._moves(g)
        within = self.base.images(source.elements())[inner]  # [..., k, d]
        return (coset.unsqueeze(-1) * self.base.dim + within).flatten(-2)

    def matrix(self, g: Tensor) -> Tensor:
        if self.is_permutation:
            return super().matrix(g)
        source = cast("FiniteGroup", self.hom.source)
        coset, inner = self._moves(g)
        count = coset.shape[-1]
        blocks = self.base.matrix(source.elements())[inner]  # [..., j, d, d]
        place = torch.nn.functional.one_hot(coset, count).double()  # [..., j, i]
        whole = torch.einsum("...ji,...jab->...iajb", place, blocks)
        return whole.reshape(*coset.shape[:-1], self.dim, self.dim)

    def _identity(self) -> tuple:
        return ("induced", self.base, self.hom.target, id(self.hom))

    def __repr__(self) -> str:
        return f"{self.base!r}.induce({self.hom!r})"

    def __reduce__(self):
        return (Induced, (self.base, self.hom))
