"""Gates, norm activations and norm pools: closed forms, e3nn, zero, reflections."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_core.grid import Grid
from gdl_core.groups import SO, DihedralGroup, LieGroup, O
from gdl_core.representations import FieldType
from gdl_groups._cases.geometric import CLOUD
from gdl_groups.angular import from_mul_ir, to_mul_ir
from gdl_groups.fibre import Gate, NormActivation, NormPool
from gdl_groups.fibre.fields import second_moment
from torch import nn

ATOMS = FieldType(O(3), "3x0e+2x1o+1x2e")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_gate_is_its_formula():
    gate = Gate(FieldType(O(3), "1x1o+2x0e+1x0o"), "tanh", "sigmoid", normalize=False)
    assert str(gate.in_type) == "2x0e+2x0e+1x1o+1x0o"
    x = normal(4, 8)
    y = gate(x)
    open_ = torch.sigmoid(x[:, 2:4])
    expected = torch.cat([x[:, 4:7] * open_[:, :1], torch.tanh(x[:, :2]), x[:, 7:] * open_[:, 1:]], 1)
    assert torch.allclose(y, expected, atol=1e-15)


def test_a_gate_of_scalars_alone_is_pointwise_and_one_without_scalars_has_gates():
    x = normal(3, 5)
    assert torch.equal(Gate(5, "relu", normalize=False)(x), x.relu())
    assert str(Gate(FieldType(O(3), "2x1o")).in_type) == "2xtrivial+2x1o"
    assert Gate(0)(x[:, :0]).shape == (3, 0)


def test_a_gate_is_that_of_e3nn():
    nn_ = pytest.importorskip("e3nn.nn")
    theirs = nn_.Gate("3x0e", [torch.tanh], "3x0e", [torch.sigmoid], "2x1o+1x2e").double()
    ours = Gate(ATOMS, "tanh", "sigmoid")
    x = normal(6, ours.in_type.channels)
    expected = from_mul_ir(theirs(to_mul_ir(x, ours.in_type)), ATOMS)
    assert torch.allclose(ours(x), expected, rtol=3e-3, atol=1e-3)  # e3nn estimates the moments from samples
    rates = ours(x) / expected  # one constant for scalars, one for the rest
    assert float(rates[:, :3].std()) < 1e-12
    assert float(rates[:, 3:].std()) < 1e-12


@pytest.mark.parametrize("name", ["relu", "silu", "tanh", "sigmoid"])
def test_second_moments_are_those_of_normal_numbers(name):
    function = getattr(torch.nn.functional, name)
    z = normal(2_000_000)
    assert second_moment(function) == pytest.approx(float(function(z).square().mean()), rel=5e-3)
    assert second_moment(torch.relu) == pytest.approx(0.5, abs=1e-14)
    assert second_moment(nn.Identity()) == pytest.approx(1, abs=1e-14)


def test_normalized_gates_keep_the_scale_of_normal_features():
    gate = Gate(FieldType(O(3), "64x0e+64x1o"))
    y = gate(normal(4000, gate.in_type.channels))
    assert float(y[:, :64].square().mean()) == pytest.approx(1, rel=0.02)
    assert float(y[:, 64:].square().mean()) == pytest.approx(1, rel=0.02)


def test_grids_have_their_channels_second():
    kind = FieldType(DihedralGroup(4), "1xtrivial+2xstandard")
    gate, x = Gate(kind), normal(2, 7, 4, 4)
    last = gate(x.movedim(1, -1)).movedim(-1, 1)
    assert torch.allclose(gate(x, Grid((4, 4))), last, atol=1e-15)
    assert torch.allclose(Gate(kind, channel_axis=1)(x), last, atol=1e-15)
    norm = NormActivation(kind, "silu").double()
    y = normal(2, 5, 4, 4)
    assert torch.allclose(norm(y, Grid((4, 4))), norm(y.movedim(1, -1)).movedim(-1, 1), atol=1e-15)


def test_a_norm_activation_is_its_formula_and_keeps_directions():
    layer = NormActivation(FieldType(O(3), "1x0e+2x1o"), "relu", eps=0.01).double()
    layer.bias.data = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
    x = normal(5, 7)
    y, v = layer(x), x[:, 1:].reshape(5, 3, 2)
    assert torch.allclose(y[:, 0], (x[:, 0] + 0.5).relu())
    length = (v.square().sum(1) + 0.01).sqrt()
    expected = v * ((length + torch.tensor([-0.3, 0.2])).relu() / length)[:, None]
    assert torch.allclose(y[:, 1:].reshape(5, 3, 2), expected, atol=1e-14)


@pytest.mark.parametrize(
    "layer", [NormActivation(ATOMS, "silu"), NormPool(ATOMS), Gate(ATOMS)], ids=lambda l: type(l).__name__
)
def test_zero_features_have_finite_values_and_derivatives(layer):
    x = torch.zeros(2, layer.in_type.channels, dtype=torch.float64, requires_grad=True)
    y = layer.double()(x)
    (first,) = torch.autograd.grad((y + y**2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x, allow_unused=True)
    assert y.isfinite().all() and first.isfinite().all()
    assert second is None or second.isfinite().all()


def test_a_norm_pool_takes_lengths_and_keeps_what_is_invariant():
    pool = NormPool(FieldType(O(3), "1x0e+1x0o+2x1o"))
    x = torch.tensor([[-2.0, -3.0, 3.0, 0.0, 4.0, 1.0, 0.0, 0.0]])
    assert torch.equal(pool(x), torch.tensor([[-2.0, 3.0, 5.0, 1.0]]))
    assert pool.out_type.is_invariant and pool.out_type.channels == 4


def test_types_of_rotations_claim_no_reflections():
    turned = FieldType(SO(3), "1x0+1x1")
    assert Gate(turned).symmetries(CLOUD) == ("permutation", "translation", "rotation")
    assert "orthogonal" in Gate(ATOMS).symmetries(CLOUD)
    assert "fractional_shift" not in NormActivation(4).symmetries(Grid((4, 4)))


def test_groups_that_change_lengths_are_refused():
    boost = LieGroup("boost", torch.tensor([[[0.0, 1], [1, 0]]]), is_compact=False)
    for layer in (NormActivation, NormPool):
        with pytest.raises(TypeError, match=f"{layer.__name__} expects orthogonal representations"):
            layer(FieldType(boost, "1xstandard"))
    Gate(FieldType(boost, "1xstandard"))  # multiplies by invariants only
    with pytest.raises(UnknownNameError, match=r"Gate knows no function 'sigmiod'.*Did you mean 'sigmoid'"):
        Gate(3, gates="sigmiod")
