"""`FourierActivation`: any pointwise function for band-limited fields, on samples of the group."""

import math

import torch
from gdl_core.derive.parameters import ExactBuffers
from gdl_core.geometry import Domain, Symmetry
from gdl_core.geometry.pointwise import elementwise
from gdl_core.groups import SO, FiniteGroup, Group, O
from gdl_core.groups.named import rotation
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type
from gdl_core.representations.irreps import ENDOMORPHISM_DIM
from torch import Tensor, nn

from gdl_groups.fibre.fields import Nonlinear


class FourierActivation(Nonlinear, ExactBuffers):
    """y = A⁺ σ(A x): irreps are read as Fourier coefficients of functions on the group, which σ acts on pointwise.

        (A x)(g) = Σ_j √d_j Σ_{i,a} ρ_j(g)[a, i] x_j[a, i]

    A type c_j x ρ_j means c functions, c the smallest c_j; c_j / c columns i of each matrix ρ_j(g) are used. On a
    finite group the samples are all its elements, and the layer is exactly equivariant. On SO(2) and O(2) they are
    `samples` equal turns: σ makes frequencies beyond the band, which fold back. The error falls with the number of
    samples, exponentially for smooth σ; under turns by 360°/samples there is none.

    Args:
        type: irreps of a finite group, of SO(2) or of O(2), each once, such as `FieldType(SO(2), "8x0+8x1+8x2")`.
        function: σ, a name or an elementwise module.
        samples: turns; 4 (L + 1) for the largest frequency L if left out, twice what the band needs.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if the group cannot be sampled, or a field is no irrep.
        ValueError: if multiplicities do not fit, or there are fewer samples than coefficients.

    Source: Cesa, Lang and Weiler 2022 (A program to build E(N)-equivariant steerable CNNs), §4; Franzen and Wand 2021.
    """

    evaluate: Tensor  # A, [samples, coefficients]
    project: Tensor  # A⁺

    def __init__(
        self,
        type: FieldType | int,
        function: str | nn.Module = "relu",
        samples: int | None = None,
        *,
        channel_axis: int = -1,
    ):
        super().__init__(type, type, channel_axis)
        into = as_type(type)
        self.function, self._name = elementwise(function, "FourierActivation")
        self.copies = min((count for count, _ in into.fields), default=0)
        self._elements = _samples(into, samples)
        blocks = [self._block(count, rep) for count, rep in into.fields]
        matrix = torch.cat(blocks, 1) if blocks else torch.empty(len(self._elements), 0, dtype=torch.float64)
        if matrix.shape[0] < matrix.shape[1]:
            raise ValueError(
                f"FourierActivation: {matrix.shape[0]} samples do not determine the {matrix.shape[1]} coefficients "
                f"of a function in {into!r}; take more."
            )
        self._keep("evaluate", matrix)
        self._keep("project", torch.linalg.pinv(matrix))

    def _block(self, count: int, rep) -> Tensor:
        """Return the columns of A for one field, `[samples, dim · count / copies]`."""
        if rep.endomorphism is None or [r for _, r in self.in_type.fields].count(rep) > 1:
            raise TypeError(
                f"FourierActivation expects every irrep once, got {self.in_type!r}, where {rep!r} is no irrep or is "
                "there twice. On fields that the group permutes use Pointwise."
            )
        columns, most = count // self.copies, rep.dim // ENDOMORPHISM_DIM[rep.endomorphism]
        if count % self.copies or columns > most:
            raise ValueError(
                f"FourierActivation: {self.copies} functions have {self.copies} to {most * self.copies} copies of "
                f"{rep!r}, in steps of {self.copies}; got {count}."
            )
        return math.sqrt(rep.dim) * rep.matrix(self._elements)[:, :, :columns].flatten(1)

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        names = super().symmetries(domain)
        if self.in_type.is_invariant or isinstance(self.in_type.group, FiniteGroup):
            return names
        offered = domain.symmetries()
        return tuple(name for name in names if self._permutes_samples(offered[name]))

    def _permutes_samples(self, symmetry: Symmetry) -> bool:
        """Whether every element of a symmetry maps samples to samples."""
        group = symmetry.group
        moving = [group.exp(a) for a in group.algebra()]
        if any(symmetry.fibre_element(g, self.in_type) is not None for g in moving):
            return False
        turns = [symmetry.fibre_element(g, self.in_type) for g in group.generators()]
        return all(turn is None or _contains(self._elements, turn @ self._elements) for turn in turns)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.axis(x, domain)
        if not self.copies:
            return x.clone()
        coefficients = x.unflatten(axis, (-1, self.copies))  # component-major: fields need no shuffling
        behind = coefficients.shape[axis + 1 :]
        values = self.function(self.evaluate @ coefficients.flatten(axis + 1))
        return (self.project @ values).unflatten(-1, behind).flatten(axis, axis + 1)

    def extra_repr(self) -> str:
        return f"{self.in_type}, {self._name}, samples={len(self._elements)}"


def _samples(type: FieldType, samples: int | None) -> Tensor:
    """Return the elements of the group on which functions are sampled."""
    group: Group = type.group
    if isinstance(group, FiniteGroup):
        elements = group.elements()
        if samples not in (None, len(elements)):
            raise ValueError(f"FourierActivation samples all {len(elements)} elements of {group!r}, got {samples!r}.")
        return elements
    if not isinstance(group, SO | O) or group.m != 2:
        raise TypeError(f"FourierActivation samples finite groups, SO(2) and O(2), got {group!r}.")
    highest = max((int(rep.name) for _, rep in type.fields if rep.name.isdigit()), default=0)
    samples = 4 * (highest + 1) if samples is None else samples
    if not isinstance(samples, int) or samples < 1:
        raise ValueError(f"FourierActivation: samples is a whole number from 1, got {samples!r}.")
    turns = rotation(torch.arange(samples, dtype=torch.float64) * (2 * math.pi / samples))
    if isinstance(group, SO):
        return turns
    return torch.cat([turns, turns @ torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))])


def _contains(elements: Tensor, moved: Tensor) -> bool:
    """Whether each of `moved[k, 2, 2]` is one of `elements[n, 2, 2]`."""
    return bool(((moved[:, None] - elements[None]).abs().amax((-2, -1)).amin(1) < 1e-9).all())
