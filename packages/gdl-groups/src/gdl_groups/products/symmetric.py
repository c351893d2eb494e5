"""`SymmetricContraction`: polynomials of one feature vector that commute with rotations, up to degree three (MACE)."""

import itertools
import math
from typing import NamedTuple

import torch
from gdl_core.derive.parameters import ExactBuffers
from gdl_core.geometry import Domain
from gdl_core.geometry.layer import check_channels
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_core.representations.field_type import as_type
from torch import Tensor, nn

from gdl_groups.angular import clebsch_gordan
from gdl_groups.products.plan import degree_and_parity, typed

Irrep = tuple[int, int]  # degree and parity


class Tree(NamedTuple):
    """A coupling of one, two or three fields: of the first two to `inner`, and of that with the third to the result."""

    fields: tuple[int, ...]
    inner: Irrep


def couples(one: Irrep, two: Irrep) -> list[Irrep]:
    """Return the irreps in the product of two."""
    return [(degree, one[1] * two[1]) for degree in range(abs(one[0] - two[0]), one[0] + two[0] + 1)]


def coupling(one: Irrep, two: Irrep, three: Irrep) -> Tensor:
    """Return the isometric coupling, `[2 l1 + 1, 2 l2 + 1, 2 l3 + 1]`."""
    return math.sqrt(2 * three[0] + 1) * clebsch_gordan(one[0], two[0], three[0])


def symmetric_basis(irreps: list[Irrep], out: Irrep, order: int) -> tuple[list[Tree], Tensor]:
    """Return trees and the coefficients `[k, trees]` of a basis of the equivariant maps of Sym^order to `out`.

    As tensors, symmetric where fields are equal, the k basis elements are orthogonal with squared norm 2 l + 1. Trees
    of different fields are orthogonal; those of the same fields are orthogonalised in order, dependent ones left out.
    """
    trees: list[Tree] = []
    blocks = []
    for fields in itertools.combinations_with_replacement(range(len(irreps)), order):
        found = _trees(irreps, fields, out)
        basis: list[tuple[Tensor, Tensor]] = []  # tensor, coefficients
        for place, tree in enumerate(found):
            tensor = _symmetrised(_tensor(irreps, tree, out), fields)
            combination = torch.zeros(len(found), dtype=torch.float64)
            combination[place] = 1
            for _ in range(2):  # twice is enough (Kahan)
                for other, coefficients in basis:
                    share = (tensor * other).sum()
                    tensor, combination = tensor - share * other, combination - share * coefficients
            norm = tensor.norm()
            if norm > 1e-6:
                basis.append((tensor / norm, combination / norm))
        if basis:
            used = torch.stack([coefficients for _, coefficients in basis]) * math.sqrt(2 * out[0] + 1)
            kept = used.abs().amax(0) > 0
            trees += [tree for tree, keep in zip(found, kept.tolist()) if keep]
            blocks.append(used[:, kept])
    return trees, torch.block_diag(*blocks) if blocks else torch.zeros(0, 0, dtype=torch.float64)


def _trees(irreps: list[Irrep], fields: tuple[int, ...], out: Irrep) -> list[Tree]:
    if len(fields) == 1:
        return [Tree(fields, out)] if irreps[fields[0]] == out else []
    inner = couples(irreps[fields[0]], irreps[fields[1]])
    if len(fields) == 2:
        return [Tree(fields, out)] if out in inner else []
    return [Tree(fields, irrep) for irrep in inner if out in couples(irrep, irreps[fields[2]])]


def _tensor(irreps: list[Irrep], tree: Tree, out: Irrep) -> Tensor:
    """The tree as a tensor, an axis per field and one for the result."""
    if len(tree.fields) == 1:
        return torch.eye(2 * out[0] + 1, dtype=torch.float64)
    one, two = irreps[tree.fields[0]], irreps[tree.fields[1]]
    tensor = coupling(one, two, tree.inner)
    if len(tree.fields) == 2:
        return tensor
    return torch.einsum("ijk,klm->ijlm", tensor, coupling(tree.inner, irreps[tree.fields[2]], out))


def _couple(x: Tensor, y: Tensor, constant: Tensor) -> Tensor:
    """Return Σ_ij c_ijk x_i y_j of ``x[n, i, u]`` and ``y[n, j, u]``, ``[n, k, u]``, by the smaller intermediate.

    In two steps, since `torch.einsum` looks for an order by numbers, which a program for any n does not have.
    """
    i, _, k = constant.shape
    if i <= k:
        return torch.einsum("niju,ijk->nku", x[:, :, None] * y[:, None], constant)
    return torch.einsum("njku,nju->nku", torch.einsum("niu,ijk->njku", x, constant), y)


def _symmetrised(tensor: Tensor, fields: tuple[int, ...]) -> Tensor:
    """The mean over the permutations of axes of equal fields."""
    axes = range(len(fields))
    same = [p for p in itertools.permutations(axes) if all(fields[a] == fields[b] for a, b in zip(p, axes))]
    return torch.stack([tensor.permute(*p, len(fields)) for p in same]).mean(0)


class SymmetricContraction(ExactBuffers, FibreMap):
    """All polynomials of a feature vector up to degree ν that commute with the group, copy by copy, weighted::

        y[u] = Σ_{ν ≤ order} Σ_η W[ν, z, η, u] U[ν, η] (x[u] ⊗ … ⊗ x[u])

    U[ν, η] is an orthogonal basis of the symmetric generalised Clebsch-Gordan coefficients, and z the point's chemical
    element (Batatia et al., MACE, arXiv 2206.07697, eq. 10-11). After a sum over neighbours this is every interaction
    of up to ν + 1 atoms at the cost of one sum. Products of two fields are made once; their weighted sums are
    coupled with a third field (Horner's scheme), and no coefficient that is zero by selection rules is touched.

    Args:
        in_type: irreps of O(3) or SO(3), each with the same number of copies u.
        out_type: irreps of the same group with the same number of copies.
        order: the largest degree ν, 1, 2 or 3.
        elements: how many chemical elements have weights of their own; with more than one, `forward` takes `species`.

    Shapes: x ``[..., c]`` (channels on the domain's axis), species ``int[points]`` -> ``[..., c_out]``.

    Raises:
        TypeError: if a field is no irrep of O(3) or SO(3). ValueError: if copies differ, or `order` is not 1, 2 or 3.
    """

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, order: int = 3, elements: int = 1):
        super().__init__(in_type, out_type)
        if order not in (1, 2, 3):
            raise ValueError(f"SymmetricContraction has the orders 1, 2 and 3, got {order!r}.")
        if not isinstance(elements, int) or elements < 1:
            raise ValueError(f"SymmetricContraction needs a whole number of elements from 1, got {elements!r}.")
        group = next((t.group for t in (self.in_type, self.out_type) if not t.is_invariant), O(3))
        copies = {count for t in (as_type(in_type), as_type(out_type)) for count, _ in t.fields}
        if len(copies) != 1:
            raise ValueError(
                f"SymmetricContraction multiplies copy by copy, so all fields have the same number of copies; got "
                f"{self.in_type} -> {self.out_type}."
            )
        (self.copies,) = copies
        self.order, self.elements = order, elements
        self._in = [degree_and_parity(rep) for _, rep in typed(group, self.in_type).fields]
        self._out = [degree_and_parity(rep) for _, rep in typed(group, self.out_type).fields]
        self._trees: list[list[Tree]] = []  # of each field of the result
        self.weights = nn.ParameterList()  # [elements, k, copies] of each field of the result
        for place, out in enumerate(self._out):
            found = [symmetric_basis(self._in, out, degree) for degree in range(1, order + 1)]
            self._trees.append([tree for trees, _ in found for tree in trees])
            basis = torch.block_diag(*[coefficients for _, coefficients in found])
            self._keep(f"basis{place}", basis)
            scale = 1 / math.sqrt(max(1, basis.shape[0]))
            self.weights.append(nn.Parameter(scale * torch.randn(elements, basis.shape[0], self.copies)))
        pairs = {(*tree.fields[:2], tree.inner) for trees in self._trees for tree in trees if len(tree.fields) > 1}
        self._pairs = sorted(pairs)
        self._outer = sorted(
            {
                (tree.inner, tree.fields[2], place)
                for place, trees in enumerate(self._trees)
                for tree in trees
                if len(tree.fields) == 3
            }
        )
        for k, (a, b, inner) in enumerate(self._pairs):
            self._keep(f"pair{k}", coupling(self._in[a], self._in[b], inner))
        for k, (inner, c, place) in enumerate(self._outer):
            self._keep(f"outer{k}", coupling(inner, self._in[c], self._out[place]))

    def forward(self, x: Tensor, domain: Domain | None = None, species: Tensor | None = None) -> Tensor:
        """Return the polynomials of each point; `species` is the index of each point's element."""
        axis = -1 if domain is None else domain.channel_axis
        check_channels(x, self.in_type, axis, self)
        if (species is None) != (self.elements == 1):
            raise ValueError(
                f"SymmetricContraction has {self.elements} elements and "
                f"{'got no species' if species is None else 'needs no species, got some'}."
            )
        x = x.movedim(axis, -1)
        shape = x.shape[:-1]
        flat = x.reshape(math.prod(shape), x.shape[-1])
        fields = [
            flat[:, part].unflatten(1, (rep.dim, copies))
            for part, (copies, rep) in zip(self.in_type.slices(), self.in_type.fields)
        ]
        pairs = {
            (a, b, inner): _couple(fields[a], fields[b], getattr(self, f"pair{k}").to(x))
            for k, (a, b, inner) in enumerate(self._pairs)
        }
        results = []
        for place, (degree, _) in enumerate(self._out):
            weights = torch.einsum("zku,kt->ztu", self.weights[place], getattr(self, f"basis{place}").to(x))
            own = weights if species is None else weights.index_select(0, species.reshape(-1))
            results.append(self._polynomial(place, fields, pairs, own, flat.new_zeros(1, 2 * degree + 1, self.copies)))
        y = torch.cat([result.expand(flat.shape[0], -1, -1).flatten(1) for result in results], 1)
        return y.reshape(*shape, y.shape[1]).movedim(-1, axis)

    def _polynomial(
        self, place: int, fields: list[Tensor], pairs: dict[tuple, Tensor], weights: Tensor, total: Tensor
    ) -> Tensor:
        """One field of the result: weights ``[1 or n, trees, u]``."""
        inner: dict[tuple[Irrep, int, int], Tensor] = {}
        for t, tree in enumerate(self._trees[place]):
            factor = weights[:, t, None]
            if len(tree.fields) == 1:
                total = total + factor * fields[tree.fields[0]]
                continue
            term = factor * pairs[(*tree.fields[:2], tree.inner)]
            if len(tree.fields) == 2:
                total = total + term
            else:
                key = (tree.inner, tree.fields[2], place)
                inner[key] = inner[key] + term if key in inner else term
        for k, key in enumerate(self._outer):
            if key in inner:
                constant = getattr(self, f"outer{k}").to(total)
                total = total + _couple(inner[key], fields[key[1]], constant)
        return total

    def extra_repr(self) -> str:
        elements = "" if self.elements == 1 else f", {self.elements} elements"
        return f"{self.in_type} -> {self.out_type}, order {self.order}{elements}"
