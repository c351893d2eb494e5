"""`S2ToSO3Conv` and `SO3Conv`: correlation with filters of any shape, which remembers how the filter was turned."""

import torch
from gdl_core.geometry import Domain, Layer, Refinement
from gdl_core.geometry.layer import Part
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.angular import spherical_harmonics, wigner_d
from gdl_groups.kernels.sht_so3 import euler
from gdl_groups.spherical.checks import rotations_of, scalar_type, sphere_of
from gdl_groups.spherical.conv import whole_number
from gdl_groups.spherical.domain import Rotations, Sphere
from gdl_groups.spherical.transform import analysis, blocks, check_degree, synthesis


class _LocalFilter(Part):
    """A filter that is a sum of peaks at a few points near the pole; `basis` holds the coefficients of each."""

    basis: Tensor  # [points, coefficients]

    def _prepare(self, degree: int, reach: float, rings: int, spokes: int, bias: bool) -> None:
        scalar_type(self.in_type, self)
        scalar_type(self.out_type, self)
        for name, value, least in (("degree", degree, 0), ("rings", rings, 1), ("spokes", spokes, 1)):
            whole_number(self, name, value, least)
        if not 0 < reach <= torch.pi:
            raise ValueError(f"{type(self).__name__} takes as reach an angle in (0, π], got {reach!r}.")
        self.degree, self.reach, self.rings, self.spokes = degree, float(reach), rings, spokes
        self.bias = nn.Parameter(torch.zeros(self.out_type.channels)) if bias else None

    def _set_basis(self, values: Tensor) -> None:
        """Keep the filters that are 1 at one point, made orthogonal, at the scale that keeps the variance of signals.

        Neighbouring points share most of a band-limited peak; weights on the raw peaks would learn their sum long
        before their differences. The inverse root of the Gram matrix is the smallest change that makes them
        orthogonal (Löwdin 1950); a hundredth of its largest eigenvalue is added, since points closer than the band
        limit resolves cannot be told apart. With weights of variance 1 / c_in white signals keep their variance.
        """
        found, vectors = torch.linalg.eigh(values @ values.mT)
        root = (found.clamp_min(0) + 0.01 * found[-1]).rsqrt()
        basis = (vectors * root) @ vectors.mT @ values
        basis = basis / basis.square().sum(0).mean().sqrt()
        self.register_buffer("basis", basis.to(torch.get_default_dtype()), persistent=False)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        self.weight = nn.Parameter(torch.randn(c_out, c_in, len(basis)) / max(c_in, 1) ** 0.5)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, degree={self.degree}, reach={self.reach:.3g}, {len(self.basis)} points"


class S2ToSO3Conv(_LocalFilter, Refinement):
    """y(R) = ∫ Σ_i ψ_oi(R⁻¹u) x_i(u) du, from the sphere to SO(3) (Cohen et al. 2018, eq. 4 and 8).

    In coefficients ŷ^l_mn = Σ_i x̂_lm ψ̂_ln / sqrt(2l + 1). The filter ψ is a sum of peaks on `rings` circles of `spokes`
    points around the pole, and has no coefficients above `degree`.

    Args:
        in_type, out_type: invariant channels, as a number or a field type.
        degree: the band limit L.
        reach: the angle from the pole to the outermost circle, in radians.
        rings, spokes: how many circles, and points on each.
        bias: whether to add a constant to each channel.

    Shapes: `[b, c_in, nlat, nlon] -> [b, c_out, nlat, nlon, nlon]` and the `Rotations` over the sphere.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is no `Sphere`.
        ValueError: for numbers out of range, a grid too coarse for the degree, or an input that does not fit.
    """

    claims = ("rotation", "longitude")

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        degree: int,
        *,
        reach: float = torch.pi / 4,
        rings: int = 3,
        spokes: int = 6,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        self._prepare(degree, reach, rings, spokes, bias)
        points = _near_pole(reach, rings, spokes)[..., :, 1]
        found = [spherical_harmonics(l, points) for l in range(degree + 1)]
        self._set_basis(torch.cat(found, -1))

    def out_domain(self, domain: Domain) -> Domain:
        return Rotations.over(domain) if isinstance(domain, Sphere) else domain

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        sphere = sphere_of(x, domain, self, self.in_type)
        L = check_degree(sphere, self.degree, type(self).__name__)
        c = analysis(x, sphere, L)
        filters = torch.einsum("oip,pk->oik", self.weight, self.basis).split([2 * l + 1 for l in range(L + 1)], -1)
        found = []
        for l, psi in enumerate(filters):
            product = torch.einsum("bim,oin->bomn", c[..., l, L - l : L + l + 1], psi)
            found.append(product.flatten(-2) * (2 * l + 1) ** -0.5)
        grid = Rotations.over(sphere)
        y = synthesis(torch.cat(found, -1), grid)
        return (y if self.bias is None else y + self.bias[:, None, None, None]), grid


class SO3Conv(_LocalFilter, Layer):
    """y(R) = ∫ Σ_i ψ_oi(R⁻¹Q) x_i(Q) dQ, on SO(3) (Cohen et al. 2018, eq. 6 and 8).

    In coefficients one matrix product per degree, ŷ^l_mk = Σ_i Σ_n x̂^l_mn ψ̂^l_kn / sqrt(2l + 1). The filter ψ is a sum
    of peaks at `rolls` turns about each of the points of `S2ToSO3Conv`, and has no coefficients above `degree`.

    Args:
        in_type, out_type, degree, reach, rings, spokes, bias: as for `S2ToSO3Conv`.
        rolls: how many turns about the pole, equally spaced from none.

    Shapes: `[b, c_in, nlat, nlon, nroll] -> [b, c_out, nlat, nlon, nroll]`.

    Raises:
        TypeError: for channels that are not invariant, integer input, or a domain that is no `Rotations`.
        ValueError: for numbers out of range, a grid too coarse for the degree, or an input that does not fit.
    """

    claims = ("rotation", "longitude")

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        degree: int,
        *,
        reach: float = torch.pi / 4,
        rings: int = 2,
        spokes: int = 6,
        rolls: int = 6,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        self._prepare(degree, reach, rings, spokes, bias)
        whole_number(self, "rolls", rolls, 1)
        self.rolls = rolls
        turns = 2 * torch.pi * torch.arange(rolls, dtype=torch.float64) / rolls
        zero = torch.zeros_like(turns)
        rotations = _near_pole(reach, rings, spokes)[:, None] @ euler(zero, zero, turns)
        found = [(2 * l + 1) ** 0.5 * wigner_d(l, rotations.flatten(0, 1)).flatten(-2) for l in range(degree + 1)]
        self._set_basis(torch.cat(found, -1))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = rotations_of(x, domain, self, self.in_type)
        found = []
        psi = blocks(torch.einsum("oip,pk->oik", self.weight, self.basis))
        coefficients = blocks(analysis(x, grid, check_degree(grid, self.degree, type(self).__name__)))
        for l, (c, filters) in enumerate(zip(coefficients, psi)):
            found.append(torch.einsum("bimn,oikn->bomk", c, filters).flatten(-2) * (2 * l + 1) ** -0.5)
        y = synthesis(torch.cat(found, -1), grid)
        return y if self.bias is None else y + self.bias[:, None, None, None]


def _near_pole(reach: float, rings: int, spokes: int) -> Tensor:
    """Return the rotations that take the pole to each point without turning it about itself, `[points, 3, 3]`."""
    theta = reach * torch.arange(1, rings + 1, dtype=torch.float64)[:, None] / rings
    phi = 2 * torch.pi * torch.arange(spokes, dtype=torch.float64)[None] / spokes
    theta, phi = (angle.flatten() for angle in torch.broadcast_tensors(theta, phi))
    return euler(phi, theta, -phi)
