"""The parts of a network: `Layer`, `Coarsening`, `Refinement`, `Readout`, and the shape guard they share."""

from abc import abstractmethod
from typing import TypeVar

import torch
from torch import Tensor, nn

from gdl_core.geometry.domain import Domain
from gdl_core.representations.field_type import FieldType, as_type

D = TypeVar("D", bound=Domain)


class Part(nn.Module):
    """What all parts share: types of their features, and the symmetries they claim.

    Attributes:
        in_type: the field type of the input.
        out_type: the field type of the output.
        claims: the names of the symmetries (keys of `domain.symmetries()`) under which the part is equivariant
            wherever the domain has them. The conformance kit checks every claim.
    """

    claims: tuple[str, ...] = ()
    in_type: FieldType
    out_type: FieldType

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int):
        super().__init__()
        self.in_type, self.out_type = as_type(in_type), as_type(out_type)

    def out_domain(self, domain: Domain) -> Domain:
        """Return the domain of the output for an input on `domain`; the same one unless the part changes it."""
        return domain

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        """Return the claims that hold on `domain`: those that the domain offers."""
        offered = domain.symmetries()
        return tuple(name for name in self.claims if name in offered)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


class Layer(Part):
    """An equivariant map of signals on one domain (the book, §3.5, "B" and "σ"): `y = layer(x, domain)`."""

    @abstractmethod
    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        """Return the output values."""


class Coarsening(Part):
    """An equivariant map to a smaller domain (the book, §3.5, "P"): `y, coarse = layer(x, domain)`."""

    @abstractmethod
    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        """Return the output values and their domain."""


class Refinement(Part):
    """An equivariant map back from a coarser domain: `y, fine = layer(x, coarse)`."""

    @abstractmethod
    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        """Return the output values and their domain."""


class Readout(Part):
    """An invariant map to a plain vector per sample (the book, §3.5, "A"): `out[b, ...] = layer(x, domain)`."""

    @abstractmethod
    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        """Return one vector per sample."""


def check_channels(x: Tensor, expected: FieldType, axis: int, where: nn.Module) -> None:
    """Raise unless axis `axis` of `x` has the channels of `expected` and `x` is floating point.

    It looks at static facts only, so it costs nothing in a compiled program. Values in double precision, which arrays
    of NumPy are, need weights in double precision.
    """
    if not x.is_floating_point() and not x.is_complex():
        raise TypeError(f"{type(where).__name__} expects floating-point values, got {x.dtype}.")
    if x.dtype == torch.float64:  # other types are left to torch: autocast mixes them, and looking takes time
        weight = next(where.parameters(), None)
        if weight is not None and weight.dtype in (torch.float32, torch.float16, torch.bfloat16):
            raise TypeError(
                f"{type(where).__name__} has weights of {weight.dtype}, got values of {x.dtype}: convert the values, "
                "as by x.float(), or the network, by network.double()."
            )
    has_axis = x.dim() > (axis if axis >= 0 else -axis - 1)
    if not has_axis or x.shape[axis] != expected.channels:
        got = f"{x.shape[axis]} channels on axis {axis}" if has_axis else "too few axes"
        raise ValueError(
            f"{type(where).__name__} expects {expected.channels} channels ({expected}), got {got} "
            f"of an input of shape {list(x.shape)}."
        )


def domain_of(x: Tensor, domain: Domain | None, layer: Part, kind: type[D], wants: str) -> D:
    """Return `domain`, after checking that it is of its `kind` and that `x` has its rows and the channels of `layer`.

    Raises:
        TypeError: if there is no domain or one of another kind: the layer `wants` it; if `x` is not floating point.
        ValueError: if `x` has other channels or another number of rows.
    """
    check_channels(x, layer.in_type, -1, layer)
    where = type(layer).__name__
    if not isinstance(domain, kind):
        got = "no domain" if domain is None else f"{domain}"
        if isinstance(domain, Tensor):  # not its numbers
            hint = "; a domain is made of it, as by from_edge_index" if domain.dim() == 2 and len(domain) == 2 else ""
            got = f"a tensor {list(domain.shape)}{hint}"
        raise TypeError(f"{where} {wants}, got {got}.")
    domain.check(x, where)
    return domain
