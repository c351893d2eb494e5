"""What a group is: operations on batched element tensors, generators, and named representations."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gdl_core.errors import UnknownNameError, closest

if TYPE_CHECKING:
    from gdl_core.representations import Representation


class Group(ABC):
    """A set of transformations, given by its operations on element tensors (the book, §3.1).

    An element is a tensor of shape `element_shape`; every operation takes leading batch axes. A new group gives
    `identity`, `compose`, `inverse`, `sample`, and at least one of `generators` (discrete) and `algebra`
    (continuous): that is all that `derive` and `verify` need. Named representations come from
    `_named_representations`.

    Two groups are equal when their names, generators and algebras are equal.
    """

    name: str
    element_shape: tuple[int, ...]
    element_dtype: torch.dtype = torch.float64
    order: int | None = None  # the number of elements; None when infinite
    is_compact: bool = True

    @abstractmethod
    def identity(self) -> Tensor:
        """Return the neutral element, `[*element_shape]`."""

    @abstractmethod
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        """Return `g` after `h`, `[..., *element_shape]`."""

    @abstractmethod
    def inverse(self, g: Tensor) -> Tensor:
        """Return the inverse of `g`, `[..., *element_shape]`."""

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw `[count, *element_shape]` elements, from the Haar law unless the class says otherwise."""

    def generators(self) -> Tensor:
        """Return the discrete generators, `[k, *element_shape]`; may be empty."""
        return torch.empty(0, *self.element_shape, dtype=self.element_dtype)

    def algebra(self) -> Tensor:
        """Return a basis of the Lie algebra, `[dim, *element_shape]`; empty for a finite group."""
        return torch.empty(0, *self.element_shape, dtype=torch.float64)

    def exp(self, a: Tensor) -> Tensor:
        """Return the exponential of the algebra element `a`, `[..., *element_shape]`."""
        raise NotImplementedError(f"{self!r} has no Lie algebra, so nothing to exponentiate.")

    def representation(self, name: str) -> "Representation":
        """Return the representation called `name`; raise `UnknownNameError` with the known names otherwise."""
        known = self._named_representations()
        if name in known:
            return known[name]()
        found = self._irrep(name)
        if found is not None:
            return found
        names = sorted(known)
        raise UnknownNameError(
            f"{self!r} has no representation named {name!r}; it has {', '.join(names)}{self._irreps_in_words()}."
            + closest(name, names)
        )

    def irrep(self, name: "str | int | float", /) -> "Representation":
        """Return the real irreducible representation called `name`, such as `"T1"`, `"1o"`, `"3/2"` or 2.

        Raises:
            UnknownNameError: if no irrep of that name is known.
        """
        found = self._irrep(str(name))
        if found is None:
            raise UnknownNameError(f"{self!r} has no irrep named {name!r}{self._irreps_in_words(', ')}.")
        return found

    def trivial(self) -> "Representation":
        """Return the one-dimensional representation that does nothing."""
        from gdl_core.representations import Trivial

        return Trivial(self)

    def _named_representations(self) -> dict:
        """Map a name to a function that makes the representation. Subclasses extend the mapping."""
        return {"trivial": self.trivial}

    def _irrep(self, name: str) -> "Representation | None":
        """Return the irreducible representation called `name`, or None. Subclasses override it."""
        return None

    def _irrep_series(self) -> "Iterator[Representation] | None":
        """Yield every irrep, the smallest first, or return None if they are not known. Subclasses override it."""
        return None

    def _irreps_in_words(self, link: str = " and ") -> str:
        series = self._irrep_series()
        if series is None:
            return ""
        names = [irrep.name for irrep in islice(series, 11)]
        shown = ", ".join(repr(name) for name in names[:10])
        return f"{link}its irreps {shown}{', …' if len(names) > 10 else ''}"

    @cached_property
    def key(self) -> str:
        """A content hash of name, generators, their products and algebra; the same on every machine."""
        digest = hashlib.sha256(f"{self.name}|{self.element_shape}".encode())
        generators = self.generators()
        products = self.compose(generators[:, None], generators[None])
        for tensor in (generators, products, self.algebra()):
            rounded = (tensor.double() * 1e8).round().to(torch.int64)
            digest.update(rounded.numpy().tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and (self is other or self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name

    def close(self, g: Tensor, h: Tensor, tolerance: float = 1e-8) -> bool:
        """Return whether `g` and `h` are the same element up to rounding."""
        return bool(torch.allclose(g.double(), h.double(), atol=tolerance, rtol=0))
