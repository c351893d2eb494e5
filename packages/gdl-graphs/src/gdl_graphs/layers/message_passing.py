"""The three flavours of graph layers (the book, §5.3), each a special case of the one before it.

A new layer is a class with one method::

    class EdgeMLP(MessagePassing):
        aggregation = "max"

        def __init__(self, in_channels, out_channels):
            super().__init__(in_channels, out_channels)
            self.psi = nn.Linear(2 * in_channels, out_channels)

        def message(self, receiver, sender, edge):
            return self.psi(torch.cat([receiver, sender - receiver], -1))

`layer(x, graph)` is then equivariant, deterministic, twice differentiable, and compiles.
"""

import copy
import functools
from typing import NamedTuple, get_args

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence import aggregate, gather, reduce
from gdl_core.incidence.operations import Reduction
from gdl_core.incidence.precision import accumulate_in
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.kernels.multi_aggregate import aggregate_extreme
from gdl_graphs.layers.checks import check_name, graph_of


class MessagePassing(Layer):
    """h_u = φ(x_u, ⊕_v ψ(x_u, x_v, e_uv)) over the edges v → u: the general flavour (the book, eq. 5.6).

    A subclass gives `message` (ψ) and, if need be, `update` (φ). What a message takes from one of its ends alone is
    computed once per node in `ends`, not once per edge.

    Args:
        in_type: the channels of x.
        out_type: the channels of h.
        aggregation: ⊕: "sum", "mean", "var", "max" or "min"; left out, that of the class. A node that receives nothing
            gets 0.

    Raises:
        UnknownNameError: if there is no such aggregation.
    """

    claims = ("permutation",)
    aggregation: Reduction = "sum"

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, aggregation: Reduction | None = None):
        super().__init__(in_type, out_type)
        if aggregation is not None:
            self.aggregation = aggregation
        check_name(self.aggregation, get_args(Reduction), "aggregation", self)

    def ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``[n, ...]`` twice: what a node gives to messages that it receives, and to messages that it sends."""
        return x, x

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        """Return ``[e, ...]``, what an edge gives to its message: its features."""
        return graph.edge_features

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        """Return ψ, the messages ``[e, c']``, from what `ends` and `edges` give, here one row for each edge."""
        raise NotImplementedError(f"{type(self).__name__} must say what its messages are: def message(...).")

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        """Return ``[n, c']``, the messages of each node aggregated."""
        receiver, sender = self.ends(x)
        i = graph.incidence
        messages = self.message(gather(i, receiver, "receiver"), gather(i, sender, "sender"), self.edges(x, graph))
        return self.aggregate(messages, graph)

    def aggregate(self, messages: Tensor, graph: Graph) -> Tensor:
        """Return ⊕, the messages ``[e, c']`` of each node as one, ``[n, c']``."""
        return reduce(graph.incidence, messages, self.aggregation)

    def update(self, x: Tensor, messages: Tensor) -> Tensor:
        """Return φ, the new features ``[n, c]``, from the old ones and the aggregated messages ``[n, c']``."""
        return messages

    def is_a(self, flavour: type["MessagePassing"]) -> bool:
        """Return whether the layer is of that flavour; one whose options make it more general says so."""
        return isinstance(self, flavour)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.update(x, self.propagate(x, graph_of(x, domain, self)))


class Attentional(MessagePassing):
    """h_u = φ(x_u, ⊕_v a(x_u, x_v) ψ(x_v)): messages are weighted by a number per edge (the book, eq. 5.5).

    A subclass gives `attention` (a) and `transform` (ψ). The ``[e, c]`` messages are never made. Takes the same
    arguments as `MessagePassing`.
    """

    def transform(self, x: Tensor) -> Tensor:
        """Return ψ, what each node sends: ``[n, c']``, or ``[n, h, c']`` for several heads."""
        return x

    def attention(self, x: Tensor, graph: Graph) -> Tensor | None:
        """Return a, the weight of each edge: ``[e]``, or ``[e, h]`` for several heads; None for ones."""
        raise NotImplementedError(f"{type(self).__name__} must say what its weights are: def attention(...).")

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        if self.aggregation in ("sum", "mean"):
            return aggregate(graph.incidence, self.transform(x), self.attention(x, graph), self.aggregation == "mean")
        y, weight = self.transform(x), self.attention(x, graph)
        if self.aggregation not in ("max", "min") or y.dim() > 2:
            return MessagePassing.propagate(self, x, graph)
        return aggregate_extreme(graph.incidence, y, self.aggregation, weight)

    # The same as message passing: an edge gives its weight, a sender what it sends, a receiver nothing.

    def ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.transform(x)

    def edges(self, x: Tensor, graph: Graph) -> Tensor | None:
        return self.attention(x, graph)

    def message(self, receiver: Tensor, sender: Tensor, edge: Tensor | None) -> Tensor:
        return sender if edge is None else edge.to(sender.dtype)[..., None] * sender


class Coefficients(NamedTuple):
    """c_uv = receiver[u] · edge[uv] · sender[v], the numbers of a `Convolutional` layer; None stands for ones."""

    receiver: Tensor | None = None  # [n]
    edge: Tensor | None = None  # [e]
    sender: Tensor | None = None  # [n]

    def per_edge(self, graph: Graph) -> Tensor | None:
        """Return all c_uv as one tensor ``[e]``, or None for ones."""
        weight = self.edge
        if self.receiver is not None:
            scale = gather(graph.incidence, self.receiver, "receiver")
            weight = scale if weight is None else weight * scale
        if self.sender is not None:
            scale = gather(graph.incidence, self.sender, "sender")
            weight = scale if weight is None else weight * scale
        return weight


class Convolutional(Attentional):
    """h_u = φ(x_u, ⊕_v c_uv ψ(x_v)): the weights depend on the graph alone (the book, eq. 5.4).

    A subclass gives `coefficients` (c) and `transform` (ψ). Takes the same arguments as `MessagePassing`.
    """

    def coefficients(self, graph: Graph, dtype: torch.dtype) -> Coefficients:
        """Return c, in `dtype` where it is made here; by default the weights of the edges."""
        return Coefficients(edge=graph.edge_weight)

    def propagate(self, x: Tensor, graph: Graph) -> Tensor:
        if x.element_size() < 4 or self.aggregation not in ("sum", "mean"):
            # In half precision the sum at a hub overflows before c makes it small, so c goes in edge by edge.
            return Attentional.propagate(self, x, graph)
        c, y = self.coefficients(graph, x.dtype), self.transform(x)
        receiver = c.receiver
        if self.aggregation == "mean":
            share = graph.degree().clamp(min=1).to(x.dtype).reciprocal()
            receiver = share if receiver is None else receiver * share
        y = y if c.sender is None else y * c.sender[:, None]
        y = aggregate(graph.incidence, y, c.edge)
        return y if receiver is None else y * receiver[:, None]

    def attention(self, x: Tensor, graph: Graph) -> Tensor | None:
        return self.coefficients(graph, accumulate_in(x)).per_edge(graph)


FLAVOURS: tuple[type[MessagePassing], ...] = (Convolutional, Attentional, MessagePassing)


def run_as(flavour: type[MessagePassing], layer: MessagePassing) -> MessagePassing:
    """Return `layer`, with the same parameters, run by the program of a more general flavour.

    conv ⊆ attention ⊆ message passing (the book, §5.3): ``run_as(Attentional, GCNConv(...))`` computes its weights edge
    by edge, ``run_as(MessagePassing, ...)`` makes every message. The results are equal.

    Raises:
        TypeError: if `layer` is not of that flavour, as when a message-passing layer is to run as attention.
    """
    if not layer.is_a(flavour):
        raise TypeError(f"{type(layer).__name__} is not {flavour.__name__}, so it cannot run as such.")
    twin = copy.copy(layer)
    twin.propagate = functools.partial(flavour.propagate, twin)  # type: ignore[method-assign]
    return twin
