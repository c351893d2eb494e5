"""Cases of attention, positions, and the encoder and decoder made of them."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import GRAPH, SET, SETS, signals
from gdl_graphs.transformer.attention import MultiHeadAttention
from gdl_graphs.transformer.block import Decoder, Encoder, FeedForward, TransformerBlock
from gdl_graphs.transformer.positions import LearnedPositions, SinusoidalPositions

CASES = {
    ("layer", "multi-head-attention"): [
        Case("packed", lambda: MultiHeadAttention(4, 2, 3), signals(SETS, 4)),
        Case("equal", lambda: MultiHeadAttention(4, 2, bias=False), signals(SET, 4)),
        Case("on-graph", lambda: MultiHeadAttention(3), signals(GRAPH, 3)),
        Case("causal-rotary", lambda: MultiHeadAttention(4, 2, causal=True, rotary=100.0), signals(SETS, 4)),
        Case("causal-rotary-equal", lambda: MultiHeadAttention(4, 1, causal=True, rotary=100.0), signals(SET, 4)),
    ],
    ("layer", "feed-forward"): [Case("gelu", lambda: FeedForward(3, 5), signals(SETS, 3))],
    ("layer", "transformer-block"): [
        Case("pre-norm", lambda: TransformerBlock(4, 2, dropout=0.1), signals(SETS, 4)),
        Case("post-norm", lambda: TransformerBlock(4, 2, 6, activation="silu", pre_norm=False), signals(SET, 4)),
    ],
    ("layer", "encoder"): [
        Case("set", lambda: Encoder(4, 2, 2, 6), signals(SETS, 4)),
        Case("rotary", lambda: Encoder(4, 1, 2, 6, rotary=100.0), signals(SET, 4)),
    ],
    ("layer", "decoder"): [Case("rotary", lambda: Decoder(4, 2, 2, 6, rotary=100.0), signals(SETS, 4))],
    ("layer", "sinusoidal-positions"): [Case("plain", lambda: SinusoidalPositions(4), signals(SETS, 4))],
    ("layer", "learned-positions"): [
        Case("packed", lambda: LearnedPositions(3, 6), signals(SETS, 3)),
        Case("equal", lambda: LearnedPositions(3, 6), signals(SET, 3)),
    ],
}
