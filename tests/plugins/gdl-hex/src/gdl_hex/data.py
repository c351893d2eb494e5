"""Handwritten digits on the hexagonal lattice."""

import torch
from torch import Tensor

from gdl_hex.lattice import HexTorus


def hex_digits(size: int = 12) -> tuple[Tensor, Tensor]:
    """Return scikit-learn's digits resampled to hexagonal cells: images `[1797, 1, size, size]` and labels `[1797]`.

    The 8 x 8 pixels are read bilinearly at the cells' places, with the picture in the middle of the torus.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = torch.as_tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    q, r = (HexTorus(size).cells().float() - size // 2).unbind(-1)
    places = torch.stack([q + r / 2, r * 3**0.5 / 2], -1) / 4  # the axial basis is (1, 0), (1/2, √3/2); [-1, 1] wide
    places = places.reshape(1, size, size, 2).expand(len(pixels), -1, -1, -1)
    return torch.nn.functional.grid_sample(pixels, places, align_corners=False), torch.as_tensor(labels)
