"""`ChebConv`: a polynomial of the graph Laplacian."""

from collections.abc import Callable
from typing import Literal

import torch
from gdl_core.geometry import Domain
from gdl_core.incidence import reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import check_name, graph_of
from gdl_graphs.layers.gcn import power_of_degree, symmetric_coefficients, weighted_degree
from gdl_graphs.layers.message_passing import Coefficients, Convolutional


class ChebConv(Convolutional):
    """H = Σ_{k<K} T_k(2 L / λ - I) X W_k + b, T_k the Chebyshev polynomials (Defferrard et al. 2016, eq. 4).

    The Laplacian L is I - D^-1/2 A D^-1/2 ("sym"), I - D^-1 A ("rw") or D - A ("none"), D what each node *receives*.
    Self-loops count as edges; PyTorch Geometric's layer of this name drops them, takes the degrees of senders, and its
    "rw" is I - A D^-1. On undirected graphs without self-loops "sym" and "none" agree.
    Runs Clenshaw's recurrence on the X W_k where these are narrower than X.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        order: K, the number of polynomials; messages travel K - 1 hops.
        normalization: which Laplacian: "sym", "rw" or "none".
        lambda_max: λ, the largest eigenvalue of L, or a bound; left out, 2, or for "none" twice the largest degree of
            each graph.
        bias: add b.

    Raises:
        ValueError: if `order` is below 1 or `lambda_max` not positive. UnknownNameError: if there is no such Laplacian.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        order: int,
        *,
        normalization: Literal["sym", "rw", "none"] = "sym",
        lambda_max: float | None = None,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        if not isinstance(order, int) or order < 1:
            raise ValueError(f"ChebConv expects an order from 1, got {order!r}.")
        check_name(normalization, ("sym", "rw", "none"), "normalization", self)
        if lambda_max is not None and not lambda_max > 0:
            raise ValueError(f"ChebConv expects a positive lambda_max, got {lambda_max!r}.")
        self.normalization, self.lambda_max = normalization, lambda_max
        c_in, c_out = self.in_type.channels, self.out_type.channels
        lins = [nn.Linear(c_in, c_out, bias=False) for _ in range(order)]
        for lin in lins:
            nn.init.xavier_uniform_(lin.weight)
        self.lins = nn.ModuleList(lins)
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        if self.normalization == "sym":
            return symmetric_coefficients(graph, dtype)
        receiver = power_of_degree(graph, -1.0, dtype) if self.normalization == "rw" else None
        return Coefficients(receiver, graph.edge_weight)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        diagonal, scale = self._laplacian(graph, x)

        def apply(y: Tensor) -> Tensor:  # (2 L / λ - I) y
            moved = self.propagate(y, graph) * -scale
            return moved if diagonal is None else diagonal * y + moved

        y = self._clenshaw(x, apply) if self.out_type.channels < self.in_type.channels else self._upwards(x, apply)
        return y if self.bias is None else y + self.bias

    def _upwards(self, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Tensor:
        """T_0 x = x, T_1 x = L̂ x, T_k x = 2 L̂ T_{k-1} x - T_{k-2} x, each through its W_k."""
        total = self.lins[0](x)
        before, now = x, x
        for k, lin in enumerate(list(self.lins)[1:], 1):
            before, now = now, apply(x) if k == 1 else 2 * apply(now) - before
            total = total + lin(now)
        return total

    def _clenshaw(self, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Tensor:
        """b_k = x W_k + 2 L̂ b_{k+1} - b_{k+2}, and in the end x W_0 + L̂ b_1 - b_2: as many hops, of x W_k."""
        first, *others = self.lins
        if not others:
            return first(x)
        now, after = others[-1](x), None
        for lin in reversed(others[:-1]):
            b = lin(x) + 2 * apply(now)
            now, after = b if after is None else b - after, now
        y = first(x) + apply(now)
        return y if after is None else y - after

    def _laplacian(self, graph: Graph, x: Tensor) -> tuple[Tensor | float | None, Tensor | float]:
        """Return p and q of 2 L / λ - I = diag(p) - q A', with A' the matrix that `propagate` applies; p None is 0."""
        if self.normalization != "none":
            scale = 2 / (self.lambda_max or 2.0)
            return (None if scale == 1 else scale - 1), scale
        degree = weighted_degree(graph, x.dtype if x.element_size() > 2 else torch.float32)
        if self.lambda_max is not None:
            scale = torch.full_like(degree, 2 / self.lambda_max)
        else:
            largest = reduce(graph.ptr, degree, "max").index_select(0, graph.owner)
            scale = 1 / torch.where(largest > 0, largest, 1)
        return (scale * degree - 1).to(x.dtype)[:, None], scale.to(x.dtype)[:, None]
