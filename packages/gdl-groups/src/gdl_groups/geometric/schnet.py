"""SchNet: continuous filters of distance, on invariant features."""

import math

import torch
from gdl_core.geometry import Domain, Layer, Readout
from gdl_core.points import check_count
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.geometric.checks import EVERYTHING, check_sizes, geometric_of
from gdl_groups.geometric.radial import CosineCutoff, GaussianBasis, distances
from gdl_groups.geometric.readout import SumPool
from gdl_groups.products import TensorProductPlan, tensor_product_conv


class ShiftedSoftplus(nn.Module):
    """y = log((1 + e^x) / 2): smooth, and 0 at 0 (Schütt et al. 2017, §4.1)."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.softplus(x) - math.log(2.0)


class SchNetConv(Layer):
    """y_i = Σ_j W(r_ij) ∘ x_j with W(r) = MLP(φ(r)) u(r): a filter per channel that is a function of distance.

    φ are Gaussians up to the cut-off, u the cosine cut-off. Each sender's features are multiplied and summed in one
    kernel: no message is stored.

    Args:
        channels: of x and y, invariant.
        cutoff: in the unit of the positions; farther neighbours do not count.
        basis: how many Gaussians.

    Shapes: `[n, channels] -> [n, channels]`.

    Raises:
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt et al. 2017, eq. 2 and §4.1 ("cfconv").
    """

    claims = EVERYTHING

    def __init__(self, channels: int, cutoff: float = 5.0, basis: int = 32):
        super().__init__(channels, channels)
        self.plan = TensorProductPlan(channels, 1)  # every channel times its own weight
        self.basis, self.cutoff = GaussianBasis(basis, cutoff), CosineCutoff(cutoff)
        self.filter = nn.Sequential(
            nn.Linear(basis, channels), ShiftedSoftplus(), nn.Linear(channels, channels), ShiftedSoftplus()
        )

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        r = distances(graph.vectors())
        weight = self.filter(self.basis(r)) * self.cutoff(r)[:, None]
        return tensor_product_conv(self.plan, graph.incidence, x, torch.ones_like(r)[:, None], weight)


class SchNetBlock(Layer):
    """y = x + MLP(conv(W x)), one interaction of SchNet.

    Args:
        channels: of x and y, invariant.
        cutoff, basis: see `SchNetConv`.

    Shapes: `[n, channels] -> [n, channels]`.

    Raises:
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt et al. 2017, fig. 2 ("interaction").
    """

    claims = EVERYTHING

    def __init__(self, channels: int, cutoff: float = 5.0, basis: int = 32):
        super().__init__(channels, channels)
        self.inward = nn.Linear(channels, channels, bias=False)
        self.conv = SchNetConv(channels, cutoff, basis)
        self.outward = nn.Sequential(nn.Linear(channels, channels), ShiftedSoftplus(), nn.Linear(channels, channels))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        return x + self.outward(self.conv(self.inward(x), graph))


class SchNet(Readout):
    """Kinds of atoms → a linear map → `SchNetBlock`s → a network per atom → the sum over each sample, an energy.

    Args:
        in_type: invariant channels of the points, such as the kind of the atom as one of k.
        out_type: of the result.
        channels: between.
        layers: how many interactions.
        scale: of the result, such as the root mean square of the forces that are to be learnt.
        cutoff, basis: see `SchNetConv`.

    Shapes: `[n, c_in] -> [b, c_out]`.

    Raises:
        ValueError: if a size is not positive: `channels` is 2 at least.
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt et al. 2017.
    """

    claims = EVERYTHING

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int = 1,
        *,
        channels: int = 64,
        layers: int = 3,
        cutoff: float = 5.0,
        basis: int = 32,
        scale: float = 1.0,
    ):
        super().__init__(in_type, out_type)
        check_sizes(self, {"layers": layers})
        check_count(channels, "SchNet's channels", 2)  # the head has half as many
        self.embed = nn.Linear(self.in_type.channels, channels, bias=False)
        self.blocks = nn.ModuleList(SchNetBlock(channels, cutoff, basis) for _ in range(layers))
        self.head = nn.Sequential(
            nn.Linear(channels, channels // 2), ShiftedSoftplus(), nn.Linear(channels // 2, self.out_type.channels)
        )
        self.pool, self.scale = SumPool(self.out_type), float(scale)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        x = self.embed(x)
        for block in self.blocks:
            x = block(x, graph)
        return self.scale * self.pool(self.head(x), graph)
