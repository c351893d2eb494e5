"""Fourier activations: exact on finite groups; on circles the error falls with the number of samples."""

import math

import pytest
import torch
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, O
from gdl_core.groups.named import rotation
from gdl_core.representations import FieldType, decompose
from gdl_groups.fibre import FourierActivation
from torch import nn

BAND = FieldType(SO(2), "3x0+3x1+3x2")


class Square(nn.Module):
    def forward(self, x):
        return x.square()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def error(layer, x):
    worst = 0.0
    for angle in torch.linspace(0.05, 6, 25, dtype=torch.float64):
        g = rotation(angle)
        y = layer.in_type.act(g, layer(x))
        worst = max(worst, float((layer(layer.in_type.act(g, x)) - y).norm() / y.norm()))
    return worst


@pytest.mark.parametrize("group", [CyclicGroup(5), DihedralGroup(4), DihedralGroup(3)], ids=repr)
def test_on_a_finite_group_it_is_a_pointwise_function_of_the_regular_field(group):
    regular = group.regular()
    parts = decompose(regular)
    x = normal(6, group.order)  # one regular field
    dims = {"real": 1, "complex": 2}
    kind = FieldType(group, [(rep.dim // dims[rep.endomorphism], rep) for _, rep in parts.irreps])
    layer = FourierActivation(kind, "relu").double()
    assert layer.evaluate.shape == (group.order, group.order)
    # x on the elements -> coefficients -> layer -> values is the function on x itself
    values = layer(x @ layer.project.T) @ layer.evaluate.T
    assert torch.allclose(values, x.relu(), atol=1e-12)
    for g in group.elements():
        assert torch.allclose(layer(kind.act(g, x)), kind.act(g, layer(x)), atol=1e-12)


def test_samples_are_values_of_the_function_at_the_turns():
    layer = FourierActivation(FieldType(SO(2), "1x0+1x1"), nn.Identity(), samples=8).double()
    x = torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64)
    angles = torch.arange(8).double() * 2 * math.pi / 8
    expected = 0.5 + math.sqrt(2) * (2 * torch.cos(angles) - torch.sin(angles))
    assert torch.allclose(layer.evaluate @ x, expected, atol=1e-14)
    assert torch.allclose(layer(x), x, atol=1e-14)


def test_the_error_under_turns_falls_with_oversampling():
    x = normal(20, BAND.channels)
    errors = [error(FourierActivation(BAND, "silu", samples).double(), x) for samples in (5, 8, 12, 16, 24)]
    assert errors[0] > 1e-2  # no oversampling: the check can fail
    assert errors[1] < errors[0] and errors[2] < errors[1] / 3 and errors[3] < errors[2] / 3
    assert errors[4] < errors[3] / 3


def test_polynomials_are_exact_with_enough_samples():
    """x² has twice the band, so the first aliases fall on frequency N - 2L; N > 3L keeps them out."""
    x = normal(20, BAND.channels)
    assert error(FourierActivation(BAND, Square(), 7).double(), x) < 1e-12
    assert error(FourierActivation(BAND, Square(), 6).double(), x) > 1e-3


@pytest.mark.parametrize("text", ["2x0+2x1", "2x0+2xdet+4x1+4x2"])
def test_reflections_are_exact_and_turns_by_a_sample(text):
    kind = FieldType(O(2), text)
    layer, x = FourierActivation(kind, "relu", 12).double(), normal(7, kind.channels)
    for g in (rotation(torch.tensor(math.pi / 6).double()), torch.diag(torch.tensor([1.0, -1.0])).double()):
        assert torch.allclose(layer(kind.act(g, x)), kind.act(g, layer(x)), atol=1e-12)


def test_claims_are_what_the_samples_allow():
    grid = Grid((4, 4))
    fine, coarse = (FourierActivation(BAND, samples=count).symmetries(grid) for count in (12, 9))
    assert "rotation" in fine and "shift" in fine
    assert "rotation" not in coarse and "shift" in coarse


def test_bad_types_get_a_sentence():
    with pytest.raises(TypeError, match=r"samples finite groups, SO\(2\) and O\(2\), got SO\(3\)"):
        FourierActivation(FieldType(SO(3), "1x0+1x1"))
    with pytest.raises(TypeError, match="expects every irrep once"):
        FourierActivation(FieldType(DihedralGroup(4), "1xregular"))
    with pytest.raises(ValueError, match="4 samples do not determine the 5 coefficients"):
        FourierActivation(BAND, samples=4)
    with pytest.raises(ValueError, match="in steps of 2; got 3"):
        FourierActivation(FieldType(SO(2), "2x0+3x1"))
    with pytest.raises(ValueError, match="samples all 8 elements"):
        FourierActivation(FieldType(DihedralGroup(4), "1xA1+1xE1"), samples=16)
