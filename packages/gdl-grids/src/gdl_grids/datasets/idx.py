"""IDX, the format of MNIST and Fashion-MNIST."""

import torch
from gdl_core.errors import DataError
from gdl_core.train.idx import find_idx
from gdl_core.train.idx import read_idx as read_idx

from gdl_grids.datasets.images import Arrays, Images


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
            path = find_idx(self.root, f"{part}-{kind}-ubyte", type(self).__name__)
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
