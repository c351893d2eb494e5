"""The handwritten digits that scikit-learn carries, split into training and test."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def split_digits() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return training and test images, uint8 `[n, 1, 8, 8]` of 0 … 16, each with their labels `int64[n]`.

    1,797 in all; one fifth of every class is the test set, by a fixed permutation. Needs the extra gdl-core[train].
    """
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    labels = data.target[order]
    # The rank of a sample within its class decides, so that every class gives the same share.
    rank = np.zeros(len(labels), int)
    for label in range(10):
        rank[labels == label] = np.arange((labels == label).sum())
    images = torch.from_numpy(data.images[order].astype(np.uint8))[:, None]
    test = torch.from_numpy(rank % 5 == 0)
    targets = torch.from_numpy(labels).long()
    return (images[~test], targets[~test]), (images[test], targets[test])
