"""Maps from a harmonic and a field to a field: the angular half of steerable kernels, for any group that turns R^d."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from gdl_core.groups import FiniteGroup, Group, Homomorphism, O
from gdl_core.representations import Representation
from gdl_core.representations.gauge import canonical_basis
from gdl_core.representations.irreps import Decomposition
from torch import Tensor

NULL, GAP, CERTIFIED = 1e-10, 1e-7, 1e-9


def harmonic(action: Representation, degree: int) -> Representation:
    """Return how the harmonics of frequency (d = 2) or degree (d = 3) `degree` turn: Y(gx) = H(g) Y(x)."""
    target = O(action.dim)
    into = Homomorphism(action.group, target, action.matrix, action.derivative)
    full = target.irrep(degree) if action.dim == 2 else target.irrep(degree, (-1) ** degree)
    return full.restrict(into)


@lru_cache(maxsize=512)
def parts(rep: Representation) -> Decomposition:
    """Return the irreps of `rep`; a representation of a Lie group that is not built from irreps counts as one."""
    known = rep.known_decomposition()
    if known is not None:
        return known
    if isinstance(rep.group, FiniteGroup):
        return rep.decompose()
    return Decomposition(((1, rep),), torch.eye(rep.dim, dtype=torch.float64))


@lru_cache(maxsize=256)
def couplings(
    action: Representation,
    into: tuple[Representation, ...],
    out: tuple[Representation, ...],
    degrees: tuple[int, ...],
) -> dict[tuple[int, int, int], Tensor]:
    """Return the maps C with ρ_out(g) C(Y, x) = C(H_k(g) Y, ρ_in(g) x), for every pair and every degree k.

    A kernel K(x) = Σ_m Y_km(x / |x|) C[:, m, :] is steerable, K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹, exactly if C is such a
    map (Weiler and Cesa 2019, eq. 3; Lang and Weiler 2021, thm 4.1). All small systems of one size are solved together,
    by a symmetric eigenproblem in float64, and certified under every generator.

    Args:
        action: how the group moves the points.
        into, out: representations, best irreps.
        degrees: frequencies or degrees of harmonics.

    Returns:
        `(in, out, degree) -> float64[n, d_out, d_harmonic, d_in]`, orthonormal, in the canonical gauge.

    Raises:
        ArithmeticError: if the solutions are not clearly separated, or miss a generator.
    """
    harmonics = {k: harmonic(action, k) for k in degrees}
    sizes: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
    for i, rep_in in enumerate(into):
        for o, rep_out in enumerate(out):
            for k in degrees:
                sizes.setdefault((rep_out.dim, harmonics[k].dim, rep_in.dim), []).append((i, o, k))
    on_harmonics, on_in, on_out = (_Generators(action.group, reps) for reps in (harmonics.values(), into, out))
    found: dict[tuple[int, int, int], Tensor] = {}
    for shape, names in sizes.items():
        rows = [[o for _, o, _ in names], [degrees.index(k) for _, _, k in names], [i for i, _, _ in names]]
        factors = [table.rows(pick) for table, pick in zip((on_out, on_harmonics, on_in), rows)]
        for name, maps in zip(names, _null_spaces(factors, shape)):
            found[name] = maps
    return found


class _Generators:
    """The matrices of several representations under each discrete generator, and their derivatives."""

    def __init__(self, group: Group, reps: Iterable[Representation]):
        discrete, algebra = group.generators(), group.algebra()
        self.matrices = [rep.matrix(discrete) for rep in reps]
        self.duals = [torch.linalg.inv(m).mT for m in self.matrices]
        empty = algebra.shape[0] == 0
        self.derivatives = [
            torch.zeros(0, rep.dim, rep.dim, dtype=torch.float64)
            if empty
            else torch.stack([rep.derivative(a) for a in algebra])
            for rep in reps
        ]

    def rows(self, pick: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return `[p, g, d, d]` matrices, their inverse transposes, and derivatives, of the representations picked."""
        return tuple(torch.stack([kind[row] for row in pick]) for kind in (self.matrices, self.duals, self.derivatives))  # type: ignore[return-value]


def _null_spaces(factors: list[tuple[Tensor, Tensor, Tensor]], shape: tuple[int, int, int]) -> list[Tensor]:
    """Solve C = ρ_out C (H ⊗ ρ_in)⁻¹ for many triples of the same dimensions."""
    (out, _, d_out), (_, turn, d_turn), (_, into, d_in) = factors
    size = shape[0] * shape[1] * shape[2]
    eye = torch.eye(size, dtype=torch.float64)
    moved = _kron(_kron(out, turn), into) - eye  # [p, g, size, size]
    ones = [torch.eye(d, dtype=torch.float64).expand_as(x) for d, x in zip(shape, (d_out, d_turn, d_in))]
    drift = (
        _kron(_kron(d_out, ones[1]), ones[2])
        - _kron(_kron(ones[0], d_turn.mT), ones[2])
        - _kron(_kron(ones[0], ones[1]), d_in.mT)
    )
    constraint = torch.cat([moved, drift], 1)  # [p, generators, size, size]
    values, vectors = torch.linalg.eigh((constraint.mT @ constraint).sum(1))
    scale = values[:, -1:].clamp_min(1.0)
    null = values < NULL * scale
    if bool(((values >= NULL * scale) & (values < GAP * scale)).any()):
        raise ArithmeticError("The constraints of a steerable kernel have no clear null space.")
    found = []
    for row, count in enumerate(null.sum(1).tolist()):
        basis = canonical_basis(vectors[row, :, :count]) if count else vectors[row, :, :0]
        miss = float((constraint[row] @ basis).abs().max()) if count and constraint.shape[1] else 0.0
        if miss > CERTIFIED:
            raise ArithmeticError(f"A steerable kernel misses a generator by {miss:.1e}; it is not returned.")
        found.append(basis.T.reshape(count, *shape))
    return found


def _kron(a: Tensor, b: Tensor) -> Tensor:
    """Return the Kronecker product over two leading axes, `[p, g, m·n, m·n]`."""
    size = a.shape[-1] * b.shape[-1]
    return torch.einsum("pgij,pgkl->pgikjl", a, b).reshape(*a.shape[:2], size, size)
