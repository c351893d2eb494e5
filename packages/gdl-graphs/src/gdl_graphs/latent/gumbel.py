"""Differentiable graphs: neighbours sampled by Gumbel top-k, and dense graphs of sigmoid weights."""

import torch
from gdl_core.geometry import Domain
from gdl_core.incidence import edge_dot, gather, reduce
from gdl_core.kernels.philox import new_seed
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.coarsen.order import mix
from gdl_graphs.graph import Graph
from gdl_graphs.latent.rewiring import Rewiring, centred, pick_edges, rewired
from gdl_graphs.latent.search import Noise, best, pick_terms
from gdl_graphs.layers.checks import points_of

ESTIMATORS = ("straight-through", "score-function")


def gumbel_noise(seed: Tensor, receiver: Tensor, sender: Tensor) -> Tensor:
    """Return ``float64[...]``, Gumbel noise of the pair of keys, a function of `seed` and both alone.

    A counter and no state: any block of pairs can be made again, in any order, and nothing is stored.
    """
    bits = mix(mix(mix(seed) ^ receiver) + sender)
    uniform = ((bits >> 11) & ((1 << 53) - 1)).double().add(0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform))


class GumbelGraph(Rewiring):
    """Sample k neighbours for each point without replacement, p(j | i) ∝ exp(-t ‖x_i - x_j‖²), with t learned.

    While training, the k best of ``l_ij + G_ij`` are taken, with l_ij = -t ‖x_i - x_j‖² and G independent Gumbel noise,
    which samples from the Plackett-Luce distribution. In evaluation there is no noise: these are the k nearest.
    Memory is O(n k) and a block; see `latent.search`. On a `PointSet` of equal samples nothing synchronises.

    The gradient reaches x and t in one of two ways:

    * "straight-through": the `edge_weight` of the graph is 1, with the gradient of ``exp((l + G) / temperature)`` over
      its sum over the points not picked before: 1 as well when the temperature goes to 0.
    * "score-function": the `edge_features[e, 1]` of the graph are the exact log-probabilities of the picks, each given
      those before it (without noise, at temperature 1); `log_probability(graph)` adds them up. Unbiased: add
      ``reward.detach() * log_probability`` to the loss (Williams 1992).

    Args:
        type: invariant channels, the axes of the space; put a layer before that learns them.
        k: the number of neighbours; all where a sample has fewer.
        estimator: "straight-through" or "score-function".
        temperature: of the straight-through weights.
        scale: t at the start.
        loop: whether a point may pick itself.

    Shapes: `[n, c] -> [n, c]` and a graph on the same points. `forward` also takes a `seed`, a number or ``int64[]``,
    which else is drawn from torch's generator while training (given in evaluation, it samples there too); and
    ``keys[n]``, integers by which the noise is told apart, node numbers if left out: permuted with the points, they
    make the sampled graph permute exactly.

    Raises:
        ValueError: if k, `temperature` or `scale` is not positive, or for another estimator. TypeError: if called
            without a `Graph` or `PointSet`.

    Source: Kazi et al. 2022 (dDGM), §3.2 and eq. 6, whose log-probabilities are not normalised; Kool et al. 2019.
    """

    def __init__(
        self,
        type: FieldType | int,
        k: int,
        estimator: str = "straight-through",
        temperature: float = 1.0,
        scale: float = 1.0,
        loop: bool = False,
    ):
        super().__init__(type)
        if k < 1:
            raise ValueError(f"GumbelGraph expects at least one neighbour, got k={k}.")
        if temperature <= 0 or scale <= 0:
            raise ValueError(f"GumbelGraph expects positive numbers, got temperature={temperature}, scale={scale}.")
        if estimator not in ESTIMATORS:
            raise ValueError(f"GumbelGraph estimates gradients by {' or '.join(ESTIMATORS)}, got {estimator!r}.")
        self.k, self.estimator, self.temperature, self.loop = k, estimator, temperature, loop
        self.log_scale = nn.Parameter(torch.tensor(float(scale)).log())

    def forward(
        self, x: Tensor, domain: Domain | None = None, seed: Tensor | int | None = None, keys: Tensor | None = None
    ) -> tuple[Tensor, Domain]:
        points = points_of(x, domain, self)
        points.check(x, "GumbelGraph")
        if seed is None and self.training:
            seed = new_seed(x.device)
        counter = None if seed is None else torch.as_tensor(seed, device=x.device)
        names = torch.arange(x.shape[0], device=x.device) if keys is None else keys.long()
        straight = self.estimator == "straight-through"
        scale = self.log_scale.exp()

        def choose(group: Tensor, k: int, start: int) -> tuple[Tensor, Tensor]:
            samples, size = group.shape[:2]
            own = names[start : start + samples * size].reshape(samples, size)
            noise = None if counter is None else _noise(counter, own, group.dtype)
            picks = best(group, k, scale, self.loop, noise)
            if straight:
                return picks, pick_terms(group, picks, scale, self.loop, noise, self.temperature)
            return picks, pick_terms(group, picks, scale, self.loop)

        # Noise is drawn and compared in one dtype, whatever x is, so that the sampled graph does not depend on it.
        space = centred(x, points)
        sender, receiver, terms = pick_edges(space, points, self.k, self.loop, choose)
        terms = space.new_zeros(0) if terms is None else terms
        if straight:
            soft = terms.exp().to(x.dtype)
            return x, rewired(points, sender, receiver, edge_weight=soft - soft.detach() + 1)
        return x, rewired(points, sender, receiver, edge_features=terms.to(x.dtype)[:, None])

    def extra_repr(self) -> str:
        return f"{self.in_type}, k {self.k}, {self.estimator}"


def _noise(seed: Tensor, keys: Tensor, dtype: torch.dtype) -> Noise:
    return lambda rows: gumbel_noise(seed, keys[:, rows, None], keys[:, None, :]).to(dtype)


def log_probability(graph: Graph) -> Tensor:
    """Return ``[n]``, the log-probability of the neighbours of each point of a graph that `GumbelGraph` sampled.

    Raises:
        ValueError: if the edges do not carry log-probabilities, which takes the estimator "score-function".
    """
    terms = graph.edge_features
    if terms is None or terms.shape[1:] != (1,):
        raise ValueError("log_probability reads edge features [e, 1] that GumbelGraph with 'score-function' made.")
    return reduce(graph.incidence, terms[:, 0], "sum")


class SigmoidGraph(Rewiring):
    """Join all points of a sample with the weights a_ij = 1 / (1 + exp(t (‖x_i - x_j‖² - r))), t and r learned.

    The graph is dense, n² edges per sample; the sizes of the samples are read, so it synchronises.

    Args:
        type: invariant channels, the axes of the space.
        scale: t at the start.
        radius: r at the start, the square of the distance where the weight is one half.
        loop: whether a point is joined to itself.

    Shapes: `[n, c] -> [n, c]` and a graph on the same points.

    Raises:
        ValueError: if `scale` is not positive. TypeError: if called without a `Graph` or `PointSet`.

    Source: Kazi et al. 2022 (cDGM), eq. 3.
    """

    def __init__(self, type: FieldType | int, scale: float = 1.0, radius: float = 1.0, loop: bool = False):
        super().__init__(type)
        if scale <= 0:
            raise ValueError(f"SigmoidGraph expects a positive scale, got {scale}.")
        self.loop = loop
        self.log_scale = nn.Parameter(torch.tensor(float(scale)).log())
        self.radius = nn.Parameter(torch.tensor(float(radius)))

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        points = points_of(x, domain, self)
        points.check(x, "SigmoidGraph")
        i = Graph.complete(points.ptr.diff().tolist(), self.loop).incidence.to(x.device)
        space = centred(x, points)
        square = space.square().sum(-1)
        distance = gather(i, square, "receiver") + gather(i, square, "sender") - 2 * edge_dot(i, space, space)
        weight = torch.sigmoid(self.log_scale.exp() * (self.radius - distance)).to(x.dtype)
        return x, rewired(points, i.sender.long(), i.receiver.long(), edge_weight=weight)

    def extra_repr(self) -> str:
        return f"{self.in_type}{', with self-loops' if self.loop else ''}"
