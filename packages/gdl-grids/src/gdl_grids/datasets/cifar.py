"""CIFAR-10, the binary version."""

from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_grids.datasets.images import Arrays, Images, find_file

RECORD = 1 + 3 * 32 * 32  # a label and the planes red, green, blue


class CIFAR10(Images):
    """Colour images of ten classes: 50,000 + 10,000 of 32 x 32 (Krizhevsky 2009), from the *binary* version.

    `root` is the folder `cifar-10-batches-bin` or the one that holds it. The Python version is made of pickles, which
    run code when they are opened; it is not read.

    Raises:
        DataError: from `arrays`, if a batch is absent, cut off, or has a label over 9.
    """

    size, channels = (32, 32), 3
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def arrays(self) -> tuple[Arrays, Arrays]:
        root = self.root
        if root is not None and Path(root, "cifar-10-batches-bin").is_dir():
            root = str(Path(root, "cifar-10-batches-bin"))
        if root is not None and (Path(root, "data_batch_1").is_file() or Path(root, "cifar-10-batches-py").is_dir()):
            raise DataError(
                f"{self.root} holds the Python version of CIFAR-10, whose pickles run code when opened: "
                "expected the binary version (data_batch_1.bin … test_batch.bin, cifar-10-binary.tar.gz)."
            )
        batches = [find_file(root, [f"data_batch_{number}.bin"], "CIFAR10") for number in range(1, 6)]
        train = [_read(path) for path in batches]
        return (
            (torch.cat([images for images, _ in train]), torch.cat([labels for _, labels in train])),
            _read(find_file(root, ["test_batch.bin"], "CIFAR10")),
        )


def _read(path: Path) -> Arrays:
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % RECORD:
        raise DataError(f"{path}: expected a multiple of {RECORD} bytes, got {len(content)}.")
    records = torch.from_numpy(content).view(-1, RECORD)
    labels = records[:, 0].long()
    if int(labels.max()) > 9:
        raise DataError(f"{path}: expected labels from 0 to 9, got {int(labels.max())}.")
    return records[:, 1:].reshape(-1, 3, 32, 32), labels
