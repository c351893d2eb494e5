"""Functions of distance: radial bases and smooth cut-offs, with finite derivatives of every order, at zero too."""

import math

import torch
from gdl_core.incidence.precision import accumulate_in
from torch import Tensor, nn


def distances(vectors: Tensor) -> Tensor:
    """Return r = ‖v‖ ``[...]`` of ``[..., d]``; at v = 0 every derivative is 0 instead of NaN.

    Half precision is squared in float32. Vectors so short that the square leaves the range of the dtype count as 0.
    """
    return _length(vectors)[0].to(vectors.dtype)


def directions(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return r = ‖v‖ ``[...]`` and v / r ``[..., d]``, which is 0 at v = 0; derivatives as those of `distances`."""
    r, safe = _length(vectors)
    return r.to(vectors.dtype), (vectors / safe.unsqueeze(-1)).to(vectors.dtype)


def _length(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return r, and r with 1 in place of 0."""
    square = vectors.to(accumulate_in(vectors)).square().sum(-1)
    none = square <= torch.finfo(square.dtype).tiny ** 0.5
    safe = torch.where(none, torch.ones_like(square), square).sqrt()
    return torch.where(none, torch.zeros_like(safe), safe), safe


class BesselBasis(nn.Module):
    """φ_n(r) = sqrt(2 / r_c) sin(w_n r / r_c) / r with w_n = n π, n = 1 … count: zero at the cut-off, orthonormal.

    Smooth at r = 0, where φ_n = sqrt(2 / r_c) w_n / r_c.

    Args:
        count: how many functions.
        cutoff: r_c, in the unit of the positions.
        trainable: whether the frequencies w_n are learnt.

    Shapes: `[...] -> [..., count]`.

    Raises:
        ValueError: if `count` is below 1 or the cut-off not positive.

    Source: Gasteiger et al. 2020 (DimeNet), eq. 7.
    """

    def __init__(self, count: int, cutoff: float, trainable: bool = False):
        super().__init__()
        self.count, self.cutoff = _check_count(count, self), _check_cutoff(cutoff, self)
        self.frequencies = None
        if trainable:
            self.frequencies = nn.Parameter(math.pi * torch.arange(1, count + 1, dtype=torch.get_default_dtype()))

    def forward(self, r: Tensor) -> Tensor:
        w = self.frequencies
        if w is None:  # made where they are needed, they are exact in every dtype
            w = math.pi * torch.arange(1, self.count + 1, dtype=r.dtype, device=r.device)
        w = w.to(r.dtype) / self.cutoff
        return math.sqrt(2 / self.cutoff) * w * _sinc(r.unsqueeze(-1) * w)

    def extra_repr(self) -> str:
        return f"{self.count}, cutoff={self.cutoff}"


class GaussianBasis(nn.Module):
    """φ_n(r) = exp(-(r - μ_n)² / 2Δ²), with centres μ_n from `start` to the cut-off, Δ apart.

    Args:
        count: how many functions, at least 2.
        cutoff: the last centre, in the unit of the positions.
        start: the first centre.
        trainable: whether the centres and the width are learnt.

    Shapes: `[...] -> [..., count]`.

    Raises:
        ValueError: if `count` is below 2, or the cut-off not above `start`.

    Source: Schütt et al. 2017 (SchNet), §4.1.
    """

    def __init__(self, count: int, cutoff: float, start: float = 0.0, trainable: bool = False):
        super().__init__()
        self.count, self.cutoff, self.start = _check_count(count, self, 2), _check_cutoff(cutoff, self), float(start)
        if not start < cutoff:
            raise ValueError(f"GaussianBasis expects a start below the cut-off {cutoff}, got {start}.")
        self.centres = self.width = None
        if trainable:
            places, width = self._fixed(torch.get_default_dtype())
            self.centres, self.width = nn.Parameter(places), nn.Parameter(torch.tensor(width, dtype=places.dtype))

    def _fixed(self, dtype: torch.dtype, device: torch.device | None = None) -> tuple[Tensor, float]:
        width = (self.cutoff - self.start) / (self.count - 1)
        return self.start + width * torch.arange(self.count, dtype=dtype, device=device), width

    def forward(self, r: Tensor) -> Tensor:
        if self.centres is None or self.width is None:
            centres, width = self._fixed(r.dtype, r.device)
        else:
            centres, width = self.centres, self.width
        return torch.exp(-0.5 * ((r.unsqueeze(-1) - centres) / width).square())

    def extra_repr(self) -> str:
        return f"{self.count}, cutoff={self.cutoff}, start={self.start}"


class PolynomialCutoff(nn.Module):
    """u(x) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2) for x = r / r_c < 1, and 0 beyond.

    1 with p - 1 vanishing derivatives at r = 0, 0 with two vanishing derivatives at the cut-off, so that forces and
    their derivatives are continuous.

    Args:
        p: the order, at least 2.
        cutoff: r_c, in the unit of r; 1 for r already divided by it.

    Shapes: `[...] -> [...]`.

    Raises:
        ValueError: if p is no whole number from 2 or the cut-off not positive.

    Source: Gasteiger et al. 2020 (DimeNet), eq. 8.
    """

    def __init__(self, p: int = 6, cutoff: float = 1.0):
        super().__init__()
        if not isinstance(p, int) or p < 2:
            raise ValueError(f"PolynomialCutoff expects a whole order p from 2, got {p!r}.")
        self.p, self.cutoff = p, _check_cutoff(cutoff, self)

    def forward(self, r: Tensor) -> Tensor:
        p, x = self.p, (r / self.cutoff).clamp(max=1)
        y = 1 - x**p * ((p + 1) * (p + 2) / 2 - x * (p * (p + 2) - x * (p * (p + 1) / 2)))
        return torch.where(x < 1, y, torch.zeros_like(y))

    def extra_repr(self) -> str:
        return f"p={self.p}, cutoff={self.cutoff}"


class CosineCutoff(nn.Module):
    """u(r) = (1 + cos(π r / r_c)) / 2 for r < r_c, and 0 beyond; its first derivative vanishes at the cut-off.

    Args:
        cutoff: r_c, in the unit of r; 1 for r already divided by it.

    Shapes: `[...] -> [...]`.

    Raises:
        ValueError: if the cut-off is not positive.

    Source: Behler and Parrinello 2007, eq. 4.
    """

    def __init__(self, cutoff: float = 1.0):
        super().__init__()
        self.cutoff = _check_cutoff(cutoff, self)

    def forward(self, r: Tensor) -> Tensor:
        x = (r / self.cutoff).clamp(max=1)
        return torch.where(x < 1, 0.5 * (1 + torch.cos(math.pi * x)), torch.zeros_like(x))

    def extra_repr(self) -> str:
        return f"cutoff={self.cutoff}"


def _sinc(x: Tensor) -> Tensor:
    """sin(x) / x; near 0 its series, because `torch.sinc` has NaN as its second derivative at 0."""
    near = x.abs() < 0.1
    safe = torch.where(near, torch.ones_like(x), x)
    y = torch.where(near, x, torch.zeros_like(x)).square()
    series = 1 - y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 * (1 - y / 110))))
    return torch.where(near, series, torch.sin(safe) / safe)


def _check_count(count: int, where: nn.Module, least: int = 1) -> int:
    if not isinstance(count, int) or count < least:
        raise ValueError(f"{type(where).__name__} expects at least {least} functions, got {count!r}.")
    return count


def _check_cutoff(cutoff: float, where: nn.Module) -> float:
    if not 0 < cutoff < math.inf:
        raise ValueError(f"{type(where).__name__} expects a positive cut-off, got {cutoff!r}.")
    return float(cutoff)
