"""Digits that lie as they were written, and digits turned: by quarter turns, or by any angle."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from gdl_core.errors import DataError, UnknownNameError, closest
from gdl_core.geometry import Signal
from gdl_core.grid import BOUNDARIES, Grid
from gdl_core.representations import FieldType
from gdl_core.train.digits import split_digits
from gdl_core.train.idx import find_idx, read_idx
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor

ANGLES = ("upright", "quarter", "any")


class _Digits(Source):
    """Grey digits as float32 `[b, 1, h, w]`, normalised, on a grid of the given boundary."""

    classes: Sequence[str] = tuple("0123456789")
    size: tuple[int, int]
    levels: float
    mean: float
    std: float

    def __init__(self, pad: int, boundary: str, turn: float):
        if pad < 0:
            raise ValueError(f"pad: expected a number of pixels from 0, got {pad}")
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundary: expected {', '.join(BOUNDARIES)}, got {boundary!r}")
        if not 0 <= turn <= 180:
            raise ValueError(f"turn: expected degrees from 0 to 180, got {turn}")
        self.pad, self.boundary, self.turn = pad, boundary, turn

    def prepare(self, images: Tensor) -> Tensor:
        """Pad images `[b, 1, h, w]` of 0 … `levels` with black and normalise them to float32."""
        return (F.pad(images.float(), [self.pad] * 4) / self.levels - self.mean) / self.std

    def augment(self, images: Tensor) -> Tensor:
        """Return prepared images, each turned by its own random angle of at most `turn` degrees."""
        angles = (2 * torch.rand(len(images)) - 1) * math.radians(self.turn)
        return turned(images, angles, -self.mean / self.std)

    def signal(self, values: Tensor) -> Signal:
        return Signal(values, Grid.of(values, self.boundary), FieldType.scalars(values.shape[1]))

    def _samples(self, images: Tensor, labels: Tensor, *, train: bool) -> Samples:
        return Samples(images, labels, self.prepare, self.augment if train and self.turn else None)


class RotatedDigits(_Digits):
    """The 1,797 digits of 8 x 8 that scikit-learn carries: trained as written, tested turned.

    One fifth of every class is the test set, by a fixed permutation. Needs the extra gdl-core[train].

    Args:
        train, test: `upright`; `quarter`, each image in its four quarter turns, exactly; or `any`, each image turned by
            an angle of its own, drawn once from a fixed seed, by bilinear interpolation.
        pad: black pixels added on every side.
        boundary: of the grid that the images live on.
        turn: while training, turn every image by a random angle of up to so many degrees.
    """

    size, levels = (8, 8), 16.0
    mean, std = 0.3052, 0.3758

    def __init__(
        self, train: str = "upright", test: str = "quarter", pad: int = 2, boundary: str = "zero", turn: float = 0.0
    ):
        super().__init__(pad, boundary, turn)
        for name, value in (("train", train), ("test", test)):
            if value not in ANGLES:
                raise UnknownNameError(
                    f"{name}: expected {', '.join(ANGLES)}, got {value!r}." + closest(str(value), ANGLES)
                )
        self.train, self.test = train, test

    def splits(self) -> Splits:
        (images, labels), (others, truth) = self.arrays()
        return Splits(
            self._samples(*_laid(images, labels, self.train, self.pad), train=True),
            self._samples(*_laid(others, truth, self.test, self.pad), train=False),
        )

    def prepare(self, images: Tensor) -> Tensor:
        return (images.float() / self.levels - self.mean) / self.std  # padded before they were turned

    def arrays(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return the training and the test images as written, float32 `[n, 1, 8, 8]`, and their labels."""
        (images, labels), (others, truth) = split_digits()
        return (images.float(), labels), (others.float(), truth)


class RotatedMNIST(_Digits):
    """12,000 + 50,000 digits of 28 x 28, each turned by a random angle (Larochelle et al. 2007), made from MNIST.

    The original files are not distributed any more; this is their recipe with a fixed seed: 62,000 of MNIST's 70,000
    images without replacement, angles uniform in [0°, 360°), linear interpolation. Its numbers are close to those
    published for the original but not interchangeable with them.

    Args:
        root: the folder with MNIST's four IDX files.
        pad, boundary, turn: as in `RotatedDigits`.

    Raises:
        DataError: from `splits`, if a file is absent, damaged or of another size.
    """

    size, levels = (28, 28), 255.0
    mean, std = 0.1307, 0.3081

    def __init__(self, root: str | None = None, pad: int = 0, boundary: str = "zero", turn: float = 0.0):
        super().__init__(pad, boundary, turn)
        self.root = root

    def splits(self) -> Splits:
        images, labels = rotated_mnist(self.root)
        return Splits(
            self._samples(images[:12000], labels[:12000], train=True),
            self._samples(images[12000:], labels[12000:], train=False),
        )


def rotated_mnist(root: str | None, count: int = 62000) -> tuple[Tensor, Tensor]:
    """Return the first `count` images of rotated MNIST, uint8 `[n, 1, 28, 28]`, and their labels.

    Raises:
        DataError: if a file is absent, damaged or of another size.
    """
    from scipy.ndimage import rotate

    parts: dict[str, list[np.ndarray]] = {"images-idx3": [], "labels-idx1": []}
    for part, size in (("train", 60000), ("t10k", 10000)):
        for kind, found in parts.items():
            path = find_idx(root, f"{part}-{kind}-ubyte", "RotatedMNIST")
            values = read_idx(path)
            expected = (size, 28, 28) if kind == "images-idx3" else (size,)
            if values.shape != expected:
                raise DataError(f"{path}: expected the sizes {list(expected)}, got {list(values.shape)}.")
            found.append(values)
    images, labels = (np.concatenate(found) for found in parts.values())
    draw = np.random.RandomState(0)
    chosen = draw.permutation(70000)[:62000]
    angles = draw.uniform(0, 360, 62000)[:count]
    chosen = chosen[:count]
    out = np.empty((count, 1, 28, 28), np.uint8)
    for position, (index, angle) in enumerate(zip(chosen, angles)):
        image = rotate(images[index] / 255.0, angle, reshape=False, order=1)
        out[position, 0] = (image.clip(0, 1) * 255).round()
    return torch.from_numpy(out), torch.from_numpy(labels[chosen].astype(np.int64))


def turned(images: Tensor, angles: Tensor, outside: float = 0.0) -> Tensor:
    """Return images `[b, c, h, w]`, each turned about its centre by its angle in radians, bilinearly.

    A positive angle takes the first axis to the second, as `torch.rot90` and a grid's symmetry `rotation` do.
    """
    cos, sin = angles.cos(), angles.sin()
    zero = torch.zeros_like(cos)
    rows = [torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)]
    places = F.affine_grid(torch.stack(rows, 1).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images - outside, places, align_corners=False) + outside


def _laid(images: Tensor, labels: Tensor, angles: str, pad: int) -> tuple[Tensor, Tensor]:
    """Return padded images as they were written, in their four quarter turns, or each at an angle of its own."""
    images = F.pad(images, [pad] * 4)
    if angles == "quarter":
        return torch.cat([images.rot90(turn, (2, 3)) for turn in range(4)]), labels.repeat(4)
    if angles == "any":
        draw = torch.Generator().manual_seed(0)
        return turned(images, 2 * math.pi * torch.rand(len(images), generator=draw)), labels
    return images, labels
