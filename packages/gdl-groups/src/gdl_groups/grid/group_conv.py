"""`GroupConv`: convolution that commutes with turns and flips of the grid, exactly."""

import math

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.grid import Grid, convolve, grid_of, per_axis
from gdl_core.groups import Homomorphism
from gdl_core.representations import FieldType, Representation
from torch import Tensor, nn
from torch.nn import functional

from gdl_groups.grid.group_action import invariant_orbits, kernel_orbits, tap_images
from gdl_groups.grid.group_conv_cache import FilterCache, FixedConv
from gdl_groups.grid.group_conv_types import axes_of, claims_of, joint_types, kept_symmetries

Size = int | tuple[int, ...]


class GroupConv(Layer):
    """y(u) = b + Σ_v K(v) x(u + dilation · (v - centre)), with K(g v) = ρ_out(g) K(v) ρ_in(g)⁻¹ for every g in G.

    "Transform + convolve" (the book, §5.2; Cohen and Welling 2016, eq. 10-11; Weiler and Cesa 2019, eq. 3): G turns and
    flips the axes of the grid, and permutes the coordinates of every field up to sign. So it permutes the entries of K,
    and each orbit of entries is one number to learn: the filter is a gather, and equivariance is exact. From `trivial`
    to `regular` this is the lifting convolution, from `regular` to `regular` the group convolution, from `regular` to
    `trivial` the projection to invariants; quotients, signs and vectors work alike.

    A regular field of C copies costs one convolution of |G|·C channels. In evaluation the filter is kept until a
    parameter changes; it is never part of the state dictionary. `bake` fixes it for export.

    Args:
        in_type, out_type: types of one finite group; invariant channels fit any.
        kernel_size: points per axis, odd where G flips the axis; a tuple also says how many axes there are.
        axes: how G turns the axes, a representation of G or its name. By default C_2 flips a line and any other group
            turns by its representation `standard`: C_4, D_4, and groups of 3 x 3 matrices such as the octahedral one.
        dilation: the step between taps.
        bias: whether to add a learned invariant vector.
        ndim: the number of axes where neither `kernel_size` nor G says.

    Attributes:
        weights: for each pair of an output and an input field `[orbits, c_out, c_in]`. Orbits are numbered by their
            smallest entry (i, v, j), i of the output. From `regular` (or `trivial`) to `regular` that is the entry of
            the identity: reshaped `[*kernel, dim_in, c_out, c_in]`, it is the filter that gives the first component.

    Shapes: `[b, c_in, *shape] -> [b, c_out, *shape]`.

    Raises:
        TypeError: for types of two groups, a group that is not finite or does not turn the axes, or a representation
            that does not permute coordinates up to sign; for integer input.
        ValueError: for a kernel that G does not map to itself; for an input of other channels, rank or shape.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        kernel_size: Size = 3,
        *,
        axes: Representation | str | None = None,
        dilation: int = 1,
        bias: bool = True,
        ndim: int | None = None,
    ):
        super().__init__(in_type, out_type)
        self._into, self._out = joint_types(self.in_type, self.out_type, type(self).__name__)
        if isinstance(kernel_size, tuple | list):
            ndim = len(kernel_size)
        self.axes = axes_of(self._into.group, axes, ndim, type(self).__name__)
        self.ndim = self.axes.dim
        self.kernel_size = per_axis("kernel_size", kernel_size, self.ndim, self)
        self.dilation = per_axis("dilation", dilation, 1, self) * self.ndim
        self.claims = claims_of(self.axes)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        self._fan_in = [0.0] * len(self._out.fields)
        taps = tap_images(self.axes, self.kernel_size)
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            for column, (c_in, rep_in) in enumerate(self._into.fields):
                orbits = kernel_orbits(rep_in, rep_out, taps)
                place = (rep_out.dim, *self.kernel_size, rep_in.dim)
                self._keep(f"{row}_{column}", orbits.index.reshape(place), orbits.sign.reshape(place))
                self.weights.append(nn.Parameter(torch.empty(orbits.count, c_out, c_in)))
                self._fan_in[row] += c_in * float(orbits.sign.abs().sum()) / rep_out.dim
            if bias:
                orbits = invariant_orbits(rep_out)
                self._keep(f"bias{row}", orbits.index, orbits.sign)
                self.biases.append(nn.Parameter(torch.zeros(orbits.count, c_out)))
        self._cache = FilterCache()
        self.reset_parameters()

    def _keep(self, name: str, index: Tensor, sign: Tensor) -> None:
        self.register_buffer(f"index{name}", index, persistent=False)
        plain = bool((sign == 1).all())
        self.register_buffer(f"sign{name}", None if plain else sign.to(torch.get_default_dtype()), persistent=False)

    def reset_parameters(self) -> None:
        """Draw weights of variance 2 / fan-in (He et al. 2015, eq. 10), and zero the biases.

        Entries of the filter that must vanish are not counted.
        """
        for position, weight in enumerate(self.weights):
            if weight.numel():
                nn.init.normal_(weight, std=math.sqrt(2 / self._fan_in[position // len(self._into.fields)]))
        for bias in self.biases:
            nn.init.zeros_(bias)

    def expand(self) -> tuple[Tensor, Tensor | None]:
        """Return the filter `[c_out, c_in, *kernel]` and the bias `[c_out]` of the plain convolution that this is."""
        rows, biases, columns = [], [], len(self._into.fields)
        taps = range(1, self.ndim + 1)
        for row, (c_out, rep_out) in enumerate(self._out.fields):
            blocks = []
            for column, (c_in, rep_in) in enumerate(self._into.fields):
                # [d_out, *kernel, d_in, c_out, c_in]. Taps stay axes of their own: the gradient of a filter may come in
                # any memory format, which a compiled view that merges axes does not expect.
                entries = self._gather(f"{row}_{column}", self.weights[row * columns + column])
                block = entries.permute(0, -2, -3, -1, *taps)
                blocks.append(block.reshape(rep_out.dim * c_out, rep_in.dim * c_in, *self.kernel_size))
            rows.append(blocks[0] if columns == 1 else torch.cat(blocks, 1))
            if len(self.biases):
                biases.append(self._gather(f"bias{row}", self.biases[row]).reshape(-1))
        whole = rows[0] if len(rows) == 1 else torch.cat(rows)
        return whole, (biases[0] if len(biases) == 1 else torch.cat(biases)) if biases else None

    def _gather(self, name: str, weight: Tensor) -> Tensor:
        """Return the number of each entry from those of the orbits, `[orbits, *rest] -> [*entries, *rest]`."""
        index, sign = getattr(self, f"index{name}"), getattr(self, f"sign{name}")
        if not len(weight):
            return weight.new_zeros(*index.shape, *weight.shape[1:])
        entries = functional.embedding(index, weight.flatten(1))  # its derivative sums over orbits in a fixed order
        entries = entries if sign is None else entries * sign.unsqueeze(-1)
        return entries.unflatten(-1, weight.shape[1:])

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type, self.ndim)
        weight, bias = self._cache.get(self)
        return convolve(x, weight, bias, grid.boundary, (1,) * self.ndim, self.dilation)

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return kept_symmetries(self.claims, self.axes, domain) if isinstance(domain, Grid) else ()

    def restrict(self, hom: Homomorphism) -> "GroupConv":
        """Return the layer of the subgroup `hom.source` that computes the same, with more weights free to learn.

        Its types are those of this layer, restricted along `hom`.
        """
        into, out = self._into.restrict(hom), self._out.restrict(hom)
        bias, axes = bool(len(self.biases)), self.axes.restrict(hom)
        layer = GroupConv(into, out, self.kernel_size, axes=axes, dilation=self.dilation[0], bias=bias)
        layer = layer.to(self.weights[0])
        columns = len(into.fields)
        taps = tap_images(axes, self.kernel_size)
        with torch.no_grad():
            for row, (_, rep_out) in enumerate(out.fields):
                for column, (_, rep_in) in enumerate(into.fields):
                    position = row * columns + column
                    first = kernel_orbits(rep_in, rep_out, taps).first.to(self.weights[0].device)
                    entries = self._gather(f"{row}_{column}", self.weights[position])
                    layer.weights[position].copy_(entries.flatten(0, -3)[first])
                if bias:
                    first = invariant_orbits(rep_out).first.to(self.weights[0].device)
                    layer.biases[row].copy_(self._gather(f"bias{row}", self.biases[row])[first])
        return layer

    def bake(self) -> FixedConv:
        """Return the plain convolution that this layer is now, its filter a constant: for export."""
        with torch.no_grad():
            weight, bias = self.expand()
        return FixedConv(self, weight, bias)

    def extra_repr(self) -> str:
        text = f"{self._into} -> {self._out} of {self._into.group!r}, kernel {'x'.join(map(str, self.kernel_size))}"
        return text if self.dilation[0] == 1 else f"{text}, dilation {self.dilation[0]}"
