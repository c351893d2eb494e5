"""`PNAConv`: several aggregations at once, each scaled by the degree in several ways."""

from collections.abc import Iterable, Sequence

import torch
from gdl_core.geometry import Domain
from gdl_core.incidence import Incidence
from gdl_core.incidence.precision import accumulate_in
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn.functional import linear

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.multi_aggregate import AGGREGATIONS, multi_aggregate
from gdl_graphs.layers.checks import check_name, edge_features_of, graph_of
from gdl_graphs.layers.message_passing import MessagePassing
from gdl_graphs.layers.mlp import mlp

SCALERS = ("identity", "amplification", "attenuation", "linear", "inverse_linear")
SMALLEST_VARIANCE = 1e-5  # PyTorch Geometric's: below it a standard deviation is 0


def degree_histogram(graphs: Iterable[Graph]) -> Tensor:
    """Return ``int64[d + 1]``, how many nodes of `graphs` receive 0, 1, ..., d edges: the degrees for `PNAConv`."""
    total = torch.zeros(1, dtype=torch.int64)
    for graph in graphs:
        counts = torch.bincount(graph.degree().cpu(), minlength=total.shape[0])
        counts[: total.shape[0]] += total
        total = counts
    return total


def each_edge(incidence: Incidence) -> Incidence:
    """Return the relation in which every edge sends to its receiver: aggregations over it take values of edges."""
    places = torch.arange(incidence.num_edges + 1, dtype=torch.int32, device=incidence.device)
    own = places[:-1]
    return Incidence(incidence.ptr, own, incidence.receiver, places, incidence.receiver, own, own)


class PNAConv(MessagePassing):
    """h_u = W [x_u, s_i(d_u) ⊕_j M(x_u, x_v, e_uv)], all scalers s_i times all aggregations ⊕_j (Corso et al. 2020).

    M is linear with `pre_layers` of one: then it is a map of x_u plus one of x_v, each aggregation of it that of x_v
    shifted, and all are made in one read of the edges. The scalers multiply what the map after them gives, which is
    narrower than what it takes. Towers are such maps side by side; a last linear map mixes them. Parameters are called
    as in PyTorch Geometric: `pre_nns`, `post_nns`, `lin`, `edge_encoder`.

    Args:
        in_type: the channels of x.
        out_type: the channels of the output.
        aggregators: names among sum, mean, var, std, max and min.
        scalers: names among identity, amplification log(d + 1) / δ, attenuation δ / log(d + 1), linear d / mean d and
            inverse_linear; δ is the mean of log(d + 1). A node that receives nothing counts as one of degree 1 where a
            degree is divided by.
        degrees: how many nodes of the training graphs have degree 0, 1, ...; see `degree_histogram`.
        edge_channels: the channels of the edges' features; None uses none.
        towers: how many.
        pre_layers: how many linear maps M has, with ReLUs between.
        post_layers: the same of the maps after the aggregations.
        divide_input: give each tower a part of the channels, not all.

    Raises:
        UnknownNameError: if a name is unknown. ValueError: if none is given, the towers do not divide the channels or
            `degrees` counts no node.
    """

    avg_deg_lin: Tensor
    avg_deg_log: Tensor

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        aggregators: Sequence[str],
        scalers: Sequence[str],
        degrees: Tensor,
        *,
        edge_channels: int | None = None,
        towers: int = 1,
        pre_layers: int = 1,
        post_layers: int = 1,
        divide_input: bool = False,
    ):
        super().__init__(in_type, out_type)
        c_in, c_out = self.in_type.channels, self.out_type.channels
        for names, known, what in ((aggregators, AGGREGATIONS, "aggregation"), (scalers, SCALERS, "scaler")):
            if not names:
                raise ValueError(f"PNAConv needs at least one {what}.")
            for name in names:
                check_name(name, known, what, self)
        if c_out % towers or (divide_input and c_in % towers):
            raise ValueError(f"PNAConv expects towers to divide its channels, got {towers} for {c_in} and {c_out}.")
        self.aggregators, self.scalers = tuple(aggregators), tuple(scalers)
        self.edge_channels, self.towers, self.divide_input = edge_channels, towers, divide_input
        self.width = c = c_in // towers if divide_input else c_in
        self.edge_encoder = None if edge_channels is None else nn.Linear(edge_channels, c)
        ends = 2 if edge_channels is None else 3
        every, f = len(aggregators) * len(scalers) + 1, c_out // towers
        self.pre_nns = nn.ModuleList(mlp([ends * c] + [c] * pre_layers) for _ in range(towers))
        self.post_nns = nn.ModuleList(mlp([every * c] + [f] * post_layers) for _ in range(towers))
        self.lin = nn.Linear(c_out, c_out)
        count = degrees.double()
        if not count.dim() == 1 or not count.sum() > 0:
            raise ValueError(f"PNAConv expects degrees that count the nodes of each degree, got {degrees}.")
        degree = torch.arange(len(count), dtype=torch.float64, device=count.device)
        share = count / count.sum()
        dtype = torch.get_default_dtype()
        self.register_buffer("avg_deg_lin", (degree * share).sum().reshape(1).to(dtype))
        self.register_buffer("avg_deg_log", ((degree + 1).log() * share).sum().reshape(1).to(dtype))

    # M before its first ReLU: [n, t c] of the receivers, of the senders, and [e, t c] of the edges

    def ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weight, bias = self._first_maps()
        return self._per_tower(x, weight[0], bias), self._per_tower(x, weight[1], None)

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        if self.edge_encoder is None or self.edge_channels is None:
            return None
        encoded = self.edge_encoder(edge_features_of(graph, self.edge_channels, self).to(x.dtype))
        return linear(encoded, self._first_maps()[0][2].flatten(0, 1))

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        y = receiver + sender if edge is None else receiver + sender + edge
        if len(self.pre_nns[0]) == 1:  # type: ignore[arg-type]
            return y
        parts = []
        for network, part in zip(self.pre_nns, y.chunk(self.towers, -1), strict=True):
            for step in list(network)[1:]:  # type: ignore[arg-type]
                part = step(part)
            parts.append(part)
        return torch.cat(parts, -1)

    def aggregate(self, messages: Tensor, graph: Graph) -> Tensor:
        return self._statistics(each_edge(graph.incidence), messages)

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        """Return ``[n, a, t c]``, the a aggregations."""
        if self.edge_channels is not None or len(self.pre_nns[0]) > 1:  # type: ignore[arg-type]
            return super().propagate(x, graph)
        receiver, sender = self.ends(x)
        found = self._statistics(graph.incidence, sender)
        degree = graph.degree().to(x.dtype)
        heard = (degree > 0).to(x.dtype)
        zero = torch.zeros_like(degree)
        shift = {"sum": degree, "mean": heard, "max": heard, "min": heard}
        shifts = torch.stack([shift.get(name, zero) for name in self.aggregators], 1)
        return found + shifts[:, :, None] * receiver[:, None]

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = graph_of(x, domain, self)
        found = self.propagate(x, graph).unflatten(-1, (self.towers, self.width))
        scales, outputs = self._scales(graph, x), []
        for t, network in enumerate(self.post_nns):
            own = x[:, t * self.width : (t + 1) * self.width] if self.divide_input else x
            outputs.append(self._after(network, own, found[:, :, t].flatten(1), scales))  # type: ignore[arg-type]
        return self.lin(torch.cat(outputs, -1))

    def _after(self, network: nn.Sequential, x: Tensor, found: Tensor, scales: Tensor) -> Tensor:
        """The map of [x, s_1 found, s_2 found, ...], found scaled after the map, and the rest of `network`."""
        first, *rest = network
        weight: Tensor = first.weight  # type: ignore[assignment]
        own, others = weight[:, : self.width], weight[:, self.width :]
        maps = others.unflatten(1, (len(self.scalers), -1)).transpose(0, 1)  # [s, f, a c]
        each = linear(found, maps.flatten(0, 1)).unflatten(1, (len(self.scalers), -1))
        y = linear(x, own, first.bias) + (each * scales[:, :, None]).sum(1)  # type: ignore[arg-type]
        for step in rest:
            y = step(y)
        return y

    def _scales(self, graph: Graph, x: Tensor) -> Tensor:
        """Return ``[n, s]``, what each scaler multiplies by."""
        degree = graph.degree().to(accumulate_in(x))
        some = degree.clamp(min=1)
        by_log, by_degree = self.avg_deg_log.to(degree.dtype), self.avg_deg_lin.to(degree.dtype)
        made = {
            "identity": torch.ones_like(degree),
            "amplification": torch.log(degree + 1) / by_log,
            "attenuation": by_log / torch.log(some + 1),
            "linear": degree / by_degree,
            "inverse_linear": by_degree / some,
        }
        return torch.stack([made[name] for name in self.scalers], 1).to(x.dtype)

    def _statistics(self, incidence: Incidence, values: Tensor) -> Tensor:
        names = ["var" if name == "std" else name for name in self.aggregators]
        found = list(multi_aggregate(incidence, values, names).unbind(1))  # type: ignore[arg-type]
        for place, name in enumerate(self.aggregators):
            if name == "std":
                some = found[place] > SMALLEST_VARIANCE
                found[place] = torch.where(some, found[place], 1).sqrt() * some
        return torch.stack(found, 1)

    def _first_maps(self) -> tuple[Tensor, Tensor]:
        """Return the first linear maps of M: ``[2 or 3, t, c, c]`` for receiver, sender and edge, and ``[t c]``."""
        first = [network[0] for network in self.pre_nns]  # type: ignore[index]
        weight = torch.stack([part.weight for part in first]).unflatten(-1, (-1, self.width))
        return weight.permute(2, 0, 1, 3), torch.cat([part.bias for part in first])

    def _per_tower(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``[n, t c]``, the channels of each tower through its ``weight[t]``."""
        if not self.divide_input:
            return linear(x, weight.flatten(0, 1), bias)
        y = torch.einsum("ntc,tdc->ntd", x.unflatten(-1, (self.towers, self.width)), weight).flatten(1)
        return y if bias is None else y + bias
