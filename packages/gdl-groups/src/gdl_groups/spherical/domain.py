"""`Sphere` and `Rotations`: grids on S² and on SO(3), with quadrature weights and a band limit."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import torch
from gdl_core.errors import closest
from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.pytree import tensor_dataclass
from torch import Tensor

from gdl_groups.spherical.quadrature import KINDS, exact_degree, rings


class _Rings(Domain):
    """What both grids share: rings of latitude, values `[b, c, *shape]`, a band limit, refinement by its transform."""

    channel_axis: ClassVar[int] = 1

    nlat: int
    nlon: int
    kind: str

    def __post_init__(self):
        name = type(self).__name__
        for what, count in zip(("nlat", "nlon", "nroll"), self.shape):
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"{name} takes as {what} a whole number from 1, got {count!r}.")
        if self.kind not in KINDS:
            raise ValueError(
                f"{name} takes a kind from {', '.join(KINDS)}, got {self.kind!r}." + closest(str(self.kind), KINDS)
            )

    @property
    def shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def degree(self) -> int:
        """The largest l up to which signals are told apart: transforms up to it are exact inverses of each other."""
        return min(exact_degree(self.kind, self.nlat), *((count - 1) // 2 for count in self.shape[1:]))

    @property
    def num_points(self) -> int:
        return torch.Size(self.shape).numel()

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != len(self.shape) + 2 or tuple(values.shape[2:]) != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ValueError(f"{where} expects values [b, c, {expected}] on {self!r}, got {list(values.shape)}.")

    def to_points(self, values: Tensor) -> Tensor:
        """Return `[b, c, *shape]` as `[b, n, c]`, ring after ring."""
        return values.flatten(2).mT

    def from_points(self, points: Tensor) -> Tensor:
        """Return `[b, n, c]` (or `[n, c]`, one sample) as `[b, c, *shape]`."""
        points = points[None] if points.dim() == 2 else points
        return points.mT.unflatten(-1, self.shape)

    def refine(self, signal: Signal) -> Signal:
        """Return the same band-limited signal with twice the points along each angle."""
        from gdl_groups.spherical.transform import resample

        fine = self.with_shape([2 * count for count in self.shape])
        return Signal(resample(signal.values, self, fine), fine, signal.type)  # type: ignore[arg-type]

    def with_shape(self, shape: Sequence[int]) -> Self:
        """Return the grid of the same kind with other numbers of points."""
        return type(self)(*shape, kind=self.kind)  # type: ignore[call-arg]

    @classmethod
    def collate(cls, domains: "Sequence[_Rings]") -> "_Rings":
        """Return the grid that all samples share. The number of samples is in the values."""
        if not domains:
            raise ValueError(f"{cls.__name__}.collate needs at least one sample, got an empty list.")
        for position, domain in enumerate(domains):
            if domain != domains[0]:
                raise ValueError(
                    f"Samples of a batch share one grid: sample 0 has {domains[0]!r}, {position} {domain!r}."
                )
        return domains[0]

    def unbatch(self) -> "list[_Rings]":
        return [self]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash((*self.shape, self.kind))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.shape))}, kind={self.kind!r})"


@tensor_dataclass(name="gdl.Sphere")
class Sphere(_Rings):
    """S² as `nlat` rings of `nlon` points (the book, §5.2). Values are `[b, c, nlat, nlon]`.

    **Axes.** The poles are ±y, as everywhere in gdl (e3nn's convention). Point (j, k) is
    (x, y, z) = (sin θ_j sin φ_k, cos θ_j, sin θ_j cos φ_k), φ_k = 2π k / nlon; the first ring is the one nearest to +y.
    So the three functions of degree 1 are x, y, z.

    Two grids are equal when their numbers are.

    Args:
        nlat, nlon: the number of rings, and of points on each.
        kind: where the rings are. `"gauss-legendre"`: at the zeros of P_nlat, the fewest rings for a degree;
            `"equiangular"`: equally spaced, one at each pole, as most data of the Earth are; `"midpoint"`: equally
            spaced, half a step from the poles, the grid of s2cnn.

    Raises:
        ValueError: for a number of points that is not a whole number from 1, or a kind that is none.
    """

    nlat: int
    nlon: int
    kind: str = "gauss-legendre"

    @classmethod
    def of_degree(cls, degree: int, kind: str = "gauss-legendre") -> "Sphere":
        """Return the smallest grid whose `degree` is the given one; with rings of an even number of points."""
        nlat = degree + 1 if kind == "gauss-legendre" else 2 * degree + 1
        return cls(nlat, 2 * degree + 2, kind)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.nlat, self.nlon)

    def locate(self, values: Tensor) -> "_Rings | None":
        """Return the grid of this kind that `values` fits, on the sphere for four axes, of rotations for five."""
        if values.dim() == 4 and all(values.shape):
            return self if tuple(values.shape[2:]) == self.shape else Sphere(*values.shape[2:], kind=self.kind)
        return Rotations(*values.shape[2:], kind=self.kind) if values.dim() == 5 and all(values.shape) else None

    def points(self) -> Tensor:
        """Return the unit vectors of the points, ring after ring, `float64[nlat nlon, 3]`."""
        theta, _ = rings(self.kind, self.nlat)
        colatitude = torch.from_numpy(theta)[:, None]
        phi = 2 * torch.pi * torch.arange(self.nlon, dtype=torch.float64) / self.nlon
        x, z = colatitude.sin() * phi.sin(), colatitude.sin() * phi.cos()
        return torch.stack([x, colatitude.cos().expand_as(x), z], -1).flatten(0, 1)

    def weights(self) -> Tensor:
        """Return the share of the sphere that each point stands for, `float64[nlat nlon]`; they sum to one."""
        _, weights = rings(self.kind, self.nlat)
        return torch.from_numpy(weights / self.nlon).repeat_interleave(self.nlon)

    def symmetries(self) -> Mapping[str, Symmetry]:
        """Return what moves the sphere onto itself, by name.

        - `rotation`: SO(3), exact for what is band-limited to `degree`; the rest of a signal stays where it is;
        - `longitude`: turns about the polar axis by whole steps (exact);
        - `reflection`: x to -x and y to -y (exact).
        """
        from gdl_groups.spherical.symmetry import sphere_symmetries

        return sphere_symmetries(self)


@tensor_dataclass(name="gdl.Rotations")
class Rotations(_Rings):
    """SO(3) as a point of a sphere and a roll about it (Cohen et al. 2018). Values are `[b, c, nlat, nlon, nroll]`.

    Point (j, k, r) is the rotation Y(φ_k) X(θ_j) Y(γ_r), about y, x and y, γ_r = 2π r / nroll. It takes the pole +y to
    the point (j, k) of the sphere of the same rings. Rotations act from the left, (g·x)(R) = x(g⁻¹ R).

    Args:
        nlat, nlon, kind: of the sphere, see `Sphere`.
        nroll: the number of rolls.

    Raises:
        ValueError: for a number of points that is not a whole number from 1, or a kind that is none.
    """

    nlat: int
    nlon: int
    nroll: int
    kind: str = "gauss-legendre"

    @classmethod
    def of_degree(cls, degree: int, kind: str = "gauss-legendre") -> "Rotations":
        """Return the grid over `Sphere.of_degree` with as many rolls as there are longitudes."""
        return cls.over(Sphere.of_degree(degree, kind))

    @classmethod
    def over(cls, sphere: Sphere, nroll: int | None = None) -> "Rotations":
        """Return the grid of rotations over the points of a sphere; as many rolls as longitudes unless given."""
        return cls(sphere.nlat, sphere.nlon, sphere.nlon if nroll is None else nroll, sphere.kind)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.nlat, self.nlon, self.nroll)

    def locate(self, values: Tensor) -> "_Rings | None":
        """Return the grid of rotations of this kind that `values[b, c, nlat, nlon, nroll]` fits."""
        if values.dim() != 5 or not all(values.shape):
            return None
        return self if tuple(values.shape[2:]) == self.shape else Rotations(*values.shape[2:], kind=self.kind)

    def matrices(self) -> Tensor:
        """Return the rotations, in the order of `to_points`, `float64[n, 3, 3]`."""
        from gdl_groups.kernels.sht_so3 import euler

        theta, _ = rings(self.kind, self.nlat)
        phi, roll = (2 * torch.pi * torch.arange(n, dtype=torch.float64) / n for n in (self.nlon, self.nroll))
        grid = torch.meshgrid(torch.from_numpy(theta), phi, roll, indexing="ij")
        return euler(grid[1], grid[0], grid[2]).flatten(0, 2)

    def weights(self) -> Tensor:
        """Return the share of SO(3) that each point stands for, `float64[n]`; they sum to one."""
        _, weights = rings(self.kind, self.nlat)
        count = self.nlon * self.nroll
        return torch.from_numpy(weights / count).repeat_interleave(count)

    def symmetries(self) -> Mapping[str, Symmetry]:
        """Return what moves SO(3) onto itself from the left, by name.

        - `rotation`: SO(3), exact for what is band-limited to `degree`; the rest of a signal stays where it is;
        - `longitude`: turns about the polar axis by whole steps (exact).
        """
        from gdl_groups.spherical.symmetry import rotations_symmetries

        return rotations_symmetries(self)
