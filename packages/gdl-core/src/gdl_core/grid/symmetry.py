"""What moves a grid onto itself: whole and fractional shifts, 90° turns, flips, and all of them together."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.grid.torus import Torus
from gdl_core.groups import (
    SO,
    CyclicGroup,
    DihedralGroup,
    FiniteGroup,
    Group,
    Homomorphism,
    O,
    ProductGroup,
    SemidirectProduct,
)
from gdl_core.representations import FieldType

if TYPE_CHECKING:
    from gdl_core.grid.grid import Grid

Linear = Callable[[Tensor], Tensor]  # [*element_shape] -> [d, d], a signed permutation of the axes
Offset = Callable[[Tensor], Tensor]  # [*element_shape] -> int64[d], a shift


class LatticeSymmetry(Symmetry):
    """A group of maps u -> M u + t of a grid, M a signed permutation of the axes and t a whole shift.

    Turns and flips are about the centre of the grid, as `torch.rot90` and `torch.flip` make them. M acts on the fibres:
    the components of a vector are ordered as the spatial axes are, and a positive turn takes the first axis to the
    second.

    **Coarser grids.** On a grid whose `phase` says where it sits in its parent, g acts in exactly one way: the kept
    points move, and the phase with them. Without a phase, ⌊t / stride⌋ and ⌈t / stride⌉ both count (`candidates`).

    Args:
        linear, offset: M and t of an element; t does not include what centres a flip.
        turns_fibres: whether M acts on feature vectors; shifts carry them along unturned.
    """

    domain: "Grid"

    def __init__(
        self, name: str, group: Group, domain: "Grid", linear: Linear, offset: Offset, *, turns_fibres: bool = True
    ):
        super().__init__(name, group, domain)
        self._linear, self._offset = linear, offset
        self._fibres = _fibres(group, domain.ndim, linear) if turns_fibres else ()
        self.fibre = self._fibres[0] if self._fibres else None
        self._known: dict[Group, bool] = {}

    def fibre_element(self, g: Tensor, type: FieldType) -> Tensor | None:
        for hom in self._fibres:
            if type.group == hom.target and not type.is_invariant:
                return hom(g)
        if not type.is_invariant and self._turns(type.group):
            return _element_of(type.group, self._linear(g))
        return super().fibre_element(g, type)

    def _turns(self, group: Group) -> bool:
        """Whether every element of this symmetry is also one of `group`, so that it acts on its types."""
        if not self._fibres:
            return False
        if group not in self._known:
            matrices = [self._linear(g) for g in self.group.generators()]
            self._known[group] = all(_element_of(group, matrix) is not None for matrix in matrices)
        return self._known[group]

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        motion, moved = self._motions(g, domain)[0]
        return motion.apply(values, domain), moved  # type: ignore[arg-type]

    def candidates(self, g: Tensor, signal: Signal) -> list[Signal]:
        found = []
        for motion, moved in self._motions(g, signal.domain):
            values = motion.apply(signal.values, signal.domain)  # type: ignore[arg-type]
            values = self.act_on_fibres(g, values, signal.type, axis=1)
            found.append(Signal(values, moved, signal.type))
        return found

    def point_images(self, g: Tensor) -> Tensor:
        image = self._motion(g).image(self.domain.coordinates(), self.domain)
        flat = torch.zeros(len(image), dtype=torch.int64)
        for axis, size in enumerate(self.domain.shape):
            flat = flat * size + image[:, axis]
        return flat

    def _motion(self, g: Tensor) -> "_Motion":
        matrix = self._linear(g)
        source = matrix.abs().argmax(-1).tolist()
        sign = [int(matrix[axis, source[axis]].sign()) for axis in range(len(source))]
        centred = [size - 1 if flip < 0 else 0 for size, flip in zip(self.domain.shape, sign)]
        return _Motion(source, sign, self._offset(g).to(torch.int64) + torch.tensor(centred))

    def _motions(self, g: Tensor, domain: "Grid | Domain") -> "list[tuple[_Motion, Grid]]":
        """Return every motion of `domain` that counts as g, with the grid that results."""
        chain: list[Grid] = [domain]  # type: ignore[list-item]
        while chain[0] != self.domain and chain[0].parent is not None:
            chain.insert(0, chain[0].parent)
        motion = self._motion(g)
        options = _rescale(motion, self.domain, chain[0])
        found = [(option, _carry(chain[0], motion)) for option in options]
        for child in chain[1:]:
            found = [lower for upper, moved in found for lower in _descend(upper, moved, child)]
        return found


class _Motion:
    """u'[j] = sign[j] · u[source[j]] + t[..., j], with t `int64[d]`, or `[b, d]` where samples move differently."""

    def __init__(self, source: list[int], sign: list[int], t: Tensor):
        self.source, self.sign, self.t = source, sign, t

    def image(self, u: Tensor, grid: "Grid") -> Tensor:
        image = u[..., self.source] * torch.tensor(self.sign) + self.t
        return image % torch.tensor(grid.shape)

    def apply(self, values: Tensor, grid: "Grid") -> Tensor:
        """Move `values[b, c, *shape]`. Only a periodic axis rolls: the others have no room to."""
        values = values.permute(0, 1, *[axis + 2 for axis in self.source])
        flipped = [axis for axis, flip in enumerate(self.sign) if flip < 0]
        values = values.flip([axis + 2 for axis in flipped])
        roll = self.t.clone()
        for axis in flipped:
            roll[..., axis] -= values.shape[axis + 2] - 1
        axes = [axis for axis in range(len(self.sign)) if grid.boundary[self.source[axis]] == "periodic"]
        if not axes:
            return values
        if roll.dim() == 1:
            return torch.roll(values, roll[axes].tolist(), [axis + 2 for axis in axes])
        rows = [torch.roll(x, r, [axis + 1 for axis in axes]) for x, r in zip(values, roll[:, axes].tolist())]
        return torch.stack(rows) if rows else values


def _carry(grid: "Grid", motion: _Motion) -> "Grid":
    """Return `grid` with its axes permuted, and its phases with the cells that hold them."""
    phase = grid.phase
    if phase is not None and grid.parent is not None:
        stride = torch.tensor([big // small for big, small in zip(grid.parent.shape, grid.shape)])
        flipped = torch.tensor(motion.sign) < 0
        phase = torch.where(flipped, (stride - 1 - phase)[:, motion.source], phase[:, motion.source])
    parent = None if grid.parent is None else _carry(grid.parent, motion)
    return _permuted(grid, motion.source, phase, parent)


def _permuted(grid: "Grid", source: list[int], phase: Tensor | None, parent: "Grid | None") -> "Grid":
    def pick(items: tuple) -> tuple:
        return tuple(items[axis] for axis in source)

    return type(grid)(pick(grid.shape), pick(grid.boundary), pick(grid.spacing), phase, parent)


def _rescale(motion: _Motion, own: "Grid", other: "Grid") -> list[_Motion]:
    """Return the motions of `other`, a grid of other spacing without a common ancestor, that count as `motion`."""
    steps = [there / here for here, there in zip(own.spacing, other.spacing)]
    if all(abs(step - 1) < 1e-9 for step in steps):
        return [motion]
    if max(steps) > 1:
        return _coarser(motion, [max(1, round(step)) for step in steps], other)
    choices = []
    for axis, flip in enumerate(motion.sign):
        factor = round(1 / steps[motion.source[axis]])
        t = motion.t[axis] * factor
        choices.append([t] if flip > 0 else [t + factor - 1, t])  # cells, or points, are mirrored
    return _every(motion, choices)


def _coarser(motion: _Motion, stride: list[int], grid: "Grid") -> list[_Motion]:
    """Round t / stride both ways. An axis that is not periodic has no shifts, so a flip there is just a flip."""
    choices = []
    for axis, (source, flip) in enumerate(zip(motion.source, motion.sign)):
        if grid.boundary[source] != "periodic":
            fixed = torch.full_like(motion.t[..., axis], grid.shape[source] - 1 if flip < 0 else 0)
            choices.append([fixed])
            continue
        t, step = motion.t[..., axis], stride[source]
        down, up = t // step, -(-t // step)
        choices.append([down] if torch.equal(down, up) else [down, up])
    return _every(motion, choices)


def _every(motion: _Motion, choices: list[list[Tensor]]) -> list[_Motion]:
    return [_Motion(motion.source, motion.sign, torch.stack(pick, -1)) for pick in itertools.product(*choices)]


def _descend(motion: _Motion, moved: "Grid", child: "Grid") -> "list[tuple[_Motion, Grid]]":
    """Return the motions of `child` that a motion of its parent stands for; `moved` is where the parent went."""
    parent = child.parent
    assert parent is not None
    stride = [max(1, round(there / here)) for here, there in zip(parent.spacing, child.spacing)]
    if child.phase is None:
        fixed = _permuted(child, motion.source, None, moved)
        return [(option, fixed) for option in _coarser(motion, stride, child)]
    turned = torch.tensor(stride)[motion.source]
    first = child.phase.cpu()[:, motion.source] * torch.tensor(motion.sign) + motion.t  # [b, d] image of point 0
    phase = first % turned
    lower = _Motion(motion.source, motion.sign, (first - phase) // turned)
    return [(lower, _permuted(child, motion.source, phase.to(child.phase.device), moved))]


class FractionalShift(Symmetry):
    """Real shifts along the periodic axes by trigonometric interpolation (the book, §4.2).

    Frequency k of an axis of n points is multiplied by exp(-2πi k g / n). The Nyquist bin of an even n has no sign, so
    it gets the mean of both, cos(π g): real signals stay real, and two half shifts of that bin are not one whole shift.
    """

    is_exact = False
    domain: "Grid"

    def __init__(self, name: str, domain: "Grid"):
        super().__init__(name, Torus([domain.shape[axis] for axis in domain.periodic_axes]), domain)

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        for position, axis in enumerate(self.domain.periodic_axes):
            step = self.domain.spacing[axis] / domain.spacing[axis]  # type: ignore[attr-defined]
            values = fourier_shift(values, g[position] * step, axis + 2)
        return values, domain


def fourier_shift(x: Tensor, shift: Tensor, dim: int) -> Tensor:
    """Return `x` moved by `shift` (a number, in points) along the periodic axis `dim`; x(u) becomes x(u - shift)."""
    n = x.shape[dim]
    shift = shift.to(x.device, torch.float64)
    frequency = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64, device=x.device)
    angle = -2 * math.pi * frequency * shift / n
    factor = torch.complex(torch.cos(angle), torch.sin(angle))
    if n % 2 == 0:
        nyquist = torch.arange(n, device=x.device) == n // 2
        factor = torch.where(nyquist, torch.cos(math.pi * shift).to(factor.dtype), factor)
    shape = [1] * x.dim()
    shape[dim] = n
    spectrum = torch.fft.fft(x, dim=dim)
    moved = torch.fft.ifft(spectrum * factor.reshape(shape).to(spectrum.dtype), dim=dim)
    return moved if x.is_complex() else moved.real


@functools.lru_cache(maxsize=256)
def grid_symmetries(grid: "Grid") -> Mapping[str, Symmetry]:
    """Return the symmetries of `grid` (without phase or parent); see `Grid.symmetries`."""
    found: dict[str, Symmetry] = {}
    d, periodic = grid.ndim, grid.periodic_axes
    still = torch.zeros(d, dtype=torch.int64)
    if periodic:
        shifts = ProductGroup([CyclicGroup(grid.shape[axis]) for axis in periodic])

        def offset(g: Tensor) -> Tensor:
            return still.index_copy(0, torch.tensor(periodic), g.to(torch.int64))

        found["shift"] = LatticeSymmetry("shift", shifts, grid, lambda g: torch.eye(d), offset, turns_fibres=False)
    turns = _quarter_turns(grid)
    if len(turns):
        group, linear = _rotations(turns)
        found["rotation"] = LatticeSymmetry("rotation", group, grid, linear, lambda g: still)
    found["reflection"] = LatticeSymmetry(
        "reflection", ProductGroup([CyclicGroup(2)] * d), grid, _flips, lambda g: still
    )
    if periodic:
        found["lattice"] = _lattice(grid, shifts, turns, offset)
        found["fractional_shift"] = FractionalShift("fractional_shift", grid)
    return MappingProxyType(found)


def _lattice(grid: "Grid", shifts: Group, turns: Tensor, offset: Offset) -> LatticeSymmetry:
    points, linear = _point_group(grid.ndim, turns)
    periodic = torch.tensor(grid.periodic_axes)
    sizes = torch.tensor(grid.shape)[periodic]

    def turn_shift(h: Tensor, n: Tensor) -> Tensor:
        matrix = linear(h)[..., periodic[:, None], periodic].round().to(torch.int64)
        return (matrix * n.unsqueeze(-2)).sum(-1) % sizes

    group = SemidirectProduct(shifts, points, turn_shift)
    return LatticeSymmetry(
        "lattice", group, grid, lambda g: linear(group.split(g)[1]), lambda g: offset(group.split(g)[0])
    )


def _quarter_turns(grid: "Grid") -> Tensor:
    """Return the 90° turn of every plane whose two axes agree in size, spacing and boundary, `[k, d, d]`."""
    alike = list(zip(grid.shape, grid.spacing, grid.boundary))
    turns = []
    for i, j in itertools.combinations(range(grid.ndim), 2):
        if alike[i] == alike[j]:
            turn = torch.eye(grid.ndim, dtype=torch.float64)
            turn[i, i] = turn[j, j] = 0
            turn[j, i], turn[i, j] = 1, -1  # the first axis goes to the second
            turns.append(turn)
    return torch.stack(turns) if turns else torch.empty(0, grid.ndim, grid.ndim, dtype=torch.float64)


def _rotations(turns: Tensor) -> tuple[Group, Linear]:
    if turns.shape[1] == 2:
        group = CyclicGroup(4)
        return group, lambda g: group.standard().matrix(g).round()
    planes = ["".join(str(int(axis)) for axis in torch.nonzero(turn.diagonal() == 0)) for turn in turns]
    return FiniteGroup.from_generators(f"QuarterTurns({turns.shape[1]}, planes {' '.join(planes)})", turns), lambda g: g


def _flips(g: Tensor) -> Tensor:
    return torch.diag_embed((1 - 2 * g).double())


def _point_group(d: int, turns: Tensor) -> tuple[Group, Linear]:
    if d == 2 and len(turns):
        group = DihedralGroup(4)
        return group, lambda g: group.standard().matrix(g).round()
    flips = torch.diag_embed(1 - 2 * torch.eye(d, dtype=torch.float64))
    generators = torch.cat([turns, flips])
    return FiniteGroup.from_generators(f"PointGroup({d}, {len(turns)} turning planes)", generators), lambda g: g


def _fibres(group: Group, d: int, linear: Linear) -> tuple[Homomorphism, ...]:
    """Return the homomorphisms to the groups whose types this symmetry turns: point group, O(d), D4, SO(d)."""
    found = [Homomorphism(group, O(d), linear)]
    if isinstance(group, SemidirectProduct):
        found.insert(0, group.to_acting())
    if d == 2:
        found.append(Homomorphism(group, DihedralGroup(4), lambda g: _dihedral(linear(g))))
    if d >= 2 and bool((torch.linalg.det(torch.stack([linear(g) for g in group.generators()])) > 0).all()):
        found.append(Homomorphism(group, SO(d), linear))
    return tuple(found)


def _element_of(group: Group, matrix: Tensor) -> Tensor | None:
    """Return the element of `group` that turns the axes as the signed permutation `matrix[d, d]`; None if none does.

    C_2 on a line flips it; C_n and D_n on a square turn it by multiples of 360°/n; a finite group of d x d matrices,
    such as the octahedral one, turns the axes as its matrices say.
    """
    d = matrix.shape[0]
    if isinstance(group, CyclicGroup) and d == 1 and group.n == 2:
        return (matrix[0, 0] < 0).to(torch.int64)
    if isinstance(group, CyclicGroup | DihedralGroup) and d == 2:
        flip, turn = _dihedral(matrix)
        cyclic = isinstance(group, CyclicGroup)
        if (turn * group.n) % 4 or (cyclic and flip):
            return None
        turn = turn * group.n // 4
        return turn if cyclic else torch.stack([flip, turn])
    if isinstance(group, FiniteGroup) and group.element_shape == (d, d):
        matrix = matrix.to(group.element_dtype)
        return matrix if bool((group.elements() - matrix).abs().amax((1, 2)).min() < 1e-8) else None
    return None


def _dihedral(matrix: Tensor) -> Tensor:
    """Return the element [flip, turn] of D4 whose standard matrix is `matrix[..., 2, 2]`."""
    flip = (torch.linalg.det(matrix) < 0).to(torch.int64)
    angle = torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    return torch.stack([flip, (angle / (math.pi / 2)).round().to(torch.int64) % 4], -1)
