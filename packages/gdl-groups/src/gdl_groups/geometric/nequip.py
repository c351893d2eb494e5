"""`NequIP`: the energy of atoms by convolutions of tensors of any degree."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Domain, Readout
from gdl_core.groups import O
from gdl_core.incidence import Incidence, reduce
from gdl_core.points import check_count
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.fibre.gate import Gate
from gdl_groups.geometric.checks import check_sizes, claims_of, geometric_of
from gdl_groups.geometric.e3conv import Interaction, edge_values, group_of, harmonics_type
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.products import TensorProductPlan
from gdl_groups.products.plan import degree_and_parity


def reachable(wanted: FieldType, in_type: FieldType, harmonics: FieldType) -> FieldType:
    """Return the fields of `wanted` that a product of `in_type` with `harmonics` reaches."""
    out = TensorProductPlan(in_type, harmonics).out_type
    irreps = {degree_and_parity(rep) for _, rep in out.fields}
    return FieldType(wanted.group, [field for field in wanted.fields if degree_and_parity(field[1]) in irreps])


def invariant_part(type: FieldType) -> FieldType:
    """Return the invariant fields of `type`.

    Raises:
        ValueError: if it has none, so that no energy can be read off.
    """
    found = [field for field in type.fields if degree_and_parity(field[1]) == (0, 1)]
    if not found:
        raise ValueError(f"Expected invariant channels such as '16x0e' among the hidden ones, got {type}.")
    return FieldType(type.group, found)


class AtomicEnergy(nn.Module):
    """E_s = Σ_i scale · e_i + shift[z_i] over the atoms i of sample s.

    Args:
        scale: the unit of e_i, such as the root mean square of the forces.
        shifts: the energy of a lone atom of each species, or None for zeros.
        species: how many species there are.
    """

    scale: Tensor
    shifts: Tensor

    def __init__(self, scale: float, shifts: Sequence[float] | None, species: int):
        super().__init__()
        given = [0.0] * species if shifts is None else list(shifts)
        if len(given) != species:
            raise ValueError(f"Expected an energy shift for each of {species} species, got {len(given)}.")
        self.register_buffer("scale", torch.tensor(float(scale)))
        self.register_buffer("shifts", torch.tensor(given, dtype=torch.get_default_dtype()))

    def forward(self, e: Tensor, species: Tensor, ptr: Tensor) -> Tensor:
        return reduce(ptr, self.scale.to(e.dtype) * e + (species @ self.shifts.to(e.dtype))[:, None])


class NequIPLayer(nn.Module):
    """x_i -> gate(C_z x_i + interaction(x)_i): the linear map C depends on the species z of the atom.

    Args:
        in_type, out_type: of the features.
        harmonics: the type of the harmonics.
        species: how many species there are.
        cutoff, basis, hidden, neighbours: as in `Interaction`.
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        harmonics: FieldType,
        species: int,
        cutoff: float,
        basis: int,
        hidden: Sequence[int],
        neighbours: float,
    ):
        super().__init__()
        self.gate = Gate(out_type)
        wide = self.gate.in_type
        self.interaction = Interaction(in_type, wide, harmonics, cutoff, basis, hidden, neighbours)
        self.self_connection = IrrepLinear(in_type, wide, bias=False, kinds=species)

    def forward(self, x: Tensor, species: Tensor, incidence: Incidence, harmonics: Tensor, r: Tensor) -> Tensor:
        return self.gate(self.interaction(x, incidence, harmonics, r) + self.self_connection(x, kind=species))


class NequIP(Readout):
    """E = Σ_i e(x_i^T), x^(t+1) = gate(C_z x^t + B Σ_j R(r) (A x_j^t) ⊗ Y(r̂)): an energy per sample.

    The points carry their species, one-hot; inside `Conservative` the model gives forces and stress. Channels that no
    product reaches are left out of a layer, and the last has invariant ones only.

    Args:
        species: how many species there are; the channels of the input.
        hidden: the features between, such as `"32x0e+32x1o+32x2e"`, or a `FieldType` of O(3) or SO(3).
        cutoff: where interactions vanish, in the unit of the positions; the graph should join all pairs within it.
        layers: how many interactions.
        degree: the largest degree of the harmonics; left out, the largest in `hidden`.
        basis: how many Bessel functions enter the radial networks.
        radial: the widths of their hidden layers.
        neighbours: the mean number of neighbours, which keeps the variance.
        readout: the channels between the last features and e.
        scale: the unit of e, such as the root mean square of the forces.
        shifts: the energy of a lone atom of each species; left out, zero.

    Shapes: `[n, species] -> [b, 1]`.

    Raises:
        ValueError: if `hidden` has no invariant channels, `shifts` not one number per species, or a size is not
            positive.
        TypeError: if called without a `GeometricGraph`.

    Source: Batzner et al. 2022, Fig. 1 and §"Methods".
    """

    def __init__(
        self,
        species: int,
        hidden: FieldType | str = "32x0e+32x1o+32x2e",
        cutoff: float = 4.0,
        *,
        layers: int = 3,
        degree: int | None = None,
        basis: int = 8,
        radial: Sequence[int] = (64,),
        neighbours: float = 1.0,
        readout: int = 16,
        scale: float = 1.0,
        shifts: Sequence[float] | None = None,
    ):
        super().__init__(check_count(species, "NequIP's species", 1), 1)
        check_sizes(self, {"layers": layers, "readout": readout})
        hidden = FieldType(O(3), hidden) if isinstance(hidden, str) else hidden
        self.claims = claims_of(hidden)
        self.cutoff = float(cutoff)
        self.degree = max(rep.dim // 2 for _, rep in hidden.fields) if degree is None else degree
        harmonics = harmonics_type(self.degree, group_of(hidden))
        scalars = invariant_part(hidden)
        self.embedding = IrrepLinear(species, scalars, bias=False)
        self.layers = nn.ModuleList()
        type = scalars
        for place in range(layers):
            after = scalars if place == layers - 1 else reachable(hidden, type, harmonics)
            self.layers.append(NequIPLayer(type, after, harmonics, species, cutoff, basis, radial, neighbours))
            type = after
        self.first, self.last = nn.Linear(scalars.channels, readout), nn.Linear(readout, 1)
        self.energy = AtomicEnergy(scale, shifts, species)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        harmonics, r = edge_values(graph, self.degree, x.dtype)
        h = self.embedding(x)
        for layer in self.layers:
            h = layer(h, x, graph.incidence, harmonics, r)
        return self.energy(self.last(nn.functional.silu(self.first(h))), x, graph.ptr)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, cutoff={self.cutoff}, degree={self.degree}"
