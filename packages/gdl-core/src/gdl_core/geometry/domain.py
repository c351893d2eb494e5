"""`Domain` and `Signal`: where features live, and a field of features on it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor

from gdl_core.pytree import TensorDataclass
from gdl_core.representations.field_type import FieldType

if TYPE_CHECKING:
    from gdl_core.geometry.symmetry import Symmetry


class Domain(TensorDataclass):
    """Ω, the place where signals live (the book, §3.1 and §4).

    A domain is a frozen `@tensor_dataclass`: tensors and static metadata, nothing else, so it compiles, exports and
    moves between devices. A subclass gives `num_points`, `check`, `symmetries` and `locate`, and where samples differ
    in size `collate` and `unbatch`.
    """

    channel_axis: ClassVar[int] = -1  # of a signal's values; 1 on grids, the last on points-first domains

    @property
    @abstractmethod
    def num_points(self) -> int:
        """The number of points of (all samples of) the domain."""

    @abstractmethod
    def check(self, values: Tensor, where: str) -> None:
        """Raise ValueError, naming `where`, unless `values` has the shape of a signal on this domain."""

    @abstractmethod
    def symmetries(self) -> "Mapping[str, Symmetry]":
        """Return the symmetries of this domain by name."""

    def locate(self, values: Tensor) -> "Domain | None":
        """Return the domain that an intermediate `values` of a network on this domain lives on, from its shape.

        None means that `values` is a plain vector per sample, or nothing known. `audit` uses it for modules that do
        not declare their domains.
        """
        try:
            self.check(values, "locate")
        except ValueError:
            return None
        return self

    def refine(self, signal: "Signal") -> "Signal | None":
        """Return the same signal at twice the resolution, or None where that has no meaning."""
        return None

    def to_points(self, values: Tensor) -> Tensor:
        """Return the values with points and channels last, `[..., n, c]`; points-first domains have them so."""
        return values

    def from_points(self, points: Tensor) -> Tensor:
        """Return the inverse of `to_points`."""
        return points

    @classmethod
    def collate(cls, domains: "Sequence[Self]") -> Self:
        """Return one domain that holds all samples, in order."""
        raise NotImplementedError(f"{cls.__name__} has no collate: its samples cannot be batched.")

    def unbatch(self) -> "list[Self]":
        """Return the domains of the samples; the exact inverse of `collate`."""
        raise NotImplementedError(f"{type(self).__name__} has no unbatch.")


@dataclass(frozen=True)
class Signal:
    """Values of a field type on a domain: what a symmetry acts on (the book, §3.1, the space X(Ω, C)).

    For data, verification and pictures; layers take plain tensors.

    Raises:
        ValueError: if the values do not fit the domain or the type.
    """

    values: Tensor
    domain: Domain
    type: FieldType

    def __post_init__(self):
        self.domain.check(self.values, "Signal")
        channels = self.values.shape[self.domain.channel_axis]
        if channels != self.type.channels:
            raise ValueError(
                f"Signal: expected {self.type.channels} channels for {self.type!r}, got {channels} "
                f"(axis {self.domain.channel_axis} of shape {list(self.values.shape)})."
            )

    def with_values(self, values: Tensor) -> "Signal":
        """Return the same signal with other values."""
        return Signal(values, self.domain, self.type)
