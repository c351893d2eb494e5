"""The finite groups that every domain needs: trivial, cyclic, dihedral and symmetric."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.groups.finite import FiniteGroup
from gdl_core.groups.permutations import Permutations

if TYPE_CHECKING:
    from gdl_core.representations import Representation


def rotation(angle: Tensor) -> Tensor:
    """Return the rotation of the plane by `angle` radians, anticlockwise, `[..., 2, 2]`."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _positive(name: str, n: int) -> int:
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"{name} takes a positive whole number, got {n!r}.")
    return n


class CyclicGroup(FiniteGroup):
    """C_n, the shifts of a ring of n points or the rotations by 360°/n; an element is a number modulo n, shape `[]`.

    Representations: `trivial`, `regular`, `standard` (2 x 2 rotations), and the real irreps by frequency
    `"0"`, `"1"`, …, `"n//2"`. `n // 2` is one-dimensional for even n.
    """

    element_shape = ()

    def __init__(self, n: int):
        self.n = _positive("CyclicGroup", n)
        self.order = n
        self.name = f"CyclicGroup({n})"

    def identity(self) -> Tensor:
        return torch.zeros((), dtype=torch.int64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return (g + h) % self.n

    def inverse(self, g: Tensor) -> Tensor:
        return (-g) % self.n

    def generators(self) -> Tensor:
        return torch.ones(1, dtype=torch.int64) % self.n

    def elements(self) -> Tensor:
        return torch.arange(self.n)

    def index(self, g: Tensor) -> Tensor:
        return g.to(torch.int64) % self.n

    def rotation(self, frequency: int) -> "Representation":
        """Return the 2 x 2 rotation by `frequency` times 360°/n per generator."""
        from gdl_core.representations import Matrix

        step = 2 * math.pi * frequency / self.n
        return Matrix(self, f"rotation{frequency}", 2, lambda g: rotation(g.double() * step), orthogonal=True)

    def standard(self) -> "Representation":
        return self.rotation(1).rename("standard")

    def irreps(self) -> tuple["Representation", ...]:
        from gdl_core.representations import Trivial

        found: list[Representation] = [Trivial(self, "0")]
        for frequency in range(1, (self.n + 1) // 2):
            found.append(self.rotation(frequency).rename(str(frequency), endomorphism="complex"))
        if self.n % 2 == 0:
            found.append(_sign(self, str(self.n // 2), lambda g: 1 - 2 * (g % 2)))
        return tuple(found)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard}


class TrivialGroup(CyclicGroup):
    """The group of one element: what a feature without orientation transforms under."""

    def __init__(self):
        super().__init__(1)
        self.name = "TrivialGroup()"


class DihedralGroup(FiniteGroup):
    """D_n, the rotations and reflections of the regular n-gon; an element is `[flip, turn]`, shape `[2]`.

    `[f, k]` is r^k s^f: first (f = 1) reflect in the x axis, then turn by k · 360°/n. Representations: `trivial`,
    `regular`, `standard` (2 x 2), `sign` (the determinant), `rotations` (the quotient by rotations), and the
    irreps by Mulliken symbol `A1`, `A2`, (n even: `B1`, `B2`), `E1`, `E2`, …
    """

    element_shape = (2,)

    def __init__(self, n: int):
        self.n = _positive("DihedralGroup", n)
        self.order = 2 * n
        self.name = f"DihedralGroup({n})"

    def identity(self) -> Tensor:
        return torch.zeros(2, dtype=torch.int64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        g, h = torch.broadcast_tensors(g, h)
        turn = (g[..., 1] + (1 - 2 * g[..., 0]) * h[..., 1]) % self.n
        return torch.stack([(g[..., 0] + h[..., 0]) % 2, turn], -1)

    def inverse(self, g: Tensor) -> Tensor:
        turn = torch.where(g[..., 0] == 1, g[..., 1], -g[..., 1]) % self.n
        return torch.stack([g[..., 0], turn], -1)

    def generators(self) -> Tensor:
        return torch.tensor([[0, 1 % self.n], [1, 0]])

    def elements(self) -> Tensor:
        return torch.cartesian_prod(torch.arange(2), torch.arange(self.n))

    def index(self, g: Tensor) -> Tensor:
        return g[..., 0] * self.n + g[..., 1] % self.n

    def plane(self, frequency: int) -> "Representation":
        """Return r^k s^f as R(2 pi k frequency / n) diag(1, (-1)^f)."""
        from gdl_core.representations import Matrix

        def matrix(g: Tensor) -> Tensor:
            flip = torch.stack([torch.ones_like(g[..., 0]), 1 - 2 * g[..., 0]], -1).double()
            return rotation(g[..., 1].double() * (2 * math.pi * frequency / self.n)) * flip.unsqueeze(-2)

        return Matrix(self, f"E{frequency}", 2, matrix, orthogonal=True)

    def standard(self) -> "Representation":
        return self.plane(1).rename("standard")

    def sign(self) -> "Representation":
        return _sign(self, "sign", lambda g: 1 - 2 * g[..., 0])

    def irreps(self) -> tuple["Representation", ...]:
        from gdl_core.representations import Trivial

        found: list[Representation] = [Trivial(self, "A1"), self.sign().rename("A2")]
        if self.n % 2 == 0:
            found.append(_sign(self, "B1", lambda g: 1 - 2 * (g[..., 1] % 2)))
            found.append(_sign(self, "B2", lambda g: 1 - 2 * ((g[..., 0] + g[..., 1]) % 2)))
        for frequency in range(1, (self.n + 1) // 2):
            found.append(self.plane(frequency).rename(f"E{frequency}", endomorphism="real"))
        return tuple(found)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard, "sign": self.sign}


class SymmetricGroup(Permutations, FiniteGroup):
    """S_n, all permutations of n points; an element is `p[n]` with `p[i]` the image of point i.

    Generated by a transposition and an n-cycle, so nothing is enumerated for large n. Representations: `trivial`,
    `standard` (permutes n coordinates), `sign`; `regular` and irreps `"0"`, `"1"`, … while n! is small.
    """

    def __init__(self, n: int):
        self.n = _positive("SymmetricGroup", n)
        self.order = math.factorial(n)
        self.element_shape = (n,)
        self.name = f"SymmetricGroup({n})"

    def generators(self) -> Tensor:
        if self.n == 1:
            return torch.zeros(1, 1, dtype=torch.int64)
        swap = torch.arange(self.n)
        swap[:2] = torch.tensor([1, 0])
        return torch.stack([swap, (torch.arange(self.n) + 1) % self.n])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw uniform permutations, `[count, n]`."""
        return torch.rand(count, self.n, generator=generator, dtype=torch.float64).argsort(-1)

    def standard(self) -> "Representation":
        from gdl_core.representations import Permutation

        return Permutation(self, "standard", self.n, lambda g: g)

    def sign(self) -> "Representation":
        """Return the parity of the number of inversions, as ±1."""

        def parity(g: Tensor) -> Tensor:
            upper = torch.ones(self.n, self.n, dtype=torch.bool).triu(1)
            inversions = ((g.unsqueeze(-1) > g.unsqueeze(-2)) & upper).sum((-2, -1))
            return 1 - 2 * (inversions % 2)

        return _sign(self, "sign", parity)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard, "sign": self.sign}


def _sign(group: FiniteGroup, name: str, value) -> "Representation":
    from gdl_core.representations import Matrix

    return Matrix(group, name, 1, lambda g: value(g).double()[..., None, None], orthogonal=True, endomorphism="real")
