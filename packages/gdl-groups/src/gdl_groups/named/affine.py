"""Motions of space as homogeneous matrices: a linear part and a translation, semidirect products with exponentials."""

from typing import TYPE_CHECKING

import torch
from gdl_core.groups import SO, Homomorphism, LieGroup, O
from gdl_core.groups.lie import haar_orthogonal, rotation_algebra
from torch import Tensor

from gdl_groups.named.classical import Lorentz
from gdl_groups.named.matrix import (
    MatrixGroup,
    determinant_sign,
    largest,
    orthogonality,
    size_of,
    unit_determinant,
    units,
)

if TYPE_CHECKING:
    from gdl_core.representations import Representation


def homogeneous(linear: Tensor, translation: Tensor) -> Tensor:
    """Return [[A, t], [0, 1]], `[..., m, m]` and `[..., m]` to `[..., m+1, m+1]`."""
    batch = torch.broadcast_shapes(linear.shape[:-2], translation.shape[:-1])
    m = linear.shape[-1]
    whole = torch.zeros(*batch, m + 1, m + 1, dtype=linear.dtype, device=linear.device)
    whole[..., :m, :m], whole[..., :m, m], whole[..., m, m] = linear, translation, 1
    return whole


class Motions(MatrixGroup):
    """R^m ⋊ L: translations and a group L of linear maps, as homogeneous matrices `[[A, t], [0, 1]]`, `[m+1, m+1]`.

    Args:
        name: what `repr` prints.
        linear: the group L of the linear parts, or None for translations alone.
        m: the dimension of the space.

    Representations: `standard` (homogeneous, m + 1), `vector` (the linear part: arrows, not places), `adjoint`.
    """

    def __init__(self, name: str, linear: LieGroup | None, m: int):
        self.linear, self.m = linear, m
        parts = [] if linear is None else [torch.nn.functional.pad(linear.algebra(), (0, 1, 0, 1))]
        shifts = units(m + 1)[:m, m]
        discrete = None
        if linear is not None and len(linear.generators()):
            discrete = homogeneous(linear.generators(), torch.zeros(m, dtype=torch.float64))
        self.has_determinant = discrete is not None
        super().__init__(name, torch.cat([*parts, shifts]), discrete, is_compact=False)

    def inverse(self, g: Tensor) -> Tensor:
        m = self.m
        back = g[..., :m, :m] if self.linear is None else self.linear.inverse(g[..., :m, :m])
        return homogeneous(back, -(back @ g[..., :m, m:]).squeeze(-1))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw linear parts from the sampler of L and normal translations, `[count, m+1, m+1]`."""
        eye = torch.eye(self.m, dtype=torch.float64).expand(count, self.m, self.m)
        linear = eye if self.linear is None else self.linear.sample(count, generator)
        return homogeneous(linear, torch.randn(count, self.m, generator=generator, dtype=torch.float64))

    def transform(self, g: Tensor, points: Tensor) -> Tensor:
        """Return A x + t for points `[n, m]` and one element g, `[n, m]`."""
        return points @ g[: self.m, : self.m].mT.to(points) + g[: self.m, self.m].to(points)

    def vector(self) -> "Representation":
        """Return the linear part A, `[m, m]`."""
        from gdl_core.representations import Matrix

        m = self.m
        orthogonal = self.linear is None or self.linear.is_orthogonal
        take = lambda g: g[..., :m, :m]  # noqa: E731
        return Matrix(self, "vector", m, take, derivative=take, orthogonal=orthogonal)

    def determinant(self) -> "Representation":
        """Return the determinant of the linear part, which is ±1."""
        return determinant_sign(self)

    def linear_part(self) -> Homomorphism:
        """Return the homomorphism to L that forgets the translation; the translations are its kernel.

        Raises:
            TypeError: for translations alone, which have no linear part.
        """
        if self.linear is None:
            raise TypeError(f"{self!r} has no linear part to map to.")
        take = lambda g: g[..., : self.m, : self.m]  # noqa: E731
        return Homomorphism(self, self.linear, take, derivative=take)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        m = self.m
        last = torch.eye(m + 1, dtype=g.dtype)[m]
        found = {"the last row is (0, …, 0, 1)": (g[..., m, :] - last).abs().amax(-1)}
        block = g[..., :m, :m]
        if self.linear is None:
            return found | {"the linear part is 1": largest(block - torch.eye(m, dtype=g.dtype))}
        return found | {f"linear part: {what}": size for what, size in linear_defects(self.linear, block).items()}

    def _named_representations(self) -> dict:
        return super()._named_representations() | {"vector": self.vector}


def linear_defects(group: LieGroup, g: Tensor) -> dict[str, Tensor]:
    """Return by how much `g` misses each equation of a matrix group, of core's SO and O too."""
    if isinstance(group, SO):
        return orthogonality(g) | unit_determinant(g)
    if isinstance(group, O):
        return orthogonality(g)
    return group.defects(g) if isinstance(group, MatrixGroup) else {}


class SE(Motions):
    """The rotations and translations of R^n, SE(n) = R^n ⋊ SO(n), as matrices `[n+1, n+1]`.

    Args:
        n: the dimension, at least 2.

    Samples have Haar rotations and normal translations. Representations: `standard`, `vector`, `adjoint` (twists).
    """

    def __init__(self, n: int):
        self.n = size_of("SE", n, 2)
        super().__init__(f"SE({n})", SO(n), n)


class E(Motions):
    """The rotations, reflections and translations of R^n, E(n) = R^n ⋊ O(n), as matrices `[n+1, n+1]`.

    Args:
        n: the dimension, at least 1.

    Samples have Haar orthogonal parts and normal translations. Representations: `standard`, `vector`, `det`, `adjoint`.
    """

    def __init__(self, n: int):
        self.n = size_of("E", n, 1)
        super().__init__(f"E({n})", O(n), n)


class Translations(Motions):
    """The translations of R^n, as matrices `[n+1, n+1]`.

    Args:
        n: the dimension, at least 1.
    """

    def __init__(self, n: int):
        self.n = size_of("Translations", n, 1)
        super().__init__(f"Translations({n})", None, n)


class Poincare(Motions):
    """The Lorentz transformations and translations of space-time (t, x_1, …, x_d), as matrices `[d+2, d+2]`.

    Args:
        d: the dimension of space, at least 1.
        full: whether space inversion and time reversal belong to it.
    """

    def __init__(self, d: int = 3, full: bool = False):
        self.d, self.full = size_of("Poincare", d, 1), full
        super().__init__(f"Poincare({d}, full=True)" if full else f"Poincare({d})", Lorentz(d, full), d + 1)


class Galilei(MatrixGroup):
    """The Galilean transformations x -> R x + v t + a, t -> t + b of (x_1, …, x_n, t, 1), matrices `[n+2, n+2]`.

    Args:
        n: the dimension of space, at least 2.

    The basis of the algebra is rotations, boosts v, translations a, and the shift of time b. Samples have Haar
    rotations and normal v, a and b. Representations: `standard`, `spacetime` (differences of events, n + 1),
    `vector` (R), `adjoint` (Lévy-Leblond, J. Math. Phys. 4, 776 (1963)).
    """

    has_determinant = False

    def __init__(self, n: int = 3):
        self.n = size_of("Galilei", n, 2)
        e = units(n + 2)
        rotations = torch.nn.functional.pad(rotation_algebra(n), (0, 2, 0, 2))
        algebra = torch.cat([rotations, e[:n, n], e[:n, n + 1], e[n, n + 1][None]])
        super().__init__(f"Galilei({n})", algebra, is_compact=False)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw Haar rotations and normal boosts and shifts, `[count, n+2, n+2]`."""
        n = self.n
        rotation = haar_orthogonal(count, n, generator)
        rotation[:, :, 0] *= torch.linalg.det(rotation).sign()[:, None]
        found = torch.eye(n + 2, dtype=torch.float64).repeat(count, 1, 1)
        found[:, :n, :n] = rotation
        found[:, :n, n:] = torch.randn(count, n, 2, generator=generator, dtype=torch.float64)
        found[:, n, n + 1] = torch.randn(count, generator=generator, dtype=torch.float64)
        return found

    def _block(self, name: str, size: int, orthogonal: bool) -> "Representation":
        from gdl_core.representations import Matrix

        take = lambda g: g[..., :size, :size]  # noqa: E731
        return Matrix(self, name, size, take, derivative=take, orthogonal=orthogonal)

    def defects(self, g: Tensor) -> dict[str, Tensor]:
        n = self.n
        corner = g[..., n:, :].clone()
        corner[..., 0, n + 1] = 0
        rows = torch.eye(n + 2, dtype=g.dtype)[n:]
        found = {"the last rows are (0, …, 0, 1, b) and (0, …, 0, 1)": largest(corner - rows)}
        return found | linear_defects(SO(n), g[..., :n, :n])

    def _named_representations(self) -> dict:
        return super()._named_representations() | {
            "vector": lambda: self._block("vector", self.n, True),
            "spacetime": lambda: self._block("spacetime", self.n + 1, False),
        }
