"""Invariant graph networks: the linear maps between signals on points and on pairs that commute with permutations.

A basis has 15 maps from pairs to pairs, 5 to points and 2 to numbers, 5 from points to pairs (Maron et al. 2019,
"Invariant and equivariant graph networks", appendix A). They are sums over rows, columns, the diagonal and everything,
put back on rows, columns, the diagonal and everything, so each costs a pass over the pairs at most, for any size.
With few points some coincide: of the 15, 14 are independent for 3 points and 8 for 2. `gdl_core.derive` finds the same
spaces.
"""

import math
from typing import Literal, get_args

import torch
from gdl_core.geometry import Coarsening, Domain, Layer, Readout, Refinement, domain_of
from gdl_core.geometry.layer import Part, check_channels
from gdl_core.incidence import broadcast, gather, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.higher_order.pair_set import PairedPoints, PairSet
from gdl_graphs.layers.checks import check_name

Sums = Literal["mean", "sum"]

PAIRS_TO_PAIRS = (
    "identity",
    "transpose",
    *(
        f"{source} to {target}"
        for source in ("rows", "columns", "diagonal")
        for target in ("row", "column", "diagonal")
    ),
    *(f"{source} to {target}" for source in ("total", "trace") for target in ("all", "diagonal")),
)
PAIRS_TO_POINTS = ("rows", "columns", "diagonal", "total", "trace")
POINTS_TO_PAIRS = ("row", "column", "diagonal", "sum to all", "sum to diagonal")
PAIRS_TO_NUMBERS = ("total", "trace")


class EquivariantMaps(Part):
    """What the four layers share: a weight for each map of the basis, and a learned invariant.

    Attributes:
        maps: how many maps the basis has.
        terms: how many of them keep the variance of independent inputs; the others average it out.
        biases: the dimension of the space of invariants.
    """

    claims = ("permutation",)
    maps: int
    terms: int
    biases: int

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, sums: Sums = "mean", bias: bool = True):
        super().__init__(in_type, out_type)
        check_name(sums, get_args(Sums), "way to add up", self)
        into, out = self.in_type.channels, self.out_type.channels
        self.sums: Sums = sums
        self.weight = nn.Parameter(torch.randn(self.maps, into, out) / math.sqrt(max(1, self.terms * into)))
        self.bias = nn.Parameter(torch.zeros(self.biases, out)) if bias else None


class IGNLinear(EquivariantMaps, Layer):
    """y = Σ_k B_k(x) W_k + b on the 15 permutation-equivariant maps B_k from pairs to pairs (Maron et al. 2019).

    Only the identity and the transpose multiply weights for each pair; the other 13 do so for each point. At the start,
    independent inputs of variance 1 give outputs of variance 1 as n grows: of the weights' terms four do not vanish at
    a pair, (a, b), (b, a), (a, a) and (b, b), so σ² = 1 / (4 c_in).

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        sums: "mean" divides the sums over rows, columns, the diagonal and all pairs by the number of their terms, so
            that their size does not depend on n; "sum" does not.
        bias: whether to add a learned number everywhere and one on the diagonal.

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[p, c_out]``. `weight` is ``[15, c_in, c_out]``, in the order of
    `PAIRS_TO_PAIRS`, `bias` ``[2, c_out]``: everywhere, and on the diagonal.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    maps, terms, biases = len(PAIRS_TO_PAIRS), 4, 2

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        pairs = pairs_of(x, domain, self)
        flipped, mean = pairs.transposed(x), self.sums == "mean"
        on_points, on_samples = statistics(x, flipped, pairs, mean)
        into, out = self.in_type.channels, self.out_type.channels
        blocks = self.weight[2:11].reshape(3, 3, into, out).permute(0, 2, 1, 3).reshape(3 * into, 3 * out)
        spread = self.weight[11:15].reshape(2, 2, into, out).permute(0, 2, 1, 3).reshape(2 * into, 2 * out)
        everywhere, diagonal = (on_samples @ spread + _flat_bias(self.bias)).split(out, 1)
        whole = torch.cat([everywhere, torch.zeros_like(everywhere), diagonal], 1)
        row, column, own = (on_points @ blocks + _to_points(whole, pairs)).split(out, 1)
        y = x @ self.weight[0] + flipped @ self.weight[1] + pairs.on_diagonal(own)
        return y + gather(pairs.incidence, row, "receiver") + gather(pairs.incidence, column, "sender")


class IGNContract(EquivariantMaps, Coarsening):
    """y = Σ_k B_k(x) W_k + b on the 5 permutation-equivariant maps B_k from pairs to points (Maron et al. 2019).

    They are the sums of a point's row and column, its pair with itself, and the two sums of the whole sample. At the
    start the variance is kept as n grows, σ² = 1 / c_in: only the diagonal does not average out.

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        sums: "mean" or "sum", as in `IGNLinear`.
        bias: whether to add a learned vector.

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[n, c_out]`` on its points. `weight` is ``[5, c_in, c_out]``, in the
    order of `PAIRS_TO_POINTS`.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    maps, terms, biases = len(PAIRS_TO_POINTS), 1, 1

    def out_domain(self, domain: Domain) -> Domain:
        return domain.points if isinstance(domain, PairSet) else domain

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        pairs = pairs_of(x, domain, self)
        on_points, on_samples = statistics(x, pairs.transposed(x), pairs, self.sums == "mean")
        whole = on_samples @ self.weight[3:].flatten(0, 1) + _flat_bias(self.bias)
        return on_points @ self.weight[:3].flatten(0, 1) + _to_points(whole, pairs), pairs.points


class IGNExpand(EquivariantMaps, Refinement):
    """y = Σ_k B_k(x) W_k + b on the 5 permutation-equivariant maps B_k from points to pairs (Maron et al. 2019).

    They put x[a] and x[b] at (a, b), x[a] at (a, a), and the sum of the sample everywhere and on the diagonal. At the
    start the variance is kept as n grows, σ² = 1 / (2 c_in).

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        sums: "mean" or "sum", as in `IGNLinear`.
        bias: whether to add a learned number everywhere and one on the diagonal.

    Shapes: x ``[n, c_in]`` on `PairedPoints` -> ``[p, c_out]`` on their pairs. `weight` is ``[5, c_in, c_out]``, in the
    order of `POINTS_TO_PAIRS`.

    Raises:
        TypeError: if called on anything but `PairedPoints`, ``PairSet.of_points(graph).points``.
    """

    maps, terms, biases = len(POINTS_TO_PAIRS), 2, 2

    def out_domain(self, domain: Domain) -> Domain:
        return domain.pairs if isinstance(domain, PairedPoints) else domain

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        check_channels(x, self.in_type, -1, self)
        if not isinstance(domain, PairedPoints):
            got = "no domain" if domain is None else f"{domain}"
            raise TypeError(f"IGNExpand goes from points to pairs, so it is called on pairs.points, got {got}.")
        domain.check(x, type(self).__name__)
        pairs, out = domain.pairs, self.out_type.channels
        whole = reduce(domain.ptr, x, self.sums)
        everywhere, on_diagonal = (whole @ _side_by_side(self.weight[3:]) + _flat_bias(self.bias)).split(out, 1)
        whole = torch.cat([everywhere, torch.zeros_like(everywhere), on_diagonal], 1)
        row, column, own = (x @ _side_by_side(self.weight[:3]) + _to_points(whole, pairs)).split(out, 1)
        y = gather(pairs.incidence, row, "receiver") + gather(pairs.incidence, column, "sender")
        return y + pairs.on_diagonal(own), pairs


class IGNReadout(EquivariantMaps, Readout):
    """y = total(x) W_0 + trace(x) W_1 + b: all permutation-invariant linear maps of pairs (Maron et al. 2019).

    Args:
        in_type: the channels of x.
        out_type: the channels of y.
        sums: "mean" or "sum", as in `IGNLinear`.
        bias: whether to add a learned vector.

    Shapes: x ``[p, c_in]`` on a `PairSet` -> ``[b, c_out]``.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    maps, terms, biases = len(PAIRS_TO_NUMBERS), 2, 1

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        pairs = pairs_of(x, domain, self)
        trace = reduce(pairs.point_ptr, pairs.diagonal_of(x), self.sums)
        whole = torch.cat([reduce(pairs.ptr, x, self.sums), trace], 1)
        return whole @ self.weight.flatten(0, 1) + _flat_bias(self.bias)


def pairs_of(x: Tensor, domain: Domain | None, layer: Part) -> PairSet:
    """Return `domain` as pairs, after checking that `x` is ``[p, c]`` on it with the channels of `layer`.

    Raises:
        TypeError: if it is no `PairSet`; the layer is named.
        ValueError: if `x` has other channels or another number of rows.
    """
    return domain_of(x, domain, layer, PairSet, "works on pairs of points, so it is called as layer(x, pairs)")


def statistics(x: Tensor, flipped: Tensor, pairs: PairSet, mean: bool) -> tuple[Tensor, Tensor]:
    """Return the sums of rows, of columns and the diagonal, ``[n, 3 c]``, and the total and the trace, ``[b, 2 c]``."""
    how = "mean" if mean else "sum"
    rows, diagonal = reduce(pairs.incidence, x, how), pairs.diagonal_of(x)
    whole = torch.cat([reduce(pairs.point_ptr, rows, how), reduce(pairs.point_ptr, diagonal, how)], 1)
    return torch.cat([rows, reduce(pairs.incidence, flipped, how), diagonal], 1), whole


def _flat_bias(bias: Tensor | None) -> Tensor | float:
    return 0.0 if bias is None else bias.flatten()


def _side_by_side(weight: Tensor) -> Tensor:
    """``[k, c_in, c_out]`` as ``[c_in, k c_out]``."""
    return weight.permute(1, 0, 2).flatten(1)


def _to_points(values: Tensor, pairs: PairSet) -> Tensor:
    return broadcast(pairs.point_ptr, values, pairs.point_owner.shape[0])
