"""`EquivariantOperator`: the linear layer on signals over a finite domain, with weights shared by symmetry."""

import math

import torch
from torch import Tensor

from gdl_core.derive.basis import Basis
from gdl_core.derive.cache import content_hash, remembered
from gdl_core.derive.pairs import Pairs, local_pairs, permutation_basis, point_moves
from gdl_core.derive.parameters import DerivedLayer
from gdl_core.derive.transport import transport_basis
from gdl_core.geometry.domain import Domain
from gdl_core.geometry.layer import check_channels
from gdl_core.geometry.symmetry import Symmetry
from gdl_core.incidence import Incidence
from gdl_core.representations.base import Representation
from gdl_core.representations.field_type import FieldType


def operators(
    symmetry: Symmetry, rep_in: Representation, rep_out: Representation, locality: Incidence | None = None
) -> Basis:
    """Return all linear maps of signals that commute with `symmetry`, a basis on `[n·d_out, n·d_in]`.

    A signal's coordinate (i, a) is i · d + a: point i, component a of the fibre. With the cyclic shifts of a ring this
    is the space of circulant matrices, the convolutions (the book, §4.2).

    Args:
        symmetry: a symmetry that permutes the points of its domain.
        rep_in, rep_out: fibres, of the group by which `symmetry` acts on feature vectors.
        locality: pairs (receiver, sender) that may be joined; all if None. It must be invariant.

    Raises:
        TypeError: if the symmetry interpolates.
        ValueError: if the locality is not invariant; the message names the pair.
    """
    return _invariant_maps(symmetry, local_pairs(symmetry, locality), rep_in, rep_out)


def _invariant_maps(symmetry: Symmetry, pairs: Pairs, rep_in: Representation, rep_out: Representation) -> Basis:
    """Solve on the given pairs, by orbits where both fibres are permuted and by transport otherwise."""
    permutes = rep_in.is_permutation and rep_out.is_permutation
    kind = "images" if permutes else "matrix"
    out, into = (_fibres(symmetry, rep, kind) for rep in (rep_out, rep_in))
    points = symmetry.domain.num_points
    key = content_hash(kind, points, pairs.moves, pairs.receiver, pairs.sender, out, into)
    route = permutation_basis if permutes else transport_basis
    return remembered(key, lambda: route(pairs.moves, pairs.receiver, pairs.sender, points, out, into))


def _fibres(symmetry: Symmetry, rep: Representation, kind: str) -> Tensor:
    """Return the images `[k, d]` or matrices `[k, d, d]` of the fibre under each generator of the symmetry."""
    type = FieldType(rep.group, [(1, rep)])
    found = []
    for g in symmetry.group.generators():
        element = symmetry.fibre_element(g, type)
        if element is not None:
            found.append(getattr(rep, kind)(element))
        else:
            found.append(torch.arange(rep.dim) if kind == "images" else torch.eye(rep.dim, dtype=torch.float64))
    return torch.stack(found)


class EquivariantOperator(DerivedLayer):
    """y = K x + b with every linear K on signals of `domain` that commutes with `symmetry` (the book, §3.5 and §4).

    The kernel has one number per orbit of pairs ((i, a), (j, b)), per pair of channels; the bias, one per orbit of
    points and invariant direction. Derived, not written: shifts give the convolution, shifts with rotations the
    steerable convolution, permutations Deep Sets.

    Args:
        domain: the domain; its size is fixed.
        symmetry: one of `domain.symmetries()`, or its name; it must permute the points.
        in_type, out_type: types of the group that the symmetry acts on fibres by; a number for invariant channels.
        locality: the pairs of points that may be joined, an invariant `Incidence`; all if None.
        bias: whether to add the learned invariant signal.

    Shapes: values of the domain, for example `[b, c, *shape]` on grids and `[n, c]` on points-first domains.

    Raises:
        TypeError: for types of other groups, or a symmetry that interpolates.
        ValueError: for a locality that is not invariant.
    """

    def __init__(
        self,
        domain: Domain,
        symmetry: Symmetry | str,
        in_type: FieldType | int,
        out_type: FieldType | int,
        locality: Incidence | None = None,
        bias: bool = True,
    ):
        super().__init__(in_type, out_type)
        symmetry = _named(domain, symmetry)
        self.domain, self.claims = domain, (symmetry.name,)
        pairs = local_pairs(symmetry, locality)
        for row, (_, rep_out) in enumerate(self._out.fields):
            for column, (_, rep_in) in enumerate(self._into.fields):
                self._add_term(row, column, _invariant_maps(symmetry, pairs, rep_in, rep_out), points=domain.num_points)
            self._add_bias(row, invariant_signals(symmetry, rep_out) if bias else None)
        self.reset_parameters()

    def _rows(self, row: int) -> int:
        return self.domain.num_points * self._out.fields[row][1].dim

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, self.domain.channel_axis, self)
        self.domain.check(x, type(self).__name__)
        points = self.domain.to_points(x)  # [..., n, c]
        batch, count = points.shape[:-2], points.shape[-2]
        many = math.prod(batch)
        fields = [
            points[..., part].reshape(many, count, rep.dim, c).movedim(0, 2).flatten(0, 1)  # [n·d, b, c]
            for (c, rep), part in zip(self._into.fields, self._into.slices())
        ]
        out = []
        for y, (c_out, rep) in zip(self._sparse(fields), self._out.fields):
            y = y.reshape(count, rep.dim, many, c_out).movedim(2, 0)  # [b, n, d, c]
            out.append(y.reshape((*batch, count, rep.dim * c_out)))
        return self.domain.from_points(torch.cat(out, -1))


def _named(domain: Domain, symmetry: Symmetry | str) -> Symmetry:
    if isinstance(symmetry, Symmetry):
        return symmetry
    known = domain.symmetries()
    if symmetry not in known:
        raise ValueError(f"{domain} has no symmetry {symmetry!r}; it has {', '.join(known) or 'none'}.")
    return known[symmetry]


def invariant_signals(symmetry: Symmetry, rep: Representation) -> Basis:
    """Return the signals that the symmetry leaves fixed: maps from one number, in the first column, `[n·d, n]`."""
    points = torch.arange(symmetry.domain.num_points)
    pairs = Pairs(points, torch.zeros_like(points), point_moves(symmetry))  # every point, joined to that number
    return _invariant_maps(symmetry, pairs, rep.group.trivial(), rep)
