"""From points to one vector per sample: sum, mean, extremes and attention (the book, §5.3, "readout")."""

from collections.abc import Sequence
from typing import get_args

import torch
from gdl_core.geometry import Domain, Readout
from gdl_core.incidence import reduce, segment_softmax
from gdl_core.incidence.operations import Reduction
from gdl_core.representations import FieldType, as_type
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of

REDUCTIONS: tuple[str, ...] = get_args(Reduction)
NORMALISATIONS = ("softmax", "sigmoid")


class GlobalPool(Readout):
    """y[s] = sum, mean, variance, maximum or minimum of x[i] over the points i of sample s; several are concatenated.

    Additions run in float32 (float64 for float64) whatever the dtype of x, and counts are integers, so that large
    samples in half precision are right. A sample without points gives 0. The gradient of an extreme goes to
    the first point that attains it.

    Args:
        in_type: invariant channels c.
        reductions: `"sum"`, `"mean"`, `"var"`, `"max"` or `"min"`, or several of them.

    Shapes: `[n, c] -> [b, r c]` for r reductions, in the order given.

    Raises:
        ValueError: for no reduction or an unknown one. TypeError: if called without a `Graph` or `PointSet`.

    Source: the book, §5.3; Zaheer et al. 2017 (the sum); PyG's `global_add_pool` and its relatives.
    """

    claims = ("permutation",)

    def __init__(self, in_type: FieldType | int, reductions: str | Sequence[str] = "mean"):
        reductions = (reductions,) if isinstance(reductions, str) else tuple(reductions)
        unknown = [name for name in reductions if name not in REDUCTIONS]
        if unknown or not reductions:
            raise ValueError(f"GlobalPool reduces by {', '.join(REDUCTIONS)}, got {unknown or 'none of them'}.")
        in_type = as_type(in_type)
        if len(reductions) > 1 and not in_type.is_invariant:
            raise TypeError(f"GlobalPool with several reductions takes invariant channels, got {in_type!r}.")
        super().__init__(in_type, in_type if len(reductions) == 1 else len(reductions) * in_type.channels)
        self.reductions = reductions

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        ptr = points_of(x, domain, self).ptr
        pooled = [reduce(ptr, x, name) for name in self.reductions]  # type: ignore[arg-type]
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, -1)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {' | '.join(self.reductions)}"


class AttentionPool(Readout):
    """y[s] = Σ_i a_i v(x_i), with a_i the softmax of g(x_i) over the points of sample s, or its sigmoid.

    A sample without points gives 0.

    Args:
        in_type: invariant channels c.
        out_type: channels of the result; those of the input if left out.
        gate: g, a module from `[n, c]` to `[n, 1]` or `[n, out]` (a gate per channel); a linear map to one number if
            left out.
        value: v, a module from `[n, c]` to `[n, out]`; if left out, a linear map, or the identity where `out_type` is
            left out too.
        normalise: `"softmax"`, as PyG's `AttentionalAggregation` has it, or `"sigmoid"`, as Li et al. wrote it.

    Shapes: `[n, c] -> [b, out]`.

    Raises:
        ValueError: for another `normalise`. TypeError: if called without a `Graph` or `PointSet`.

    Source: Li et al. 2016, eq. 7 (there with a tanh before and after, which `value` and the next layer can give).
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int | None = None,
        gate: nn.Module | None = None,
        value: nn.Module | None = None,
        normalise: str = "softmax",
    ):
        super().__init__(in_type, in_type if out_type is None else out_type)
        if normalise not in NORMALISATIONS:
            raise ValueError(f"AttentionPool normalises by {' or '.join(NORMALISATIONS)}, got {normalise!r}.")
        channels = self.in_type.channels
        self.gate = nn.Linear(channels, 1) if gate is None else gate
        if value is None:
            value = nn.Identity() if out_type is None else nn.Linear(channels, self.out_type.channels)
        self.value, self.normalise = value, normalise

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        ptr = points_of(x, domain, self).ptr
        score = self.gate(x)
        score = score.to(torch.promote_types(score.dtype, torch.float32))  # 1e5 shares of bfloat16 do not add to 1
        share = segment_softmax(ptr, score) if self.normalise == "softmax" else score.sigmoid()
        return reduce(ptr, share * self.value(x), "sum").to(x.dtype)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.normalise}"
