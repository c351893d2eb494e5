"""Small instances of core's own layers for the conformance kit; imported only by it."""

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from gdl_core.derive import EquivariantLinear, EquivariantOperator
from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.grid import Grid
from gdl_core.groups import DihedralGroup
from gdl_core.incidence import Incidence
from gdl_core.plugins import Case
from gdl_core.pytree import tensor_dataclass
from gdl_core.representations import FieldType


@tensor_dataclass(name="gdl_core.Necklace")
class Necklace(Domain):
    """A ring of beads that turns and flips, with feature vectors of any representation; values are `[b, n, c]`.

    Args:
        size: the number of beads n.
    """

    size: int

    @property
    def num_points(self) -> int:
        return self.size

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != 3 or values.shape[1] != self.size:
            raise ValueError(f"{where}: expected [b, {self.size}, c] on {self!r}, got {list(values.shape)}.")

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {"dihedral": TurnAndFlip("dihedral", DihedralGroup(self.size), self)}


class TurnAndFlip(Symmetry):
    """`[f, k]` sends bead i to ±i + k."""

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        source = ((torch.arange(domain.num_points) - g[1]) * (1 - 2 * g[0])) % domain.num_points
        return values[..., source.to(values.device), :], domain


GRIDS = {
    "square-torus": Grid((6, 6)),
    "mixed": Grid((5, 4), ("periodic", "reflect")),
    "zero-1d": Grid((7,), "zero"),
}
BEADS = Necklace(5)
TYPES = {
    "vectors": ("2xtrivial+2xstandard", "3xstandard+1xsign"),
    "regular": ("2xregular", "1xregular+2xtrivial"),
    "mixed": ("1xregular+1xE2", "2xE2+1xA2+1xA1"),
}


def cases(kind: str, name: str) -> Iterator[Case]:
    """Yield the cases of a component: the domain `grid`, the layers `linear` and `operator`."""
    if kind == "domain":
        for label, grid in GRIDS.items():
            yield Case(label, partial(Grid, grid.shape, grid.boundary), _signals(grid))
        return
    for label, (in_type, out_type) in TYPES.items():
        types = tuple(FieldType(DihedralGroup(BEADS.size), text) for text in (in_type, out_type))
        if name == "linear" and label != "regular":
            yield Case(label, partial(EquivariantLinear, types[0], types[1]), _inputs(types[0]))
        elif name == "operator" and label != "mixed":
            build = partial(EquivariantOperator, BEADS, "dihedral", types[0], types[1])
            yield Case(label, build, _inputs(types[0]))
    if name == "operator":
        scalars = FieldType.scalars(3)
        yield Case(
            "local", lambda: EquivariantOperator(BEADS, "dihedral", 3, 4, locality=_neighbours()), _inputs(scalars)
        )


def _inputs(type: FieldType):
    def draw(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        generator = torch.Generator().manual_seed(seed)
        values = torch.randn(2, BEADS.size, type.channels, generator=generator, dtype=torch.float64)
        return Signal(values.to(device, dtype), BEADS, type)

    return draw


def _signals(grid: Grid):
    def draw(seed: int, dtype: torch.dtype, device: torch.device | str) -> Signal:
        generator = torch.Generator().manual_seed(seed)
        values = torch.randn(2, 2, *grid.shape, generator=generator, dtype=torch.float64)
        return Signal(values.to(device, dtype), grid, FieldType.scalars(2))

    return draw


def _neighbours() -> Incidence:
    beads = torch.arange(BEADS.size)
    receiver = beads.repeat(3)
    sender = torch.cat([beads, (beads + 1) % BEADS.size, (beads - 1) % BEADS.size])
    return Incidence.from_edges(sender, receiver, BEADS.size, BEADS.size)
