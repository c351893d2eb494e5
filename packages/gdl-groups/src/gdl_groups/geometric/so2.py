"""Which linear maps of features along an edge commute with rolls about it, and how features are packed for them.

In a frame whose y axis is the edge, the coordinates ±m of a degree turn together by m times the angle of a roll. What
commutes with every roll is, for each m, a complex number per pair of channels: `[[d, -a], [a, d]]` on (x_+m, x_-m),
and d alone at m = 0. These maps are exactly the tensor products with the spherical harmonics of the edge (Passaro and
Zitnick 2023, arXiv 2302.03655, §3): a frame turns a sum over O(L^6) Clebsch-Gordan coefficients into O(L^3).

Reflections that keep the edge conjugate this number. So between irreps of O(3) of the same *class*, natural (parity
(-1)^l: 0e, 1o, 2e, ...) or pseudo (0o, 1e, 2o, ...), only d is allowed, and across the classes only a.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.angular import clebsch_gordan
from gdl_groups.kernels.so2_conv import Frame
from gdl_groups.products.plan import degree_and_parity


@lru_cache(maxsize=1024)
def path_to_so2(l_in: int, l_out: int) -> Tensor:
    """Return the numbers (d_0, …, d_k, a_1, …, a_k), k = min(l_in, l_out), of each tensor product, `[2k+1, 2k+1]`.

    Column j is the path with spherical harmonics of degree l_f = |l_in - l_out| + j, normalised to components of unit
    mean square, and Clebsch-Gordan coefficients of Frobenius norm one: Σ C[m, n, m'] x_m Y_n(e_y). The rows of d
    belong to even l_in + l_f + l_out, those of a to odd. The matrix is invertible.
    """
    k, low = min(l_in, l_out), abs(l_in - l_out)
    found = torch.zeros(2 * k + 1, 2 * k + 1, dtype=torch.float64)
    for column in range(2 * k + 1):
        degree = low + column
        # the harmonics of the pole vanish but for order 0, which is sqrt(2l+1)
        couple = clebsch_gordan(l_in, degree, l_out)[:, degree] * (2 * degree + 1) ** 0.5
        for m in range(k + 1):
            if (l_in + degree + l_out) % 2 == 0:
                found[m, column] = couple[l_in + m, l_out + m]
            elif m:
                found[k + m, column] = couple[l_in + m, l_out - m]
    return found


@dataclass(frozen=True)
class Lane:
    """The copies of one irrep in a feature vector.

    Attributes:
        start: the first of their channels, which are component-major.
        degree, count: of the irrep, and how many copies.
        pseudo: whether the irrep is of the class 0o, 1e, 2o, …; False for SO(3).
    """

    start: int
    degree: int
    count: int
    pseudo: bool

    @property
    def channels(self) -> slice:
        return slice(self.start, self.start + (2 * self.degree + 1) * self.count)


class Lanes:
    """The channels of a field type in the order of the edge's frame: by class, degree and field, for each m ≥ 0.

    Args:
        type: a type of irreps of SO(3) or O(3), or of invariant channels.
        m_max: orders beyond it are dropped; None keeps all.

    Attributes:
        lanes: in order.
        degree, order: the largest of each.
        chiral: whether the group has no reflections, so that d and a may both occur.
    """

    def __init__(self, type: FieldType, m_max: int | None = None):
        self.type = type
        self.chiral = isinstance(type.group, SO)
        found = []
        for (count, rep), channels in zip(type.fields, type.slices()):
            degree, parity = degree_and_parity(rep)
            pseudo = not self.chiral and parity != (-1) ** degree
            found.append(Lane(channels.start, degree, count, pseudo))
        self.lanes: tuple[Lane, ...] = tuple(sorted(found, key=lambda lane: (lane.pseudo, lane.degree)))
        self.degree = max((lane.degree for lane in found), default=0)
        self.order = self.degree if m_max is None else min(m_max, self.degree)

    @classmethod
    def of(cls, in_type: FieldType, out_type: FieldType, m_max: int | None = None) -> "tuple[Lanes, Lanes]":
        """Return the lanes of two types of one group up to the orders that both have."""
        order = min(cls(in_type, m_max).order, cls(out_type, m_max).order)
        return cls(in_type, order), cls(out_type, order)

    def by_field(self) -> list[Lane]:
        """Return the lanes in the order of the fields of the type."""
        return sorted(self.lanes, key=lambda lane: lane.start)

    def frame(self, degrees: Sequence[int]) -> Frame:
        """Return how features lie in the frame of an edge, given the degrees of its Wigner matrices."""
        lanes = tuple((int(lane.pseudo), lane.degree, lane.start, lane.count) for lane in self.lanes)
        return Frame(self.order, tuple(degrees), lanes, self.type.channels)

    def width(self, m: int, pseudo: bool | None = None) -> int:
        """Return the number of channels that have the order m (of one class, if `pseudo` says which)."""
        return sum(lane.count for lane in self.lanes if lane.degree >= m and pseudo in (None, lane.pseudo))

    def places(self, m: int) -> list[tuple[Lane, slice]]:
        """Return the lanes that have the order m, each with its place among the `width(m)`."""
        found, start = [], 0
        for lane in self.lanes:
            if lane.degree >= m:
                found.append((lane, slice(start, start + lane.count)))
                start += lane.count
        return found


def operation_counts(degree: int) -> dict[str, int]:
    """Return what one channel of each degree 0 … L costs along one edge: multiplications and weights.

    `paths`: weights, (L+1)² + 2 Σ k²; `so2`: multiplications by them, (L+1)² + 4 Σ k²; `turn`: of one rotation,
    Σ (2l+1)²; `dense`: of the Clebsch-Gordan coefficients stored densely, Σ (2l_1+1)(2l_2+1)(2l_3+1), all up to L.
    """
    squares = sum(k * k for k in range(1, degree + 1))
    own = range(degree + 1)
    dense = sum(
        (2 * a + 1) * (2 * b + 1) * (2 * f + 1)
        for a in own
        for b in own
        for f in range(abs(a - b), min(a + b, degree) + 1)
    )
    turn = sum((2 * a + 1) ** 2 for a in own)
    return {
        "paths": (degree + 1) ** 2 + 2 * squares,
        "so2": (degree + 1) ** 2 + 4 * squares,
        "turn": turn,
        "dense": dense,
    }
