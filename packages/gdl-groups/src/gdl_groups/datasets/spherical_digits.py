"""Handwritten digits drawn on the sphere, learnt upright and tested in any pose."""

import torch
from gdl_core.geometry import Signal
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_core.train.digits import split_digits
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor
from torch.nn import functional

from gdl_groups.spherical.domain import Sphere


class SphericalDigits(Source):
    """The 1,797 digits of 8 x 8 pixels that scikit-learn carries, on a sphere (after Cohen et al. 2018, §5.2).

    A digit lies around the pole +y by stereographic projection, brightness between pixels is bilinear. Test digits are
    turned, each by its own rotation of the sphere, drawn uniformly: the value at a point u is that of the digit at
    g⁻¹u, so nothing is resampled twice. Training digits stay upright unless `rotate_train`. One fifth of every class is
    the test set, by a fixed permutation.

    Values are in [0, 1], `float32[b, 1, nlat, nlon]`. Needs the extra gdl-core[train].

    Args:
        nlat, nlon, kind: of the sphere, see `Sphere`.
        extent: the angle from the pole to the middle of an edge of the image, in radians.
        rotate_train: turn the training digits too, each once.
        rotate_test: turn the test digits.
        seed: of the rotations.

    Raises:
        ValueError: for an extent that is no angle in (0, π), or a sphere that is none.
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        nlat: int = 16,
        nlon: int = 32,
        kind: str = "gauss-legendre",
        extent: float = 1.4,
        rotate_train: bool = False,
        rotate_test: bool = True,
        seed: int = 0,
    ):
        if not 0 < extent < torch.pi:
            raise ValueError(f"SphericalDigits takes as extent an angle in (0, π), got {extent!r}.")
        self.sphere, self.extent, self.seed = Sphere(nlat, nlon, kind), extent, seed
        self.rotate_train, self.rotate_test = rotate_train, rotate_test

    def splits(self) -> Splits:
        images, labels, test = _digits()
        parts = []
        for chosen, turned, seed in ((~test, self.rotate_train, 0), (test, self.rotate_test, 1)):
            count = int(chosen.sum())
            draw = torch.Generator().manual_seed(2 * self.seed + seed)
            poses = SO(3).sample(count, draw) if turned else torch.eye(3, dtype=torch.float64).expand(count, 3, 3)
            parts.append(Samples(on_sphere(images[chosen], self.sphere, self.extent, poses), labels[chosen]))
        return Splits(*parts)

    def signal(self, inputs: Tensor) -> Signal:
        return Signal(inputs, self.sphere, FieldType.scalars(inputs.shape[1]))


def on_sphere(images: Tensor, sphere: Sphere, extent: float, poses: Tensor) -> Tensor:
    """Return images `[b, c, h, w]` around the pole of a sphere, turned by `poses[b, 3, 3]`, `[b, c, nlat, nlon]`.

    Stereographic projection from the opposite pole -y; `extent` is the angle from the pole to the middle of an edge.
    Columns run along x and rows against z: upright for one who looks from the centre at the pole, with z up. Zero
    outside the image.
    """
    found = []
    for part, turn in zip(images.split(256), poses.split(256)):
        x, y, z = (sphere.points() @ turn).unbind(-1)  # g⁻¹u, [b, n] each
        scale = 1 / (torch.tan(torch.tensor(extent / 2, dtype=torch.float64)) * (1 + y).clamp_min(1e-9))
        where = torch.stack([x * scale, -z * scale], -1)[:, None].to(part)  # ±1 at the edges
        values = functional.grid_sample(part, where, mode="bilinear", padding_mode="zeros", align_corners=False)
        found.append(values.unflatten(-1, sphere.shape)[:, :, 0])
    return torch.cat(found)


def _digits() -> tuple[Tensor, Tensor, Tensor]:
    """Return images in [0, 1], labels, and whether each is a test image."""
    train, test = split_digits()
    images, labels = (torch.cat(parts) for parts in zip(train, test))
    return images.float() / 16, labels, torch.arange(len(labels)) >= len(train[1])
