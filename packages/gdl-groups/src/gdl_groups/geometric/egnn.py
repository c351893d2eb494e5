"""EGNN: messages from distances, and coordinates that move along the edges."""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence import gather, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.geometric.checks import EVERYTHING, check_sizes, count_fields, geometric_of, scalars_and_vectors
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.radial import directions

GAIN = 1e-3  # of the last map of the coordinates: at the start, points hardly move


class EGNNConv(Layer):
    """m_ij = φ_e(h_i, h_j, ‖x_i - x_j‖², a_ij); points move by C Σ_j (x_i - x_j) φ_x(m_ij), h_i' = φ_h(h_i, Σ_j m_ij).

    Where points have moved to is a field: the displacement u from the positions of the graph, x_i = p_i + u_i. With a
    velocity field v the move is φ_v(h_i) v_i + C Σ_j … (eq. 7). C is one over the number of neighbours.

    The first map of φ_e is computed once per point, and only added up per edge.

    Args:
        channels: the invariant channels of h.
        hidden: the width of the networks φ; `channels` if left out.
        edge_channels: the channels of a.
        velocity: whether the input has a velocity field.
        normalise: divide x_i - x_j by ‖x_i - x_j‖ + 1, which keeps far points from moving each other far.
        tanh: bound φ_x by tanh.
        residual: add h to its update.
        dim: of space.

    Shapes: x `[n, channels + dim]` (h, u), or `[n, channels + 2 dim]` (h, u, v) -> the same; a `[e, edge_channels]`.

    Raises:
        TypeError: if called without a `GeometricGraph`. ValueError: if the channels of the points or edges do not fit.

    Source: Satorras, Hoogeboom, Welling 2021, eq. 3-7.
    """

    claims = EVERYTHING

    def __init__(
        self,
        channels: int,
        *,
        hidden: int | None = None,
        edge_channels: int = 0,
        velocity: bool = False,
        normalise: bool = True,
        tanh: bool = False,
        residual: bool = True,
        dim: int = 3,
    ):
        vector = scalars_and_vectors(0, 1, dim)  # each a field of its own: u stays in one piece
        kind = scalars_and_vectors(channels, 1, dim) + (1 if velocity else 0) * vector
        super().__init__(kind, kind)
        width = channels if hidden is None else hidden
        self.channels, self.edge_channels, self.dim = channels, edge_channels, dim
        self.velocity, self.normalise, self.tanh, self.residual = velocity, normalise, tanh, residual
        self.receiver = nn.Linear(channels, width)
        self.sender = nn.Linear(channels, width, bias=False)
        self.pair = nn.Linear(1 + edge_channels, width, bias=False)
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.move = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False))
        self.update = nn.Sequential(nn.Linear(channels + width, width), nn.SiLU(), nn.Linear(width, channels))
        self.inertia = None
        if velocity:
            self.inertia = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, 1))
        with torch.no_grad():
            self.move[2].weight.mul_(GAIN)  # type: ignore[union-attr, operator]

    def forward(self, x: Tensor, domain: Domain | None = None, edges: Tensor | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        if (0 if edges is None else edges.shape[-1]) != self.edge_channels:
            got = "none" if edges is None else f"{list(edges.shape)}"
            raise ValueError(f"EGNNConv expects values of edges [e, {self.edge_channels}], got {got}.")
        h, u, *v = x.split([self.channels, *[self.dim] * (2 if self.velocity else 1)], -1)
        h, u = self.step(h, u, v[0] if v else None, graph, edges)
        return torch.cat([h, u, *v], -1)

    def step(
        self, h: Tensor, u: Tensor, v: Tensor | None, graph: GeometricGraph, edges: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the new features ``[n, channels]`` and displacements ``[n, dim]``."""
        inc = graph.incidence
        r, away = directions(-graph.moved(graph.positions + u).vectors())  # x_i - x_j
        pair = r.square()[:, None]
        pair = pair if edges is None else torch.cat([pair, edges], -1)
        ends = gather(inc, self.receiver(h), "receiver") + gather(inc, self.sender(h), "sender")
        m = self.message(ends + self.pair(pair))
        weight = self.move(m)
        weight = torch.tanh(weight) if self.tanh else weight
        length = r / (r + 1) if self.normalise else r
        u = u + reduce(inc, away * (length[:, None] * weight), "mean")
        if self.inertia is not None and v is not None:
            u = u + self.inertia(h) * v
        new = self.update(torch.cat([h, reduce(inc, m)], -1))
        return (h + new if self.residual else new), u


class EGNN(Layer):
    """Invariant and vector inputs → a linear map → `EGNNConv`s → invariant outputs, or how far each point moves.

    Every layer sees the first squared distance and, if wanted, the products s_i s_j of the input's scalars, such as
    charges, as values of its edges. Lengths of vectors join the scalars of the input.

    Args:
        in_type: scalars, then at most one vector, the velocity: `FieldType(O(3), "1x0e+1x1o")`; a number for scalars.
        out_type: scalars, or one vector, the displacement: `FieldType(O(3), "1x1o")`.
        hidden: the channels between.
        layers: how many convolutions.
        products: use scalars as products of both ends only, never alone: a law that is the same with all charges
            reversed.
        normalise, tanh: see `EGNNConv`.
        dim: of space.

    Shapes: `[n, c_in] -> [n, c_out]`.

    Raises:
        TypeError: if a type has other fields. ValueError: if a size is not positive.

    Source: Satorras, Hoogeboom, Welling 2021, §5.1 (n-body), §5.3.
    """

    claims = EVERYTHING

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        *,
        hidden: int = 64,
        layers: int = 4,
        products: bool = False,
        normalise: bool = True,
        tanh: bool = False,
        dim: int = 3,
    ):
        super().__init__(in_type, out_type)
        check_sizes(self, {"layers": layers, "hidden": hidden})
        self.scalars, vectors = count_fields(self.in_type, "EGNN", dim)
        scalars_out, vectors_out = count_fields(self.out_type, "EGNN", dim)
        if vectors > 1 or vectors_out > 1:
            raise TypeError(f"EGNN has one vector field at most, got {self.in_type!r} -> {self.out_type!r}.")
        self.velocity, self.moves, self.products, self.dim = vectors == 1, vectors_out == 1, products, dim
        edges = 1 + (self.scalars if products else 0)
        self.embed = nn.Linear((0 if products else self.scalars) + vectors, hidden)
        self.convs = nn.ModuleList(
            EGNNConv(hidden, edge_channels=edges, velocity=self.velocity, normalise=normalise, tanh=tanh, dim=dim)
            for _ in range(layers)
        )
        self.readout = nn.Linear(hidden, scalars_out) if scalars_out else None

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        s, v = x[:, : self.scalars], (x[:, self.scalars :] if self.velocity else None)
        first = [] if self.products else [s]
        if v is not None:
            first.append(directions(v)[0][:, None])
        h, u = self.embed(torch.cat(first, -1)), torch.zeros_like(graph.positions)
        edges = graph.vectors().square().sum(-1, keepdim=True)
        if self.products:
            inc = graph.incidence
            edges = torch.cat([edges, gather(inc, s, "receiver") * gather(inc, s, "sender")], -1)
        for conv in self.convs:
            h, u = conv.step(h, u, v, graph, edges)  # type: ignore[operator]
        out = [] if self.readout is None else [self.readout(h)]
        return torch.cat([*out, u] if self.moves else out, -1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, products={self.products}"
