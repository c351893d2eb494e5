"""Characters of a text file."""

from pathlib import Path

import torch
from gdl_core.errors import DataError
from gdl_core.train.files import find_file
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor

SHAKESPEARE = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Text(Source):
    """Predict each character of a text from those before it: inputs and targets are `int64[b, context]`.

    The text is cut into a part to learn from and a part to measure on, which is the validation and the test set at
    once, as is usual for this data: take the last epoch, or read the figure of the best epoch as chosen on it.
    Training takes windows from anywhere, measuring takes them one after the other.

    Args:
        root: the folder with the file; it is read when training begins, not before.
        file: its name.
        context: characters that the network sees at most.
        train_fraction: the part of the text to learn from, from its beginning.
        alphabet: the characters of the text; the 65 of Tiny Shakespeare (Karpathy 2015) if left out. Their order is
            that of the outputs.
    """

    def __init__(
        self,
        root: str | None = None,
        file: str = "input.txt",
        context: int = 64,
        train_fraction: float = 0.9,
        alphabet: str = SHAKESPEARE,
    ):
        if context < 1:
            raise ValueError(f"context: expected at least one character, got {context}")
        if not 0 < train_fraction < 1:
            raise ValueError(f"train_fraction: expected a fraction in (0, 1), got {train_fraction}")
        self.root, self.file, self.context, self.train_fraction = root, file, context, train_fraction
        self.classes: tuple[str, ...] = tuple(alphabet)

    def splits(self) -> Splits:
        text = self.encode(_read(find_file(self.root, [self.file], "Text")), self.file)
        cut = int(len(text) * self.train_fraction)
        shortest = min(cut, len(text) - cut)
        if shortest <= self.context:
            raise DataError(
                f"{self.file} is too short: its parts need more than {self.context} characters, got {shortest}."
            )
        held_out = self.windows(text[cut:], self.context)
        return Splits(self.windows(text[:cut], 1), held_out, held_out)

    def windows(self, text: Tensor, stride: int) -> Samples:
        """Return the windows of a text that begin at every multiple of `stride`."""
        windows = text.unfold(0, self.context + 1, stride)  # a view
        return Samples(windows[:, :-1], windows[:, 1:])

    def encode(self, text: str, where: str) -> Tensor:
        """Return the number of each character; raises DataError naming the first that is not in the alphabet."""
        number = {character: place for place, character in enumerate(self.classes)}
        unknown = next((place for place, character in enumerate(text) if character not in number), None)
        if unknown is not None:
            raise DataError(
                f"{where} has the character {text[unknown]!r} at place {unknown}, which is not in the alphabet of the "
                "data: give --data.alphabet."
            )
        return torch.tensor([number[character] for character in text], dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """Return the text of the characters of those numbers."""
        return "".join(self.classes[number] for number in numbers.tolist())

    def read(self, path: Path, invert: bool = False) -> Tensor:
        """Read the last `context` characters of a text, `[1, t]`."""
        text = _read(path).rstrip("\n")[-self.context :]
        if not text:
            raise DataError(f"{path} is empty: expected at least one character.")
        return self.encode(text, str(path))[None]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
