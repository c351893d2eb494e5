"""`Conv`, the translation-equivariant linear map on a grid, and `StridedConv`, which keeps every s-th value."""

import torch
from gdl_core.geometry import Coarsening, Domain, Layer
from gdl_core.grid import Grid, convolve, grid_of, per_axis
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_grids.checks import scalar_type

Size = int | tuple[int, ...]


class _Kernel(nn.Module):
    """Weight and bias of a convolution, and the arguments that both classes share."""

    in_type: FieldType
    out_type: FieldType

    def _prepare(self, kernel_size: Size, dilation: Size, groups: int, bias: bool, ndim: int | None) -> None:
        c_in, c_out = (scalar_type(kind, self).channels for kind in (self.in_type, self.out_type))
        if ndim is None:
            ndim = len(kernel_size) if isinstance(kernel_size, tuple | list) else 2
        if ndim not in (1, 2, 3, 4):
            raise ValueError(f"{type(self).__name__} has 1 to 4 dimensions, got ndim={ndim!r}.")
        self.ndim = ndim
        self.kernel_size = per_axis("kernel_size", kernel_size, ndim, self)
        self.dilation = per_axis("dilation", dilation, ndim, self)
        if type(groups) is not int or groups < 1 or c_in % groups or c_out % groups:
            raise ValueError(
                f"{type(self).__name__}: groups must divide the {c_in} channels that go in and the {c_out} that come "
                f"out, got {groups!r}."
            )
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(c_out, c_in // groups, *self.kernel_size))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight from a normal law of variance 2 / fan-in (He et al. 2015, eq. 10), and zero the bias."""
        if self.weight.numel():
            nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_type} -> {self.out_type}, kernel {'x'.join(map(str, self.kernel_size))}"
        for name, value, usual in (("dilation", self.dilation, {1}), ("stride", getattr(self, "stride", (1,)), {1})):
            text += "" if set(value) == usual else f", {name} {'x'.join(map(str, value))}"
        return text + ("" if self.groups == 1 else f", groups {self.groups}")


class Conv(_Kernel, Layer):
    """y_o(u) = b_o + Σ_i Σ_v θ_oi(v) x_i(u + dilation · (v - centre)): convolution on a grid (the book, eq. 26-28).

    *Sign.* As in every deep-learning library this is a cross-correlation: tap v reads the point v - centre *after* u.
    The book's circulant C(θ) = (θ_{u-v mod n}) is a convolution, with tap v reading v points *before* u: flip θ to
    change one into the other. The matrix that the book displays after it belongs to the cross-correlation.

    *Boundary.* Points outside follow the domain's boundary, axis by axis; without a domain the grid is periodic. Only
    periodic axes have shifts to be equivariant to.

    *Centre.* ⌊(k - 1) / 2⌋: the middle of an odd kernel; an even one reaches one point further ahead than back.

    Args:
        in_type, out_type: invariant channels, as a number or a field type. Kernels between typed fibres are derived
        from
            the group: see `gdl_core.derive`.
        kernel_size: points per axis; a tuple also says how many axes there are.
        dilation: the step between taps, per axis.
        groups: blocks of channels that do not mix; `groups=channels` is a depthwise convolution.
        bias: whether to add b.
        ndim: 1 to 4; 2 where `kernel_size` does not say.

    Shapes: `[b, c_in, *shape] -> [b, c_out, *shape]`. In four dimensions it sums 3-D convolutions over the first axis.

    Raises:
        TypeError: for a field type that the group changes; for integer input.
        ValueError: for sizes that are not whole numbers from 1, groups that do not divide the channels, or an input of
            other channels, rank or shape than expected.
    """

    claims = ("shift", "fractional_shift")

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        kernel_size: Size = 3,
        *,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        ndim: int | None = None,
    ):
        super().__init__(in_type, out_type)
        self._prepare(kernel_size, dilation, groups, bias, ndim)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type, self.ndim)
        ones = (1,) * self.ndim
        return convolve(x, self.weight, self.bias, grid.boundary, ones, self.dilation, self.groups)


class StridedConv(_Kernel, Coarsening):
    """`Conv`, of which every `stride`-th value is kept, starting at the first.

    It claims no symmetry: a shift by less than the stride brings other values to the kept points (Azulay and Weiss
    2019). `Conv` followed by `PolyphasePool` has the same weights and is exactly equivariant.

    Args:
        stride: per axis; the other arguments are those of `Conv`.

    Shapes: `[b, c_in, *shape] -> [b, c_out, *⌈shape / stride⌉]`, and the coarser grid.

    Raises:
        TypeError, ValueError: as `Conv`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        kernel_size: Size = 3,
        stride: Size = 2,
        *,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        ndim: int | None = None,
    ):
        super().__init__(in_type, out_type)
        self._prepare(kernel_size, dilation, groups, bias, ndim)
        self.stride = per_axis("stride", stride, self.ndim, self)

    def out_domain(self, domain: Domain) -> Domain:
        return domain.coarsen(self.stride) if isinstance(domain, Grid) else domain

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        grid = grid_of(x, domain, self, self.in_type, self.ndim)
        y = convolve(x, self.weight, self.bias, grid.boundary, self.stride, self.dilation, self.groups)
        return y, grid.coarsen(self.stride)
