"""How permutations, translations, rotations and reflections act on points in space."""

from collections.abc import Mapping

import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import SO, Group, Homomorphism, O, YoungSubgroup
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.geometric.graph import GeometricGraph


def symmetries(graph: GeometricGraph) -> Mapping[str, Symmetry]:
    """Return the symmetries of a graph in R^d by name; rotations need d from 2."""
    found: dict[str, Symmetry] = {
        "permutation": Relabelling("permutation", YoungSubgroup(graph.ptr.diff().tolist()), graph),
        "translation": Translation("translation", Translations(graph.space_dim), graph),
        "orthogonal": Turn("orthogonal", O(graph.space_dim), graph),
    }
    if graph.space_dim > 1:
        found["rotation"] = Turn("rotation", SO(graph.space_dim), graph)
    return found


class Translations(Group):
    """R^d under addition; an element is a vector, `[d]`.

    >>> Translations(3)
    Translations(3)
    """

    is_compact = False

    def __init__(self, d: int):
        self.d, self.name, self.element_shape = d, f"Translations({d})", (d,)

    def identity(self) -> Tensor:
        return torch.zeros(self.d, dtype=torch.float64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return g + h

    def inverse(self, g: Tensor) -> Tensor:
        return -g

    def algebra(self) -> Tensor:
        return torch.eye(self.d, dtype=torch.float64)

    def exp(self, a: Tensor) -> Tensor:
        return a

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw normal vectors, `[count, d]`."""
        return torch.randn(count, self.d, generator=generator, dtype=torch.float64)


class Relabelling(Symmetry):
    """Point i becomes point g(i): features, positions and edges move together."""

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        g = g.to(values.device)
        return values.index_select(0, torch.argsort(g)), domain.relabel(g)  # type: ignore[attr-defined]


class Translation(Symmetry):
    """Every point moves by g."""

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        positions: Tensor = domain.positions  # type: ignore[attr-defined]
        return values, domain.moved(positions + g.to(positions))  # type: ignore[attr-defined]


class Turn(Symmetry):
    """Positions and cells turn by the matrix g, x -> g x, and fibres with them."""

    def __init__(self, name: str, group: Group, domain: Domain):
        super().__init__(name, group, domain)
        if isinstance(group, SO):
            self.fibre = Homomorphism(group, O(group.m), lambda g: g, lambda a: a)

    def fibre_element(self, g: Tensor, type: FieldType) -> Tensor | None:
        if isinstance(self.group, O) and isinstance(type.group, SO) and not type.is_invariant:
            raise TypeError(f"Reflections do not act on {type!r}: SO({type.group.m}) has none. Use a type of O.")
        return super().fibre_element(g, type)

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        positions: Tensor = domain.positions  # type: ignore[attr-defined]
        cell: Tensor | None = domain.cell  # type: ignore[attr-defined]
        turn = g.to(positions).mT
        return values, domain.moved(positions @ turn, None if cell is None else cell @ turn)  # type: ignore[attr-defined]
