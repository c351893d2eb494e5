"""A user's module: samples that live on domains of their own, paths of several lengths, and a network on them."""

import torch
from gdl_core.geometry import Domain
from gdl_core.pytree import tensor_dataclass
from gdl_core.train import IGNORED, Source, Splits
from torch import Tensor, nn


@tensor_dataclass(name="paths.Paths")
class Paths(Domain):
    owner: Tensor  # [n], the path of each point
    first: Tensor  # [b], the first point of each path

    @property
    def num_points(self) -> int:
        return len(self.owner)

    def check(self, values: Tensor, where: str) -> None:
        if values.shape[:1] != self.owner.shape:
            raise ValueError(f"{where} expects [{self.num_points}, c], got {list(values.shape)}.")

    def symmetries(self):
        return {}

    @classmethod
    def collate(cls, domains):
        sizes = torch.tensor([domain.num_points for domain in domains])
        return cls(torch.repeat_interleave(torch.arange(len(sizes)), sizes), sizes.cumsum(0) - sizes)


def path(size: int) -> Paths:
    return Paths(torch.zeros(size, dtype=torch.long), torch.zeros(1, dtype=torch.long))


class Steps(Source):
    """Random walks on a line; the class is the sign of the drift, of the walk or (`points`) of each point's step.

    Args:
        points: predict at points: one path, of which the splits know different points.
        numbers: predict the drift itself.
    """

    classes = ("down", "up")

    def __init__(self, count: int = 60, points: bool = False, numbers: bool = False, seed: int = 0):
        self.count, self.points, self.numbers, self.seed = count, points, numbers, seed
        if numbers:
            self.classes = None

    def splits(self) -> Splits:
        draw = torch.Generator().manual_seed(self.seed)
        if self.points:
            steps = torch.randn(self.count, 1, generator=draw)
            which = torch.randint(3, (self.count,), generator=draw)
            labels = (steps[:, 0] > 0).long()
            parts = [[((steps, path(self.count)), torch.where(which == k, labels, IGNORED))] for k in range(3)]
            return Splits(parts[0], parts[1], parts[2])
        samples = []
        for _ in range(self.count):
            size = int(torch.randint(2, 7, (1,), generator=draw))
            drift = torch.randn(1, generator=draw)
            values = drift + 0.3 * torch.randn(size, 1, generator=draw)
            samples.append(((values, path(size)), drift[:, None] if self.numbers else (drift > 0).long()))
        return Splits(samples[10:], samples[:10])

    def read(self, path_, invert: bool = False):
        values = torch.tensor([[float(word)] for word in path_.read_text().split()])
        return values, path(len(values))


class Net(nn.Module):
    """A map at each point, and the mean over each path unless `points`."""

    def __init__(self, outputs: int = 2, points: bool = False):
        super().__init__()
        self.points = points
        self.enter, self.leave = nn.Linear(1, 8), nn.Linear(8, outputs)

    def forward(self, x: Tensor, domain: Paths) -> Tensor:
        hidden = self.enter(x).relu()
        if not self.points:
            total = hidden.new_zeros(len(domain.first), 8).index_add(0, domain.owner, hidden)
            hidden = total / domain.owner.bincount(minlength=len(domain.first))[:, None]
        return self.leave(hidden)


class Letters(Source):
    """A text of repeated letters: the input `[b, t]` is letters, the target `[b, t]` those that follow."""

    classes = ("a", "b", "c")

    def splits(self) -> Splits:
        text = torch.arange(400) % 3
        windows = text.unfold(0, 9, 8)
        samples = [(window[:-1], window[1:]) for window in windows]
        return Splits(samples[8:], samples[:8])


class Bigram(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Embedding(3, 4), nn.Linear(4, 3))
