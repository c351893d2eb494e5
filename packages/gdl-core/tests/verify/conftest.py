"""Small domains for the tests of `verify`: a periodic grid of any dimension, and a cloud of points in the plane."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.groups import SO, CyclicGroup, Group, Homomorphism, ProductGroup, SymmetricGroup
from gdl_core.pytree import tensor_dataclass
from gdl_core.representations import FieldType
from torch import Tensor


class Translations(Group):
    """R^d; an element is a vector [d] in pixels."""

    def __init__(self, dim: int):
        self.name, self.element_shape = f"Translations({dim})", (dim,)

    def identity(self):
        return torch.zeros(self.element_shape, dtype=torch.float64)

    def compose(self, g, h):
        return g + h

    def inverse(self, g):
        return -g

    def sample(self, count, generator=None):
        return 4 * torch.rand(count, *self.element_shape, generator=generator, dtype=torch.float64)

    def algebra(self):
        return torch.eye(self.element_shape[0], dtype=torch.float64)

    def exp(self, a):
        return a


@tensor_dataclass(name="gdl_core.tests.verify.Torus")
class Torus(Domain):
    """A periodic grid; `ratio` is the number of pixels of the original grid per pixel of this one."""

    shape: tuple[int, ...]
    ratio: tuple[float, ...] = ()

    channel_axis = 1

    @property
    def num_points(self):
        return math.prod(self.shape)

    def check(self, values, where):
        if values.dim() != len(self.shape) + 2 or tuple(values.shape[2:]) != self.shape:
            raise ValueError(f"{where} expects [b, c, {self.shape}], got {list(values.shape)}.")

    def locate(self, values):
        if values.dim() != len(self.shape) + 2:
            return None
        shape = tuple(values.shape[2:])
        old = self.ratio or (1.0,) * len(shape)
        return Torus(shape, tuple(r * n / m for r, n, m in zip(old, self.shape, shape)))

    def refine(self, signal):
        axes = tuple(range(2, 2 + len(self.shape)))
        spectrum = torch.fft.fftshift(torch.fft.fftn(signal.values.double(), dim=axes), dim=axes)
        pad = [side for n in reversed(self.shape) for side in (n // 2, n - n // 2)]
        spectrum = torch.fft.ifftshift(torch.nn.functional.pad(spectrum, pad), dim=axes)
        values = torch.fft.ifftn(spectrum, dim=axes).real * 2 ** len(self.shape)
        return Signal(values.to(signal.values.dtype), Torus(tuple(2 * n for n in self.shape)), signal.type)

    def to_points(self, values):
        return values.flatten(2).mT

    def from_points(self, points):
        return points.mT.unflatten(2, self.shape)

    def symmetries(self):
        found = {"shift": Shift(self), "slide": Slide(self)}
        if len(self.shape) == 2 and self.shape[0] == self.shape[1]:
            found["turn"] = Turn(self)
        return found


class Shift(Symmetry):
    """Whole pixels; on a coarser grid every way of rounding counts."""

    def __init__(self, domain):
        super().__init__("shift", ProductGroup([CyclicGroup(n) for n in domain.shape]), domain)

    def _steps(self, g, domain):
        return [int(step) / ratio for step, ratio in zip(g, domain.ratio or (1,) * len(g))]

    def move(self, g, values, domain):
        steps = [round(step) for step in self._steps(g, domain)]
        return torch.roll(values, steps, tuple(range(2, values.dim()))), domain

    def candidates(self, g, signal):
        choices = [{math.floor(step), math.ceil(step)} for step in self._steps(g, signal.domain)]
        axes = tuple(range(2, signal.values.dim()))
        return [signal.with_values(torch.roll(signal.values, steps, axes)) for steps in itertools.product(*choices)]


class Slide(Symmetry):
    """Fractions of a pixel, by the Fourier shift theorem."""

    is_exact = False

    def __init__(self, domain):
        super().__init__("slide", Translations(len(domain.shape)), domain)

    def move(self, g, values, domain):
        for axis, (n, ratio) in enumerate(zip(domain.shape, domain.ratio or (1,) * len(g))):
            frequency = torch.fft.fftfreq(n, dtype=torch.float64)
            phase = torch.exp(-2j * math.pi * frequency * g[axis] / ratio)
            spectrum = torch.fft.fft(values, dim=2 + axis).movedim(2 + axis, -1) * phase
            values = torch.fft.ifft(spectrum.movedim(-1, 2 + axis), dim=2 + axis).real
        return values, domain


class Turn(Symmetry):
    """Quarter turns, which act on fibres by themselves."""

    def __init__(self, domain):
        group = CyclicGroup(4)
        super().__init__("turn", group, domain)
        self.fibre = Homomorphism(group, group, lambda g: g)

    def move(self, g, values, domain):
        return torch.rot90(values, int(g), (2, 3)), domain


@tensor_dataclass(name="gdl_core.tests.verify.Cloud")
class Cloud(Domain):
    """Points in the plane, x[n, c]; the samples are consecutive, `ptr[b + 1]`."""

    positions: Tensor
    ptr: Tensor

    @property
    def num_points(self):
        return self.positions.shape[0]

    def check(self, values, where):
        if values.dim() != 2 or values.shape[0] != self.num_points:
            raise ValueError(f"{where} expects [{self.num_points}, c], got {list(values.shape)}.")

    def symmetries(self):
        return {"permutation": Permute(self), "rotation": Rotate(self)}


class Permute(Symmetry):
    def __init__(self, domain):
        super().__init__("permutation", SymmetricGroup(int(domain.ptr.diff().min())), domain)

    def move(self, g, values, domain):
        order = torch.cat([start + torch.argsort(g) for start in domain.ptr[:-1]])
        return values[order], domain.replace(positions=domain.positions[order])


class Rotate(Symmetry):
    is_exact = True

    def __init__(self, domain):
        group = SO(2)
        super().__init__("rotation", group, domain)
        self.fibre = Homomorphism(group, group, lambda g: g)

    def move(self, g, values, domain):
        return values, domain.replace(positions=domain.positions @ g.T.to(domain.positions.dtype))


def image(shape=(12, 12), channels=1, batch=2, dtype=torch.float64, seed=0, cutoff=None):
    """White noise on a torus, or noise below the frequency `cutoff`."""
    values = torch.randn(batch, channels, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    if cutoff is not None:
        axes = tuple(range(2, values.dim()))
        spectrum = torch.fft.fftn(values, dim=axes)
        for axis, n in zip(axes, shape):
            low = torch.fft.fftfreq(n).abs() * n <= cutoff
            spectrum = (spectrum.movedim(axis, -1) * low).movedim(-1, axis)
        values = torch.fft.ifftn(spectrum, dim=axes).real * 5
    return Signal(values.to(dtype), Torus(tuple(shape)), FieldType.scalars(channels))


def cloud(points=5, batch=3, channels=2, dtype=torch.float64, type=None, seed=0):
    draw = torch.Generator().manual_seed(seed)
    positions = torch.randn(points * batch, 2, dtype=torch.float64, generator=draw).to(dtype)
    values = torch.randn(points * batch, channels, dtype=torch.float64, generator=draw).to(dtype)
    domain = Cloud(positions, torch.arange(batch + 1) * points)
    return Signal(values, domain, FieldType.scalars(channels) if type is None else type)


@pytest.fixture
def toys():
    torch.manual_seed(0)
    return SimpleNamespace(Torus=Torus, Cloud=Cloud, image=image, cloud=cloud)
