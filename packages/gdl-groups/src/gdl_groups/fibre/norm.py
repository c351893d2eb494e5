"""Normalisations that commute with any orthogonal group: within a feature vector, a sample, or the batch."""

from abc import abstractmethod
from typing import Literal

import torch
from gdl_core.derive import intertwiners
from gdl_core.derive.parameters import ExactBuffers
from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence.precision import accumulate_in
from gdl_core.points import Points, sample_mean
from gdl_core.representations import FieldType, Representation
from torch import Tensor, nn

from gdl_groups.fibre.fields import along, channel_axis, check_orthogonal, exact_symmetries, join, split


class FieldNorm(ExactBuffers, Layer):
    """y = γ (x - P E[x]) / √(E[|x - P E[x]|²] / dim ρ + ε) + β, for each field c x ρ by itself.

    P projects on the directions that the group leaves alone: everything for an invariant channel, the constant
    functions for a regular field, nothing for a vector. The second moment is over the components of whole copies, so
    it is invariant. γ is a number per copy, β one per copy and invariant direction. Subclasses say what E is.

    Args:
        type: the type of input and output, orthogonal.
        centre: subtract P E[x] and learn β.
        affine: learn γ and β.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal.
    """

    claims = ("*",)

    def __init__(self, type: FieldType | int, centre: bool, affine: bool, eps: float, channel_axis: int):
        super().__init__(type, type)
        check_orthogonal(self.in_type, self)
        self.eps, self.channel_axis = eps, channel_axis
        self._invariant = []  # per field: None, "mean" (of the components), or the name of a basis [dim, k]
        directions = []
        for number, (_, rep) in enumerate(self.in_type.fields):
            basis = _invariant_directions(rep) if centre else torch.empty(rep.dim, 0, dtype=torch.float64)
            directions.append(basis.shape[1])
            if basis.shape[1] == 0:
                self._invariant.append(None)
            elif basis.shape[1] == 1 and rep.is_permutation:
                self._invariant.append("mean")
            else:
                self._invariant.append(f"invariant{number}")
                self._keep(f"invariant{number}", basis)
        self._copies = [count for count, _ in self.in_type.fields]
        self._shifts = [count * k for count, k in zip(self._copies, directions)]
        self.weight = nn.Parameter(torch.ones(sum(self._copies))) if affine else None
        self.bias = nn.Parameter(torch.zeros(sum(self._shifts))) if affine and centre else None

    def symmetries(self, domain: Domain) -> tuple[str, ...]:
        return exact_symmetries(domain, self.in_type)

    @abstractmethod
    def mean(self, values: Tensor, axis: int, domain: Domain | None) -> Tensor:
        """Return E of `values[…, components on axis, copies on axis + 1, …]`, in a shape that broadcasts."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = channel_axis(x, domain, self.channel_axis, self.in_type, self)
        wide = x.to(accumulate_in(x))
        fields = split(wide, self.in_type, axis)
        out = [self.of_field(number, field, axis, domain) for number, field in enumerate(fields)]
        return join(out, wide, axis).to(x.dtype)

    def of_field(self, number: int, field: Tensor, axis: int, domain: Domain | None) -> Tensor:
        """Return y of field `number`, its components on `axis` and its copies on `axis + 1`."""
        if self._invariant[number] is not None:
            field = field - self.spread(number, self.project(number, self.mean(field, axis, domain), axis), axis)
        power = self.mean(field.square().mean(axis, keepdim=True), axis, domain)
        return self.affine(number, field * (power + self.eps).rsqrt(), axis)

    def project(self, number: int, mean: Tensor, axis: int) -> Tensor:
        """Return the coordinates of `mean` along the invariant directions, k on `axis`."""
        name = self._invariant[number]
        if name == "mean":
            return mean.mean(axis, keepdim=True)
        basis = getattr(self, name).to(mean)
        return (mean.movedim(axis, -1) @ basis).movedim(-1, axis) / basis.shape[0] ** 0.5

    def spread(self, number: int, coordinates: Tensor, axis: int) -> Tensor:
        """Return the vector with these coordinates, or something that broadcasts to it."""
        name = self._invariant[number]
        if name == "mean":
            return coordinates
        basis = getattr(self, name).to(coordinates)
        return (coordinates.movedim(axis, -1) @ basis.T).movedim(-1, axis) * basis.shape[0] ** 0.5

    def affine(self, number: int, y: Tensor, axis: int) -> Tensor:
        """Return γ y + β."""
        if self.weight is not None:
            y = y * along(self.weight.split(self._copies)[number], axis + 1, y.dim())
        if self.bias is not None and self._invariant[number] is not None:
            bias = self.bias.split(self._shifts)[number]
            y = y + self.spread(number, self.coordinates(number, bias, axis, y.dim()), axis)
        return y

    def coordinates(self, number: int, values: Tensor, axis: int, dim: int) -> Tensor:
        """Return numbers per invariant direction and copy as a tensor of `dim` axes."""
        return values.reshape((1,) * axis + (-1, self._copies[number]) + (1,) * (dim - axis - 2))


def _invariant_directions(rep: Representation) -> Tensor:
    """Return an orthonormal basis of the vectors that the group leaves alone, `[dim, k]`."""
    return intertwiners(rep.group.trivial(), rep).dense()[:, :, 0].T


def points_mean(values: Tensor, axis: int, domain: Domain | None) -> Tensor:
    """Return the mean over the points of each sample, in a shape that broadcasts; the channel axis is `axis`.

    On points that is by `ptr`; else over the axes behind the channels, or before them if there are none: `[…, n, c]`.
    """
    if isinstance(domain, Points):
        return sample_mean(domain, values)
    behind = list(range(axis + 2, values.dim()))
    return values.mean(behind or [axis - 1], keepdim=True)


class RMSNorm(FieldNorm):
    """y = γ x / √(E[|x|²] / dim ρ + ε), E over the copies of a field at one point (Zhang and Sennrich 2019).

    Args:
        type: the type of input and output, orthogonal.
        affine: learn γ, a number per copy.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal.
    """

    def __init__(self, type: FieldType | int, *, affine: bool = True, eps: float = 1e-5, channel_axis: int = -1):
        super().__init__(type, False, affine, eps, channel_axis)

    def mean(self, values: Tensor, axis: int, domain: Domain | None) -> Tensor:
        return values.mean(axis + 1, keepdim=True)


class LayerNorm(FieldNorm):
    """`FieldNorm` within a feature vector or a sample: E is over the copies of a field (Ba et al. 2016).

    Args:
        type: the type of input and output, orthogonal.
        over: `"point"`, each feature vector by itself; or `"sample"`, the copies at all points of a sample.
        affine: learn γ and β.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal. UnknownNameError: if `over` is neither.
    """

    def __init__(
        self,
        type: FieldType | int,
        over: Literal["point", "sample"] = "point",
        *,
        affine: bool = True,
        eps: float = 1e-5,
        channel_axis: int = -1,
    ):
        super().__init__(type, True, affine, eps, channel_axis)
        if over not in ("point", "sample"):
            raise UnknownNameError(
                f"LayerNorm takes statistics over 'point' or 'sample', got {over!r}."
                + closest(over, ("point", "sample"))
            )
        self.over = over

    def mean(self, values: Tensor, axis: int, domain: Domain | None) -> Tensor:
        mean = values.mean(axis + 1, keepdim=True)
        return mean if self.over == "point" else points_mean(mean, axis, domain)


class InstanceNorm(FieldNorm):
    """`FieldNorm` of each copy by itself: E is over the points of its sample (Ulyanov et al. 2016).

    Args:
        type: the type of input and output, orthogonal.
        affine: learn γ and β.
        eps: ε.
        channel_axis: the channel axis of the values without a domain; -1, or 1 for grids.

    Raises:
        TypeError: if a field is not orthogonal.
    """

    def __init__(self, type: FieldType | int, *, affine: bool = True, eps: float = 1e-5, channel_axis: int = -1):
        super().__init__(type, True, affine, eps, channel_axis)

    def mean(self, values: Tensor, axis: int, domain: Domain | None) -> Tensor:
        return points_mean(values, axis, domain)
