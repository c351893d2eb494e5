"""`Set2Set`: a recurrent network that reads a set by attention."""

import torch
from gdl_core.geometry import Domain, Readout
from gdl_core.incidence import Incidence
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.nn.functional import linear

from gdl_graphs.kernels.edge_attention import edge_attention
from gdl_graphs.layers.checks import points_of
from gdl_graphs.sets.packed import as_channels


class Set2Set(Readout):
    """q_t = LSTM([q_{t-1}, r_{t-1}]), r_t = Σ_i softmax_i(<x_i, q_t>) x_i; the result is [q_T, r_T].

    A sample without points has r = 0.

    Args:
        type: invariant channels c.
        steps: T, how often the set is read.

    Shapes: `[n, c] -> [b, 2 c]`.

    Raises:
        ValueError: if `steps` is not positive. TypeError: if called without a `Graph` or `PointSet`.

    Source: Vinyals et al. 2016, eq. 3 to 7. The parameters are those of an `nn.LSTM` called `lstm`, as in
    PyG's `Set2Set`.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, steps: int = 3):
        channels = as_channels(type)
        super().__init__(type, 2 * channels)
        if steps < 1:
            raise ValueError(f"Set2Set reads a set at least once, got steps={steps}.")
        self.steps = steps
        # Named as in nn.LSTM, which is no part of one compiled graph and has no second derivative on a GPU.
        shapes = {"weight_ih_l0": (4 * channels, 2 * channels), "weight_hh_l0": (4 * channels, channels)}
        shapes |= {"bias_ih_l0": (4 * channels,), "bias_hh_l0": (4 * channels,)}
        self.lstm = nn.ParameterDict({name: torch.empty(shape) for name, shape in shapes.items()})
        for parameter in self.lstm.values():
            nn.init.uniform_(parameter, -(channels**-0.5), channels**-0.5)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        samples, channels = points.batch_size, x.shape[1]
        members = membership(points)
        hidden = cell = x.new_zeros(samples, channels)
        state = x.new_zeros(samples, 2 * channels)
        keys = x[:, None]
        for _ in range(self.steps):
            hidden, cell = self._step(state, hidden, cell)
            query = hidden[:, None].to(x.dtype)  # autocast may have made it narrower
            read, _ = edge_attention(members, query, keys, keys, scale=1.0)
            state = torch.cat([hidden, read[:, 0]], -1)
        return state

    def _step(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden state and the cell after one step of the LSTM."""
        weights = self.lstm
        gates = linear(x, weights["weight_ih_l0"], weights["bias_ih_l0"])
        gates = gates + linear(hidden, weights["weight_hh_l0"], weights["bias_hh_l0"])
        take, keep, new, give = gates.chunk(4, -1)
        cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
        return give.sigmoid() * cell.tanh(), cell

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.steps} steps"


def membership(points: Points) -> Incidence:
    """Return the relation from the points to the samples that own them: samples are receivers, points are senders."""
    place = torch.arange(points.num_points + 1, dtype=torch.int32, device=points.ptr.device)
    return Incidence(points.ptr, place[:-1], points.owner, place, points.owner, place[:-1], place[:-1])
