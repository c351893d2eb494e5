"""Eigenspaces without a choice of basis: their projectors, and an encoder that reads these."""

import torch
from gdl_core.geometry import Coarsening, Domain
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.encodings.laplacian import LaplacianEncoding
from gdl_graphs.graph import Graph
from gdl_graphs.higher_order.ign import IGNContract, IGNLinear, pairs_of
from gdl_graphs.higher_order.pair_set import PairSet
from gdl_graphs.layers.mlp import mlp


def eigenspace_projectors(encoding: LaplacianEncoding, graph: Graph) -> tuple[Tensor, PairSet]:
    """Return the projectors P = V Vᵀ of the first k eigenspaces on the pairs of nodes, and their eigenvalues.

    A projector does not depend on the basis V. Eigenspaces that the encoding cuts through are left out.

    Args:
        encoding: what `laplacian_encoding` gave for `graph`; k eigenvectors span at most k eigenspaces.
        graph: the graph or batch.

    Returns:
        ``[p, 2 k]``, the projectors of the eigenspaces in ascending order, 0 where a sample has fewer, and then their
        eigenvalues; and the `PairSet`.
    """
    encoding, pairs = encoding.whole(graph), PairSet.of_points(graph)
    rows, columns = pairs.incidence.receiver, pairs.incidence.sender
    outer = encoding.vectors.index_select(0, rows) * encoding.vectors.index_select(0, columns)
    values = torch.zeros_like(encoding.values)
    projectors = torch.zeros_like(outer)
    for number in range(encoding.group.shape[1]):
        members = encoding.group == number
        projectors[:, number] = torch.where(members.index_select(0, pairs.owner), outer, 0).sum(1)
        count = members.sum(1).clamp_min(1)
        values[:, number] = torch.where(members, encoding.values, 0).sum(1) / count
    return torch.cat([projectors, values.index_select(0, pairs.owner)], 1), pairs


class BasisNet(Coarsening):
    """y = ρ([φ(V_i V_iᵀ, λ_i)]_i): the same for every basis of each eigenspace (Lim et al. 2022, eq. 6).

    φ is an invariant graph network on a projector: `IGNLinear` layers with ReLUs and an `IGNContract` to the points.
    The paper has one φ for each multiplicity; here one serves all, which sees the multiplicity as the trace.

    Args:
        spaces: how many eigenspaces, k.
        out_type: the channels of y.
        hidden: the channels of φ.
        depth: the number of layers in φ, of which the last goes to points, and of linear maps in ρ.

    Shapes: x ``[p, 2 k]`` on a `PairSet`, from `eigenspace_projectors` -> ``[n, c_out]`` on its points.

    Raises:
        TypeError: if called on anything but a `PairSet`.
    """

    claims = ("permutation",)

    def __init__(self, spaces: int, out_type: FieldType | int, hidden: int = 16, depth: int = 2):
        super().__init__(2 * spaces, out_type)
        self.spaces = spaces
        widths = [2, *[hidden] * (depth - 1)]
        self.layers = nn.ModuleList(IGNLinear(a, hidden, sums="sum") for a in widths[:-1])
        self.contract = IGNContract(widths[-1], hidden, sums="sum")
        self.rho = mlp([spaces * hidden, *[hidden] * (depth - 1), self.out_type.channels])

    def out_domain(self, domain: Domain) -> Domain:
        return domain.points if isinstance(domain, PairSet) else domain

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        pairs = pairs_of(x, domain, self)
        found = []
        for space in x.unflatten(1, (2, self.spaces)).unbind(2):
            for layer in self.layers:
                space = torch.relu(layer(space, pairs))
            found.append(self.contract(space, pairs)[0])
        return self.rho(torch.relu(torch.cat(found, 1))), pairs.points

    def extra_repr(self) -> str:
        return f"{self.spaces} spaces -> {self.out_type}"
