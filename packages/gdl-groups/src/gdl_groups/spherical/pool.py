"""`SphericalPool`, and the readouts `SphericalMean` and `PowerSpectrum`."""

import torch
from gdl_core.geometry import Coarsening, Domain, Readout
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.spherical.checks import either_of, scalar_type
from gdl_groups.spherical.conv import whole_number
from gdl_groups.spherical.domain import Rotations, Sphere
from gdl_groups.spherical.transform import analysis, blocks, mean, resample


class SphericalPool(Coarsening):
    """The same signal on a grid of ⌈n / factor⌉ points along each angle, without the degrees that this cannot hold.

    Dropping degrees is the pooling that commutes with every rotation exactly (Esteves et al. 2018, §4.4).

    Args:
        type: invariant channels, as a number or a field type.
        factor: how many times fewer points.

    Shapes: `[b, c, nlat, nlon] -> [b, c, ⌈nlat / factor⌉, ⌈nlon / factor⌉]`, on `Rotations` likewise; and the grid.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is neither `Sphere` nor
            `Rotations`. ValueError: for a factor that is not a whole number from 1, or an input that does not fit.
    """

    claims = ("rotation", "reflection")

    def __init__(self, type: FieldType | int, factor: int = 2):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        whole_number(self, "factor", factor, 1)
        self.factor = factor

    def out_domain(self, domain: Domain) -> Domain:
        if not isinstance(domain, Sphere | Rotations):
            return domain
        return domain.with_shape([-(-count // self.factor) for count in domain.shape])

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = either_of(x, domain, self, self.in_type)
        coarse = self.out_domain(grid)
        return resample(x, grid, coarse), coarse  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"{self.in_type}, factor={self.factor}"


class SphericalMean(Readout):
    """A(x) = the mean of each channel over the sphere or over SO(3), by quadrature: its coefficient of degree 0.

    Args:
        type: invariant channels, as a number or a field type.

    Shapes: `[b, c, nlat, nlon] -> [b, c]`, `[b, c, nlat, nlon, nroll] -> [b, c]`.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is neither `Sphere` nor
            `Rotations`. ValueError: for an input that does not fit.
    """

    claims = ("rotation", "longitude", "reflection")

    def __init__(self, type: FieldType | int):
        super().__init__(type, type)
        scalar_type(self.in_type, self)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = either_of(x, domain, self, self.in_type)
        return mean(x, grid)

    def extra_repr(self) -> str:
        return str(self.in_type)


class PowerSpectrum(Readout):
    """p_l = Σ_m x̂_lm² / (2l + 1) for l = 0 … L, of each channel; on SO(3) Σ_mn x̂_mn² / (2l + 1)².

    Every degree turns within itself, so its power is invariant (Kazhdan, Funkhouser and Rusinkiewicz 2003).

    Args:
        type: invariant channels, as a number or a field type.
        degree: the largest l.

    Shapes: `[b, c, nlat, nlon] -> [b, (L + 1) c]`, degree after degree; on `Rotations` likewise.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is neither `Sphere` nor
            `Rotations`. ValueError: for a grid too coarse for the degree, or an input that does not fit.
    """

    claims = ("rotation", "longitude", "reflection")

    def __init__(self, type: FieldType | int, degree: int):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        whole_number(self, "degree", degree, 0)
        self.degree = degree
        self.out_type = FieldType.scalars((degree + 1) * self.in_type.channels)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = either_of(x, domain, self, self.in_type)
        if self.degree > grid.degree:
            raise ValueError(
                f"PowerSpectrum expects a grid for degree {self.degree}, but {grid!r} holds {grid.degree}."
            )
        c = analysis(x, grid, self.degree)
        if isinstance(grid, Rotations):
            power = [block.square().sum((-1, -2)) / block.shape[-1] ** 2 for block in blocks(c)]
        else:
            power = [row.square().sum(-1) / (2 * l + 1) for l, row in enumerate(c.unbind(-2))]
        return torch.cat(power, 1)
