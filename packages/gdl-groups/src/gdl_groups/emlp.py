"""`EquivariantProduct` and `EquivariantMLP`: a perceptron for any group, with every layer derived (EMLP)."""

import torch
from gdl_core.derive import EquivariantLinear, intertwiners
from gdl_core.derive.parameters import ExactBuffers
from gdl_core.geometry import Domain, check_channels
from gdl_core.geometry.pointwise import FibreMap
from gdl_core.representations import FieldType, as_type
from gdl_core.representations.field_type import is_trivial
from gdl_core.representations.gauge import canonical_basis
from torch import Tensor, nn

from gdl_groups.fibre.gate import Gate


class EquivariantProduct(ExactBuffers, FibreMap):
    """y_o[·, c] = Σ_{a ≤ b} Σ_k w[k, c] B_k (x_a[·, c] ⊗ x_b[·, c]): products of features, channel by channel.

    B_k are all maps from ρ_a ⊗ ρ_b to ρ_o that commute with the group (for SO(3) the Clebsch-Gordan coefficients, for
    the Lorentz group metric and contractions); with a gain of one, products of normal features are of their scale at
    first. Products of a field with itself keep only what is not zero by symmetry.

    Args:
        in_type: fields of one multiplicity, the number of channels c.
        out_type: fields of the same multiplicity.
        gain: what initial weights are multiplied by.
        channel_axis: axis of the channels when no domain is given.

    Raises:
        ValueError: if multiplicities differ.

    Source: Finzi, Welling and Wilson 2021, §6 (bilinear layer).
    """

    is_linear = False

    def __init__(self, in_type: FieldType, out_type: FieldType, gain: float = 1.0, channel_axis: int = -1):
        super().__init__(in_type, out_type)
        self.gain, self.channel_axis = gain, channel_axis
        counts = {count for type in (self.in_type, self.out_type) for count, _ in type.fields}
        if len(counts) > 1:
            raise ValueError(f"EquivariantProduct takes fields of one multiplicity, got {in_type} -> {out_type}.")
        self.count = counts.pop() if counts else 0
        self.weights = nn.ParameterList()
        self._terms: list[tuple[int, int, int, str]] = []  # output field, both input fields, buffer
        fields = self.in_type.fields
        for row, (_, out) in enumerate(self.out_type.fields):
            for a, (_, left) in enumerate(fields):
                for b in range(a, len(fields)):
                    basis = intertwiners(left * fields[b][1], out).dense()  # [k, d_out, d_a d_b]
                    basis = basis.unflatten(-1, (left.dim, fields[b][1].dim))
                    if a == b:
                        basis = _independent(basis + basis.mT)
                    if len(basis):
                        self._add(row, a, b, basis * (out.dim / basis.square().sum((1, 2, 3), keepdim=True)).sqrt())
        self.reset_parameters()

    def _add(self, row: int, a: int, b: int, basis: Tensor) -> None:
        name = f"basis{len(self._terms)}"
        self._keep(name, basis)
        self._terms.append((row, a, b, name))
        self.weights.append(nn.Parameter(torch.empty(len(basis), self.count)))

    def reset_parameters(self) -> None:
        """Draw weights from a normal law whose variance is one over the number of terms of the output field."""
        terms = [0] * len(self.out_type.fields)
        for (row, *_), weight in zip(self._terms, self.weights):
            terms[row] += weight.shape[0]
        for (row, *_), weight in zip(self._terms, self.weights):
            nn.init.normal_(weight, std=self.gain * terms[row] ** -0.5)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        axis = self.channel_axis if domain is None else domain.channel_axis
        check_channels(x, self.in_type, axis, self)
        x = x.movedim(axis, -1)
        fields = [
            x[..., part].unflatten(-1, (rep.dim, count))
            for (count, rep), part in zip(self.in_type.fields, self.in_type.slices())
        ]
        out = [x.new_zeros(*x.shape[:-1], rep.dim, count) for count, rep in self.out_type.fields]
        for (row, a, b, name), weight in zip(self._terms, self.weights):
            product = fields[a].unsqueeze(-2) * fields[b].unsqueeze(-3)  # [..., d_a, d_b, c]
            basis = getattr(self, name)
            couplings = torch.einsum("koij,kc->oijc", basis, weight)
            out[row] = out[row] + torch.einsum("...ijc,oijc->...oc", product, couplings)
        whole = torch.cat([field.flatten(-2) for field in out], -1) if out else x[..., :0]
        return whole.movedim(-1, axis)


def _independent(maps: Tensor, tolerance: float = 1e-8) -> Tensor:
    """Return the canonical orthonormal basis of the span of `maps[k, ...]`."""
    if not len(maps):
        return maps
    _, values, rows = torch.linalg.svd(maps.flatten(1), full_matrices=False)
    return canonical_basis(rows[values > tolerance].T.contiguous()).T.unflatten(-1, maps.shape[1:])


class _Block(FibreMap):
    """y = gate(M (W x + product(W x))): the layer of an EMLP."""

    is_linear = False

    def __init__(self, in_type: FieldType, hidden: FieldType, channel_axis: int):
        super().__init__(in_type, hidden)
        self.gate = Gate(hidden, channel_axis=channel_axis)
        self.linear = EquivariantLinear(in_type, hidden, channel_axis=channel_axis)
        self.product = EquivariantProduct(hidden, hidden, 0.1, channel_axis)  # powers of powers grow
        self.mix = EquivariantLinear(hidden, self.gate.in_type, channel_axis=channel_axis)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y = self.linear(x, domain)
        return self.gate(self.mix(y + self.product(y, domain), domain), domain)


class EquivariantMLP(FibreMap):
    """Linear maps, products and gates between fields of any group: the perceptron that commutes with it (EMLP).

    Every weight space is derived from the group's generators, so nothing in it is particular to one group: rotations,
    permutations, Lorentz transformations.

    Args:
        in_type, out_type: types of one group.
        hidden: the type between layers, fields of one multiplicity, for example `"32xtrivial+32xstandard"`; it needs
            invariant fields, since they are where functions act.
        layers: the number of hidden layers.
        channel_axis: axis of the channels when no domain is given.

    Raises:
        ValueError: if `hidden` has no invariant field, or fields of different multiplicities.

    Source: Finzi, Welling and Wilson 2021, "A practical method for constructing equivariant multilayer perceptrons".

    >>> from gdl_groups import Lorentz
    >>> L = Lorentz(3)
    >>> mass = EquivariantMLP(FieldType(L, "4xstandard"), FieldType(L, "1xtrivial"), "16xtrivial+16xstandard")
    """

    is_linear = False

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        hidden: FieldType | str,
        layers: int = 2,
        channel_axis: int = -1,
    ):
        super().__init__(in_type, out_type)
        group = next((t.group for t in (self.in_type, self.out_type) if not t.is_invariant), self.in_type.group)
        hidden = FieldType(group, hidden) if isinstance(hidden, str) else as_type(hidden)
        if not any(is_trivial(rep) for _, rep in hidden.fields):
            raise ValueError(f"EquivariantMLP needs invariant fields between layers, got {hidden!r}.")
        if len({count for count, _ in hidden.fields}) > 1:
            raise ValueError(
                f"EquivariantMLP multiplies channels one by one: its hidden fields have one multiplicity, got {hidden}."
            )
        types = [self.in_type, *[hidden] * layers]
        self.blocks = nn.ModuleList([_Block(types[i], types[i + 1], channel_axis) for i in range(layers)])
        self.head = EquivariantLinear(types[-1], self.out_type, channel_axis=channel_axis)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, domain)
        return self.head(x, domain)
