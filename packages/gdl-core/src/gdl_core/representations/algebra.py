"""The algebra of representations: sums, tensor products, duals, restrictions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.representations.base import Representation

if TYPE_CHECKING:
    from gdl_core.groups.homomorphism import Homomorphism
    from gdl_core.representations.irreps import Decomposition


def direct_sum(parts: Sequence[Representation]) -> Representation:
    """Return ρ_1 ⊕ ρ_2 ⊕ …, flattened; raise TypeError if the groups differ."""
    if not parts:
        raise ValueError("A direct sum needs at least one representation, got none.")
    flat: list[Representation] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, DirectSum) else [part])
    return flat[0] if len(flat) == 1 else DirectSum(flat)


def _same_group(parts: Sequence[Representation], operation: str) -> None:
    first = parts[0].group
    for part in parts[1:]:
        if part.group != first:
            raise TypeError(f"The {operation} mixes groups: {parts[0]!r} and {part!r}.")


def multiples(parts: Sequence[Representation]) -> list[tuple[int, Representation]]:
    """Return runs of equal neighbours as (count, representation)."""
    runs: list[tuple[int, Representation]] = []
    for part in parts:
        if runs and runs[-1][1] == part:
            runs[-1] = (runs[-1][0] + 1, part)
        else:
            runs.append((1, part))
    return runs


class DirectSum(Representation):
    """ρ_1 ⊕ ρ_2 ⊕ …: block-diagonal matrices."""

    def __init__(self, parts: Sequence[Representation]):
        _same_group(parts, "direct sum")
        self.parts = tuple(parts)
        name = "+".join(f"{count}x{part.name}" for count, part in multiples(parts))
        super().__init__(parts[0].group, f"({name})", sum(part.dim for part in parts))
        self.is_permutation = all(part.is_permutation for part in parts)
        self.is_orthogonal = all(part.is_orthogonal for part in parts)

    def _blocks(self, blocks: list[Tensor], batch: Sequence[int]) -> Tensor:
        whole = torch.zeros(*batch, self.dim, self.dim, dtype=torch.float64)
        start = 0
        for block in blocks:
            stop = start + block.shape[-1]
            whole[..., start:stop, start:stop] = block
            start = stop
        return whole

    def matrix(self, g: Tensor) -> Tensor:
        batch = g.shape[: g.dim() - len(self.group.element_shape)]
        distinct = {part: part.matrix(g) for part in dict.fromkeys(self.parts)}
        return self._blocks([distinct[part] for part in self.parts], batch)

    def images(self, g: Tensor) -> Tensor:
        if not self.is_permutation:
            return super().images(g)
        found, start = [], 0
        for part in self.parts:
            found.append(part.images(g) + start)
            start += part.dim
        return torch.cat(found, -1)

    def derivative(self, a: Tensor) -> Tensor:
        batch = a.shape[: a.dim() - len(self.group.element_shape)]
        distinct = {part: part.derivative(a) for part in dict.fromkeys(self.parts)}
        return self._blocks([distinct[part] for part in self.parts], batch)

    def known_decomposition(self) -> "Decomposition | None":
        from gdl_core.representations.irreps import join_decompositions

        parts = [part.known_decomposition() for part in self.parts]
        return None if None in parts else join_decompositions([part for part in parts if part is not None])

    def _identity(self) -> tuple:
        return ("sum", self.parts)

    def __repr__(self) -> str:
        return " + ".join(f"{count} * {part!r}" if count > 1 else repr(part) for count, part in multiples(self.parts))

    def __reduce__(self):
        return (DirectSum, (self.parts,))


class TensorProduct(Representation):
    """ρ_1 ⊗ ρ_2: the coordinate (i, j) is i·dim_2 + j."""

    def __init__(self, left: Representation, right: Representation):
        _same_group([left, right], "tensor product")
        super().__init__(left.group, f"({left.name}*{right.name})", left.dim * right.dim)
        self.left, self.right = left, right
        self.is_permutation = left.is_permutation and right.is_permutation
        self.is_orthogonal = left.is_orthogonal and right.is_orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        if self.is_permutation:
            return super().matrix(g)
        return _kron(self.left.matrix(g), self.right.matrix(g))

    def images(self, g: Tensor) -> Tensor:
        if not self.is_permutation:
            return super().images(g)
        left, right = self.left.images(g), self.right.images(g)
        return (left.unsqueeze(-1) * self.right.dim + right.unsqueeze(-2)).flatten(-2)

    def derivative(self, a: Tensor) -> Tensor:
        left = torch.eye(self.left.dim, dtype=torch.float64)
        right = torch.eye(self.right.dim, dtype=torch.float64)
        return _kron(self.left.derivative(a), right) + _kron(left, self.right.derivative(a))

    def _identity(self) -> tuple:
        return ("product", self.left, self.right)

    def __repr__(self) -> str:
        return f"({self.left!r} * {self.right!r})"

    def __reduce__(self):
        return (TensorProduct, (self.left, self.right))


def _kron(a: Tensor, b: Tensor) -> Tensor:
    """Return the Kronecker product over leading batch axes, `[..., m·p, n·q]`."""
    product = torch.einsum("...ij,...kl->...ikjl", a, b)
    return product.reshape(*product.shape[:-4], a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1])


class Dual(Representation):
    """ρ*(g) = ρ(g⁻¹)ᵀ, so that pairings are invariant."""

    def __init__(self, base: Representation):
        super().__init__(base.group, f"{base.name}*", base.dim)
        self.base = base

    def matrix(self, g: Tensor) -> Tensor:
        return self.base.matrix(self.group.inverse(g)).mT.contiguous()

    def derivative(self, a: Tensor) -> Tensor:
        return -self.base.derivative(a).mT

    @property
    def dual(self) -> Representation:
        return self.base

    def _identity(self) -> tuple:
        return ("dual", self.base)

    def __repr__(self) -> str:
        return f"{self.base!r}.dual"

    def __reduce__(self):
        return (Dual, (self.base,))


class Restricted(Representation):
    """The representation h -> ρ(hom(h)) of `hom.source`."""

    def __init__(self, base: Representation, hom: "Homomorphism"):
        if base.group != hom.target:
            raise TypeError(f"{base!r} cannot be restricted along {hom!r}: the groups differ.")
        super().__init__(hom.source, base.name, base.dim)
        self.base, self.hom = base, hom
        self.is_permutation, self.is_orthogonal = base.is_permutation, base.is_orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        return self.base.matrix(self.hom(g))

    def images(self, g: Tensor) -> Tensor:
        return self.base.images(self.hom(g))

    def derivative(self, a: Tensor) -> Tensor:
        return self.base.derivative(self.hom.derivative(a))

    def _identity(self) -> tuple:
        return ("restricted", self.base, self.hom.source, id(self.hom))

    def __repr__(self) -> str:
        return f"{self.base!r}.restrict({self.hom!r})"

    def __reduce__(self):
        return (Restricted, (self.base, self.hom))


class Renamed(Representation):
    """The same representation under another name (and, for irreps, with its endomorphism type)."""

    def __init__(self, base: Representation, name: str, endomorphism: str | None):
        super().__init__(base.group, name, base.dim)
        self.base, self.endomorphism = base, endomorphism
        self.is_permutation, self.is_orthogonal = base.is_permutation, base.is_orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        return self.base.matrix(g)

    def images(self, g: Tensor) -> Tensor:
        return self.base.images(g)

    def derivative(self, a: Tensor) -> Tensor:
        return self.base.derivative(a)

    def known_decomposition(self) -> "Decomposition | None":
        return super().known_decomposition() or self.base.known_decomposition()
