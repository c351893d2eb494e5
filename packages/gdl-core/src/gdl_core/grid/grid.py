"""`Grid`: a regular lattice in one to four dimensions whose boundary condition is part of the domain."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from torch import Tensor

from gdl_core.errors import closest
from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.grid.boundary import BOUNDARIES, extend, source_indices
from gdl_core.incidence import Incidence
from gdl_core.pytree import tensor_dataclass


@tensor_dataclass(name="gdl.Grid")
class Grid(Domain):
    """Ω = {0, …, n_1 - 1} x … x {0, …, n_d - 1}, d = 1 … 4 (the book, §4.2). Values are `[b, c, *shape]`.

    The boundary belongs to the domain, not to the layers: `"periodic"` (a torus), `"zero"` (nothing outside) or
    `"reflect"` (mirrored at the outermost points, which are not repeated), one for all axes or one per axis. Two grids
    are equal when shape, boundary and spacing are.

    A grid made by a coarsening knows its `parent`. Where the coarsening chose which points to keep (adaptive polyphase
    sampling), point u of sample i is point `phase[i] + stride · u` of the parent; `PolyphaseUp` puts it back there.

    Args:
        shape: the number of points per axis.
        boundary: what is outside.
        spacing: the distance between neighbours, one for all axes or one per axis; a coarsening by s multiplies it by
        s. phase, parent: set by coarsenings.

    Raises:
        ValueError: if a size, a boundary or a spacing is not one; the axis is named.
    """

    channel_axis: ClassVar[int] = 1

    shape: tuple[int, ...]
    boundary: tuple[str, ...] = "periodic"  # type: ignore[assignment]  # one word stands for every axis
    spacing: tuple[float, ...] = 1.0  # type: ignore[assignment]
    phase: Tensor | None = None  # int64[b, d]
    parent: Self | None = field(default=None, metadata={"static": False})

    if TYPE_CHECKING:  # what `__post_init__` accepts, beyond what it keeps

        def __init__(
            self,
            shape: Sequence[int],
            boundary: str | Sequence[str] = "periodic",
            spacing: float | Sequence[float] = 1.0,
            phase: Tensor | None = None,
            parent: "Grid | None" = None,
        ): ...

    def __post_init__(self):
        shape = _as_tuple(self.shape, 1)
        if not 1 <= len(shape) <= 4:
            raise ValueError(f"A Grid has 1 to 4 axes, got the shape {shape}.")
        boundary = _as_tuple(self.boundary, len(shape))
        spacing = _as_tuple(self.spacing, len(shape))
        for name, given in (("boundary", boundary), ("spacing", spacing)):
            if len(given) != len(shape):
                raise ValueError(f"A Grid of {len(shape)} axes takes one {name} or {len(shape)}, got {given!r}.")
        for axis, (size, kind, step) in enumerate(zip(shape, boundary, spacing)):
            if not isinstance(size, int | torch.SymInt) or size < 1:
                raise ValueError(f"Axis {axis} of a Grid has a whole number of points from 1, got {size!r}.")
            if kind not in BOUNDARIES:
                raise ValueError(
                    f"Axis {axis} of a Grid has the boundary {', '.join(BOUNDARIES)}, got {kind!r}."
                    + closest(str(kind), BOUNDARIES)
                )
            if not step > 0:
                raise ValueError(f"Axis {axis} of a Grid has a positive spacing, got {step!r}.")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "boundary", boundary)
        object.__setattr__(self, "spacing", tuple(float(step) for step in spacing))

    @classmethod
    def of(cls, x: Tensor, boundary: str | tuple[str, ...] = "periodic") -> Self:
        """Return the grid of the spatial shape of `x[b, c, *shape]`, which layers called without a domain assume."""
        return cls(tuple(x.shape[2:]), boundary)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def num_points(self) -> int:
        return math.prod(self.shape)

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, kind in enumerate(self.boundary) if kind == "periodic")

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != self.ndim + 2 or tuple(values.shape[2:]) != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ValueError(f"{where} expects values [b, c, {expected}] on {self}, got {list(values.shape)}.")
        if self.phase is not None and self.phase.shape[0] != values.shape[0]:
            raise ValueError(
                f"{where}: {self} holds the phases of {self.phase.shape[0]} samples, got values of {values.shape[0]}."
            )

    def locate(self, values: Tensor) -> "Grid | None":
        """Return the grid of the spatial shape of `values[b, c, …]` with this boundary; None for another rank.

        A smaller or larger grid is taken for this one sampled at the nearest whole stride, which sets its spacing.
        """
        if values.dim() != self.ndim + 2 or not all(values.shape):
            return None
        if tuple(values.shape[2:]) == self.shape:
            return self
        steps = []
        for old, new, step in zip(self.shape, values.shape[2:], self.spacing):
            steps.append(step * max(1, round(old / new)) if new <= old else step / round(new / old))
        return Grid(tuple(values.shape[2:]), self.boundary, tuple(steps))

    def coarsen(self, stride: Sequence[int], phase: Tensor | None = None, shape: Sequence[int] | None = None) -> "Grid":
        """Return the grid of every `stride`-th point, ⌈n / stride⌉ per axis unless `shape` says otherwise.

        It remembers this grid as its parent, unless `stride` is one everywhere: then it is this grid.
        """
        if all(step == 1 for step in stride) and shape is None:
            return self
        shape = tuple(-(-size // step) for size, step in zip(self.shape, stride)) if shape is None else tuple(shape)
        spacing = tuple(old * step for old, step in zip(self.spacing, stride))
        return Grid(shape, self.boundary, spacing, phase, self)

    def to_points(self, values: Tensor) -> Tensor:
        """Return `[b, c, *shape]` as `[b, n, c]`, points in row-major order."""
        return values.flatten(2).mT

    def from_points(self, points: Tensor) -> Tensor:
        """Return `[b, n, c]` (or `[n, c]`, one sample) as `[b, c, *shape]`."""
        points = points[None] if points.dim() == 2 else points
        return points.mT.unflatten(-1, self.shape)

    def coordinates(self) -> Tensor:
        """Return the multi-index of every point, `int64[n, d]`, in row-major order."""
        return torch.cartesian_prod(*[torch.arange(size) for size in self.shape]).reshape(-1, self.ndim)

    def window(self, size: int | tuple[int, ...]) -> Incidence:
        """Return all pairs (sender v, receiver u) with v in the window of `size` points per axis around u.

        The offsets are those of a convolution kernel, -⌊(size - 1)/2⌋ … ⌊size/2⌋. A window leaving the grid follows
        the boundary; a pair that is reached twice counts once. It is the locality that `EquivariantOperator` takes.
        """
        size = _as_tuple(size, self.ndim)
        if len(size) != self.ndim or any(not isinstance(k, int) or k < 1 for k in size):
            raise ValueError(f"A window on {self} takes one whole number from 1 per axis, got {size!r}.")
        here = self.coordinates()
        pairs = []
        for offset in itertools.product(*[range(-((k - 1) // 2), k // 2 + 1) for k in size]):
            flat, inside = torch.zeros(len(here), dtype=torch.int64), torch.ones(len(here), dtype=torch.bool)
            for axis, step in enumerate(offset):
                index = source_indices(here[:, axis] + step, self.shape[axis], self.boundary[axis])
                flat, inside = flat * self.shape[axis] + index.clamp_min(0), inside & (index >= 0)
            receiver = torch.arange(len(here))
            pairs.append((receiver * self.num_points + flat)[inside])
        found = torch.unique(torch.cat(pairs))
        n = self.num_points
        return Incidence.from_edges(found % n, found // n, n, n)

    def symmetries(self) -> Mapping[str, Symmetry]:
        """Return what moves this grid onto itself, by name.

        - `shift`: whole shifts along the periodic axes (exact);
        - `rotation`: 90° turns in every plane of two like axes (exact);
        - `reflection`: a flip of each axis (exact);
        - `lattice`: shifts, turns and flips together, p4m on a square torus (exact);
        - `fractional_shift`: real shifts along the periodic axes by trigonometric interpolation.
        """
        from gdl_core.grid.symmetry import grid_symmetries

        return grid_symmetries(Grid(self.shape, self.boundary, self.spacing))

    def deformations(self):
        """Return the random warps of this grid that `gdl_core.verify.deformation_stability` samples."""
        from gdl_core.grid.deformation import Warp

        return Warp(self)

    def refine(self, signal: Signal) -> Signal:
        """Return the signal with twice the points per axis, at half the spacing.

        Point u becomes point 2u. Between them stands the trigonometric interpolant on a periodic axis (the Nyquist bin
        of an even size is split in two, so real signals stay real), and the mean of both neighbours on any other.
        """
        x = signal.values
        for axis, kind in enumerate(self.boundary):
            x = _fourier_double(x, axis + 2) if kind == "periodic" else _linear_double(x, axis + 2, kind)
        fine = Grid(tuple(2 * size for size in self.shape), self.boundary, tuple(step / 2 for step in self.spacing))
        return Signal(x, fine, signal.type)

    @classmethod
    def collate(cls, domains: Sequence["Grid"]) -> "Grid":
        """Return the grid that all samples share; their phases are joined. The number of samples is in the values."""
        if not domains:
            raise ValueError("Grid.collate needs at least one grid, got an empty list.")
        first = domains[0]
        for position, grid in enumerate(domains):
            if grid != first or (grid.phase is None) != (first.phase is None):
                raise ValueError(f"Samples of a batch share one grid: sample 0 lives on {first}, {position} on {grid}.")
        if first.phase is None and first.parent is None:
            return first
        phases = [grid.phase for grid in domains if grid.phase is not None]
        parents = [grid.parent for grid in domains if grid.parent is not None]
        return Grid(
            first.shape,
            first.boundary,
            first.spacing,
            torch.cat(phases) if phases else None,
            cls.collate(parents) if len(parents) == len(domains) else None,
        )

    def unbatch(self) -> list["Grid"]:
        """Return one grid per sample where phases tell how many there are, else this grid alone."""
        count = self._samples()
        return [self] if count is None else [self._sample(position) for position in range(count)]

    def _samples(self) -> int | None:
        if self.phase is not None:
            return self.phase.shape[0]
        return None if self.parent is None else self.parent._samples()

    def _sample(self, position: int) -> "Grid":
        parent = None if self.parent is None else self.parent._sample(position)
        phase = None if self.phase is None else self.phase[position : position + 1]
        return Grid(self.shape, self.boundary, self.spacing, phase, parent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple:
        return self.shape, self.boundary, self.spacing

    def __str__(self) -> str:
        same = len(set(self.boundary)) == 1
        text = f"{'x'.join(map(str, self.shape))}, {self.boundary[0] if same else '|'.join(self.boundary)}"
        if any(step != 1 for step in self.spacing):
            steps = self.spacing if len(set(self.spacing)) > 1 else self.spacing[:1]
            text += f", spacing {'x'.join(f'{step:g}' for step in steps)}"
        return f"Grid({text})"

    def __repr__(self) -> str:
        return f"Grid({self.shape!r}, {self.boundary!r}, {self.spacing!r})"


def _as_tuple(value, count: int) -> tuple:
    return tuple(value) if isinstance(value, tuple | list | torch.Size) else (value,) * count


def _fourier_double(x: Tensor, dim: int) -> Tensor:
    n = x.shape[dim]
    x = x.movedim(dim, -1)
    spectrum = torch.fft.fft(x, dim=-1)
    half = (n + 1) // 2  # frequencies 0 … half - 1 are positive
    positive, negative = spectrum[..., :half], spectrum[..., n - (n - 1) // 2 :]
    if n % 2 == 0:
        nyquist = spectrum[..., n // 2 : n // 2 + 1] / 2
        positive, negative = torch.cat([positive, nyquist], -1), torch.cat([nyquist, negative], -1)
    gap = spectrum.new_zeros(*spectrum.shape[:-1], 2 * n - positive.shape[-1] - negative.shape[-1])
    fine = 2 * torch.fft.ifft(torch.cat([positive, gap, negative], -1), dim=-1)
    return (fine if x.is_complex() else fine.real).movedim(-1, dim)


def _linear_double(x: Tensor, dim: int, boundary: str) -> Tensor:
    n = x.shape[dim]
    following = extend(x, dim, 1, n + 1, boundary)
    return torch.stack([x, (x + following) / 2], dim + 1).flatten(dim, dim + 1)
