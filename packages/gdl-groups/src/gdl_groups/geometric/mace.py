"""`MACE`: the energy of atoms by products of many neighbours at once."""

from collections.abc import Sequence

from gdl_core.geometry import Domain, Readout
from gdl_core.groups import O
from gdl_core.incidence import Incidence
from gdl_core.points import check_count
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.geometric.checks import check_sizes, claims_of, geometric_of
from gdl_groups.geometric.e3conv import Interaction, edge_values, group_of, harmonics_type
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.geometric.nequip import AtomicEnergy, invariant_part
from gdl_groups.products import SymmetricContraction


class MACELayer(nn.Module):
    """A_i = Σ_j R(r) (W h_j) ⊗ Y, then h_i = W Σ_ν products of ν of A_i + C_z h_i, weights by the species z.

    Args:
        in_type, out_type: of h; every field of `out_type` has `copies` copies.
        copies: the channels of A.
        harmonics: the type of Y, and of A without its copies.
        species: how many species there are.
        order: the largest ν, 1 to 3: messages of up to ν + 1 bodies.
        cutoff, basis, hidden, neighbours: as in `Interaction`.
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        copies: int,
        harmonics: FieldType,
        species: int,
        order: int,
        cutoff: float,
        basis: int,
        hidden: Sequence[int],
        neighbours: float,
    ):
        super().__init__()
        many = FieldType(harmonics.group, [(copies, rep) for _, rep in harmonics.fields])
        self.interaction = Interaction(in_type, many, harmonics, cutoff, basis, hidden, neighbours)
        self.contraction = SymmetricContraction(many, out_type, order, species)
        self.linear = IrrepLinear(out_type, out_type, bias=False)
        self.self_connection = IrrepLinear(in_type, out_type, bias=False, kinds=species)

    def forward(self, h: Tensor, species: Tensor, incidence: Incidence, harmonics: Tensor, r: Tensor) -> Tensor:
        a = self.interaction(h, incidence, harmonics, r)
        element = None if self.contraction.elements == 1 else species.argmax(-1)
        return self.linear(self.contraction(a, species=element)) + self.self_connection(h, kind=species)


class MACE(Readout):
    """E = Σ_t Σ_i e_t(h_i^t), h^(t+1) from all products of up to ν of the A_i^t: an energy per sample.

    A_i sums messages of the neighbours as in `NequIP`; its symmetric products up to the order ν hold what ν + 1 atoms
    have to say together, at the price of one sum over neighbours, so that two layers suffice. Each layer is read out,
    the last by a small network. The points carry their species, one-hot; inside `Conservative` the model gives forces
    and stress.

    Args:
        species: how many species there are; the channels of the input.
        hidden: the features between, with the same number of copies each, such as `"64x0e+64x1o"`, or a `FieldType`.
        cutoff: where interactions vanish, in the unit of the positions; the graph should join all pairs within it.
        layers: how many layers.
        order: ν, from 1 to 3.
        degree: the largest degree of the harmonics.
        basis: how many Bessel functions enter the radial networks.
        radial: the widths of their hidden layers.
        neighbours: the mean number of neighbours, which keeps the variance.
        readout: the channels of the last readout's hidden layer.
        scale: the unit of e, such as the root mean square of the forces.
        shifts: the energy of a lone atom of each species; left out, zero.

    Shapes: `[n, species] -> [b, 1]`.

    Raises:
        ValueError: if `hidden` has no invariant channels or fields of different multiplicities, `shifts` not one number
            per species, or a size is not positive.
        TypeError: if called without a `GeometricGraph`.

    Source: Batatia et al. 2022 (MACE), eqs. 8-13.
    """

    def __init__(
        self,
        species: int,
        hidden: FieldType | str = "32x0e+32x1o",
        cutoff: float = 5.0,
        *,
        layers: int = 2,
        order: int = 3,
        degree: int = 3,
        basis: int = 8,
        radial: Sequence[int] = (64,),
        neighbours: float = 1.0,
        readout: int = 16,
        scale: float = 1.0,
        shifts: Sequence[float] | None = None,
    ):
        super().__init__(check_count(species, "MACE's species", 1), 1)
        check_sizes(self, {"layers": layers, "readout": readout})
        hidden = FieldType(O(3), hidden) if isinstance(hidden, str) else hidden
        scalars = invariant_part(hidden)
        copies = {count for count, _ in hidden.fields}
        if len(copies) != 1:
            raise ValueError(f"MACE multiplies channel by channel: expected equal multiplicities, got {hidden}.")
        (width,) = copies
        self.claims = claims_of(hidden)
        self.cutoff, self.degree = float(cutoff), degree
        harmonics = harmonics_type(degree, group_of(hidden))
        self.embedding = IrrepLinear(species, scalars, bias=False)
        self.layers, self.readouts = nn.ModuleList(), nn.ModuleList()
        type = scalars
        for place in range(layers):
            last = place == layers - 1
            after = scalars if last else hidden
            self.layers.append(
                MACELayer(type, after, width, harmonics, species, order, cutoff, basis, radial, neighbours)
            )
            if last:
                self.readouts.append(
                    nn.Sequential(nn.Linear(scalars.channels, readout), nn.SiLU(), nn.Linear(readout, 1, bias=False))
                )
            else:
                self.readouts.append(IrrepLinear(hidden, 1, bias=False))
            type = after
        self.energy = AtomicEnergy(scale, shifts, species)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        harmonics, r = edge_values(graph, self.degree, x.dtype)
        h, e = self.embedding(x), x.new_zeros(x.shape[0], 1)
        for layer, readout in zip(self.layers, self.readouts):
            h = layer(h, x, graph.incidence, harmonics, r)
            e = e + readout(h)
        return self.energy(e, x, graph.ptr)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, cutoff={self.cutoff}, degree={self.degree}"
