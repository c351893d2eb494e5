"""`SteerableConv`: convolution that commutes with any rotations and reflections of a plane or of space."""

import math

import torch
from gdl_core.derive import intertwiners
from gdl_core.derive.parameters import DerivedLayer
from gdl_core.geometry import Domain
from gdl_core.grid import convolve, grid_of, per_axis
from gdl_core.groups import FiniteGroup
from gdl_core.representations import FieldType, Representation
from torch import Tensor, nn

from gdl_groups.grid.basis import parts
from gdl_groups.grid.basis_kernel import KernelBasis, Rings, kernel_basis
from gdl_groups.grid.basis_rows import expand_rows
from gdl_groups.grid.group_conv_cache import FilterCache, FixedConv
from gdl_groups.grid.group_conv_types import axes_of, claims_of, kept_symmetries


class SteerableConv(DerivedLayer):
    """y(u) = b + Σ_v K(v) x(u + v) with K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹, K = Σ_k w_k B_k (the book, §5.2).

    The kernels of C_n, D_n, SO(2) and O(2) on the plane, of SO(3), O(3) and their finite subgroups in space: Gaussian
    rings times circular or spherical harmonics, coupled by the maps that commute with the group (Weiler and Cesa 2019,
    eq. 3-6; Weiler et al. 2018, "3D steerable CNNs", eq. 5-8). They are sampled on the taps, balanced so that a smooth
    image meets no alias of another frequency (`basis_kernel.balanced`), and made orthonormal.
    Turns and flips of the grid that lie in the group are kept exactly; other elements approximately, the better the
    finer the grid: see docs/discretisation.md.

    One matrix product for each pair of an output and an input field makes the filter; between fields that the group
    permutes (regular, quotient) one row of it is made, and the others are its turns (`basis_rows`). In evaluation it is
    kept until a parameter changes, outside the state dictionary; `bake` fixes it for export.

    Args:
        in_type, out_type: types of one group, of any representations; invariant channels fit any group.
        kernel_size: points per axis, one odd number.
        frequency_cut: harmonics on the ring of radius r reach the frequency or degree ⌊frequency_cut · r⌋.
        width: σ of the rings, in points; the outermost has two thirds of it.
        moments: the degree of polynomials to which kernels respond as continuous ones, at most kernel_size - 1; -1
            takes the samples as they come, as in the papers.
        bias: whether to add a learned invariant vector.
        axes: how the group turns the axes, a representation or its name; its `standard` by default.
        ndim: 2 or 3, where the group does not say.

    Attributes:
        weights: `[k, c_out, c_in]` for each pair of an output and an input field that some kernel joins.

    Shapes: `[b, c_in, *shape] -> [b, c_out, *shape]`.

    >>> from gdl_core.groups import CyclicGroup
    >>> layer = SteerableConv(1, FieldType(CyclicGroup(8), "16xregular"), 7)
    >>> layer.weights[0].shape, layer(torch.zeros(2, 1, 29, 29)).shape
    (torch.Size([28, 16, 1]), torch.Size([2, 128, 29, 29]))

    Raises:
        TypeError: for types of two groups, or a group that does not turn the axes; for integer input.
        ValueError: for an even kernel, or an input of other channels, rank or shape.
    """

    _like: Tensor

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        kernel_size: int = 5,
        *,
        frequency_cut: float = 2.0,
        width: float = 0.6,
        moments: int = 4,
        bias: bool = True,
        axes: Representation | str | None = None,
        ndim: int | None = None,
    ):
        super().__init__(in_type, out_type)
        name = type(self).__name__
        self.axes = axes_of(self._into.group, axes, ndim, name)
        self.ndim = self.axes.dim
        if self.ndim not in (2, 3):
            raise ValueError(f"{name} works in 2 or 3 dimensions, got {self.ndim}: on a line use a group convolution.")
        if type(kernel_size) is not int or kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                f"{name} takes one odd kernel_size, for a kernel turns about its tap, got {kernel_size!r}."
            )
        self.kernel_size, self.dilation = per_axis("kernel_size", kernel_size, self.ndim, self), (1,) * self.ndim
        self.claims = _claims(self.axes)
        self.rings = Rings.of(kernel_size, frequency_cut, width, moments)
        # For each output field, the dimensions of its irreps, and which of them each kernel of each term reaches.
        self._reached: list[tuple[Tensor, list[Tensor]]] = []
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            copies: list[Tensor] = []
            for column, (c_in, rep_in) in enumerate(self._into.fields):
                basis = kernel_basis(self.axes, rep_in, rep_out, kernel_size, self.rings)
                if len(basis):
                    copies.append(basis.copy)
                    self._plan[row].append((column, None))
                    self._keep_basis(f"{row}_{column}", basis)
                    self.weights.append(nn.Parameter(torch.empty(len(basis), c_out, c_in)))
            self._reached.append((torch.tensor([irrep.dim for irrep, _ in parts(rep_out).copies()]), copies))
            self._add_bias(row, intertwiners(rep_out.group.trivial(), rep_out) if bias else None)
        self.register_buffer("_like", torch.empty(0), persistent=False)  # what a layer without parameters is made of
        self._cache = FilterCache()
        self.reset_parameters()

    def _keep_basis(self, name: str, basis: KernelBasis) -> None:
        """Keep what makes the filter of a pair of fields: all matrices, or the first rows and their turns."""
        if basis.rows is None:
            self._keep(f"basis{name}", basis.matrices)
            return
        self._keep(f"first{name}", basis.rows.first)
        self._keep(f"turned{name}", basis.rows.turned)
        self.register_buffer(f"source{name}", basis.rows.source, persistent=False)

    def reset_parameters(self) -> None:
        """Draw weights so that the output has twice the variance of white input (He et al. 2015); zero biases.

        A kernel of norm 1 gives a copy of an irrep of dimension d the variance w² / d, equally over its components. So
        a copy that n_k kernels reach from fields of c_k channels takes weights of variance 2 d / Σ n_k c_k.
        """
        position = 0
        for dims, copies in self._reached:
            terms = list(self.weights)[position : position + len(copies)]
            position += len(copies)
            fan_in = torch.zeros_like(dims)
            for copy, weight in zip(copies, terms):
                fan_in += torch.bincount(copy, minlength=len(dims)) * weight.shape[2]
            std = torch.sqrt(2 * dims / fan_in.clamp_min(1))
            for copy, weight in zip(copies, terms):
                with torch.no_grad():
                    weight.normal_().mul_(std[copy].to(weight)[:, None, None])
        for bias in self.biases:
            nn.init.zeros_(bias)

    def expand(self) -> tuple[Tensor, Tensor | None]:
        """Return the filter `[c_out, c_in, *kernel]` and the bias `[c_out]` of the plain convolution that this is."""
        rows, position, taps = [], 0, math.prod(self.kernel_size)
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            blocks: list[Tensor | None] = [None] * len(self._into.fields)
            for column, _ in self._plan[row]:
                blocks[column] = self._block(f"{row}_{column}", self.weights[position], rep_out.dim)
                position += 1
            for column, (c_in, rep_in) in enumerate(self._into.fields):
                if blocks[column] is None:
                    blocks[column] = self._zeros(rep_out.dim * c_out, rep_in.dim * c_in, taps)
            whole = [block for block in blocks if block is not None]
            rows.append(whole[0] if len(whole) == 1 else torch.cat(whole, 1))
        filter = rows[0] if len(rows) == 1 else torch.cat(rows)
        return filter.reshape(*filter.shape[:2], *self.kernel_size), self.bias()

    def _block(self, name: str, weight: Tensor, d_out: int) -> Tensor:
        """Return the filter of one pair of fields, `[d_out · c_out, d_in · c_in, taps]`."""
        first = getattr(self, f"first{name}", None)
        if first is not None:
            return expand_rows(weight, first, getattr(self, f"turned{name}"), getattr(self, f"source{name}"))
        basis, (_, c_out, c_in) = getattr(self, f"basis{name}"), weight.shape
        d_in, taps = basis.shape[2], math.prod(self.kernel_size)
        block = weight.flatten(1).T @ basis.flatten(1).to(weight)  # [c_out · c_in, d_out · d_in · taps]
        block = block.reshape(c_out, c_in, d_out, d_in, taps).permute(2, 0, 3, 1, 4)
        return block.reshape(d_out * c_out, d_in * c_in, taps)

    def _zeros(self, *shape: int) -> Tensor:
        """Return zeros of this layer's dtype and device: for fields that no kernel joins."""
        return self._like.new_zeros(shape)

    def bake(self) -> FixedConv:
        """Return the plain convolution that this is now, for export."""
        with torch.no_grad():
            return FixedConv(self, *self.expand())

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return kept_symmetries(self.claims, self.axes, domain)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type, self.ndim)
        weight, bias = self._cache.get(self)
        return convolve(x, weight, bias, grid.boundary, (1,) * self.ndim, self.dilation)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type} of {self._into.group!r}, kernel {self.kernel_size[0]}"


def _claims(axes: Representation) -> tuple[str, ...]:
    """Return which symmetries of some grid the group contains; a Lie group is known by its determinants."""
    if isinstance(axes.group, FiniteGroup):
        return claims_of(axes)
    return ("shift", "rotation", "reflection", "lattice", "fractional_shift")
