"""Set Transformer: attention blocks for sets, with parameters named and shaped as in the authors' code.

A state dictionary of their `modules.py` loads as it is: `fc_q`, `fc_k`, `fc_v`, `fc_o`, `ln0`, `ln1`, `mab`, `mab0`,
`mab1`, `I`, `S`, `enc`, `dec`.
"""

import itertools
import math

import torch
from gdl_core.geometry import Domain, Layer, Readout
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.sets.packed import as_channels, attend, equal_sets
from gdl_graphs.transformer.attention import check_heads

SCALES = ("dim_v", "head")


class MAB(nn.Module):
    """H = LN(Q + Attention(Q, K, V)), y = LN(H + relu(W_o H)), with Q = W_q x, K = W_k k, V = W_v k.

    Args:
        queries, keys, out: channels of the points that attend, of those attended to, and of the result.
        heads: of the attention.
        norm: whether there are the two layer norms.
        scale: scores are divided by the root of all `out` channels (`"dim_v"`, as the authors' code has it), or of
            those of one head (`"head"`, as Vaswani et al. do).

    Shapes: `x[n, queries]` on `domain`, `k[m, keys]` on `others` `-> [n, out]`. Without keys, attention gives 0.

    Raises:
        ValueError: if the heads do not divide `out`, or for another `scale`.

    Source: Lee et al. 2019, eq. 6 and 7.
    """

    def __init__(self, queries: int, keys: int, out: int, heads: int, norm: bool = False, scale: str = "dim_v"):
        super().__init__()
        check_heads(out, heads, self)
        if scale not in SCALES:
            raise ValueError(f"{type(self).__name__} takes scale='dim_v' or 'head', got {scale!r}.")
        self.heads = heads
        self.scale = 1 / math.sqrt(out if scale == "dim_v" else out // heads)
        self.fc_q, self.fc_k, self.fc_v = nn.Linear(queries, out), nn.Linear(keys, out), nn.Linear(keys, out)
        self.ln0 = nn.LayerNorm(out) if norm else nn.Identity()
        self.ln1 = nn.LayerNorm(out) if norm else nn.Identity()
        self.fc_o = nn.Linear(out, out)

    def forward(self, x: Tensor, domain: Points, k: Tensor, others: Points) -> Tensor:
        query = self.fc_q(x)
        q, k, v = (t.unflatten(-1, (self.heads, -1)) for t in (query, self.fc_k(k), self.fc_v(k)))
        h = self.ln0(query + attend(q, k, v, domain, others, scale=self.scale).flatten(1))
        return self.ln1(h + torch.relu(self.fc_o(h)))

    def extra_repr(self) -> str:
        return f"{self.heads} heads, scale {self.scale:.4g}"


class SAB(Layer):
    """y = MAB(x, x): the points of a sample attend to each other, in time Σ n_s².

    Args:
        in_type, out_type: invariant channels.
        heads, norm, scale: as in `MAB`.

    Shapes: `[n, c] -> [n, out]`.

    Source: Lee et al. 2019, eq. 8.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        heads: int = 4,
        norm: bool = False,
        scale: str = "dim_v",
    ):
        super().__init__(in_type, out_type)
        channels, out = self.in_type.channels, self.out_type.channels
        self.mab = MAB(channels, channels, out, heads, norm, scale)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        return self.mab(x, points, x, points)


class ISAB(Layer):
    """y = MAB(x, MAB(I, x)): points attend to each other through `inducing` learned points I, in time Σ n_s.

    Args:
        in_type, out_type: invariant channels.
        inducing: how many points I there are.
        heads, norm, scale: as in `MAB`.

    Shapes: `[n, c] -> [n, out]`.

    Source: Lee et al. 2019, eq. 9 and 10.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        inducing: int = 32,
        heads: int = 4,
        norm: bool = False,
        scale: str = "dim_v",
    ):
        super().__init__(in_type, out_type)
        channels, out = self.in_type.channels, self.out_type.channels
        self.I = learned_points(inducing, out)
        self.mab0 = MAB(out, channels, out, heads, norm, scale)
        self.mab1 = MAB(channels, out, out, heads, norm, scale)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        copies, inducing = repeated(self.I, points)
        return self.mab1(x, points, self.mab0(copies, inducing, x, points), inducing)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.I.shape[1]} inducing points"


class PMA(Readout):
    """y = MAB(S, x): `seeds` learned points S attend to each sample; their results side by side.

    Args:
        type: invariant channels c.
        seeds: how many points S there are.
        heads, norm, scale: as in `MAB`.

    Shapes: `[n, c] -> [b, seeds * c]`, seed by seed.

    Source: Lee et al. 2019, eq. 11.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int, seeds: int = 1, heads: int = 4, norm: bool = False, scale: str = "dim_v"):
        channels = as_channels(type)
        super().__init__(type, seeds * channels)
        self.S = learned_points(seeds, channels)
        self.mab = MAB(channels, channels, channels, heads, norm, scale)

    def attended(self, x: Tensor, domain: Domain | None) -> tuple[Tensor, Points]:
        """Return the results as a signal on sets of `seeds` points: ``[b * seeds, c]`` and these sets."""
        points = points_of(x, domain, self)
        copies, seeds = repeated(self.S, points)
        return self.mab(copies, seeds, x, points), seeds

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y, seeds = self.attended(x, domain)
        return y.reshape(seeds.batch_size, self.out_type.channels)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.S.shape[1]} seeds"


class SetTransformer(Readout):
    """y = W SAB(SAB(PMA(ISAB(ISAB(x))))), the network of the paper and of the authors' `models.py`.

    Args:
        in_type: invariant channels c.
        out_type: channels of each output.
        outputs: how many outputs there are, the seeds of `PMA`.
        hidden: channels between.
        inducing: the inducing points of each `ISAB`; with 0 there are `SAB`s in their place.
        heads, norm, scale: as in `MAB`.

    Shapes: `[n, c] -> [b, outputs * out]`, output by output.

    Source: Lee et al. 2019, §3.4.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        outputs: int = 1,
        hidden: int = 128,
        inducing: int = 32,
        heads: int = 4,
        norm: bool = False,
        scale: str = "dim_v",
    ):
        each = as_channels(out_type)
        super().__init__(in_type, outputs * each)
        widths = (self.in_type.channels, hidden, hidden)
        if inducing:
            enc = [ISAB(a, b, inducing, heads, norm, scale) for a, b in itertools.pairwise(widths)]
        else:
            enc = [SAB(a, b, heads, norm, scale) for a, b in itertools.pairwise(widths)]
        self.enc = nn.ModuleList(enc)
        decoder = [SAB(hidden, hidden, heads, norm, scale) for _ in range(2)]
        self.dec = nn.ModuleList([PMA(hidden, outputs, heads, norm, scale), *decoder, nn.Linear(hidden, each)])

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points_of(x, domain, self)
        for block in self.enc:
            x = block(x, domain)
        pool, *blocks, last = self.dec
        x, seeds = pool.attended(x, domain)  # type: ignore[operator]
        for block in blocks:
            x = block(x, seeds)
        return last(x).reshape(seeds.batch_size, self.out_type.channels)


def learned_points(count: int, channels: int) -> nn.Parameter:
    """Return `[1, count, channels]`, drawn as the authors do.

    Raises:
        ValueError: if `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"Attention needs at least one learned point, got {count}.")
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, count, channels)))


def repeated(learned: Tensor, domain: Points) -> tuple[Tensor, Points]:
    """Return `learned` once for each sample, `[b * k, c]`, and the sets of k points that they live on."""
    samples, count = domain.batch_size, learned.shape[1]
    return learned.expand(samples, -1, -1).flatten(0, 1), equal_sets(samples, count, domain.ptr.device)
