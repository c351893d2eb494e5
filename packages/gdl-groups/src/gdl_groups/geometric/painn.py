"""PaiNN: scalars and vectors at every point, exchanged along the edges."""

import torch
from gdl_core.geometry import Domain, Layer, Readout
from gdl_core.groups import O
from gdl_core.points import check_count
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.geometric.checks import EVERYTHING, check_sizes, geometric_of, scalars_and_vectors
from gdl_groups.geometric.radial import BesselBasis, CosineCutoff, directions
from gdl_groups.geometric.readout import SumPool
from gdl_groups.products import TensorProductPlan, tensor_product_conv

EPSILON = 1e-8  # under the root of a norm, so that its second derivative is bounded


class PaiNNMessage(Layer):
    """Δs_i = Σ_j (φ(s_j) ∘ W(r_ij))_s, Δv_i = Σ_j v_j ∘ (φ ∘ W)_vv + r̂_ij (φ ∘ W)_vs, added to s and v.

    φ is a network of the sender, W a linear map of Bessel functions, times the cosine cut-off. Products and sums are
    one kernel: no message is stored, only the filters W.

    Args:
        channels: c, so many scalars and vectors.
        cutoff: in the unit of the positions; farther neighbours do not count.
        basis: how many Bessel functions.

    Shapes: `[n, 4 c] -> [n, 4 c]`, the type `c x 0e + c x 1o`.

    Raises:
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt, Unke, Gastegger 2021, eq. 7 and 8.
    """

    claims = EVERYTHING

    def __init__(self, channels: int, cutoff: float = 5.0, basis: int = 20):
        kind = scalars_and_vectors(channels, channels)
        super().__init__(kind, kind)
        self.channels = channels
        self.basis, self.cutoff = BesselBasis(basis, cutoff), CosineCutoff(cutoff)
        self.carry = TensorProductPlan(kind, 1)  # scalars and vectors, times a weight
        self.push = TensorProductPlan(channels, FieldType(O(3), "1o"))  # scalars, times the direction and a weight
        self.network = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels))
        self.filter = nn.Linear(basis, 3 * channels)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph, c = geometric_of(x, domain, self), self.channels
        r, direction = directions(graph.vectors())
        weight = self.filter(self.basis(r)) * self.cutoff(r)[:, None]
        s, v = split_vectors(x, c)
        p_ss, p_vv, p_vs = self.network(s).split(c, -1)
        one = torch.ones_like(r)[:, None]
        carried = join_vectors(p_ss, v * p_vv[:, None])
        moved = x + tensor_product_conv(self.carry, graph.incidence, carried, one, weight[:, : 2 * c])
        pushed = tensor_product_conv(self.push, graph.incidence, p_vs, direction, weight[:, 2 * c :])
        return moved + nn.functional.pad(pushed, (c, 0))


class PaiNNUpdate(Layer):
    """s' = s + a_ss + a_sv <Uv, Vv>, v' = v + a_vv Uv with (a_ss, a_sv, a_vv) = MLP(s, ‖Vv‖), at each point alone.

    Args:
        channels: c, so many scalars and vectors.

    Shapes: `[n, 4 c] -> [n, 4 c]`, the type `c x 0e + c x 1o`.

    Raises:
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt, Unke, Gastegger 2021, eq. 9 and 10.
    """

    claims = EVERYTHING

    def __init__(self, channels: int):
        kind = scalars_and_vectors(channels, channels)
        super().__init__(kind, kind)
        self.channels = channels
        self.mix = nn.Linear(channels, 2 * channels, bias=False)
        self.network = nn.Sequential(nn.Linear(2 * channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        geometric_of(x, domain, self)
        s, v = split_vectors(x, self.channels)
        first, second = self.mix(v).split(self.channels, -1)
        norm = (second.square().sum(1) + EPSILON).sqrt()
        a_ss, a_sv, a_vv = self.network(torch.cat([s, norm], -1)).split(self.channels, -1)
        return join_vectors(s + a_ss + a_sv * (first * second).sum(1), v + a_vv[:, None] * first)


class PaiNN(Readout):
    """Kinds of atoms → scalars → (message, update) repeated → a network per atom → its sum over each sample.

    Args:
        in_type: invariant channels of the points, such as the kind of the atom as one of k.
        out_type: invariant channels of the result, such as 1 for an energy.
        channels: so many scalars and vectors between.
        layers: how many messages and updates.
        scale: of the result, such as the root mean square of the forces that are to be learnt.
        cutoff, basis: see `PaiNNMessage`.

    Shapes: `[n, c_in] -> [b, c_out]`.

    Raises:
        ValueError: if a size is not positive: `channels` is 2 at least.
        TypeError: if called without a `GeometricGraph`.

    Source: Schütt, Unke, Gastegger 2021.
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
        basis: int = 20,
        scale: float = 1.0,
    ):
        super().__init__(in_type, out_type)
        check_sizes(self, {"layers": layers})
        check_count(channels, "PaiNN's channels", 2)  # the head has half as many
        self.channels = channels
        self.embed = nn.Linear(self.in_type.channels, channels, bias=False)
        self.messages = nn.ModuleList(PaiNNMessage(channels, cutoff, basis) for _ in range(layers))
        self.updates = nn.ModuleList(PaiNNUpdate(channels) for _ in range(layers))
        self.head = nn.Sequential(
            nn.Linear(channels, channels // 2), nn.SiLU(), nn.Linear(channels // 2, self.out_type.channels)
        )
        self.pool, self.scale = SumPool(self.out_type), float(scale)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        s = self.embed(x)
        x = torch.cat([s, s.new_zeros(s.shape[0], 3 * self.channels)], -1)
        for message, update in zip(self.messages, self.updates):
            x = update(message(x, graph), graph)
        return self.scale * self.pool(self.head(x[:, : self.channels]), graph)


def split_vectors(x: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Return scalars ``[n, c]`` and vectors ``[n, 3, c]`` of ``x[n, 4 c]``."""
    return x[:, :channels], x[:, channels:].reshape(x.shape[0], 3, channels)


def join_vectors(s: Tensor, v: Tensor) -> Tensor:
    """Return ``[n, 4 c]``, the inverse of `split_vectors`."""
    return torch.cat([s, v.flatten(1)], -1)
