"""`TopKPool`: keep the nodes with the best scores."""

import torch
from gdl_core.geometry import Coarsening, Domain, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.coarsen.contract import induced
from gdl_graphs.coarsen.order import colours, falling
from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import graph_of


class TopKPool(Coarsening):
    """Keep the k best nodes of each sample and the edges between them: x'[i] = x[i] tanh(s_i), s = x · p / ‖p‖.

    Kept nodes stay in their order. Of nodes with equal scores those come first whose surroundings have the smaller hash
    (`order.colours`, numbering-free), and where these agree too, as between nodes that a symmetry of the graph
    exchanges, the one with the smaller number: no rule that keeps exactly k commutes with such a permutation.

    The number of edges that are left is data, so this synchronises.

    Args:
        type: invariant channels.
        ratio: the share of nodes to keep, k = ⌈ratio n⌉ of the n nodes of a sample.
        count: k itself, instead of `ratio`: then equal samples of at least k nodes stay equal, and `[b k, c]` is also
            `[b, k, c]`. Smaller samples keep all nodes.
        score: a layer to one channel that gives s instead of the projection: with a graph convolution, this is SAGPool.

    Shapes: `[n, c] -> [m, c]` and the coarse graph.

    Raises:
        ValueError: unless 0 < ratio <= 1, count is positive, and `score` has one channel. TypeError: if called without
            a graph.

    Source: Gao & Ji 2019, eq. 2 (gPool); Lee et al. 2019, eq. 3-5 (SAGPool); PyG's `TopKPooling` has the same `weight`,
    but numbers the nodes by score.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, ratio: float = 0.5, count: int | None = None, score: Layer | None = None):
        super().__init__(type, type)
        if not 0 < ratio <= 1:
            raise ValueError(f"TopKPool keeps a share in (0, 1] of the nodes, got ratio={ratio}.")
        if count is not None and count < 1:
            raise ValueError(f"TopKPool keeps at least one node, got count={count}.")
        if score is not None and score.out_type.channels != 1:
            raise ValueError(f"The score of TopKPool has one channel, got {score.out_type!r}.")
        self.ratio, self.count, self.score = ratio, count, score
        self.weight = None
        if score is None:
            bound = self.in_type.channels**-0.5
            self.weight = nn.Parameter(torch.empty(self.in_type.channels).uniform_(-bound, bound))

    def sizes(self, graph: Graph) -> Tensor:
        """Return ``int64[b]``, how many nodes of each sample are kept."""
        present = graph.ptr.diff().long()
        if self.count is not None:
            return present.clamp(max=self.count)
        return (present.double() * self.ratio - 1e-9).ceil().long()  # 0.7 * 10 is a little more than 7

    def out_domain(self, domain: Domain) -> Domain:
        """Return the nodes that are left, without edges: which of these are left depends on the scores."""
        return Graph.empty(self.sizes(domain).tolist()) if isinstance(domain, Graph) else domain

    def scores(self, x: Tensor, graph: Graph) -> Tensor:
        """Return ``[n]``, the score of each node, before the tanh."""
        if self.score is not None:
            return self.score(x, graph)[:, 0]
        weight = self.weight
        assert weight is not None
        # Not a matrix product, whose rounding differs from row to row and would part equal nodes.
        return (x * (weight / weight.norm())).sum(-1)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        graph = graph_of(x, domain, self)
        score = self.scores(x, graph)
        kept = top_nodes(score.detach(), graph, self.sizes(graph))
        coarse = induced(graph, kept)
        nodes = kept.nonzero()[:, 0]  # each once, so that the gradient of index_select adds nothing up
        return x.index_select(0, nodes) * score.index_select(0, nodes).tanh()[:, None], coarse

    def extra_repr(self) -> str:
        return f"{self.in_type}, {f'ratio {self.ratio}' if self.count is None else f'count {self.count}'}"


def top_nodes(score: Tensor, graph: Graph, sizes: Tensor) -> Tensor:
    """Return ``bool[n]``, the ``sizes[b]`` nodes of each sample with the largest ``score[n]``; ties: see `TopKPool`."""
    order = falling(score, lambda: colours(graph), graph.owner)
    sample = graph.owner[order].long()
    rank = torch.arange(len(order), device=order.device) - graph.ptr[sample]
    return torch.zeros(len(order), dtype=torch.bool, device=order.device).scatter(0, order, rank < sizes[sample])
