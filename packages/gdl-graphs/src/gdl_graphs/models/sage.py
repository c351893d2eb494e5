"""`GraphSAGE`: a network for nodes of graphs too large for memory."""

import itertools

import torch
from gdl_core.geometry import Blueprint, Domain, Dropout, Pointwise
from gdl_core.incidence.operations import Reduction
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.layers.sage import SAGEConv
from gdl_graphs.sampling.inference import layerwise_inference
from gdl_graphs.sampling.store import GraphStore


class GraphSAGE(Blueprint):
    """Dropout → `SAGEConv` → ReLU, repeated, the last without ReLU (Hamilton, Ying, Leskovec 2017, algorithms 1 and 2).

    Called with ``(x, graph)`` it gives an output per node, like any network. Called with ``(nodes, store)`` it gives
    those of these nodes with all their neighbours: it goes over the whole `GraphStore` once per layer
    (`layerwise_inference`), keeps ``[num_nodes, hidden]`` in memory, and computes no gradient.

    Args:
        in_channels, classes: of the nodes, and of the output.
        hidden: the channels between.
        layers: how many convolutions.
        dropout: the probability of zeroing a channel before each of them.
        aggregation: of the neighbours: "mean", "sum", "max" or "min".
        nodes_at_once: of a store.
        domain: an example of the graphs, for the table.

    Raises:
        ValueError: if there is no layer.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        hidden: int = 256,
        layers: int = 2,
        dropout: float = 0.5,
        aggregation: Reduction = "mean",
        nodes_at_once: int = 4096,
        domain: Domain | None = None,
    ):
        if layers < 1:
            raise ValueError(f"GraphSAGE needs at least one layer, got {layers}.")
        parts: list[nn.Module] = []
        for before, after in itertools.pairwise([in_channels, *[hidden] * (layers - 1), classes]):
            parts += [Dropout(before, dropout), SAGEConv(before, after, aggregation), Pointwise(after, "relu")]
        super().__init__(parts[:-1], domain)
        self.nodes_at_once = nodes_at_once

    def forward(self, x: Tensor, domain: Domain | GraphStore | None = None) -> Tensor:
        if isinstance(domain, GraphStore):
            return self._on_store(x, domain)
        found = super().forward(x, domain)
        assert isinstance(found, Tensor)  # no part of it leaves the domain
        return found

    @torch.compiler.disable(reason="reading files is not compiled")
    def _on_store(self, nodes: Tensor, store: GraphStore) -> Tensor:
        weight = next(self.parameters())

        def layer(first: int):
            def run(x: Tensor, graph: Graph) -> Tensor:
                x = x.to(weight.dtype)  # the store may keep halves
                for part in self.parts[first : first + 3]:
                    x = part(x, graph)
                return x

            return run

        layers = [layer(first) for first in range(0, len(self.parts), 3)]
        found = layerwise_inference(layers, store, self.nodes_at_once, device=weight.device)
        return found[nodes.cpu()].to(weight.device)
