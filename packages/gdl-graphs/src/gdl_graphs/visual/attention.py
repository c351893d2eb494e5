"""Weights of edges on a drawing of the graph."""

from typing import TYPE_CHECKING, Any

import networkx
import torch
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.visual.figure import COLOURS, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def layout(graph: Graph, seed: int = 0) -> Tensor:
    """Return ``float64[n, 2]``, places of the nodes that keep neighbours near (Fruchterman, Reingold 1991)."""
    drawn: Any = networkx.Graph()
    drawn.add_nodes_from(range(graph.num_nodes))
    drawn.add_edges_from(pair for pair in graph.edge_index().T.tolist() if pair[0] != pair[1])
    places = networkx.spring_layout(drawn, seed=seed)
    return torch.tensor([list(places[node]) for node in range(graph.num_nodes)], dtype=torch.float64).reshape(-1, 2)


def draw_weights(
    graph: Graph, weight: Tensor, labels: Tensor | None = None, title: str = "", seed: int = 0
) -> "Figure":
    """Draw the nodes by class, and each edge as an arrow to its receiver, darker and wider the larger its weight.

    A node is drawn the larger, the larger the weight of the edge from itself.

    Args:
        graph: the graph.
        weight: ``[e]``, from 0.
        labels: ``int64[n]``, the class of each node; below 0 for none.
        seed: of the places of the nodes.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import FancyArrowPatch

    figure = empty_figure(7.2, 5.6)
    panel = figure.subplots()
    places = layout(graph, seed)
    ends = graph.edge_index()
    loops = ends[0] == ends[1]
    largest = max(float(weight.max()) if len(weight) else 1.0, 1e-12)
    scale = Normalize(0.0, largest)
    colours = ScalarMappable(scale, "viridis_r")
    order = torch.argsort(weight).tolist()  # the heaviest on top
    for edge in order:
        if bool(loops[edge]):
            continue
        start, stop = (tuple(places[int(node)].tolist()) for node in ends[:, edge])
        value = float(weight[edge])
        arrow = FancyArrowPatch(
            start, stop, arrowstyle="-|>", mutation_scale=7, shrinkA=4, shrinkB=5, connectionstyle="arc3,rad=0.12",
            color=colours.cmap(value / largest), linewidth=0.4 + 2.0 * value / largest,
        )  # fmt: skip
        arrow.set_gid(f"{int(ends[0, edge])}-{int(ends[1, edge])}")
        panel.add_patch(arrow)
    own = torch.zeros(graph.num_nodes, dtype=torch.float64)
    own[ends[1, loops]] = weight[loops].double()
    classes = torch.full((graph.num_nodes,), -1) if labels is None else labels
    fill = ["#cccccc" if label < 0 else COLOURS[label % len(COLOURS)] for label in classes.tolist()]
    sizes = 30 + 120 * own / largest
    panel.scatter(*places.T.numpy(), s=sizes.numpy(), c=fill, zorder=3, edgecolors="white", linewidths=0.8)
    if graph.num_nodes <= 100:
        for node, (x, y) in enumerate(places.tolist()):
            panel.annotate(str(node), (x, y), (4, 4), textcoords="offset points", fontsize=6, zorder=4)
    panel.set_axis_off()
    panel.set_title(title, fontsize=10)
    figure.colorbar(colours, ax=panel, shrink=0.7, label="weight of the edge")
    return figure
