"""Closed forms of the book, §4.2: circulants, Fourier, the commutant of the shift; and the errata of its text.

Rows 1, 2 and 3 of the research's table of checks.
"""

import math

import pytest
import torch
from gdl_core.derive import EquivariantOperator
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_grids import AvgPool, BatchNorm, BlurPool, Conv, Grid, GroupNorm, MaxPool, PolyphasePool
from torch import nn

N = 12


def circulant(theta: torch.Tensor) -> torch.Tensor:
    """C(θ) = (θ_{u - v mod n}): a convolution."""
    n = len(theta)
    u = torch.arange(n)
    return theta[(u[:, None] - u[None]) % n]


def shift_matrix(n: int) -> torch.Tensor:
    return torch.eye(n, dtype=torch.float64).roll(1, 0)


def as_matrix(layer, n: int) -> torch.Tensor:
    """The matrix of a linear layer of one channel on a ring: column v is the response to a one at v."""
    return layer(torch.eye(n, dtype=torch.float64)[:, None]).detach()[:, 0].T


def test_circulants_commute_with_the_shift_and_with_each_other():
    a, b = (circulant(torch.randn(N, dtype=torch.float64)) for _ in range(2))
    s = shift_matrix(N)
    assert torch.equal(s @ a, a @ s)
    assert torch.allclose(a @ b, b @ a, atol=1e-13)
    other = torch.randn(N, N, dtype=torch.float64)
    assert not torch.allclose(s @ other, other @ s)  # negative control


def test_the_commutant_of_the_shift_has_dimension_n_and_is_spanned_by_convolutions():
    s = shift_matrix(N)
    eye = torch.eye(N, dtype=torch.float64)
    equations = torch.kron(eye, s) - torch.kron(s.T.contiguous(), eye)  # vec(S W - W S), column-major
    assert N * N - torch.linalg.matrix_rank(equations) == N
    basis = []
    for tap in range(N):
        conv = Conv(1, 1, (N,), bias=False).double()
        conv.weight.data = torch.eye(N, dtype=torch.float64)[tap][None, None]
        basis.append(as_matrix(conv, N).T.reshape(-1))
    basis = torch.stack(basis, 1)
    assert torch.linalg.matrix_rank(basis) == N
    assert (equations @ basis).abs().max() < 1e-12


def test_a_layer_is_a_cross_correlation_and_the_flipped_kernel_the_circulant_of_the_book():
    """Erratum 2: C(θ) = (θ_{u-v}) has θ_1 below the diagonal, the displayed matrix has it above."""
    theta = torch.randn(N, dtype=torch.float64)
    conv = Conv(1, 1, (N,), bias=False).double()
    before = (N - 1) // 2
    conv.weight.data = theta.roll(before)[None, None]  # tap j stands for the offset j - before
    correlation = as_matrix(conv, N)
    assert torch.allclose(correlation, circulant(theta).T, atol=1e-15)
    assert correlation[0, 1] == theta[1] and circulant(theta)[1, 0] == theta[1]
    flipped = theta[(-torch.arange(N)) % N]
    conv.weight.data = flipped.roll(before)[None, None]
    assert torch.allclose(as_matrix(conv, N), circulant(theta), atol=1e-15)


def test_the_eigenvalues_of_a_circulant_are_the_unnormalised_fourier_transform():
    """Erratum 1: with the unitary Φ, Φ*θ is too small by √n."""
    theta = torch.randn(N, dtype=torch.float64)
    k = torch.arange(N, dtype=torch.float64)
    phi = torch.exp(2j * math.pi * k[:, None] * k[None] / N) / math.sqrt(N)
    diagonal = phi.mH @ circulant(theta).to(torch.complex128) @ phi
    values = diagonal.diagonal()
    assert (diagonal - torch.diag(values)).abs().max() < 1e-13
    assert torch.allclose(values, torch.fft.fft(theta), atol=1e-13)
    unitary = phi.mH @ theta.to(torch.complex128)
    assert torch.allclose(values / unitary, torch.full((N,), math.sqrt(N)).to(torch.complex128), atol=1e-10)


@pytest.mark.parametrize("shape", [(9,), (6, 5), (4, 3, 5)])
@pytest.mark.parametrize("flip", [False, True], ids=["correlation", "convolution"])
def test_the_convolution_theorem_in_one_two_and_three_dimensions(shape, flip):
    d = len(shape)
    dims = tuple(range(-d, 0))
    theta = torch.randn(*shape, dtype=torch.float64)  # θ(v) at the offset v
    x = torch.randn(1, 1, *shape, dtype=torch.float64)
    kernel = theta
    if flip:
        for axis, n in enumerate(shape):
            kernel = kernel.index_select(axis, (-torch.arange(n)) % n)
    conv = Conv(1, 1, shape, bias=False).double()
    conv.weight.data = kernel.roll([(n - 1) // 2 for n in shape], tuple(range(d)))[None, None]
    spectrum = torch.fft.fftn(theta)
    spectrum = spectrum if flip else spectrum.conj()
    expected = torch.fft.ifftn(spectrum * torch.fft.fftn(x, dim=dims), dim=dims).real
    assert torch.allclose(conv(x), expected, atol=1e-12)


def test_derived_operators_count_orbits_of_the_window():
    grid = Grid((6, 6))
    count = {}
    for name in ("shift", "rotation", "lattice"):
        operator = EquivariantOperator(grid, name, 1, 1, locality=grid.window(3), bias=False)
        count[name] = sum(parameter.numel() for parameter in operator.parameters())
    assert count["shift"] == 9  # the 3 x 3 kernel
    assert count["lattice"] == 3  # centre, edge, corner
    assert count["rotation"] == 36 * 9 // 4  # turns alone leave no point fixed and no pair


LAYERS = {
    "conv": lambda d: Conv(2, 3, 3, ndim=d),
    "batch norm": lambda d: BatchNorm(2),
    "group norm": lambda d: GroupNorm(2, 2),
    "max": lambda d: MaxPool(2, 3, 1),
    "average": lambda d: AvgPool(2, 2, 1),
    "blur": lambda d: BlurPool(2, 3, 1),
    "polyphase": lambda d: PolyphasePool(2),
}


@pytest.mark.parametrize("shape", [(8,), (4, 6), (2, 4, 6)])
@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer_commutes_with_shifts_along_periodic_axes(name, shape):
    torch.manual_seed(0)
    layer = LAYERS[name](len(shape)).double()
    for boundary in ("periodic", ("zero",) * (len(shape) - 1) + ("periodic",)):
        grid = Grid(shape, boundary)
        signal = Signal(torch.randn(2, 2, *shape, dtype=torch.float64), grid, FieldType.scalars(2))
        assert equivariance_error(layer, signal, "shift").max < 1e-12


@pytest.mark.parametrize("boundary", ["zero", "reflect"])
def test_negative_control_other_boundaries_do_not_commute_with_shifts_and_offer_none(boundary):
    grid = Grid((8, 8), boundary)
    conv = Conv(2, 3, 3).double()
    assert "shift" not in grid.symmetries() and conv.symmetries(grid) == ()
    padded = nn.Conv2d(2, 3, 3, padding=1, padding_mode={"zero": "zeros", "reflect": "reflect"}[boundary]).double()
    signal = Signal(torch.randn(2, 2, 8, 8, dtype=torch.float64), Grid((8, 8)), FieldType.scalars(2))
    assert equivariance_error(padded, signal, "shift").max > 1e-2
