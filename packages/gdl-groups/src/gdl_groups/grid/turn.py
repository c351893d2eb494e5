"""`Turn`: rotations of a square or cubic grid by any angle; and `DiscMask`, which cuts its corners."""

import itertools
import math

import torch
from gdl_core.geometry import Domain, Layer, Symmetry
from gdl_core.grid import Grid, grid_of
from gdl_core.groups import SO, FiniteGroup, Group, Homomorphism, O
from gdl_core.representations import FieldType
from torch import Tensor

INTERPOLATIONS = ("linear", "cubic", "fourier")


class Turn(Symmetry):
    """A group of rotations (and reflections) of a grid about its centre: (g·x)(u) = ρ(g) x(g⁻¹u), interpolated.

    It is no symmetry of the grid, whose corners leave it, but of the disc inside: give signals that vanish outside, or
    put a `DiscMask` behind layers. So `Grid.symmetries` does not list it; make one and hand it to `equivariance_error`
    or `audit`, which tells what sampling costs (falls at double resolution) from what a layer breaks (does not).

    Args:
        domain: a grid of two or three equal axes; outside is zero.
        group: what turns: SO(d) by default, O(d), or a finite group with a `standard` representation of d dimensions.
        interpolation: `"linear"`, `"cubic"` (Keys 1981, a = -1/2) or, on two axes, `"fourier"`: three shears by the
            shift theorem (Larkin, Oldfield and Klemm 1997), which lose nothing of a band-limited signal in the disc.

    Raises:
        ValueError: for a grid of unequal axes, an unknown interpolation, or a group that does not turn the axes.
    """

    is_exact = False
    domain: Grid

    def __init__(self, domain: Domain, group: Group | None = None, interpolation: str = "cubic"):
        d = domain.ndim if isinstance(domain, Grid) else 0
        if not isinstance(domain, Grid) or d not in (2, 3) or len(set(domain.shape)) > 1:
            raise ValueError(f"Turn takes a square or a cubic grid, got {domain}.")
        if interpolation not in INTERPOLATIONS or (interpolation == "fourier" and d == 3):
            raise ValueError(
                f"Turn interpolates by one of {INTERPOLATIONS} (fourier on two axes), got {interpolation!r}."
            )
        group = SO(d) if group is None else group
        known = group._named_representations()
        axes = known["standard"]() if "standard" in known else None
        if axes is None or axes.dim != d or not axes.is_orthogonal:
            raise ValueError(f"Turn takes a group that turns {d} axes by its representation 'standard', got {group!r}.")
        super().__init__("turn", group, domain)
        self.axes, self.interpolation = axes, interpolation
        self.fibre = Homomorphism(group, O(d), self.axes.matrix)

    def on(self, domain: Domain) -> "Turn | None":
        """Return the turns of another grid by the same group and interpolation; None for what is no such grid."""
        same = isinstance(domain, Grid) and domain.ndim == self.domain.ndim and len(set(domain.shape)) == 1
        return Turn(domain, self.group, self.interpolation) if same else None

    def fibre_element(self, g: Tensor, type: FieldType) -> Tensor | None:
        """Return the element of `type.group` that turns the axes as g does, where there is one."""
        if type.is_invariant or type.group in (self.group, O(self.domain.ndim)):
            return super().fibre_element(g, type)
        matrix = self.axes.matrix(g)
        if type.group == SO(self.domain.ndim) and float(torch.linalg.det(matrix)) > 0:
            return matrix
        found = _member(type.group, matrix)
        return super().fibre_element(g, type) if found is None else found

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        matrix = self.axes.matrix(g)
        if self.interpolation == "fourier":
            return _sheared(values, matrix), domain
        return _pulled(values, matrix, 2 if self.interpolation == "linear" else 4), domain


def _member(group: Group, matrix: Tensor) -> Tensor | None:
    """Return the element of a finite group whose `standard` matrix this is, or None."""
    if not isinstance(group, FiniteGroup) or "standard" not in group._named_representations():
        return None
    elements = group.elements()
    images = group.representation("standard").matrix(elements)
    if images.shape[1:] != matrix.shape:
        return None
    gap, at = (images - matrix).abs().amax((1, 2)).min(0)
    return elements[at] if float(gap) < 1e-8 else None


def _pulled(x: Tensor, matrix: Tensor, count: int) -> Tensor:
    """Return x(M⁻¹u) by a product of `count` = 2 (linear) or 4 (cubic) weights per axis; zero outside."""
    n, d = x.shape[2], x.dim() - 2
    side = torch.arange(n, dtype=torch.float64) - (n - 1) / 2
    points = torch.cartesian_prod(*[side] * d).reshape(-1, d)
    place = points @ matrix + (n - 1) / 2  # M⁻¹ = Mᵀ, and rows are points
    low = place.detach().floor()
    weights = _weights(place - low, count)  # [count, p, d]
    flat, total = x.flatten(2), torch.zeros((), dtype=x.dtype)
    for corner in itertools.product(range(count), repeat=d):
        index = torch.zeros(len(points), dtype=torch.int64)
        weight = torch.ones(len(points), dtype=torch.float64)
        for axis, step in enumerate(corner):
            at = low[:, axis].to(torch.int64) + step - (count // 2 - 1)
            weight = weight * weights[step, :, axis] * ((at >= 0) & (at < n))
            index = index * n + at.clamp(0, n - 1)
        total = total + flat[..., index.to(x.device)] * weight.to(x)
    return total.reshape(x.shape)


def _weights(t: Tensor, count: int) -> Tensor:
    """Return the weights of the `count` nearest points for the fractions `t`, stacked first."""
    if count == 2:
        return torch.stack([1 - t, t])
    distance = torch.stack([1 + t, t, 1 - t, 2 - t])
    near = (1.5 * distance - 2.5) * distance.square() + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance <= 1, near, far)


def _sheared(x: Tensor, matrix: Tensor) -> Tensor:
    """Return x(M⁻¹u) on a plane: a flip, whole quarter turns, and what is left (up to 45°) by three shears."""
    n = x.shape[2]
    if float(torch.linalg.det(matrix)) < 0:  # M = R diag(1, -1): first flip the second axis
        x, matrix = x.flip(3), matrix * torch.tensor([1.0, -1.0], dtype=matrix.dtype)
    angle = torch.atan2(matrix[1, 0], matrix[0, 0])
    quarters = round(float(angle.detach()) / (math.pi / 2))
    x, angle = x.rot90(quarters, (2, 3)), angle - quarters * math.pi / 2
    margin = n // 2 + 1
    wide = torch.nn.functional.pad(x, [margin] * 4)
    side = torch.arange(wide.shape[2], dtype=torch.float64) - (wide.shape[2] - 1) / 2
    for axis, slope in ((2, -torch.tan(angle / 2)), (3, torch.sin(angle)), (2, -torch.tan(angle / 2))):
        wide = _slide(wide, slope * side, axis)
    return wide[:, :, margin : margin + n, margin : margin + n].contiguous()


def _slide(x: Tensor, shift: Tensor, axis: int) -> Tensor:
    """Move each line along `axis` (2 or 3) by its own `shift[n]`, by the shift theorem."""
    n = x.shape[axis]
    frequency = torch.fft.rfftfreq(n, dtype=torch.float64)
    angle = -2 * math.pi * shift[:, None] * frequency  # [line, frequency]
    factor = torch.complex(torch.cos(angle), torch.sin(angle))
    if n % 2 == 0:
        factor = torch.cat([factor[:, :-1], torch.cos(math.pi * shift)[:, None].to(factor)], 1)
    lines = x.movedim(axis, -1)
    moved = torch.fft.irfft(torch.fft.rfft(lines.double(), dim=-1) * factor.to(x.device), n=n, dim=-1)
    return moved.to(x.dtype).movedim(-1, axis)


class DiscMask(Layer):
    """y(u) = m(|u - centre|) x(u): one inside the disc (or ball) of a grid, falling smoothly to zero at its rim.

    Corners hold what a turn cannot bring back; behind this layer nothing stands there (Weiler and Cesa 2019, §4.1, mask
    digits so). It has no learned parameters.

    Args:
        type: the field type of input and output.
        margin: the distance of the rim from the middle of the border points, in points.
        width: over which it falls, by a cubic smooth step, in points.

    Shapes: `[b, c, *shape] -> [b, c, *shape]`.

    Raises:
        ValueError: for a negative margin, or a width that is not positive.
    """

    claims = ("rotation", "reflection")

    def __init__(self, type: FieldType | int, margin: float = 0.0, width: float = 2.0):
        super().__init__(type, type)
        if margin < 0 or width <= 0:
            raise ValueError(f"DiscMask takes a margin from 0 and a positive width, got {margin!r} and {width!r}.")
        self.margin, self.width = float(margin), float(width)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type)
        square = torch.zeros((), dtype=torch.float64, device=x.device)
        for axis, n in enumerate(grid.shape):
            side = torch.arange(n, dtype=torch.float64, device=x.device) - (n - 1) / 2
            square = square + side.square().reshape(-1, *[1] * (grid.ndim - 1 - axis))
        rim = (min(grid.shape) - 1) / 2 - self.margin
        t = ((rim - square.sqrt()) / self.width).clamp(0, 1)
        return x * (t * t * (3 - 2 * t)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}, margin {self.margin:g}, width {self.width:g}"
