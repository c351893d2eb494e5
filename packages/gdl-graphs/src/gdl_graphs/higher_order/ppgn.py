"""PPGN: networks that multiply matrices of pairs, as strong as the 2-dimensional folklore Weisfeiler–Leman test."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from gdl_core.geometry import Domain, Layer, Readout
from gdl_core.incidence import broadcast
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.higher_order.ign import IGNLinear, IGNReadout, Sums, pairs_of
from gdl_graphs.higher_order.pair_set import PairSet
from gdl_graphs.layers.checks import check_name
from gdl_graphs.layers.mlp import mlp

Scale = Literal["root", "mean", "none"]


class PPGNBlock(Layer):
    """y = W [x, m₁(x) · m₂(x)] with the matrix product of each channel's n x n values (Maron et al. 2019b, §6).

    m₁ and m₂ are small networks applied to each pair. y(a, b) = Σ_c m₁(x)(a, c) m₂(x)(c, b) looks at every way from b
    to a over one point: the step of the 2-dimensional folklore Weisfeiler–Leman test. Samples of different sizes are
    multiplied at the size of the largest. Weights start as He et al. 2015 say: with torch's own, which shrink, a block
    differs by 1e-16 on graphs that it can tell apart.

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        hidden: the channels that are multiplied; as many as come out if None.
        depth: the number of linear maps in m₁ and m₂, each followed by a ReLU.
        scale: by what the product is divided: "root" of the size of the sample, which keeps the variance of independent
            values, "mean" the size, or "none" (the paper).

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[p, c_out]``.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        hidden: int | None = None,
        depth: int = 2,
        scale: Scale = "root",
    ):
        super().__init__(in_type, out_type)
        check_name(scale, get_args(Scale), "scale", self)
        into, out = self.in_type.channels, self.out_type.channels
        hidden = out if hidden is None else hidden
        self.scale = scale
        self.left, self.right = (nn.Sequential(*mlp([into, *[hidden] * depth]), nn.ReLU()) for _ in range(2))
        self.mix = nn.Linear(into + hidden, out)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.kaiming_normal_(part.weight)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        pairs = pairs_of(x, domain, self)
        product = pairs.to_matrices(self.left(x)) @ pairs.to_matrices(self.right(x))
        product = pairs.from_matrices(product)
        if self.scale != "none":
            product = product * self._factor(pairs, x)
        return self.mix(torch.cat([x, product], 1))

    def _factor(self, pairs: PairSet, x: Tensor) -> Tensor:
        sizes = pairs.point_ptr.diff().clamp_min(1).to(torch.promote_types(x.dtype, torch.float32))[:, None]
        factor = sizes.rsqrt() if self.scale == "root" else sizes.reciprocal()
        return broadcast(pairs.ptr, factor.to(x.dtype), pairs.num_pairs)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, scale={self.scale!r}"


class _OverPairs(Readout):
    """y = MLP(relu(Σ_l R_l(h_l))), h_l = relu(B_l(h_{l-1})): every layer is read out, as in Maron et al. 2019b."""

    claims = ("permutation",)

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, hidden: Sequence[int], sums: Sums):
        super().__init__(in_type, out_type)
        if not len(hidden):
            raise ValueError(f"{type(self).__name__} needs the channels of at least one layer, got none.")
        widths = [self.in_type.channels, *hidden]
        self.layers = nn.ModuleList(self._layer(a, b) for a, b in zip(widths, hidden))
        self.readouts = nn.ModuleList(IGNReadout(width, hidden[-1], sums) for width in hidden)
        self.head = mlp([hidden[-1], hidden[-1], self.out_type.channels])

    def _layer(self, into: int, out: int) -> Layer:
        raise NotImplementedError

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        pairs = pairs_of(x, domain, self)
        total = x.new_zeros(())
        for layer, readout in zip(self.layers, self.readouts):
            x = torch.relu(layer(x, pairs))
            total = total + readout(x, pairs)
        return self.head(torch.relu(total))


class PPGN(_OverPairs):
    """Provably powerful graph network: `PPGNBlock` after `PPGNBlock`, each read out (Maron et al. 2019b).

    Tells apart what the 2-dimensional folklore Weisfeiler–Leman test does, and no more.

    Args:
        in_type: the channels of x, see `pair_values`.
        out_type: the channels of the result.
        hidden: the channels of each block.
        depth: the number of linear maps in the networks of a block.
        scale: as in `PPGNBlock`.
        sums: "mean" or "sum", how the readouts add up pairs.

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[b, c_out]``.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        hidden: Sequence[int] = (64, 64, 64),
        depth: int = 2,
        scale: Scale = "root",
        sums: Sums = "mean",
    ):
        self._options = (depth, scale)
        super().__init__(in_type, out_type, hidden, sums)

    def _layer(self, into: int, out: int) -> Layer:
        depth, scale = self._options
        return PPGNBlock(into, out, depth=depth, scale=scale)


class IGN(_OverPairs):
    """Invariant graph network: `IGNLinear` after `IGNLinear` with ReLUs between, each read out (Maron et al. 2019).

    Of order 2 it is as strong as the Weisfeiler–Leman test, so it tells no two regular graphs of one degree apart
    (Chen et al. 2020).

    Args:
        in_type: the channels of x, see `pair_values`.
        out_type: the channels of the result.
        hidden: the channels of each layer.
        sums: "mean" or "sum", as in `IGNLinear`.

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[b, c_out]``.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        hidden: Sequence[int] = (64, 64, 64),
        sums: Sums = "mean",
    ):
        self._sums: Sums = sums
        super().__init__(in_type, out_type, hidden, sums)

    def _layer(self, into: int, out: int) -> Layer:
        return IGNLinear(into, out, self._sums)
