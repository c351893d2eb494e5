"""`HexTorus`: the hexagonal lattice with periodic boundary, in axial coordinates."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import CyclicGroup, DihedralGroup, Homomorphism, ProductGroup, SemidirectProduct
from gdl_core.incidence import Incidence
from gdl_core.pytree import tensor_dataclass
from torch import Tensor

TURN = torch.tensor([[0, -1], [1, 1]])  # by 60° anticlockwise: (q, r) -> (-r, q + r)
FLIP = torch.tensor([[1, 1], [0, -1]])  # in the q axis
RING = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, -1]])  # a cell and its six neighbours


def motions() -> Tensor:
    """Return the twelve motions of the hexagon on axial coordinates, `[12, 2, 2]`, r^k s^f in the order of D_6."""
    turns = [torch.eye(2, dtype=torch.int64)]
    while len(turns) < 6:
        turns.append(TURN @ turns[-1])
    return torch.stack([*turns, *(turn @ FLIP for turn in turns)])


@tensor_dataclass(name="gdl_hex.HexTorus")
class HexTorus(Domain):
    """size x size hexagonal cells on a torus; values are `[b, c, size, size]`, the last axes (q, r) axial.

    Cell (q, r) lies at q (1, 0) + r (1/2, √3/2). Symmetries: `"p6m"`, shifts with the motions of the hexagon.

    Args:
        size: the number of cells along each axis.
    """

    channel_axis: ClassVar[int] = 1
    size: int

    @property
    def num_points(self) -> int:
        return self.size**2

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != 4 or tuple(values.shape[2:]) != (self.size, self.size):
            raise ValueError(f"{where} expects values [b, c, {self.size}, {self.size}], got {list(values.shape)}.")

    def to_points(self, values: Tensor) -> Tensor:
        return values.flatten(2).mT

    def from_points(self, points: Tensor) -> Tensor:
        return points.mT.unflatten(2, (self.size, self.size))

    def cells(self) -> Tensor:
        """Return the axial coordinates of every cell, `[n, 2]`."""
        return torch.cartesian_prod(torch.arange(self.size), torch.arange(self.size))

    def ring(self) -> Incidence:
        """Return every cell with itself and its six neighbours."""
        near = ((self.cells()[:, None] + RING) % self.size).flatten(0, 1)
        receiver = torch.arange(self.num_points).repeat_interleave(len(RING))
        return Incidence.from_edges(near @ torch.tensor([self.size, 1]), receiver, self.num_points, self.num_points)

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {"p6m": Wallpaper(self)}


class Wallpaper(Symmetry):
    """The wallpaper group p6m: shifts of the torus and the twelve motions of the hexagon about cell (0, 0)."""

    def __init__(self, domain: HexTorus):
        point, table = DihedralGroup(6), motions()

        def turn(h: Tensor, shift: Tensor) -> Tensor:
            return (table[point.index(h)] @ shift.unsqueeze(-1)).squeeze(-1) % domain.size

        shifts = ProductGroup([CyclicGroup(domain.size)] * 2)
        super().__init__("p6m", SemidirectProduct(shifts, point, turn, f"p6m({domain.size})"), domain)
        self.fibre = Homomorphism(self.group, point, lambda g: self.group.split(g)[1])

    def point_images(self, g: Tensor) -> Tensor:
        shift, h = self.group.split(g)
        moved = (self.domain.cells() @ motions()[DihedralGroup(6).index(h)].T + shift) % self.domain.size
        return moved @ torch.tensor([self.domain.size, 1])

    def move(self, g: Tensor, values: Tensor, domain: HexTorus) -> tuple[Tensor, HexTorus]:
        points = domain.to_points(values)
        moved = torch.empty_like(points)
        moved[:, self.point_images(g).to(points.device)] = points
        return domain.from_points(moved), domain
