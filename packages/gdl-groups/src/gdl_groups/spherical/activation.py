"""`SphereActivation`: a pointwise function between two band-limited signals."""

from gdl_core.geometry import Domain, Layer
from gdl_core.geometry.pointwise import Pointwise
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.spherical.checks import either_of, scalar_type
from gdl_groups.spherical.conv import whole_number
from gdl_groups.spherical.transform import analysis, synthesis


class SphereActivation(Layer):
    """y = P_L σ(x): σ on a grid `oversampling` times as fine, then the degrees that the grid of x holds.

    A pointwise function makes degrees above the band limit L; on the grid of x they would pass for lower ones, and the
    result would depend on where the grid lies. The finer the grid in between, the fewer do: the equivariance error
    under rotations falls with the oversampling, as fast as σ is smooth. `Pointwise` is the same without the detour:
    enough where layers use degrees well below that of their grid.

    Args:
        type: invariant channels, as a number or a field type.
        function: a name (`"relu"`, `"gelu"`, …) or an elementwise `torch.nn` module, see `Pointwise`.
        oversampling: how many times as many points along each angle.

    Shapes: `[b, c, nlat, nlon]` or `[b, c, nlat, nlon, nroll]`, unchanged.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is neither `Sphere` nor
            `Rotations`.
        ValueError: for an oversampling that is not a whole number from 1, or an input that does not fit.
    """

    claims = ("longitude", "reflection")

    def __init__(self, type: FieldType | int, function: str | nn.Module = "relu", oversampling: int = 2):
        super().__init__(type, type)
        scalar_type(self.in_type, self)
        whole_number(self, "oversampling", oversampling, 1)
        pointwise = Pointwise(self.in_type, function)
        self.function, self.name, self.oversampling = pointwise.function, pointwise.name, oversampling

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = either_of(x, domain, self, self.in_type)
        fine = grid.with_shape([count * self.oversampling for count in grid.shape])
        y = self.function(synthesis(analysis(x, grid), fine))
        return synthesis(analysis(y, fine, grid.degree), grid)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.name}, oversampling={self.oversampling}"
