"""Quaternions w + xi + yj + zk as tensors `[..., 4]`, and the finite groups made of them."""

import math
from typing import TYPE_CHECKING

import torch
from gdl_core.groups import FiniteGroup
from torch import Tensor

if TYPE_CHECKING:
    from gdl_core.representations import Representation


def quaternion_product(p: Tensor, q: Tensor) -> Tensor:
    """Return Hamilton's product pq, `[..., 4]`."""
    return (left_matrix(p) * q.unsqueeze(-2)).sum(-1)


def conjugate(q: Tensor) -> Tensor:
    """Return w - xi - yj - zk, the inverse of a unit quaternion, `[..., 4]`."""
    return torch.cat([q[..., :1], -q[..., 1:]], -1)


def left_matrix(q: Tensor) -> Tensor:
    """Return the matrix of p -> qp on (w, x, y, z), `[..., 4, 4]`."""
    w, x, y, z = q.unbind(-1)
    rows = [(w, -x, -y, -z), (x, w, -z, y), (y, z, w, -x), (z, -y, x, w)]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def quaternion_rotation(q: Tensor) -> Tensor:
    """Return the rotation v -> q v q̄ of a unit quaternion, `[..., 3, 3]`; q and -q give the same one."""
    w, v = q[..., 0, None, None], q[..., 1:]
    zero = torch.zeros_like(v[..., 0])
    x, y, z = v.unbind(-1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    return eye + 2 * w * cross + 2 * cross @ cross


def rotation_vector(q: Tensor) -> Tensor:
    """Return axis times angle of a unit quaternion, angle in [0, 2π], `[..., 3]`: q = cos(θ/2) + sin(θ/2) n.

    The angle of -1 is 2π, about z by convention: every axis gives the same element.
    """
    v = q[..., 1:]
    sine = v.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, q[..., :1])
    pole = torch.tensor([0.0, 0, 1], dtype=q.dtype, device=q.device)
    small = sine < 1e-12
    axis = torch.where(small, pole, v / torch.where(small, torch.ones_like(sine), sine))
    return axis * angle


class QuaternionGroup(FiniteGroup):
    """Q8 = {±1, ±i, ±j, ±k}; an element is a quaternion of whole numbers, `[4]`.

    Representations: `trivial`, `regular`, `standard` (left multiplication on R⁴), and the irreps `A`, `B1`, `B2`, `B3`
    (which are 1 on i, j and k, and -1 on the other two) and `H`, the standard one: of quaternionic type, since
    multiplication from the right commutes with it.
    """

    element_shape = (4,)
    order = 8
    name = "QuaternionGroup()"

    def identity(self) -> Tensor:
        return torch.tensor([1, 0, 0, 0])

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return quaternion_product(g, h)

    def inverse(self, g: Tensor) -> Tensor:
        return conjugate(g)

    def generators(self) -> Tensor:
        return torch.eye(4, dtype=torch.int64)[1:3]

    def standard(self) -> "Representation":
        """Return left multiplication of the quaternions, `[4, 4]`."""
        from gdl_core.representations import Matrix

        return Matrix(self, "standard", 4, left_matrix, orthogonal=True)

    def irreps(self) -> "tuple[Representation, ...]":
        """Return A, B1, B2, B3 and H."""
        from gdl_core.representations import Matrix, Trivial

        signs: list[Representation] = [
            Matrix(
                self,
                f"B{axis}",
                1,
                lambda g, axis=axis: (2 * (g[..., 0] + g[..., axis]).abs() - 1).double()[..., None, None],
                orthogonal=True,
                endomorphism="real",
            )
            for axis in (1, 2, 3)
        ]
        return (Trivial(self, "A"), *signs, self.standard().rename("H", "quaternionic"))

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard}


class BinaryPolyhedralGroup(FiniteGroup):
    """2T, 2O or 2I: the unit quaternions over the rotations of T, O or I, two for each; an element is `[4]`.

    Args:
        symbol: `"2T"`, `"2O"` or `"2I"`, of orders 24, 48 and 120.

    The rotations are those of `PointGroup("T")` and its kin. Representations: `trivial`, `regular`, `standard` (left
    multiplication on R⁴, of quaternionic type), and the real irreps `"0"`, `"1"`, … (Conway & Smith 2003, §3).
    """

    element_shape = (4,)
    element_dtype = torch.float64

    def __init__(self, symbol: str):
        phi, half = (1 + math.sqrt(5)) / 2, 0.5
        further = {"2T": [], "2O": [[half**0.5, 0, 0, half**0.5]], "2I": [[phi / 2, 0, half / phi, half]]}
        if symbol not in further:
            raise ValueError(f"BinaryPolyhedralGroup takes '2T', '2O' or '2I', got {symbol!r}.")
        self.symbol = symbol
        self.order = {"2T": 24, "2O": 48, "2I": 120}[symbol]
        self.name = f"BinaryPolyhedralGroup({symbol!r})"
        rows = [[half, half, half, half], [0, 0, 0, 1], *further[symbol]]
        self._generators = torch.tensor(rows, dtype=torch.float64)

    def identity(self) -> Tensor:
        return torch.eye(4, dtype=torch.float64)[0]

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        return quaternion_product(g, h)

    def inverse(self, g: Tensor) -> Tensor:
        return conjugate(g)

    def generators(self) -> Tensor:
        return self._generators

    def standard(self) -> "Representation":
        """Return left multiplication of the quaternions, `[4, 4]`."""
        from gdl_core.representations import Matrix

        return Matrix(self, "standard", 4, left_matrix, orthogonal=True)

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"standard": self.standard}
