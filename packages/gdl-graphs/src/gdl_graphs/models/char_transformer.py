"""`CharTransformer`: a language model of characters."""

import torch
from torch import Tensor, nn

from gdl_graphs.sets.packed import equal_sets
from gdl_graphs.transformer.block import Decoder
from gdl_graphs.transformer.positions import LearnedPositions


class CharTransformer(nn.Module):
    """Logits of the next character after each character of a text: embedding, causal decoder, linear head.

    Args:
        vocab: the number of characters.
        context: the longest text that it reads.
        channels: of the decoder.
        blocks, heads, hidden, activation, dropout: of the decoder, as in `Decoder`.
        positions: `"rotary"` or `"learned"`.
        tied: the head's weight is the embedding's (Press and Wolf 2017).

    Shapes: `tokens[b, t]`, integers in [0, vocab), `-> [b, t, vocab]`.

    Raises:
        ValueError: at construction for other `positions`; when called with a text that is longer than `context`.
        TypeError: when called with values that are not integers.

    Source: the decoder of Vaswani et al. 2017, as a language model (Radford et al. 2019), here on characters.
    """

    def __init__(
        self,
        vocab: int = 65,
        context: int = 128,
        channels: int = 128,
        blocks: int = 4,
        heads: int = 4,
        hidden: int | None = None,
        activation: str = "gelu",
        dropout: float = 0.0,
        positions: str = "rotary",
        tied: bool = True,
    ):
        super().__init__()
        if positions not in ("rotary", "learned"):
            raise ValueError(f"CharTransformer takes positions 'rotary' or 'learned', got {positions!r}.")
        rotary = 10_000.0 if positions == "rotary" else None
        self.vocab, self.context = vocab, context
        self.embedding = nn.Embedding(vocab, channels)
        self.positions = LearnedPositions(channels, context) if positions == "learned" else None
        self.decoder = Decoder(channels, blocks, heads, hidden, rotary, activation, dropout)
        self.head = nn.Linear(channels, vocab, bias=False)
        if tied:
            self.head.weight = self.embedding.weight
        self._initialise(blocks)

    def _initialise(self, blocks: int) -> None:
        """Draw weights of standard deviation 0.02, those that add to the residual stream smaller (Radford et al.)."""
        for name, parameter in self.named_parameters():
            if name.endswith(("out_proj.weight", "outer.weight")):
                nn.init.normal_(parameter, std=0.02 / (2 * blocks) ** 0.5)
            elif name.endswith(".weight") and parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith(".bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.dim() != 2 or tokens.is_floating_point():
            raise TypeError(f"CharTransformer expects integers [b, t], got {tokens.dtype} {list(tokens.shape)}.")
        samples, length = tokens.shape
        if length > self.context:
            raise ValueError(f"CharTransformer reads {self.context} characters, got {length}; give the last ones.")
        domain = equal_sets(samples, length, tokens.device)
        x = self.embedding(tokens.reshape(-1))
        if self.positions is not None:
            x = self.positions(x, domain)
        return self.head(self.decoder(x, domain)).unflatten(0, (samples, length))

    @torch.no_grad()
    def generate(
        self, prompt: Tensor, steps: int, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Continue each text by `steps` characters, drawn one by one from softmax(logits / temperature).

        Args:
            prompt: ``[b, t]``, t from 1.
            steps: how many characters to add.
            temperature: below 1 the likely ones become likelier; 0 takes the likeliest.
            generator: of the random numbers, on the device of the prompt.

        Returns:
            ``[b, t + steps]``.

        Raises:
            ValueError: if the prompt is empty or the temperature negative.
        """
        if prompt.dim() != 2 or prompt.shape[1] < 1 or temperature < 0:
            raise ValueError(
                f"generate continues texts [b, t] with t from 1 at a temperature from 0, got {list(prompt.shape)} "
                f"and {temperature}."
            )
        text = prompt
        for _ in range(steps):
            logits = self(text[:, -self.context :])[:, -1].float()
            if temperature == 0:
                following = logits.argmax(-1, keepdim=True)
            else:
                following = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            text = torch.cat([text, following.to(text.dtype)], 1)
        return text
