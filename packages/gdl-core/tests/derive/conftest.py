"""A torus of pixels for the tests of core, which knows no concrete domain: `values[b, c, n, n]`."""

import pytest
import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import CyclicGroup, DihedralGroup, Homomorphism, ProductGroup, SemidirectProduct
from gdl_core.incidence import Incidence
from gdl_core.pytree import tensor_dataclass


@tensor_dataclass(name="tests.Torus")
class Torus(Domain):
    size: int

    channel_axis = 1

    @property
    def num_points(self):
        return self.size**2

    def check(self, values, where):
        if values.shape[-2:] != (self.size, self.size):
            raise ValueError(f"{where}: expected [b, c, {self.size}, {self.size}], got {list(values.shape)}.")

    def to_points(self, values):
        return values.flatten(-2).mT

    def from_points(self, points):
        return points.mT.unflatten(-1, (self.size, self.size))

    def symmetries(self):
        return {"shift": Shift(self), "p4m": Wallpaper(self)}

    def window(self, width):
        half = width // 2
        cell = torch.arange(self.num_points)
        row, column = cell // self.size, cell % self.size
        offset = torch.cartesian_prod(torch.arange(-half, half + 1), torch.arange(-half, half + 1))
        other = (row[:, None] + offset[:, 0]) % self.size * self.size + (column[:, None] + offset[:, 1]) % self.size
        sender, receiver = other.reshape(-1), cell.repeat_interleave(width**2)
        return Incidence.from_edges(sender, receiver, self.num_points, self.num_points)


class Shift(Symmetry):
    def __init__(self, domain):
        super().__init__("shift", ProductGroup([CyclicGroup(domain.size)] * 2), domain)

    def move(self, g, values, domain):
        return torch.roll(values, g.tolist(), (-2, -1)), domain


class Wallpaper(Symmetry):
    """Shifts and the eight motions of the square about pixel (0, 0); axis 0 is y downwards, axis 1 is x."""

    def __init__(self, domain):
        shifts, point = ProductGroup([CyclicGroup(domain.size)] * 2), DihedralGroup(4)

        def turn(h, n):
            matrix = point.standard().matrix(h).round().long()
            return (matrix @ n.unsqueeze(-1)).squeeze(-1) % domain.size

        super().__init__("p4m", SemidirectProduct(shifts, point, turn, f"p4m({domain.size})"), domain)
        self.fibre = Homomorphism(self.group, point, lambda g: self.group.split(g)[1])
        self.point = point

    def move(self, g, values, domain):
        images = self.point_images(g)
        moved = torch.empty_like(domain.to_points(values))
        moved[..., images, :] = domain.to_points(values)
        return domain.from_points(moved), domain

    def point_images(self, g):
        shift, h = self.group.split(g)
        cell = torch.arange(self.domain.num_points)
        place = torch.stack([cell // self.domain.size, cell % self.domain.size], -1)
        place = (place @ self.point.standard().matrix(h).round().long().T + shift) % self.domain.size
        return place[:, 0] * self.domain.size + place[:, 1]


@pytest.fixture
def torus():
    return Torus
