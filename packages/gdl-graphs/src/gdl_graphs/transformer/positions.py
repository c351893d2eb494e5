"""Where a point stands in its sample, told to a network: sinusoidal, learned and rotary encodings.

A Transformer without them is a function of sets (the book, §5.4); with them it is one of sequences, and no layer here
claims the symmetry under permutations.
"""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.points import Points
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.sets.packed import static_size


def places(domain: Points) -> Tensor:
    """Return ``int32[n]``, the place of each point in its sample, from 0."""
    count = torch.arange(domain.num_points, dtype=torch.int32, device=domain.ptr.device)
    return count - domain.ptr.index_select(0, domain.owner)


def frequencies(width: int, base: float) -> Tensor:
    """Return ``float64[width / 2]``, the angles per place ``base^(-2 k / width)`` (Vaswani et al. 2017, §3.5)."""
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def angles(place: Tensor, frequency: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosines and sines ``[n, width / 2]`` of place times frequency, computed wide and rounded once."""
    angle = place[:, None].to(frequency.dtype) * frequency
    return angle.cos().to(dtype), angle.sin().to(dtype)


class SinusoidalPositions(Layer):
    """y_p = x_p + e(p) with e(p)[2k] = sin(p base^(-2k/c)) and e(p)[2k + 1] = cos(p base^(-2k/c)), at place p.

    Args:
        type: invariant channels c, an even number.
        base: the wavelengths grow from 2π to 2π base.

    Shapes: `[n, c] -> [n, c]`.

    Raises:
        ValueError: if the number of channels is odd.

    Source: Vaswani et al. 2017, §3.5.
    """

    def __init__(self, type: FieldType | int, base: float = 10_000.0):
        super().__init__(type, type)
        if self.in_type.channels % 2:
            raise ValueError(f"SinusoidalPositions takes an even number of channels, got {self.in_type.channels}.")
        self.base = base

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        frequency = frequencies(x.shape[1], self.base).to(x.device)
        cos, sin = angles(places(points), frequency, x.dtype)
        return x + torch.stack([sin, cos], -1).flatten(1)


class LearnedPositions(Layer):
    """y_p = x_p + E[p], a vector for each place p below `length`.

    Args:
        type: invariant channels c.
        length: the number of places. Points beyond become NaN where sizes are known to the device only.

    Shapes: `[n, c] -> [n, c]`.

    Raises:
        ValueError: if `length` is not positive, or all samples are known to have more points.

    Source: Gehring et al. 2017, §3.1; Vaswani et al. 2017, table 3 (E).
    """

    def __init__(self, type: FieldType | int, length: int):
        super().__init__(type, type)
        if length < 1:
            raise ValueError(f"LearnedPositions takes a length from 1, got {length}.")
        self.length = length
        self.table = nn.Parameter(0.02 * torch.randn(length, self.in_type.channels))

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        size = static_size(points)
        if size is not None and size > self.length:
            raise ValueError(f"LearnedPositions has {self.length} places, got samples of {size} points.")
        if size:
            return (x.unflatten(0, (-1, size)) + self.table[:size]).flatten(0, 1)
        place = places(points)
        found = nn.functional.embedding(place.clamp(max=self.length - 1), self.table)
        return x + found.masked_fill((place >= self.length)[:, None], torch.nan)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self.length} places"


class Rotary(nn.Module):
    """Turn each pair (x[k], x[k + d/2]) of a query or key at place p by the angle p base^(-2k/d).

    The product of a query at p and a key at q then depends on p - q only. (The paper pairs neighbouring channels; the
    halves paired here are the same up to a permutation of the channels, which the linear maps before it learn.)

    Args:
        width: channels d of a head, an even number.
        base: the wavelengths grow from 2π to 2π base.

    Shapes: `x[n, h, d]`, `domain` of n points `-> [n, h, d]`.

    Raises:
        ValueError: if `width` is odd.

    Source: Su et al. 2021 (RoFormer), eq. 34.
    """

    def __init__(self, width: int, base: float = 10_000.0):
        super().__init__()
        if width % 2:
            raise ValueError(f"Rotary takes heads of an even width, got {width}.")
        self.width, self.base = width, base

    def forward(self, x: Tensor, domain: Points) -> Tensor:
        size = static_size(domain)
        place = places(domain) if not size else torch.arange(size, device=x.device)
        cos, sin = angles(place, frequencies(self.width, self.base).to(x.device), x.dtype)
        if size:  # the same angles in every sample
            x, shape = x.unflatten(0, (-1, size)), x.shape
        else:
            shape = x.shape
        one, two = x.chunk(2, -1)
        cos, sin = cos[:, None], sin[:, None]
        return torch.cat([one * cos - two * sin, one * sin + two * cos], -1).reshape(shape)

    def extra_repr(self) -> str:
        return f"width {self.width}, base {self.base:g}"
