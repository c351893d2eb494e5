"""`SphericalConv`: convolution with zonal filters, from the sphere to itself."""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.spherical.checks import scalar_type, sphere_of
from gdl_groups.spherical.transform import analysis, check_degree, synthesis


class SphericalConv(Layer):
    """y_lm = Σ_i w_oi(l) x_lm: each degree is multiplied by a matrix of channels (Esteves et al. 2018, eq. 4).

    On the sphere this is convolution with filters that do not change under turns about their own centre; it commutes
    with all rotations and reflections. Degrees above `degree` are dropped.

    Filters are localised by smoothness: w(l) is given at `knots` equally spaced degrees and is linear between them
    (there, §4.3), so fewer knots mean a filter that falls off sooner.

    Args:
        in_type, out_type: invariant channels, as a number or a field type.
        degree: the band limit L.
        knots: degrees at which weights are given, at least 2; every degree from 0 to L if left out.
        bias: whether to add a constant to each channel.

    Shapes: `[b, c_in, nlat, nlon] -> [b, c_out, nlat, nlon]`.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is no `Sphere`.
        ValueError: for a degree or a number of knots that is none, a grid too coarse for the degree, or an input of
            other channels or shape than expected.
    """

    claims = ("rotation", "longitude", "reflection")
    spread: Tensor | None

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        degree: int,
        *,
        knots: int | None = None,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        scalar_type(self.in_type, self)
        scalar_type(self.out_type, self)
        whole_number(self, "degree", degree, 0)
        self.degree, self.knots = degree, knots
        count = degree + 1
        if knots is not None:
            whole_number(self, "knots", knots, 2)
            count = min(knots, count)
        spread = None if count == degree + 1 else _interpolation(degree, count)
        self.register_buffer("spread", spread, persistent=False)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.weight = nn.Parameter(torch.randn(count, c_out, c_in) / max(c_in, 1) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        sphere = sphere_of(x, domain, self, self.in_type)
        c = analysis(x, sphere, check_degree(sphere, self.degree, type(self).__name__))
        weight = self.weight if self.spread is None else torch.einsum("lk,koi->loi", self.spread, self.weight)
        y = synthesis(torch.einsum("loi,bilm->bolm", weight, c), sphere)
        return y if self.bias is None else y + self.bias[:, None, None]

    def extra_repr(self) -> str:
        knots = "" if self.knots is None else f", knots={self.knots}"
        return f"{super().extra_repr()}, degree={self.degree}{knots}"


def whole_number(where: nn.Module, name: str, value: int, least: int) -> None:
    """Raise ValueError unless `value` is a whole number from `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{type(where).__name__} takes as {name} a whole number from {least}, got {value!r}.")


def _interpolation(degree: int, knots: int) -> Tensor:
    """Return the hat function of each knot at each degree, `[degree + 1, knots]`."""
    place = torch.linspace(0, knots - 1, degree + 1, dtype=torch.float64)
    hats = (1 - (place[:, None] - torch.arange(knots)).abs()).clamp_min(0)
    return hats.to(torch.get_default_dtype())
