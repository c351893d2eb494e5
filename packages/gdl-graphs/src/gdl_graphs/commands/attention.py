"""``gdl attention``: how much each node of a graph hears of each neighbour, drawn on the graph."""

import argparse
import sys

import torch
from gdl_core.errors import GdlError
from torch import Tensor, nn

from gdl_graphs.commands.trained import Trained, add_checkpoint, find_layer, load_trained, seen_by
from gdl_graphs.graph import Graph
from gdl_graphs.layers.message_passing import Attentional
from gdl_graphs.visual.attention import draw_weights
from gdl_graphs.visual.figure import save_figure

LARGEST = 200  # nodes that a picture shows without being asked for a neighbourhood


def run(argv: list[str]) -> int:
    """Draw and write the picture."""
    parser = argparse.ArgumentParser(prog="gdl attention", description=__doc__)
    add_checkpoint(parser)
    parser.add_argument("--layer", metavar="NAME", help="which layer with weights of edges; default: the first")
    parser.add_argument("--head", type=int, help="which head; default: the mean of all")
    parser.add_argument("--node", type=int, help="only this node, its neighbours and theirs")
    parser.add_argument("--seed", type=int, default=0, help="of the places of the nodes (default 0)")
    parser.add_argument("--output", metavar="PATH", default="attention.png", help="the picture (attention.png)")
    options = parser.parse_args(argv)
    trained = load_trained(options)
    name = options.layer or _first(trained.network)
    weight = edge_weights(trained, name, options.head)
    graph, labels = trained.graph, trained.labels
    if options.node is None and graph.num_nodes > LARGEST:
        raise GdlError(f"A picture of {graph.num_nodes} nodes shows nothing: choose a neighbourhood with --node NUMBER")
    if options.node is not None:
        kept = around(graph, options.node)
        ends = graph.edge_index()
        weight, labels, graph = weight[kept[ends].all(0)], labels[kept], graph.subgraph(kept)
    heads = "mean of the heads" if options.head is None else f"head {options.head}"
    figure = draw_weights(graph, weight, labels, f"{name}, {heads}", options.seed)
    sys.stdout.write(f"picture  {save_figure(figure, options.output)}\n")
    return 0


def edge_weights(trained: Trained, name: str, head: int | None = None) -> Tensor:
    """Return ``[e]``, the weights that the layer of this name gives the edges.

    Raises:
        GdlError: if it is no layer with one weight per edge and head, or has no such head.
    """
    layer = find_layer(trained.network, name)
    if not isinstance(layer, Attentional):
        raise GdlError(f"{name} is a {type(layer).__name__}, which has no weight for each edge.")
    (x, *_), _ = seen_by(trained, layer)
    with torch.no_grad():
        weight = layer.attention(x, trained.graph)
    if weight is None:
        weight = torch.ones(trained.graph.num_edges)
    weight = weight.reshape(len(weight), -1)
    if head is not None and not 0 <= head < weight.shape[1]:
        raise GdlError(f"{name} has the heads 0 to {weight.shape[1] - 1}, got {head}.")
    return weight.mean(1) if head is None else weight[:, head]


def around(graph: Graph, node: int) -> Tensor:
    """Return ``bool[n]``, the nodes that `node` hears of in two steps."""
    if not 0 <= node < graph.num_nodes:
        raise GdlError(f"The graph has the nodes 0 to {graph.num_nodes - 1}, got {node}.")
    kept = torch.zeros(graph.num_nodes, dtype=torch.bool)
    kept[node] = True
    sender, receiver = graph.edge_index()
    for _ in range(2):
        kept = kept.index_fill(0, sender[kept[receiver]], True)
    return kept


def _first(network: nn.Module) -> str:
    for name, module in network.named_modules():
        if isinstance(module, Attentional) and name:
            return name
    raise GdlError("The network has no layer that gives a weight to each edge.")
