"""Matchings: pairs of neighbours that become one node, the best pairs first."""

import numpy as np
import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.incidence import gather, reduce, segment_softmax
from gdl_core.kernels.cpu import compile_kernel
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.coarsen.contract import contract
from gdl_graphs.coarsen.order import colours, falling, mix, pairs
from gdl_graphs.coarsen.select import number_clusters, pool
from gdl_graphs.graph import Graph
from gdl_graphs.layers.checks import graph_of

SCORES = ("softmax", "sigmoid", "tanh")


@compile_kernel
def _match(a: np.ndarray, b: np.ndarray, mate: np.ndarray) -> None:
    """Take the pairs in order; join the two where both are free. `mate` starts at -1."""
    for p in range(a.size):
        if mate[a[p]] < 0 and mate[b[p]] < 0:
            mate[a[p]], mate[b[p]] = b[p], a[p]


def best_matching(graph: Graph, a: Tensor, b: Tensor, score: Tensor) -> Tensor:
    """Take the pairs by falling score, each if both its nodes are still free; return the mate ``[n]`` or -1.

    Of pairs with equal scores the one comes first whose surroundings have the smaller hash (`colours`); where these
    agree as well, as on a graph with a symmetry that moves one to the other, that of the smaller node numbers. So the
    result follows a renumbering of the nodes as far as a matching can. Runs on the CPU.
    """

    def colour() -> Tensor:
        own = mix(colours(graph))
        return own.index_select(0, a) + own.index_select(0, b)

    order = falling(score, colour)
    mate = np.full(graph.num_nodes, -1)
    _match(a[order].cpu().numpy(), b[order].cpu().numpy(), mate)
    return torch.as_tensor(mate, device=graph.device)


def graclus(graph: Graph) -> Tensor:
    """Match neighbours by the normalised cut and return the clusters ``int64[n]``: pairs, and nodes left alone.

    The pair with the largest ``w_ij (1 / d_i + 1 / d_j)`` comes first, with w_ij the sum of the weights of its edges
    and d the sums of these over the pairs of a node. On the CPU, for use where graphs come from data; `contract` makes
    the coarse graph. Ties: see `best_matching`.

    Raises:
        ValueError: if a weight is negative.

    Source: Dhillon, Guan & Kulis 2007; Defferrard et al. 2016, §2.2. There nodes are visited in random order; here the
    heaviest pair of the whole graph comes first, so that nothing is left to chance.
    """
    weight = graph.edge_weight
    if weight is not None and bool((weight < 0).any()):
        edge = int((weight < 0).int().argmax())
        raise ValueError(f"graclus expects weights from 0, got {float(weight[edge])} at edge {edge}.")
    a, b, edges, ptr = pairs(graph)
    wide = torch.ones(graph.num_edges, dtype=torch.float64, device=graph.device)
    joined = reduce(ptr, (wide if weight is None else weight.detach().double()).index_select(0, edges), "sum")
    zero = joined.new_zeros(graph.num_nodes)
    degree = zero.index_add(0, a, joined) + zero.index_add(0, b, joined)
    score = joined * (1 / degree[a] + 1 / degree[b])
    mate = best_matching(graph, a, b, torch.nan_to_num(score))  # 0 / 0 where all weights are 0
    own = torch.arange(graph.num_nodes, device=graph.device)
    return number_clusters(torch.where(mate >= 0, torch.minimum(mate, own), own), graph.owner)[0]


class EdgePool(Coarsening):
    """Contract the edges with the best scores, each node at most once: x'[k] = s_k Σ_{i in k} x[i].

    The score of an edge is ``s = normalise(w_r · x[receiver] + w_s · x[sender] + b) + offset``, that of a pair the best
    of its edges; s_k is the score of the contracted pair, and 1 for a node left alone. How many there are is data, so
    this synchronises, and matches on the CPU. Ties: see `best_matching`.

    Args:
        type: invariant channels.
        normalise: "softmax" over the edges of each receiver, "sigmoid", or "tanh".
        offset: added to the scores, so that gradients flow although features shrink.
        self_loops: whether a contracted edge stays as a self-loop.

    Shapes: `[n, c] -> [m, c]` and the coarse graph; see `contract` for its edges.

    Raises:
        ValueError: for another `normalise`. TypeError: if called without a graph.

    Source: Diehl 2019, §3; PyG's `EdgePooling`, whose `lin.weight` is our `receiver.weight` and `sender.weight` after
    one another in the order sender, receiver. There nodes are numbered by score, here by their smallest member.
    """

    claims = ("permutation",)

    def __init__(
        self, type: FieldType | int, normalise: str = "softmax", offset: float = 0.5, self_loops: bool = False
    ):
        super().__init__(type, type)
        if normalise not in SCORES:
            raise ValueError(f"EdgePool normalises scores by {', '.join(SCORES)}, got {normalise!r}.")
        self.normalise, self.offset, self.self_loops = normalise, offset, self_loops
        self.sender = nn.Linear(self.in_type.channels, 1, bias=False)
        self.receiver = nn.Linear(self.in_type.channels, 1)

    def scores(self, x: Tensor, graph: Graph) -> Tensor:
        """Return ``[e]``, the score of each edge."""
        i = graph.incidence
        raw = gather(i, self.receiver(x), "receiver") + gather(i, self.sender(x), "sender")
        normalised = segment_softmax(i, raw) if self.normalise == "softmax" else getattr(torch, self.normalise)(raw)
        return normalised[:, 0] + self.offset

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        graph = graph_of(x, domain, self)
        score = self.scores(x, graph)
        a, b, edges, ptr = pairs(graph)
        best = reduce(ptr, score.index_select(0, edges), "max")
        mate = best_matching(graph, a, b, best.detach())
        own = torch.arange(graph.num_nodes, device=graph.device)
        coarse = contract(graph, torch.where(mate >= 0, torch.minimum(mate, own), own), self_loops=self.self_loops)
        taken = (mate[a] == b).nonzero()[:, 0]
        cluster = coarse.cluster[a[taken]]  # type: ignore[index]
        gate = torch.ones(coarse.num_nodes, dtype=x.dtype, device=x.device)
        gate = gate.index_copy(0, cluster, best.index_select(0, taken).to(x.dtype))
        return pool(x, coarse, "sum") * gate[:, None], coarse

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.normalise} + {self.offset}"
