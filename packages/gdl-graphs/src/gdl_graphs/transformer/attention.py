"""`MultiHeadAttention`: every point of a sample hears every other, or every earlier one."""

from gdl_core.geometry import Domain, Layer
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.sets.packed import attend
from gdl_graphs.transformer.positions import Rotary


class MultiHeadAttention(Layer):
    """y_i = W_o concat_h Σ_j softmax_j(<q_ih, k_jh> / √d) v_jh over the points j of i's sample, [q, k, v] = W_in x.

    Message passing on the complete graph, or with `causal` on the graph of earlier points (the book, §5.4); no edge is
    stored, and samples of different sizes are not padded. Edges of a `Graph` are ignored.

    Args:
        in_type: invariant channels c.
        heads: their number h; each has d = c / h channels.
        out_type: channels of the output; c if left out.
        causal: point i hears the points up to i only, in the order of the sample. Claims no symmetry then.
        rotary: the base of rotary positions (10,000 is usual), None for none. With it the layer claims no symmetry.
        bias: of both linear maps.

    Shapes: `[n, c] -> [n, out]`.

    Raises:
        ValueError: if the heads do not divide the channels. TypeError: if called without a `Graph` or `PointSet`.

    Source: Vaswani et al. 2017, §3.2. Weights are those of `torch.nn.MultiheadAttention`: `in_proj.weight` is its
    `in_proj_weight`, `in_proj.bias` its `in_proj_bias`.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        heads: int = 1,
        out_type: FieldType | int | None = None,
        causal: bool = False,
        rotary: float | None = None,
        bias: bool = True,
    ):
        super().__init__(in_type, in_type if out_type is None else out_type)
        channels = self.in_type.channels
        check_heads(channels, heads, self)
        self.heads, self.causal = heads, causal
        self.rotary = None if rotary is None else Rotary(channels // heads, rotary)
        self.claims = () if causal or rotary is not None else ("permutation",)
        self.in_proj = nn.Linear(channels, 3 * channels, bias)
        self.out_proj = nn.Linear(channels, self.out_type.channels, bias)
        nn.init.xavier_uniform_(self.in_proj.weight)
        if bias:
            nn.init.zeros_(self.in_proj.bias)
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        query, key, value = self.in_proj(x).unflatten(-1, (3, self.heads, -1)).unbind(1)
        if self.rotary is not None:
            query, key = self.rotary(query, points), self.rotary(key, points)
        return self.out_proj(attend(query, key, value, points, causal=self.causal).flatten(1))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.heads} heads{', causal' if self.causal else ''}"


def check_heads(channels: int, heads: int, where: nn.Module) -> None:
    """Raise ValueError unless `channels` splits into `heads` equal parts."""
    if heads < 1 or channels % heads:
        raise ValueError(
            f"{type(where).__name__} splits its channels into heads of one width, got {channels} channels and "
            f"{heads} heads."
        )
