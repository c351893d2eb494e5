"""How rotations and reflections act on signals on the sphere and on SO(3)."""

import functools
from collections.abc import Mapping
from types import MappingProxyType

import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import SO, CyclicGroup, Group, Homomorphism, O, ProductGroup
from torch import Tensor

from gdl_groups.angular import wigner_d
from gdl_groups.spherical.domain import Rotations, Sphere
from gdl_groups.spherical.transform import analysis, blocks, synthesis


@functools.lru_cache(maxsize=64)
def sphere_symmetries(sphere: Sphere) -> Mapping[str, Symmetry]:
    """Return the symmetries of a sphere; see `Sphere.symmetries`."""
    found: dict[str, Symmetry] = {
        "rotation": BandLimitedRotation("rotation", sphere),
        "longitude": LongitudeShift("longitude", sphere),
        "reflection": Mirror("reflection", sphere),
    }
    return MappingProxyType(found)


@functools.lru_cache(maxsize=64)
def rotations_symmetries(rotations: Rotations) -> Mapping[str, Symmetry]:
    """Return the symmetries of a grid of rotations; see `Rotations.symmetries`."""
    found: dict[str, Symmetry] = {
        "rotation": BandLimitedRotation("rotation", rotations),
        "longitude": LongitudeShift("longitude", rotations),
    }
    return MappingProxyType(found)


class _Turning(Symmetry):
    """A symmetry whose elements stand for orthogonal matrices, which turn fibres of vectors and tensors too."""

    def __init__(self, name: str, group: Group, domain: Domain, special: bool = True):
        super().__init__(name, group, domain)
        self._targets = [Homomorphism(group, O(3), self.orthogonal)]
        if special:
            self._targets.append(Homomorphism(group, SO(3), self.orthogonal))
        self.fibre = self._targets[0]

    def orthogonal(self, g: Tensor) -> Tensor:
        """Return the matrices of elements, `[..., 3, 3]`."""
        raise NotImplementedError

    def fibre_element(self, g: Tensor, type) -> Tensor | None:
        for hom in self._targets:
            if type.group == hom.target and not type.is_invariant:
                return hom(g)
        return super().fibre_element(g, type)


class BandLimitedRotation(_Turning):
    """Any rotation, by the Wigner matrices of the coefficients up to the degree of the grid.

    What a grid cannot tell from lower degrees is left where it is, x + S (D(g) - 1) A x with the transforms A and S: so
    that it is a group action on all values, by the identity too, and the change of an aliased signal is measured.
    """

    is_exact = False

    def __init__(self, name: str, domain: Domain):
        super().__init__(name, SO(3), domain)

    def orthogonal(self, g: Tensor) -> Tensor:
        return g

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        return values + turned(g, values, domain, difference=True), domain


def turned(g: Tensor, values: Tensor, domain: Domain, difference: bool = False) -> Tensor:
    """Return the part of `values` within the band limit turned by g, or how that part changes."""
    assert isinstance(domain, Sphere | Rotations)
    c = analysis(values, domain)
    moved = []
    if isinstance(domain, Sphere):
        for l in range(domain.degree + 1):
            row = c[..., l, domain.degree - l : domain.degree + l + 1]
            row = _change(l, g, row[..., None], difference)[..., 0]
            moved.append(torch.nn.functional.pad(row, (domain.degree - l, domain.degree - l)))
        return synthesis(torch.stack(moved, -2), domain)
    for l, block in enumerate(blocks(c)):
        moved.append(_change(l, g, block, difference).flatten(-2))
    return synthesis(torch.cat(moved, -1), domain)


def _change(degree: int, g: Tensor, x: Tensor, difference: bool) -> Tensor:
    d = wigner_d(degree, g.to(x))
    return (d - torch.eye(len(d)).to(d)) @ x if difference else d @ x


class LongitudeShift(_Turning):
    """Turns about the polar axis +y by whole steps of the grid: ring values move along.

    On a grid with other numbers of points, where a step is no whole one, the turn is that of `BandLimitedRotation`.
    """

    domain: "Sphere | Rotations"

    def __init__(self, name: str, domain: "Sphere | Rotations"):
        super().__init__(name, CyclicGroup(domain.nlon), domain)

    def orthogonal(self, g: Tensor) -> Tensor:
        angle = 2 * torch.pi * g.double() / self.domain.nlon
        zero, one = torch.zeros_like(angle), torch.ones_like(angle)
        rows = [angle.cos(), zero, angle.sin(), zero, one, zero, -angle.sin(), zero, angle.cos()]
        return torch.stack(rows, -1).unflatten(-1, (3, 3))

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        steps = int(g) * domain.nlon  # type: ignore[attr-defined]
        if steps % self.domain.nlon:
            return values + turned(self.orthogonal(g), values, domain, difference=True), domain
        return values.roll(steps // self.domain.nlon, 3), domain


class Mirror(_Turning):
    """The reflections x -> -x (longitude φ to -φ) and y -> -y (north to south)."""

    def __init__(self, name: str, domain: Sphere):
        super().__init__(name, ProductGroup([CyclicGroup(2), CyclicGroup(2)]), domain, special=False)

    def orthogonal(self, g: Tensor) -> Tensor:
        sign = 1 - 2 * g.double()
        return torch.diag_embed(torch.stack([sign[..., 0], sign[..., 1], torch.ones_like(sign[..., 0])], -1))

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        values = values.flip(3).roll(1, 3) if int(g[0]) else values
        return values.flip(2) if int(g[1]) else values, domain
