"""Symmetric contractions: as many as characters say, independent, in the span of a brute-force basis, equivariant."""

import itertools
import math

import pytest
import torch
from gdl_core.groups import SO, O
from gdl_core.representations import FieldType
from gdl_groups.products import SymmetricContraction, symmetric_basis
from torch import Tensor

NATURAL = [(0, 1), (1, -1), (2, 1), (3, -1)]


@pytest.fixture(autouse=True)
def in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def of(text: str) -> FieldType:
    return FieldType(O(3), text)


def multiplicity(irreps: list[tuple[int, int]], out: tuple[int, int], order: int) -> int:
    """How often `out` is in Sym^order: the mean of characters over O(3), a trigonometric polynomial in the angle."""
    angle = 2 * math.pi * torch.arange(64) / 64

    def character(some: list[tuple[int, int]], power: int, mirrored: bool) -> Tensor:
        terms = []
        for degree, parity in some:
            sign = parity**power if mirrored else 1
            terms.append(sign * sum(torch.cos(m * power * angle) for m in range(-degree, degree + 1)))
        return torch.stack(terms).sum(0)

    total = 0.0
    for mirrored in (False, True):
        p1, p2, p3 = (character(irreps, power, mirrored) for power in (1, 2, 3))
        symmetric = {1: p1, 2: (p1**2 + p2) / 2, 3: (p1**3 + 3 * p1 * p2 + 2 * p3) / 6}[order]
        total += float((symmetric * character([out], 1, mirrored) * (1 - torch.cos(angle))).mean()) / 2
    return round(total)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("out", [(0, 1), (0, -1), (1, -1), (1, 1), (2, 1)], ids=str)
@pytest.mark.parametrize("irreps", [NATURAL[:2], NATURAL, [(1, -1), (1, -1), (1, 1)], [(2, 1)]], ids=str)
def test_there_are_as_many_as_characters_say(irreps, out, order):
    trees, coefficients = symmetric_basis(irreps, out, order)
    assert coefficients.shape[0] == multiplicity(irreps, out, order)
    assert coefficients.shape[1] == len(trees)


def brute_force(type: FieldType, out: FieldType, order: int, x: Tensor) -> Tensor:
    """Values ``[n d_out, k]`` of the equivariant polynomials, from the null space of all symmetric tensors."""
    d, e = type.channels, out.channels
    monomials = list(itertools.combinations_with_replacement(range(d), order))

    def values(points: Tensor) -> Tensor:
        return torch.stack([points[:, list(m)].prod(1) for m in monomials], 1)

    draw = torch.Generator().manual_seed(3)
    samples = torch.randn(3 * len(monomials), d, generator=draw)
    constraints = []
    for g in O(3).sample(3, draw):
        turn = torch.linalg.lstsq(values(samples), values(samples @ type.matrix(g).T)).solution.T  # of monomials
        before, after = (
            torch.kron(torch.eye(e), turn.T.contiguous()),
            torch.kron(out.matrix(g), torch.eye(turn.shape[0])),
        )
        constraints.append(before - after)
    null = torch.linalg.svd(torch.cat(constraints))
    kernel = null.Vh[(null.S < 1e-9).nonzero().ravel()].reshape(-1, e, len(monomials))
    return torch.einsum("kem,nm->nek", kernel, values(x)).flatten(0, 1)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("out", ["1x0e", "1x1o"])
@pytest.mark.parametrize("fields", ["1x0e+1x1o", "1x2e"])
def test_they_span_what_brute_force_finds(fields, out, order):
    layer = SymmetricContraction(of(fields), of(out), order)
    lower = SymmetricContraction(of(fields), of(out), order - 1).weights[0].shape[1]
    x = torch.randn(40, layer.in_type.channels)
    expected = brute_force(layer.in_type, layer.out_type, order, x)
    count = layer.weights[0].shape[1]
    assert count - lower == expected.shape[1]
    found = []
    for k in range(lower, count):
        layer.weights[0].data.zero_()[0, k] = 1
        found.append(layer(x).flatten().detach())
    if not found:
        return
    ours = torch.stack(found, 1)
    assert torch.linalg.matrix_rank(ours) == count - lower
    share = torch.linalg.lstsq(expected, ours).solution
    torch.testing.assert_close(expected @ share, ours, rtol=1e-10, atol=1e-10)


def test_scalars_give_powers():
    layer = SymmetricContraction(1, 1, order=3)
    layer.weights[0].data.copy_(torch.tensor([2.0, 3.0, 5.0])[None, :, None])
    x = torch.randn(7, 1)
    torch.testing.assert_close(layer(x), 2 * x + 3 * x**2 + 5 * x**3)


def test_a_vector_gives_its_square_and_its_cube():
    layer = SymmetricContraction(of("1x1o"), of("1x0e+1x1o"), order=3)
    assert [w.shape[1] for w in layer.weights] == [1, 2]  # |x|², and x and |x|² x
    x = torch.randn(7, 3)
    y, square = layer(x), x.square().sum(1, keepdim=True)
    assert (y[:, :1] / square).std() < 1e-12
    w = layer.weights[1].detach()[0, :, 0]
    cube = (y[:, 1:] - w[0] * x) / (square * x)
    assert cube.std() < 1e-10


@pytest.mark.parametrize("group", [O(3), SO(3)], ids=str)
def test_it_commutes_with_the_group_for_every_element(group):
    text = "4x0e+4x1o+4x2e" if isinstance(group, O) else "4x0+4x1+4x2"
    type = FieldType(group, text)
    layer = SymmetricContraction(type, type, order=3, elements=3)
    species = torch.tensor([0, 2, 1, 1, 0])
    x = torch.randn(5, type.channels)
    y = layer(x, species=species)
    for g in group.sample(3, torch.Generator().manual_seed(0)):
        torch.testing.assert_close(layer(type.act(g, x), species=species), type.act(g, y), rtol=1e-10, atol=1e-10)
    assert (layer(x, species=species.flip(0)) - y).abs().max() > 1e-3
    for z in range(3):
        alone = layer(x, species=torch.full((5,), z))
        torch.testing.assert_close(alone[species == z], y[species == z])


def test_copies_do_not_mix():
    layer = SymmetricContraction(of("3x0e+3x1o"), of("3x1o"), order=3)
    x = torch.randn(2, 12, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(x).unflatten(1, (3, 3))[:, :, 1].sum(), x)
    assert grad.unflatten(1, (4, 3))[:, :, [0, 2]].eq(0).all()


def test_two_derivatives():
    layer = SymmetricContraction(of("1x0e+1x1o"), of("1x1o"), order=3, elements=2)
    x = torch.randn(2, 4, requires_grad=True)

    def function(x, w):
        return torch.func.functional_call(layer, {"weights.0": w}, (x,), {"species": torch.tensor([0, 1])})

    w = layer.weights[0].detach().requires_grad_()
    assert torch.autograd.gradcheck(function, (x, w))
    assert torch.autograd.gradgradcheck(function, (x, w))


def test_what_it_cannot_do_is_a_sentence():
    with pytest.raises(ValueError, match="same number of copies; got 2x0e"):
        SymmetricContraction(of("2x0e+1x1o"), of("2x0e"))
    with pytest.raises(ValueError, match="orders 1, 2 and 3, got 4"):
        SymmetricContraction(of("2x0e"), of("2x0e"), order=4)
    with pytest.raises(ValueError, match="has 2 elements and got no species"):
        SymmetricContraction(of("2x0e"), of("2x0e"), elements=2)(torch.ones(1, 2))


def test_a_visit_to_float32_leaves_its_constants_exact():
    layer = SymmetricContraction(of("2x0e+2x1o"), of("2x1o"))
    expected = [buffer.clone() for buffer in layer.buffers()]
    layer.float().double()
    assert expected
    for before, now in zip(expected, layer.buffers(), strict=True):
        assert torch.equal(before, now)
