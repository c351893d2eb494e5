"""The seventeen wallpaper groups on a torus of n x n cells."""

from typing import TYPE_CHECKING

import torch
from gdl_core.errors import closest
from gdl_core.groups import FiniteGroup, Homomorphism
from torch import Tensor

if TYPE_CHECKING:
    from gdl_core.representations import Representation

HALF_TURN = [[-1, 0], [0, -1]]
QUARTER = [[0, -1], [1, 0]]
THIRD, SIXTH = [[0, -1], [1, -1]], [[1, -1], [1, 0]]  # axes at 120°
FLIP_X, FLIP_Y, SWAP, SWAP_MINUS = [[-1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]], [[0, -1], [-1, 0]]

# Name: generators beside the translations, each a matrix and a translation in half cells.
# (International Tables for Crystallography A, part 2.2, general positions; cm and cmm on their primitive rhombus.)
MOTIONS: dict[str, list[tuple[list[list[int]], tuple[int, int]]]] = {
    "p1": [],
    "p2": [(HALF_TURN, (0, 0))],
    "pm": [(FLIP_X, (0, 0))],
    "pg": [(FLIP_X, (0, 1))],
    "cm": [(SWAP, (0, 0))],
    "pmm": [(FLIP_X, (0, 0)), (FLIP_Y, (0, 0))],
    "pmg": [(HALF_TURN, (0, 0)), (FLIP_X, (1, 0))],
    "pgg": [(HALF_TURN, (0, 0)), (FLIP_X, (1, 1))],
    "cmm": [(HALF_TURN, (0, 0)), (SWAP, (0, 0))],
    "p4": [(QUARTER, (0, 0))],
    "p4m": [(QUARTER, (0, 0)), (FLIP_X, (0, 0))],
    "p4g": [(QUARTER, (0, 0)), (FLIP_X, (1, 1))],
    "p3": [(THIRD, (0, 0))],
    "p3m1": [(THIRD, (0, 0)), (SWAP_MINUS, (0, 0))],
    "p31m": [(THIRD, (0, 0)), (SWAP, (0, 0))],
    "p6": [(SIXTH, (0, 0))],
    "p6m": [(SIXTH, (0, 0)), (SWAP, (0, 0))],
}
POINT_ORDERS = dict(zip(MOTIONS, (1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 3, 6, 6, 6, 12)))
HEXAGONAL = ("p3", "p3m1", "p31m", "p6", "p6m")


class WallpaperGroup(FiniteGroup):
    """A wallpaper group modulo its n-fold translations: it acts on a torus of n x n cells. Its order is |P| n².

    Args:
        symbol: `p1`, `p2`, `pm`, `pg`, `cm`, `pmm`, `pmg`, `pgg`, `cmm`, `p4`, `p4m`, `p4g`, `p3`, `p3m1`, `p31m`,
            `p6` or `p6m`.
        n: the number of cells along each axis.

    An element is `[A | t]`, `[2, 3]` whole numbers: the point x goes to A x + t, in lattice coordinates. A step is a
    cell, or half a cell in groups with glide reflections (pg, pmg, pgg, p4g), so that t is a whole number modulo
    `size`. Axes are square, or at 120° for the groups with threefold turns; cm and cmm take the edges of their rhombus.
    Representations: `trivial`, `regular`, `standard` (permutes the size² lattice points, number x · size + y) and
    `vector` (turns the arrows in the plane, 2 x 2, orthogonal). `point_part` is the homomorphism that forgets t.

    >>> WallpaperGroup("p4m", 3).order, WallpaperGroup("p6m", 7).order
    (72, 588)
    """

    element_shape = (2, 3)

    def __init__(self, symbol: str, n: int):
        if symbol not in MOTIONS:
            raise ValueError(
                f"WallpaperGroup takes one of {', '.join(MOTIONS)}, got {symbol!r}.{closest(symbol, MOTIONS)}"
            )
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"WallpaperGroup takes a positive whole number of cells, got {n!r}.")
        self.symbol, self.n = symbol, n
        self.step = 2 if any(any(shift) for _, shift in MOTIONS[symbol]) else 1
        self.size = self.step * n
        self.order = POINT_ORDERS[symbol] * n * n
        self.name = f"WallpaperGroup({symbol!r}, {n})"

    def identity(self) -> Tensor:
        return torch.eye(2, 3, dtype=torch.int64)

    def _joined(self, matrix: Tensor, shift: Tensor) -> Tensor:
        return torch.cat([matrix, (shift % self.size).unsqueeze(-1)], -1)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return self._joined(_times(g[..., :2], h[..., :2]), _times(g[..., :2], h[..., 2:]).squeeze(-1) + g[..., 2])

    def inverse(self, g: Tensor) -> Tensor:
        (a, b), (c, d) = (g[..., i, :2].unbind(-1) for i in (0, 1))
        back = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2) * (a * d - b * c)[..., None, None]
        return self._joined(back, -_times(back, g[..., 2:]).squeeze(-1))

    def generators(self) -> Tensor:
        shifts = [([[1, 0], [0, 1]], (self.step, 0)), ([[1, 0], [0, 1]], (0, self.step))]
        steps = [(torch.tensor(matrix), torch.tensor(shift)) for matrix, shift in [*shifts, *MOTIONS[self.symbol]]]
        return torch.stack([self._joined(matrix, shift) for matrix, shift in steps])

    def lattice(self) -> Tensor:
        """Return the edges of a step as columns, `[2, 2]`: what turns lattice into Cartesian coordinates."""
        if self.symbol in HEXAGONAL:
            return torch.tensor([[1.0, -0.5], [0.0, 0.75**0.5]], dtype=torch.float64)
        return torch.eye(2, dtype=torch.float64)

    def standard(self) -> "Representation":
        """Return the permutation of the size² lattice points."""
        from gdl_core.representations import Permutation

        points = torch.cartesian_prod(torch.arange(self.size), torch.arange(self.size))

        def images(g: Tensor) -> Tensor:
            moved = (_times(g[..., :2], points.mT) + g[..., 2:]) % self.size
            return moved[..., 0, :] * self.size + moved[..., 1, :]

        return Permutation(self, "standard", self.size**2, images)

    def vector(self) -> "Representation":
        """Return the action on arrows in Cartesian coordinates, `[2, 2]`: turns and reflections, no translation."""
        from gdl_core.representations import Matrix

        edges = self.lattice()
        return Matrix(self, "vector", 2, lambda g: edges @ g[..., :2].double() @ edges.inverse(), orthogonal=True)

    def point_part(self) -> Homomorphism:
        """Return the homomorphism to the point group, a group of 2 x 2 integer matrices; its kernel: translations."""
        matrices = self.generators()[2:, :, :2].double()
        found = matrices if len(matrices) else torch.eye(2, dtype=torch.float64)[None]
        target = FiniteGroup.from_generators(f"point group of {self.symbol}", found, POINT_ORDERS[self.symbol])
        return Homomorphism(self, target, lambda g: g[..., :2].double())

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard, "vector": self.vector}


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Return the matrix product of whole numbers over batch axes: `@` has no integers on every device."""
    return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2)
