"""Graph neural networks for nodes and for whole graphs, as published."""

import itertools

from gdl_core.geometry import Blueprint, Domain, Dropout, Pointwise, Readout
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.layers.gat import GATConv
from gdl_graphs.layers.gcn import GCNConv
from gdl_graphs.layers.gin import GINConv
from gdl_graphs.layers.mlp import mlp
from gdl_graphs.layers.norm import BatchNorm
from gdl_graphs.readout import GlobalPool


def gcn(
    in_channels: int,
    classes: int,
    *,
    hidden: int = 16,
    layers: int = 2,
    dropout: float = 0.5,
    readout: str | None = None,
    domain: Domain | None = None,
) -> Blueprint:
    """Return dropout → `GCNConv` → ReLU, repeated, the last without ReLU (Kipf and Welling 2017, eq. 9).

    Self-loops are those of the graph: the paper's network is that on ``graph.with_self_loops()``.

    Args:
        in_channels, classes: of the nodes, and of the output.
        hidden: the channels between.
        layers: how many convolutions.
        dropout: the probability of zeroing a channel before each of them.
        readout: None for an output per node; else how the nodes of a graph are reduced ("sum", "mean", "max", "min")
            before a last linear map.
        domain: an example of the graphs, for the table.
    """
    parts: list[nn.Module] = []
    widths = [in_channels, *[hidden] * (layers - 1), classes if readout is None else hidden]
    for position in range(layers):
        before, after = widths[position : position + 2]
        parts += [Dropout(before, dropout), GCNConv(before, after)]
        if position < layers - 1 or readout is not None:
            parts.append(Pointwise(after, "relu"))
    return Blueprint([*parts, *_head(widths[-1], classes, readout)], domain)


def gin(
    in_channels: int,
    classes: int,
    *,
    hidden: int = 64,
    layers: int = 4,
    dropout: float = 0.5,
    train_eps: bool = False,
    readout: str | None = None,
    domain: Domain | None = None,
) -> Blueprint:
    """Return `GINConv` → norm → ReLU, repeated; the last gives the classes, or its nodes are reduced and mapped.

    `GIN` is the network of the paper for whole graphs, which reads out after every layer.

    Args:
        in_channels, classes: of the nodes, and of the output.
        hidden: the channels between.
        layers: how many convolutions.
        dropout: the probability of zeroing a channel before the last map.
        train_eps: learn ε of each convolution.
        readout: None for an output per node; else "sum", "mean", "max" or "min".
        domain: an example of the graphs, for the table.
    """
    parts: list[nn.Module] = []
    widths = [in_channels, *[hidden] * (layers if readout is not None else layers - 1)]
    for before, after in itertools.pairwise(widths):
        parts += _gin_block(before, after, train_eps)
    parts.append(Dropout(widths[-1], dropout))
    if readout is None:
        parts.append(GINConv(widths[-1], classes, mlp([widths[-1], hidden, classes]), train_eps=train_eps))
    return Blueprint([*parts, *_head(widths[-1], classes, readout)], domain)


def gat(
    in_channels: int,
    classes: int,
    *,
    hidden: int = 8,
    heads: int = 8,
    out_heads: int = 1,
    layers: int = 2,
    dropout: float = 0.6,
    attention_dropout: float = 0.6,
    readout: str | None = None,
    domain: Domain | None = None,
) -> Blueprint:
    """Return dropout → `GATConv` → ELU, repeated, the last without ELU and averaged (Veličković et al. 2018, §3.3).

    Self-loops are those of the graph: the paper's network is that on ``graph.with_self_loops()``.

    Args:
        in_channels, classes: of the nodes, and of the output.
        hidden: the channels of each head between.
        heads: how many, side by side.
        out_heads: how many the last convolution averages; with a readout it has `heads` side by side.
        layers: how many convolutions.
        dropout: the probability of zeroing a channel before each of them.
        attention_dropout: the probability of dropping a weight of attention.
        readout: None for an output per node; else how the nodes of a graph are reduced before a last linear map.
        domain: an example of the graphs, for the table.
    """
    parts: list[nn.Module] = []
    width = in_channels
    for position in range(layers):
        parts.append(Dropout(width, dropout))
        if position == layers - 1 and readout is None:
            parts.append(GATConv(width, classes, out_heads, concat=False, dropout=attention_dropout))
            break
        parts.append(GATConv(width, hidden, heads, dropout=attention_dropout))
        width = heads * hidden
        parts.append(Pointwise(width, "elu"))
    return Blueprint([*parts, *_head(width, classes, readout)], domain)


class GIN(Readout):
    """y = Σ_k W_k Σ_u h_u^k, a sum over the nodes after every layer k, the input included (Xu et al. 2019, eq. 4.2).

    Args:
        in_type: the channels of the nodes.
        classes: the channels of the output.
        hidden: the channels between.
        layers: how many convolutions; the paper's "5 layers" count the input.
        dropout: the probability of zeroing an entry of each term.
        train_eps: learn ε of each convolution.
        readout: how the nodes of a graph are reduced: "sum", "mean", "max" or "min".
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: int,
        classes: int,
        *,
        hidden: int = 64,
        layers: int = 4,
        dropout: float = 0.5,
        train_eps: bool = False,
        readout: str = "sum",
    ):
        super().__init__(in_type, classes)
        widths = [self.in_type.channels, *[hidden] * layers]
        self.blocks = nn.ModuleList(Blueprint(_gin_block(before, hidden, train_eps)) for before in widths[:-1])
        self.pools = nn.ModuleList(GlobalPool(width, readout) for width in widths)
        self.maps = nn.ModuleList(nn.Linear(width, classes) for width in widths)
        self.dropout = Dropout(classes, dropout)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points_of(x, domain, self)
        total = self._term(0, x, domain)
        for k, block in enumerate(self.blocks, 1):
            x = block(x, domain)
            total = total + self._term(k, x, domain)
        return total

    def _term(self, k: int, x: Tensor, domain: Domain | None) -> Tensor:
        return self.dropout(self.maps[k](self.pools[k](x, domain)))


def _gin_block(before: int, after: int, train_eps: bool) -> list[nn.Module]:
    network = mlp([before, after, after], norm=True)
    return [GINConv(before, after, network, train_eps=train_eps), BatchNorm(after), Pointwise(after, "relu")]


def _head(channels: int, classes: int, readout: str | None) -> list[nn.Module]:
    return [] if readout is None else [GlobalPool(channels, readout), nn.Linear(channels, classes)]
