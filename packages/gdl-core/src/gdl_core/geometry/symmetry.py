"""`Symmetry`: a group that acts on the signals of a domain."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from gdl_core.geometry.domain import Domain, Signal
from gdl_core.groups.base import Group
from gdl_core.groups.homomorphism import Homomorphism
from gdl_core.groups.named import TrivialGroup
from gdl_core.representations.field_type import FieldType


class Symmetry(ABC):
    """A group acting on signals of a domain: it moves points, geometry and fibres together (the book, §3.1).

    (g·x)(u) = ρ(g) x(g⁻¹u). A subclass gives `move`, which moves the points; the fibre follows from `fibre`.

    Attributes:
        name: the key in `domain.symmetries()`.
        group: the group.
        domain: the domain it is a symmetry of.
        fibre: the homomorphism to the group that acts on feature vectors; None where it acts on none.
        is_exact: whether it permutes the points, so that no interpolation is involved.
    """

    fibre: Homomorphism | None = None
    is_exact: bool = True

    def __init__(self, name: str, group: Group, domain: Domain):
        self.name, self.group, self.domain = name, group, domain

    @abstractmethod
    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        """Return `values` with their points moved by g, and the moved domain. Fibres stay as they are.

        `domain` is `self.domain` or a coarser domain that a network derived from it.
        """

    def on(self, domain: Domain) -> "Symmetry | None":
        """Return the same symmetry of another domain, a finer one for instance, or None: that of its name there.

        A subclass that no domain lists, since it is made by hand, returns one of its kind.
        """
        return domain.symmetries().get(self.name)

    def act(self, g: Tensor, signal: Signal) -> Signal:
        """Return g · signal, for a single element g `[*group.element_shape]`."""
        values, domain = self.move(g, signal.values, signal.domain)
        return Signal(self.act_on_fibres(g, values, signal.type, domain.channel_axis), domain, signal.type)

    def candidates(self, g: Tensor, signal: Signal) -> list[Signal]:
        """Return every signal that counts as g · signal: one, unless the domain is too coarse to carry g."""
        return [self.act(g, signal)]

    def act_on_fibres(self, g: Tensor, values: Tensor, type: FieldType, axis: int) -> Tensor:
        """Apply ρ(g) to the channel axis; raise TypeError if the type belongs to a group this does not act on."""
        element = self.fibre_element(g, type)
        return values if element is None else type.act(element, values, axis)

    def fibre_element(self, g: Tensor, type: FieldType) -> Tensor | None:
        """Return the element of `type.group` by which g acts on fibres, or None where it does nothing."""
        if type.is_invariant:
            return None
        if type.group == self.group:
            return g
        if self.fibre is not None and type.group == self.fibre.target:
            return self.fibre(g)
        if self.fibre is None or isinstance(self.fibre.target, TrivialGroup):
            return None  # moves points only, so vectors are carried along unturned
        raise TypeError(
            f"Symmetry {self.name!r} acts on fibres of {self.fibre.target!r}, got {type!r} of {type.group!r}."
        )

    def acts_on(self, type: FieldType) -> bool:
        """Return whether the group acts on feature vectors of `type`, if only as the identity."""
        try:
            self.fibre_element(self.group.identity(), type)
        except TypeError:
            return False
        return True

    def point_images(self, g: Tensor) -> Tensor:
        """Return where each point goes, `[n]`, for a symmetry that permutes points.

        Derived from `move` on the point numbers; a subclass overrides it when it knows better.
        """
        if not self.is_exact:
            raise TypeError(f"Symmetry {self.name!r} interpolates, so it permutes no points.")
        return _images_from_move(self, g)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.group!r}, {self.domain!r})"


def _images_from_move(symmetry: Symmetry, g: Tensor) -> Tensor:
    domain = symmetry.domain
    labels = torch.arange(domain.num_points, dtype=torch.float64)
    values = domain.from_points(labels[:, None])
    moved = domain.to_points(symmetry.move(g, values, domain)[0])
    source = moved.reshape(-1).round().to(torch.int64)  # the value that arrives at each point
    return torch.argsort(source)
