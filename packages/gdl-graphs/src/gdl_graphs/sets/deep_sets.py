"""Deep Sets: the linear maps of signals on sets that commute with permutations, and the network made of them."""

from collections.abc import Sequence

from gdl_core.geometry import Domain, Layer, Readout
from gdl_core.incidence import broadcast, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.layers.mlp import check_ends, mlp

REDUCTIONS = ("sum", "mean", "max")


class DeepSets(Layer):
    """y_i = Λ x_i + Γ red_j x_j + β, over the points j of the sample of i.

    With the sum or the mean these are *all* linear maps of signals on a set that commute with its permutations: two for
    each pair of channels, the identity and the all-ones matrix (the book, §5.3; `EquivariantOperator` derives them).

    Args:
        in_type, out_type: invariant channels.
        reduction: `"mean"`, `"sum"` or `"max"` (not linear; eq. 4 of the paper has it too).
        bias: whether there is a β.

    Shapes: `[n, c] -> [n, out]`.

    Raises:
        ValueError: for another `reduction`. TypeError: if called without a `Graph` or `PointSet`.

    Source: Zaheer et al. 2017, lemma 3 and eq. 4.
    """

    claims = ("permutation",)

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, reduction: str = "mean", bias: bool = True):
        super().__init__(in_type, out_type)
        check_reduction(reduction, self)
        self.reduction = reduction
        self.own = nn.Linear(self.in_type.channels, self.out_type.channels, bias)
        self.pooled = nn.Linear(self.in_type.channels, self.out_type.channels, bias=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        pooled = self.pooled(reduce(points.ptr, x, self.reduction))  # type: ignore[arg-type]
        return self.own(x) + broadcast(points.ptr, pooled, points.num_points)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.reduction}"


class DeepSetsNet(Readout):
    """y = ρ(red_i φ(x_i)): any continuous invariant function of sets has this form (with the sum, and φ wide enough).

    Args:
        in_type, out_type: invariant channels.
        hidden: the channels of φ and ρ, each a network of two layers.
        reduction: `"sum"`, `"mean"` or `"max"`.
        phi, rho: `nn.Sequential`s in place of these; φ starts with a linear map from `in_type`, ρ ends with one to
            `out_type`.

    Shapes: `[n, c] -> [b, out]`; an empty set gives ρ(0).

    Raises:
        ValueError: for another `reduction`. TypeError: if `phi` or `rho` does not fit, or if called without a `Graph`
            or `PointSet`.

    Source: Zaheer et al. 2017, theorem 2 and §3.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        hidden: int = 64,
        reduction: str = "sum",
        phi: nn.Sequential | None = None,
        rho: nn.Sequential | None = None,
    ):
        super().__init__(in_type, out_type)
        check_reduction(reduction, self)
        self.reduction = reduction
        self.phi = mlp([self.in_type.channels, hidden, hidden]) if phi is None else phi
        self.rho = mlp([hidden, hidden, self.out_type.channels]) if rho is None else rho
        check_ends(self.phi, self.in_type.channels, None, self)
        check_ends(self.rho, None, self.out_type.channels, self)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        return self.rho(reduce(points.ptr, self.phi(x), self.reduction))  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.reduction}"


def check_reduction(reduction: str, where: nn.Module, known: Sequence[str] = REDUCTIONS) -> None:
    """Raise ValueError unless `reduction` is known."""
    if reduction not in known:
        raise ValueError(f"{type(where).__name__} reduces by {', '.join(known)}, got {reduction!r}.")
