"""`SO2Conv`: the convolution over edges in the frame of each, O(L³) where the tensor product takes O(L⁶)."""

from collections.abc import Mapping, Sequence

import torch
from gdl_core.derive.parameters import joint_group
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence.operations import structure
from gdl_core.incidence.precision import accumulate_in
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_groups.angular import align, wigner_blocks
from gdl_groups.geometric.checks import claims_of, geometric_of
from gdl_groups.geometric.e3conv_radial import RadialWeights
from gdl_groups.geometric.radial import distances
from gdl_groups.geometric.so2 import Lane, Lanes, path_to_so2
from gdl_groups.kernels.so2_conv import so2_lift, so2_lower, split_orders


class SO2Linear(nn.Module):
    """What commutes with every roll about the edge, all channels to all: for each order m a matrix of numbers d + ia.

    Between types of SO(3) the matrices are complex for m ≥ 1; between types of O(3) they are real, see `so2`. At the
    start the output variance equals the input variance.

    Args:
        into, out: what is mapped to what, packed.

    Shapes: `[e, width(0)]` and, for m ≥ 1, `[e, 2, width(m)]`.
    """

    def __init__(self, into: Lanes, out: Lanes):
        super().__init__()
        self.into, self.out = into, out
        self.order = min(into.order, out.order)
        if into.order != out.order:
            raise ValueError(f"SO2Linear expects lanes of one order, got {into.order} and {out.order}.")
        shapes = []
        for pseudo in (False, True):  # order 0 does not join the classes
            shapes.append((out.width(0, pseudo), into.width(0, pseudo)))
        for m in range(1, self.order + 1):
            pair = (out.width(m), into.width(m))
            shapes.append((2, *pair) if into.chiral else pair)
        self.weights = nn.ParameterList(torch.empty(shape) for shape in shapes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for weight in self.weights:
            fan_in = weight.shape[-1] * (weight.shape[0] if weight.dim() == 3 else 1)
            nn.init.normal_(weight, std=max(fan_in, 1) ** -0.5)

    def forward(self, packed: Sequence[Tensor]) -> list[Tensor]:
        natural, pseudo = packed[0].split([weight.shape[1] for weight in self.weights[:2]], -1)
        mixed = [torch.cat([natural @ self.weights[0].T, pseudo @ self.weights[1].T], -1)]
        for m in range(1, self.order + 1):
            z, weight = packed[m], self.weights[m + 1]
            if weight.dim() == 2:
                mixed.append(z @ weight.T)
                continue
            d, a = weight.unbind(0)  # (d + ia)(u + iv) as one product of real matrices
            joint = torch.cat([torch.cat([d, -a], 1), torch.cat([a, d], 1)])
            mixed.append((z.flatten(1) @ joint.T).unflatten(-1, (2, d.shape[0])))
        return mixed

    @torch.no_grad()
    def set_paths(self, paths: Mapping[tuple[int, int, int], Tensor]) -> None:
        """Take the weights of the tensor product with the harmonics of the edge: the same map, if no order is dropped.

        Args:
            paths: for (field in, degree of the harmonics, field out) the matrix `[c_out, c_in]` that multiplies
                Σ C[m, n, m'] x_m Y_n, with |C| = 1 and harmonics of unit mean square; what is left out is zero.

        Raises:
            ValueError: if the degrees or parities of a path do not couple.
        """
        for weight in self.weights:
            weight.zero_()
        lanes_in, lanes_out = self.into.by_field(), self.out.by_field()
        for (source, degree, target), matrix in paths.items():
            self._add_path(lanes_in[source], degree, lanes_out[target], matrix)

    def _add_path(self, before: Lane, degree: int, after: Lane, matrix: Tensor) -> None:
        k, column = min(before.degree, after.degree), degree - abs(before.degree - after.degree)
        even = (before.degree + degree + after.degree) % 2 == 0
        allowed = self.into.chiral or even == (before.pseudo == after.pseudo)
        if not (0 <= column <= 2 * k and allowed):
            raise ValueError(f"Harmonics of degree {degree} do not couple {before} to {after}.")
        numbers = path_to_so2(before.degree, after.degree)[:, column]
        sign = -1 if after.pseudo and not before.pseudo else 1  # of a; both classes were made natural by a factor i
        for m in range(min(k, self.order) + 1):
            number = float(numbers[m] if even else sign * numbers[k + m] if m else 0)
            value = number * matrix.to(self.weights[0])
            rows, columns = (dict(lanes.places(m))[lane] for lanes, lane in ((self.out, after), (self.into, before)))
            if m == 0:
                if even:
                    rows, columns = (
                        slice(place.start - skip, place.stop - skip)
                        for place, skip in (
                            (rows, self.out.width(0, False) if after.pseudo else 0),
                            (columns, self.into.width(0, False) if before.pseudo else 0),
                        )
                    )
                    self.weights[1 if after.pseudo else 0][rows, columns] += value
            elif self.into.chiral:
                self.weights[m + 1][0 if even else 1, rows, columns] += value
            else:
                self.weights[m + 1][rows, columns] += value

    def extra_repr(self) -> str:
        return f"{self.into.type} -> {self.out.type}, order {self.order}"


class SO2Conv(Layer):
    """y_i = 1/√k Σ_j D(R)ᵀ W s(r) D(R) x_j over the edges j → i: R turns the edge to the y axis, W is an `SO2Linear`.

    Which of the frames of an edge is taken does not matter: W commutes with rolls about it. Without truncation W spans
    exactly the tensor products with the spherical harmonics of the edge up to twice the largest degree; s(r) scales
    each channel and order before (`RadialWeights`, vanishing at the cut-off). A point at the place of another has no
    direction and sends it nothing.

    Types of O(3) are equivariant to reflections too. A type of SO(3) allows twice the weights, and only rotations.

    Args:
        in_type: irreps of SO(3) or O(3), or invariant channels.
        out_type: irreps of the same group, or invariant channels.
        cutoff: where messages vanish, in the unit of the positions.
        m_max: the largest order |m| kept in the frame; None keeps all. The map stays exactly equivariant.
        basis: how many Bessel functions enter the radial network.
        hidden: the widths of its hidden layers.
        neighbours: k, the mean number of neighbours, which keeps the variance.

    Shapes: `[n, c_in] -> [n, c_out]`.

    Raises:
        TypeError: if a field is no irrep, the types are of different groups, or it is called without a graph.
        ValueError: if `m_max` is negative, or `neighbours` not positive.

    Source: Passaro and Zitnick 2023 (eSCN), §3.2 and eq. 5.
    """

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        cutoff: float,
        *,
        m_max: int | None = None,
        basis: int = 8,
        hidden: Sequence[int] = (64,),
        neighbours: float = 1.0,
    ):
        super().__init__(in_type, out_type)
        if m_max is not None and m_max < 0:
            raise ValueError(f"SO2Conv expects an order m_max from 0, got {m_max}.")
        if not neighbours > 0:
            raise ValueError(f"SO2Conv expects a positive mean number of neighbours, got {neighbours}.")
        self.claims = claims_of(self.in_type, self.out_type)
        self.into, self.out = Lanes.of(*joint_group(self.in_type, self.out_type, "SO2Conv"), m_max)
        self.cutoff, self.neighbours, self.m_max = float(cutoff), float(neighbours), m_max
        self.linear = SO2Linear(self.into, self.out)
        widths = [self.into.width(m) for m in range(self.linear.order + 1)]
        self.radial = RadialWeights(sum(widths), cutoff, basis, hidden)
        self._widths = widths
        self._degrees = sorted({lane.degree for lane in (*self.into.lanes, *self.out.lanes)})
        self._before, self._after = self.into.frame(self._degrees), self.out.frame(self._degrees)

    def frames(self, vectors: Tensor) -> Tensor:
        """Return for each edge a rotation that turns it to the y axis, `[e, 3, 3]`; which one does not matter."""
        return align(vectors)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        graph = geometric_of(x, domain, self)
        vectors = graph.vectors()
        vectors = vectors.to(accumulate_in(vectors))
        r = distances(vectors)
        blocks = wigner_blocks(self._degrees, self.frames(vectors))
        turns = torch.cat([block.flatten(1) for block in blocks], 1).to(x.dtype)
        inc = structure(graph.incidence)
        scale = (self.radial(r) * (r > 0).to(x.dtype)[:, None]).split(self._widths, -1)
        packed = split_orders(so2_lift(*inc, turns, x, self._before.key, True), self._before, graph.num_edges)
        mixed = self.linear([z * (s if m == 0 else s[:, None]) for m, (z, s) in enumerate(zip(packed, scale))])
        z = torch.cat([part.flatten() for part in mixed])
        return so2_lower(*inc, turns, z, self._after.key, False) / self.neighbours**0.5

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, cutoff={self.cutoff}, m_max={self.m_max}"
