"""`Images`: what the sources of images share: normalisation, random changes, reading a user's picture."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gdl_core.errors import DataError
from gdl_core.geometry import Signal
from gdl_core.grid import BOUNDARIES, Grid
from gdl_core.representations import FieldType
from gdl_core.train.files import find_file as find_file
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor

Arrays = tuple[Tensor, Tensor]  # images uint8[n, c, h, w], labels int64[n]


class Images(Source):
    """Images as float32 `[b, c, h, w]`, normalised: (pixel / `levels` - mean) / std, per channel.

    A subclass gives `arrays` (the training and the test images) and the class attributes.

    Args:
        root: the folder with the files; it is read when training begins, not before.
        shift: while training, move every image by up to so many pixels along each axis, filling with black.
        flip: while training, mirror half of the images left to right.
        boundary: of the grid that the images live on, for `gdl audit`.
        pad: black pixels added on every side. On a torus they keep an image from touching itself, and a size with more
            factors of two lets more pools keep every shift.
    """

    size: tuple[int, int] = (28, 28)
    channels: int = 1
    levels: float = 255.0
    mean: Sequence[float] = (0.5,)
    std: Sequence[float] = (0.5,)

    def __init__(
        self, root: str | None = None, shift: int = 0, flip: bool = False, boundary: str = "periodic", pad: int = 0
    ):
        for name, pixels in (("shift", shift), ("pad", pad)):
            if pixels < 0:
                raise ValueError(f"{name}: expected a number of pixels from 0, got {pixels}")
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundary: expected {', '.join(BOUNDARIES)}, got {boundary!r}")
        self.root, self.shift, self.flip, self.boundary, self.pad = root, shift, flip, boundary, pad

    @abstractmethod
    def arrays(self) -> tuple[Arrays, Arrays]:
        """Read the training and the test images; raises DataError."""

    def splits(self) -> Splits:
        (train, train_labels), (test, test_labels) = self.arrays()
        changes = self.augment if self.shift or self.flip else None
        return Splits(
            Samples(train, train_labels, self.prepare, changes), Samples(test, test_labels, self.prepare, None)
        )

    def prepare(self, images: Tensor) -> Tensor:
        """Pad images `uint8[b, c, h, w]` (or floats of the same range) and normalise them to float32."""
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return (F.pad(images, [self.pad] * 4).float() / self.levels - mean) / std

    def augment(self, images: Tensor) -> Tensor:
        """Return prepared images moved and mirrored at random."""
        if self.flip:
            mirrored = torch.rand(len(images)) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        black = self.prepare(images.new_zeros(1, self.channels, 1, 1))[:, :, :1, :1]
        return random_shift(images, self.shift, black)

    def signal(self, values: Tensor) -> Signal:
        return Signal(values, Grid.of(values, self.boundary), FieldType.scalars(values.shape[1]))

    def read(self, path: Path, invert: bool = False) -> Tensor:
        """Read any picture that Pillow knows, `[1, c, h, w]`: to grey or colour, resized, inverted on request."""
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                picture = image.convert("RGBA")  # transparent pixels become black, as the background of the digits
                ground = Image.new("RGBA", picture.size, (255, 255, 255, 255) if invert else (0, 0, 0, 255))
                flat = Image.alpha_composite(ground, picture).convert("L" if self.channels == 1 else "RGB")
                small = flat.resize((self.size[1], self.size[0]), Image.Resampling.LANCZOS)
        except FileNotFoundError as error:
            raise DataError(f"There is no image {path}.") from error
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise DataError(f"{path} is not an image that can be read: {error}") from error
        pixels = torch.from_numpy(np.array(small)).reshape(*self.size, self.channels).movedim(-1, 0)
        pixels = 255 - pixels if invert else pixels
        return self.prepare(pixels[None] * (self.levels / 255.0))


def random_shift(images: Tensor, reach: int, fill: Tensor) -> Tensor:
    """Move each image `[b, c, h, w]` by its own random whole number of pixels in [-reach, reach] along both axes.

    What enters from outside is `fill`, `[1, c, 1, 1]`.
    """
    if reach == 0:
        return images
    b, c, h, w = images.shape
    room = fill.to(images).expand(b, c, h + 2 * reach, w + 2 * reach).clone()
    room[:, :, reach : reach + h, reach : reach + w] = images
    rows, columns = torch.randint(0, 2 * reach + 1, (2, b, 1), device=images.device)
    rows = rows + torch.arange(h, device=images.device)  # [b, h]
    columns = columns + torch.arange(w, device=images.device)  # [b, w]
    first = torch.arange(b, device=images.device)[:, None, None]
    return room[first, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
