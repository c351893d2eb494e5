"""`E3Conv`: the convolution of tensor-field networks and NequIP, by tensor products with spherical harmonics."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.groups import SO, Group, O
from gdl_core.incidence import Incidence
from gdl_core.incidence.precision import accumulate_in
from gdl_core.points import check_count
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.angular import spherical_harmonics
from gdl_groups.geometric.checks import claims_of, geometric_of
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.geometric.e3conv_radial import RadialWeights
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.geometric.radial import distances
from gdl_groups.products import TensorProductPlan, tensor_product_conv


def group_of(*types: FieldType) -> Group:
    """Return the group of the first type that is not invariant; O(3) if all are."""
    return next((type.group for type in types if not type.is_invariant), O(3))


def harmonics_type(degree: int, group: Group) -> FieldType:
    """Return the type of the spherical harmonics up to `degree`, one of each: 0e + 1o + 2e + …, or 0 + 1 + 2 + …."""
    degree = check_count(degree, "The degree of the harmonics")
    parity = [""] * 2 if isinstance(group, SO) else ["e", "o"]
    return FieldType(group, "+".join(f"1x{l}{parity[l % 2]}" for l in range(degree + 1)))


def edge_values(graph: GeometricGraph, degree: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the harmonics of each edge, `[e, (degree + 1)²]` in `dtype`, and its length `[e]`, in float32 or more."""
    vectors = graph.vectors()
    vectors = vectors.to(accumulate_in(vectors))
    return spherical_harmonics(range(degree + 1), vectors).to(dtype), distances(vectors)


class Interaction(torch.nn.Module):
    """Σ_j R(r) (A x_j) ⊗ Y(r̂), then B: a linear map, the fused convolution, a linear map once per point.

    Args:
        in_type, out_type: types of one group.
        harmonics: the type of Y.
        cutoff, basis, hidden: of the `RadialWeights` R, one weight per path and copy.
        neighbours: the mean number of neighbours; the sum is divided by its root.
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        harmonics: FieldType,
        cutoff: float,
        basis: int,
        hidden: Sequence[int],
        neighbours: float,
    ):
        super().__init__()
        if not neighbours > 0:
            raise ValueError(f"Expected a positive mean number of neighbours, got {neighbours}.")
        self.plan = TensorProductPlan(in_type, harmonics, out_type)
        self.before = IrrepLinear(in_type, in_type, bias=False)
        self.radial = RadialWeights(self.plan.weight_count, cutoff, basis, hidden)
        self.after = IrrepLinear(self.plan.out_type, out_type, bias=False)
        self.neighbours = float(neighbours)

    def forward(self, x: Tensor, incidence: Incidence, harmonics: Tensor, r: Tensor) -> Tensor:
        messages = tensor_product_conv(self.plan, incidence, self.before(x), harmonics, self.radial(r))
        return self.after(messages) / self.neighbours**0.5


class E3Conv(Layer):
    """y_i = C x_i + B Σ_j R(r_ij) (A x_j) ⊗ Y(r̂_ij) / √k over the edges j → i: features of any degree.

    Y are the spherical harmonics of the edge's direction, ⊗ all tensor products of irreps that couple to `out_type`,
    R a weight per path and channel, a learnt function of the length (`RadialWeights`), A, B and C linear. The sum runs
    as one fused operator that keeps nothing per edge but harmonics and weights. Where two points coincide only the
    harmonic of degree 0 is left.

    Types of O(3) are equivariant to reflections, those of SO(3) to rotations.

    Args:
        in_type: irreps of SO(3) or O(3), or invariant channels.
        out_type: irreps of the same group; for a nonlinear layer the `in_type` of a `Gate`.
        cutoff: where messages vanish, in the unit of the positions.
        degree: the largest degree of the harmonics; left out, the largest in `in_type` or `out_type`.
        basis: how many Bessel functions enter the radial network.
        hidden: the widths of its hidden layers.
        neighbours: k, the mean number of neighbours, which keeps the variance.
        self_connection: add C x_i, with a bias for invariant channels.

    Shapes: `[n, c_in] -> [n, c_out]`.

    Raises:
        TypeError: if a field is no irrep, the types are of different groups, or it is called without a graph.
        ValueError: if no tensor product leads to `out_type`, or `neighbours` is not positive.

    Source: Thomas et al. 2018 (tensor-field networks), eq. 3; Batzner et al. 2022 (NequIP), eq. 9.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        cutoff: float,
        *,
        degree: int | None = None,
        basis: int = 8,
        hidden: Sequence[int] = (64,),
        neighbours: float = 1.0,
        self_connection: bool = True,
    ):
        super().__init__(in_type, out_type)
        self.claims = claims_of(self.in_type, self.out_type)
        fields = (*self.in_type.fields, *self.out_type.fields)
        self.degree = max((rep.dim // 2 for _, rep in fields), default=0) if degree is None else degree
        harmonics = harmonics_type(self.degree, group_of(self.in_type, self.out_type))
        self.interaction = Interaction(self.in_type, self.out_type, harmonics, cutoff, basis, hidden, neighbours)
        self.self_connection = IrrepLinear(self.in_type, self.out_type) if self_connection else None
        self.cutoff = float(cutoff)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        harmonics, r = edge_values(graph, self.degree, x.dtype)
        y = self.interaction(x, graph.incidence, harmonics, r)
        return y if self.self_connection is None else y + self.self_connection(x)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, cutoff={self.cutoff}, degree={self.degree}"
