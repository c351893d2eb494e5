"""A Transformer's block, and stacks of it: `Encoder` and the causal `Decoder`."""

from gdl_core.geometry import Domain, Layer, check_channels
from gdl_core.geometry.pointwise import Dropout, FibreMap, Pointwise
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.transformer.attention import MultiHeadAttention


class FeedForward(FibreMap):
    """y = W_2 σ(W_1 x), point by point.

    Args:
        type: invariant channels c.
        hidden: the channels between; 4 c if left out.
        activation: a name that `Pointwise` knows.

    Shapes: `[n, c] -> [n, c]`.

    Source: Vaswani et al. 2017, eq. 2 (there with a ReLU).
    """

    def __init__(self, type: FieldType | int, hidden: int | None = None, activation: str = "gelu"):
        super().__init__(type, type)
        channels = self.in_type.channels
        hidden = 4 * channels if hidden is None else hidden
        self.inner = nn.Linear(channels, hidden)
        self.activation = Pointwise(hidden, activation)
        self.outer = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, -1, self)
        return self.outer(self.activation(self.inner(x)))


class TransformerBlock(Layer):
    """y = x + A(LN(x)), z = y + F(LN(y)) (pre-norm), or y = LN(x + A(x)), z = LN(y + F(y)): attention A, two layers F.

    Args:
        type: invariant channels c.
        heads: of the attention.
        hidden: the channels inside the feed-forward map; 4 c if left out.
        causal, rotary: as in `MultiHeadAttention`; with either the block claims no symmetry.
        activation: of the feed-forward map.
        dropout: the rate at which channels of both branches are zeroed while training.
        pre_norm: normalise before each branch (Xiong et al. 2020), or after each sum as Vaswani et al. did.

    Shapes: `[n, c] -> [n, c]`.

    Raises:
        ValueError: if the heads do not divide the channels. TypeError: if called without a `Graph` or `PointSet`.

    Source: Vaswani et al. 2017, §3.1; the book, §5.4.
    """

    def __init__(
        self,
        type: FieldType | int,
        heads: int = 1,
        hidden: int | None = None,
        causal: bool = False,
        rotary: float | None = None,
        activation: str = "gelu",
        dropout: float = 0.0,
        pre_norm: bool = True,
    ):
        super().__init__(type, type)
        channels = self.in_type.channels
        self.attention = MultiHeadAttention(self.in_type, heads, causal=causal, rotary=rotary)
        self.claims = self.attention.claims
        self.feed_forward = FeedForward(self.in_type, hidden, activation)
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.dropout = Dropout(self.in_type, dropout)
        self.pre_norm = pre_norm

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points_of(x, domain, self)
        if self.pre_norm:
            x = x + self.dropout(self.attention(self.attention_norm(x), domain))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, domain)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class Encoder(Layer):
    """A stack of `TransformerBlock`, with a layer norm after the last if they are pre-norm.

    Without positions it is a function of sets (the book, §5.4) and claims their permutations.

    Args:
        type: invariant channels c.
        blocks: their number.
        heads, hidden, rotary, activation, dropout, pre_norm: as in `TransformerBlock`.

    Shapes: `[n, c] -> [n, c]`.
    """

    causal = False

    def __init__(
        self,
        type: FieldType | int,
        blocks: int,
        heads: int = 1,
        hidden: int | None = None,
        rotary: float | None = None,
        activation: str = "gelu",
        dropout: float = 0.0,
        pre_norm: bool = True,
    ):
        super().__init__(type, type)
        options = (heads, hidden, self.causal, rotary, activation, dropout, pre_norm)
        self.blocks = nn.ModuleList(TransformerBlock(self.in_type, *options) for _ in range(blocks))
        self.norm = nn.LayerNorm(self.in_type.channels) if pre_norm else nn.Identity()
        self.claims = () if self.causal or rotary is not None else ("permutation",)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points_of(x, domain, self)
        for block in self.blocks:
            x = block(x, domain)
        return self.norm(x)


class Decoder(Encoder):
    """An `Encoder` in which a point hears itself and earlier points only: a model of sequences. Claims no symmetry.

    Args:
        type: invariant channels c.
        blocks, heads, hidden, rotary, activation, dropout, pre_norm: as in `Encoder`.

    Shapes: `[n, c] -> [n, c]`.
    """

    causal = True
