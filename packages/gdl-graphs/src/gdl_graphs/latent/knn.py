"""Dynamic graphs: the nearest neighbours in feature space."""

from gdl_core.geometry import Domain, Layer
from gdl_core.incidence import neighbours
from gdl_core.incidence.operations import Reduction
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.graph import Graph
from gdl_graphs.latent.rewiring import Rewiring, centred, pick_edges, rewired
from gdl_graphs.latent.search import best
from gdl_graphs.layers.checks import points_of
from gdl_graphs.layers.edge_conv import EdgeConv

TREE_AXES = 6  # up to which a tree is faster than all pairs
TREE_POINTS = 2000  # from which it is


def knn_graph(x: Tensor, domain: Points, k: int, loop: bool = False) -> Graph:
    """Return the points of `domain`, each hearing the k nearest of its sample in the space of the values ``x[n, c]``.

    Distances are compared in float64; of equal ones it is not said which comes first. In a sample with fewer points
    each hears all (others). Equal samples (a `PointSet` with a `size`) go through together without
    synchronising; otherwise the sizes are read. Large samples of few channels on the CPU are searched with a tree,
    others by all pairs in blocks. The edges carry no gradient.

    Args:
        k: the number of neighbours.
        loop: whether a point is its own nearest neighbour.

    Raises:
        ValueError: if k is not positive.
    """
    if k < 1:
        raise ValueError(f"knn_graph expects at least one neighbour, got k={k}.")
    equal = getattr(domain, "size", None) is not None

    def choose(group: Tensor, k: int, start: int) -> tuple[Tensor, None]:
        _, size, axes = group.shape
        if group.device.type == "cpu" and not equal and axes <= TREE_AXES and size >= TREE_POINTS:
            return neighbours(group[0], k, loop=loop).incidence.sender.reshape(1, size, k).long(), None
        return best(group, k, loop=loop), None

    sender, receiver, _ = pick_edges(centred(x.detach().double(), domain), domain, k, loop, choose)
    return rewired(domain, sender, receiver)


class KNNGraph(Rewiring):
    """Let each point hear its k nearest in feature space: see `knn_graph`. Values stay as they are.

    On a `PointSet` of equal samples it compiles and never synchronises.

    Args:
        type: invariant channels, the axes of the space.
        k: the number of neighbours; all where a sample has fewer.
        loop: whether a point is its own nearest neighbour.

    Shapes: `[n, c] -> [n, c]` and a graph on the same points.

    Raises:
        ValueError: if k is not positive. TypeError: if called without a `Graph` or `PointSet`.

    Source: Wang et al. 2019 (DGCNN), §3.2.
    """

    def __init__(self, type: FieldType | int, k: int, loop: bool = False):
        super().__init__(type)
        if k < 1:
            raise ValueError(f"KNNGraph expects at least one neighbour, got k={k}.")
        self.k, self.loop = k, loop

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        points = points_of(x, domain, self)
        points.check(x, "KNNGraph")
        return x, knn_graph(x, points, self.k, self.loop)

    def extra_repr(self) -> str:
        return f"{self.in_type}, k {self.k}"


class DynamicEdgeConv(Layer):
    """`EdgeConv` on the graph of the k nearest in feature space: y_i = ⊕_j MLP([x_i, x_j - x_i]), j among these.

    On a `PointSet` of equal samples it compiles and never synchronises.

    Args:
        in_type: invariant channels.
        out_type: the channels of the output.
        k: the number of neighbours; all where a sample has fewer.
        network: as in `EdgeConv`.
        aggregation: "max", "sum", "mean" or "min".
        loop: whether a point is among its k nearest, as it is in PyG's `DynamicEdgeConv`, whose `nn` this one's is.

    Shapes: `[n, c] -> [n, c']`, on points with or without edges, which are ignored.

    Raises:
        ValueError: if k is not positive. TypeError: if called without a `Graph` or `PointSet`.

    Source: Wang et al. 2019, eq. 7 and 8, §3.2.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        k: int,
        network: nn.Sequential | None = None,
        *,
        aggregation: Reduction = "max",
        loop: bool = True,
    ):
        super().__init__(in_type, out_type)
        if k < 1:
            raise ValueError(f"DynamicEdgeConv expects at least one neighbour, got k={k}.")
        self.k, self.loop = k, loop
        self.conv = EdgeConv(in_type, out_type, network, aggregation=aggregation)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        points.check(x, "DynamicEdgeConv")
        return self.conv(x, knn_graph(x, points, self.k, self.loop))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, k {self.k}"
