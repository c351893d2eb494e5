"""IDX, the format of MNIST and Fashion-MNIST."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_grids.datasets.images import Arrays, Images, find_file


class IDX(Images):
    """Grey images in four IDX files, raw or `.gz`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`.

    Source of the format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits". A header (two zero bytes,
    the type, the number of axes, each size as a big-endian 32-bit integer), then the values.

    Raises:
        DataError: from `arrays`, if a file is absent, damaged, cut off, or does not fit the others.
    """

    def arrays(self) -> tuple[Arrays, Arrays]:
        return self._read("train"), self._read("t10k")

    def _read(self, part: str) -> Arrays:
        found = []
        for kind, axes in (("images-idx3", 3), ("labels-idx1", 1)):
            stem = f"{part}-{kind}-ubyte"
            names = [stem, f"{stem}.gz", stem.replace("-idx", ".idx")]  # some copies have a dot there
            path = find_file(self.root, names, type(self).__name__)
            values = read_idx(path)
            if values.ndim != axes:
                raise DataError(f"{path}: expected {axes} axes, got {values.ndim}.")
            found.append(values)
        images, labels = found
        if len(images) != len(labels):
            raise DataError(f"{self.root}: {part} has {len(images)} images and {len(labels)} labels, expected as many.")
        if images.shape[1:] != self.size:
            raise DataError(f"{self.root}: expected images of {self.size}, got {images.shape[1:]}.")
        return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()


class MNIST(IDX):
    """Handwritten digits: 60,000 + 10,000 grey images of 28 x 28 (LeCun, Bottou, Bengio, Haffner 1998)."""

    mean, std = (0.1307,), (0.3081,)
    classes = tuple("0123456789")


class FashionMNIST(IDX):
    """Clothes: 60,000 + 10,000 grey images of 28 x 28 (Xiao, Rasul, Vollgraf, arXiv 1708.07747)."""

    mean, std = (0.2860,), (0.3530,)
    classes = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes, raw or compressed with gzip, as `uint8[sizes]`.

    Raises:
        DataError: the compression is damaged, the header is not IDX's, or the number of bytes is another than it says.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path} is a damaged or cut off gzip file of {len(content)} bytes: {error}.") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: expected an IDX header 00 00 08 (unsigned bytes), got {content[:3].hex(' ')!r}.")
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path}: expected a header of {start} bytes, got {len(content)} bytes in all.")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise DataError(f"{path}: expected {expected} bytes for the sizes {list(shape)}, got {len(content)}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
