"""`SE3Attention`: who listens to whom is decided by invariant products of tensors, what they hear is a tensor."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence import gather, reduce, segment_softmax
from gdl_core.incidence.operations import structure
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.geometric.checks import check_sizes, claims_of, geometric_of
from gdl_groups.geometric.e3conv import edge_values, group_of, harmonics_type
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.geometric.e3conv_radial import RadialWeights
from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.kernels.tensor_product import tensor_product_edges
from gdl_groups.products import TensorProductPlan, tensor_product_conv


class SE3Attention(Layer):
    """y_i = C x_i + B Σ_j α_ij v_ij, α_ij = u_ij exp(s_ij) / Σ_k u_ik exp(s_ik), s_ij = <q_i, k_ij> / √d, per head.

    Queries q = Q x are linear; keys and values are convolved, k_ij = R(r) (A x_j) ⊗ Y(r̂) and v_ij likewise with other
    weights R. Logits are invariant since the products of irreps are orthogonal. The cut-off u and the weights R vanish
    smoothly, so a neighbour that leaves is not missed. Keys and values are never made: the logits are derivatives of
    the fused convolution by its weights, and α multiplies the weights of the other (`tensor_product_conv`).

    Args:
        in_type: irreps of SO(3) or O(3), or invariant channels.
        out_type: irreps of the same group.
        cutoff: beyond it nobody is heard, in the unit of the positions.
        heads: how many; the copies of each field are dealt out to them.
        degree: the largest degree of the harmonics; left out, the largest in `in_type` or `out_type`.
        basis: how many Bessel functions enter the radial networks.
        hidden: the widths of their hidden layers.
        self_connection: add C x_i, with a bias for invariant channels.

    Shapes: `[n, c_in] -> [n, c_out]`. A point without neighbours gets C x_i.

    Raises:
        TypeError: if a field is no irrep, the types are of different groups, or it is called without a graph.
        ValueError: if `heads` or the channels of a type are not positive, or no tensor product leads to `out_type`.

    Source: Fuchs et al. 2020 (SE(3)-Transformer), eqs. 10-12; Liao and Smidt 2023 (Equiformer), §4.3.
    """

    head_of_key: Tensor
    head_of_value: Tensor

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        cutoff: float,
        heads: int = 1,
        *,
        degree: int | None = None,
        basis: int = 8,
        hidden: Sequence[int] = (64,),
        self_connection: bool = True,
    ):
        super().__init__(in_type, out_type)
        check_sizes(self, {"heads": heads})
        self.claims = claims_of(self.in_type, self.out_type)
        self.cutoff, self.heads = float(cutoff), heads
        fields = (*self.in_type.fields, *self.out_type.fields)
        self.degree = max((rep.dim // 2 for _, rep in fields), default=0) if degree is None else degree
        group = group_of(self.in_type, self.out_type)
        harmonics = harmonics_type(self.degree, group)
        sent = FieldType(self.in_type.group, [(-(-c // heads) * heads, rep) for c, rep in self.in_type.fields])
        self.value_plan = TensorProductPlan(sent, harmonics, self.out_type)
        self.key_plan = TensorProductPlan(sent, harmonics, sent)
        self.before = IrrepLinear(self.in_type, sent, bias=False)
        self.query = IrrepLinear(self.in_type, self.key_plan.out_type, bias=False)
        self.radial = RadialWeights(self.key_plan.weight_count + self.value_plan.weight_count, cutoff, basis, hidden)
        self.after = IrrepLinear(self.value_plan.out_type, self.out_type, bias=False)
        self.self_connection = IrrepLinear(self.in_type, self.out_type) if self_connection else None
        for name, plan in (("head_of_key", self.key_plan), ("head_of_value", self.value_plan)):
            heads_of = [torch.arange(path.copies) * heads // path.copies for path in plan.paths]
            self.register_buffer(name, torch.cat(heads_of), persistent=False)

    def attention(self, x: Tensor, graph: GeometricGraph) -> Tensor:
        """Return α, ``[e, heads]``."""
        harmonics, r = edge_values(graph, self.degree, x.dtype)
        keys, _ = self.radial(r).split([self.key_plan.weight_count, self.value_plan.weight_count], -1)
        return self._weights(x, self.before(x), graph, harmonics, r, keys)

    def _weights(
        self, x: Tensor, sent: Tensor, graph: GeometricGraph, harmonics: Tensor, r: Tensor, keys: Tensor
    ) -> Tensor:
        incidence, plan = graph.incidence, self.key_plan
        ends = (sent, harmonics, keys, self.query(x))
        _, _, slope = tensor_product_edges(*structure(incidence), *ends, plan.key, False)  # by the weights: q · (x ⊗ Y)
        logits = (keys * slope).new_zeros(r.shape[0], self.heads).index_add(1, self.head_of_key, keys * slope)
        logits = logits / max(plan.out_type.channels / self.heads, 1.0) ** 0.5
        open_ = self.radial.envelope(r).to(x.dtype)[:, None] * segment_softmax(incidence, logits)
        total = gather(incidence, reduce(incidence, open_), "receiver")
        # a row whose neighbours are all beyond the cut-off has no weights; the limit of α v is zero
        return open_ / (total + torch.finfo(total.dtype).tiny ** 0.5)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        harmonics, r = edge_values(graph, self.degree, x.dtype)
        keys, values = self.radial(r).split([self.key_plan.weight_count, self.value_plan.weight_count], -1)
        sent = self.before(x)
        alpha = self._weights(x, sent, graph, harmonics, r, keys)
        weights = values * alpha.index_select(1, self.head_of_value)
        y = self.after(tensor_product_conv(self.value_plan, graph.incidence, sent, harmonics, weights))
        return y if self.self_connection is None else y + self.self_connection(x)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, cutoff={self.cutoff}, heads={self.heads}, degree={self.degree}"
