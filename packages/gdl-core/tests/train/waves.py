"""A user's module: noisy waves of three frequencies on a line of 16 points, and small networks."""

import math
from pathlib import Path

import torch
from gdl_core.geometry import Domain, Signal
from gdl_core.pytree import tensor_dataclass
from gdl_core.representations import FieldType
from gdl_core.train import Samples, Source, Splits
from torch import Tensor, nn

NOT_CALLABLE = 3


@tensor_dataclass(name="waves.Line")
class Line(Domain):
    size: int

    channel_axis = 1

    @property
    def num_points(self) -> int:
        return self.size

    def check(self, values: Tensor, where: str) -> None:
        if values.shape[2:] != (self.size,):
            raise ValueError(f"{where} expects [b, c, {self.size}], got {list(values.shape)}.")

    def symmetries(self):
        return {}


class Waves(Source):
    classes = ("low", "middle", "high")

    def __init__(self, count: int = 96, noise: float = 0.3, jitter: float = 0.0, regression: bool = False):
        self.count, self.noise, self.jitter, self.regression = count, noise, jitter, regression
        if regression:
            self.classes = None

    def splits(self) -> Splits:
        train, test = self.make(self.count, 0), self.make(48, 1)
        augment = (lambda x: x + self.jitter * torch.randn_like(x)) if self.jitter else None
        return Splits(Samples(*train, None, augment), Samples(*test))

    def make(self, count: int, seed: int):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(0, 3, (count,), generator=generator)
        phase = torch.rand(count, 1, 1, generator=generator)
        points = torch.arange(16) / 16
        waves = torch.sin(2 * math.pi * (points * (labels[:, None, None] + 1.0) + phase))
        waves = waves + self.noise * torch.randn(waves.shape, generator=generator)
        return waves, labels.float()[:, None] if self.regression else labels

    def signal(self, values: Tensor) -> Signal:
        return Signal(values, Line(values.shape[-1]), FieldType.scalars(values.shape[1]))

    def read(self, path: Path, invert: bool = False) -> Tensor:
        values = torch.tensor([float(word) for word in Path(path).read_text().split()])
        return (-values if invert else values)[None, None]


class NotASource:
    pass


class Net(nn.Sequential):
    def __init__(self, width: int = 4, outputs: int = 3, channels: int = 1, dropout: float = 0.0):
        super().__init__(
            nn.Conv1d(channels, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(16 * width, outputs),
        )


class Wrapped(nn.Module):
    """A network that is given a network."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def make_net(hidden, *, outputs: int = 3) -> nn.Module:
    """A function without an annotation for `hidden`."""
    return nn.Sequential(nn.Flatten(), nn.Linear(16, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def no_network() -> int:
    return 3
