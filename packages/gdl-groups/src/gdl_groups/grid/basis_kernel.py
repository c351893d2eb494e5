"""Steerable kernels on the taps of a grid: rings times harmonics times couplings, orthonormal as sampled."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from gdl_core.representations import Representation
from torch import Tensor

from gdl_groups.grid.basis import couplings, harmonic, parts
from gdl_groups.grid.basis_rows import Rows, rows_of

DEPENDENT = 1e-3  # a sampled kernel of which less than this share of the norm is new counts as an alias of others


@dataclass(frozen=True)
class Rings:
    """Where the radial profiles stand: Gaussians exp(-(|x| - r)² / 2σ²), each with its largest frequency.

    Attributes:
        radii: r of each ring, in points.
        widths: σ of each ring.
        cuts: the largest frequency or degree of each ring. A ring of radius r has about 2πr points, so frequencies
            beyond 2r or so are sampled too coarsely to turn (Weiler et al. 2018, §3.1).
        moments: the degree up to which sampled harmonics respond to polynomials as true ones; -1 for as they come.
    """

    radii: tuple[float, ...]
    widths: tuple[float, ...]
    cuts: tuple[int, ...]
    moments: int = -1

    @staticmethod
    def of(kernel_size: int, cut: float = 2.0, width: float = 0.6, moments: int = 4) -> "Rings":
        """Return a point at the centre and rings of radius 1 … ⌊k/2⌋ with frequencies up to `cut` · radius.

        The outermost has two thirds of the width, for the corners of the square beyond it belong to no whole circle.
        """
        last = kernel_size // 2
        radii = tuple(float(r) for r in range(last + 1))
        widths = [0.005, *[width] * (last - 1), width * 2 / 3][: last + 1]
        return Rings(radii, tuple(widths), tuple(int(cut * r + 1e-9) for r in radii), min(moments, kernel_size - 1))


@dataclass(frozen=True)
class KernelBasis:
    """An orthonormal basis of the sampled kernels K with K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹.

    Attributes:
        matrices: `float64[k, d_out, d_in, *kernel]`.
        copy: which copy of an irrep of ρ_out each one reaches, as `parts(ρ_out)` numbers them, `int64[k]`.
        rows: the same matrices as turns of their first rows, where a group permutes both fields and that saves much.
    """

    matrices: Tensor
    copy: Tensor
    rows: Rows | None = None

    def __len__(self) -> int:
        return self.matrices.shape[0]


def taps(kernel_size: int, ndim: int) -> Tensor:
    """Return the offsets of the taps from the middle one, `float64[k^d, d]`, in row-major order."""
    side = torch.arange(kernel_size, dtype=torch.float64) - kernel_size // 2
    return torch.cartesian_prod(*[side] * ndim).reshape(-1, ndim)


def harmonics(degree: int, x: Tensor) -> Tensor:
    """Return the real harmonics of `degree` at the directions of `x[p, d]`, `[dim, p]`; zero at x = 0 but for degree 0.

    d = 2: (cos kφ, sin kφ), φ from the first axis to the second. d = 3: spherical harmonics, norm 1.
    """
    if degree == 0:
        return torch.ones(1, len(x), dtype=torch.float64)
    away = (x.square().sum(1) > 0).double()
    if x.shape[1] == 2:
        angle = degree * torch.atan2(x[:, 1], x[:, 0])
        return torch.stack([torch.cos(angle), torch.sin(angle)]) * away
    from gdl_groups.angular.harmonics import spherical_harmonics

    return spherical_harmonics(degree, x, normalize=True, normalization="norm").T * away


def balanced(sampled: Tensor, degree: int, x: Tensor, most: int) -> Tensor:
    """Return ring functions near `sampled[rings, dim, taps]` whose moments turn as those of true harmonics.

    A harmonic of degree k has no moments Σ f(x) |x|^a Y_l(x / |x|) for l ≠ k, and for l = k those of its components are
    a multiple of the identity. Samples on a square lattice miss this: cos 4φ has a mean there, which a smooth image
    feels more than anything of frequency 4, and cos 2φ weighs more than sin 2φ. The change of least norm that restores
    all moments of degree a ≤ `most` keeps what the lattice keeps, and makes the response to a smooth image turn up to
    order `most` in the step of the grid. Polynomials below the kernel size per axis are independent on the taps, so
    it exists for `most` up to one less than that.
    """
    if most < 0:
        return sampled
    radius = x.norm(dim=1)
    scale = radius.max().clamp_min(1)
    rows, wanted = [], []
    for l in range(most + 1):
        own = harmonics(l, x)
        for power in range(l, most + 1, 2):
            tests = (radius / scale) ** power * own  # [dim_l, taps]
            moments = torch.einsum("lt,jmt->jlm", tests, sampled)
            target = torch.zeros_like(moments)
            if l == degree:
                mean = moments.diagonal(dim1=1, dim2=2).mean(1)
                target = mean[:, None, None] * torch.eye(len(own), dtype=torch.float64)
            rows.append(tests)
            wanted.append(target - moments)
    tests, wanted = torch.cat(rows), torch.cat(wanted, 1)
    change = torch.linalg.pinv(tests, rtol=1e-10)  # [taps, polynomials]
    return sampled + torch.einsum("tp,jpm->jmt", change, wanted)


@lru_cache(maxsize=128)
def kernel_basis(
    action: Representation, rep_in: Representation, rep_out: Representation, kernel_size: int, rings: Rings
) -> KernelBasis:
    """Return the basis of the kernels of `kernel_size` points per axis between two representations.

    Kernels are found for pairs of irreps and brought to the representations by their change of basis,
    ρ(g) = Q (⊕ ψ_i(g)) Q⁻¹. For each pair of irreps those that sampling makes dependent are left out, low frequencies
    first, and the rest made orthonormal. Copies of irreps are orthogonal to each other as Q is.
    """
    into, out = parts(rep_in), parts(rep_out)
    irreps_in, irreps_out = (tuple(dict.fromkeys(irrep for _, irrep in d.irreps)) for d in (into, out))
    sampled = _sampled(action, irreps_in, irreps_out, kernel_size, rings)
    q_out, q_in = out.change_of_basis, torch.linalg.inv(into.change_of_basis)
    blocks, copies = [], []
    for number, (irrep_out, columns) in enumerate(out.copies()):
        for irrep_in, rows in into.copies():
            block = sampled[irreps_in.index(irrep_in), irreps_out.index(irrep_out)]
            blocks.append(torch.einsum("Oo,poit,iI->pOIt", q_out[:, columns], block, q_in[rows]))
            copies.append(torch.full((len(block),), number))
    matrices = torch.cat(blocks)
    if not (rep_in.is_orthogonal and rep_out.is_orthogonal) and len(matrices):
        matrices = matrices / matrices.flatten(1).norm(dim=1)[:, None, None, None]
    functions = ring_functions(action.dim, kernel_size, rings)
    turns = {degree: harmonic(action, degree) for degree in functions}
    rows = rows_of(matrices, functions, turns, rep_in, rep_out)
    shape = (len(matrices), rep_out.dim, rep_in.dim, *[kernel_size] * action.dim)
    return KernelBasis(matrices.reshape(shape).contiguous(), torch.cat(copies), rows)


@lru_cache(maxsize=64)
def ring_functions(ndim: int, kernel_size: int, rings: Rings) -> dict[int, Tensor]:
    """Return the harmonics of each degree on the rings that carry them, sampled and balanced, `[rings, dim, taps]`."""
    x, found = taps(kernel_size, ndim), {}
    radius = x.norm(dim=1)
    for degree in range(max(rings.cuts) + 1):
        profiles = [
            torch.exp(-((radius - r) ** 2) / (2 * width**2))
            for r, width, cut in zip(rings.radii, rings.widths, rings.cuts)
            if degree <= cut
        ]
        sampled = torch.stack(profiles)[:, None] * harmonics(degree, x)  # [rings, dim, taps]
        found[degree] = balanced(sampled, degree, x, rings.moments)
    return found


@lru_cache(maxsize=64)
def _sampled(
    action: Representation,
    irreps_in: tuple[Representation, ...],
    irreps_out: tuple[Representation, ...],
    kernel_size: int,
    rings: Rings,
) -> dict[tuple[int, int], Tensor]:
    """Return the orthonormal sampled kernels of each pair of irreps, `[k, d_out, d_in, taps]`."""
    on_taps = ring_functions(action.dim, kernel_size, rings)
    degrees = tuple(on_taps)
    angular = couplings(action, irreps_in, irreps_out, degrees)
    found = {}
    for i in range(len(irreps_in)):
        for o in range(len(irreps_out)):
            rows = [torch.einsum("jmt,nomi->jnoit", on_taps[k], angular[i, o, k]).flatten(0, 1) for k in degrees]
            found[i, o] = _orthonormal(torch.cat(rows))
    return found


def _orthonormal(rows: Tensor) -> Tensor:
    """Return an orthonormal basis of what the rows span, in order, without those that earlier rows (nearly) span."""
    flat = rows.flatten(1)
    norms = flat.norm(dim=1)
    flat = flat[norms > 1e-6] / norms[norms > 1e-6, None]
    kept: list[int] = []
    basis = flat[:0]
    for position, row in enumerate(flat):
        rest = row - (row @ basis.T) @ basis
        rest = rest - (rest @ basis.T) @ basis
        if len(kept) < flat.shape[1] and float(rest.norm()) > DEPENDENT:
            kept.append(position)
            basis = torch.cat([basis, (rest / rest.norm())[None]])
    return basis.reshape(len(kept), *rows.shape[1:])
