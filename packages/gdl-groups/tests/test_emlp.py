"""Products and perceptrons for any group."""

import pytest
import torch
from gdl_core import SO, DihedralGroup, FieldType, O, SymmetricGroup
from gdl_groups import EquivariantMLP, EquivariantProduct, Lorentz
from gdl_groups.angular import clebsch_gordan

GROUPS = {
    "O(3)": (O(3), "4x0e+4x1o+4x2e"),
    "SO(3)": (SO(3), "4x0+4x1"),
    "D4": (DihedralGroup(4), "3xtrivial+3xstandard+3xsign"),
    "S4": (SymmetricGroup(4), "3xtrivial+3xstandard"),
    "Lorentz": (Lorentz(3), "4xtrivial+4xstandard"),
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@torch.no_grad()
def gap(layer, g, x):
    out = layer.out_type.act(g, layer(x))
    return float((layer(layer.in_type.act(g, x)) - out).norm() / out.norm())


@pytest.mark.parametrize("name", GROUPS)
def test_products_and_perceptrons_commute_with_the_group(name):
    group, text = GROUPS[name]
    type = FieldType(group, text)
    x = torch.randn(5, type.channels, dtype=torch.float64)
    for layer in (EquivariantProduct(type, type), EquivariantMLP(type, type, text, 2)):
        layer = layer.double()
        for g in group.sample(3, torch.Generator().manual_seed(1)):
            assert gap(layer, g, x) < 1e-10
        move = group.generators()[0] if len(group.generators()) else group.exp(group.algebra()[0])
        noise = type.act(move, x)
        assert bool((layer(noise) - layer(x)).norm() > 1e-3 * layer(x).norm())  # it is no constant


def test_hidden_fields_of_different_multiplicities_are_refused_by_the_perceptron_itself():
    with pytest.raises(ValueError, match=r"^EquivariantMLP .* one multiplicity, got 2xtrivial\+3xstandard"):
        EquivariantMLP(2, 1, FieldType(DihedralGroup(4), "2xtrivial+3xstandard"))


def test_the_product_of_vectors_is_the_clebsch_gordan_coefficients():
    vector, tensor = FieldType(SO(3), "1x1"), FieldType(SO(3), "1x2")
    product = EquivariantProduct(vector, tensor)
    basis = product.basis0[0]
    expected = clebsch_gordan(1, 1, 2).permute(2, 0, 1)
    assert torch.allclose(basis.double().abs() / basis.norm(), expected.abs(), atol=1e-6)
    assert len(product.weights) == 1 and product.weights[0].shape == (1, 1)


def test_a_vector_times_itself_has_no_cross_product():
    vector, pseudovector = FieldType(O(3), "1x1o"), FieldType(O(3), "1x1e")
    assert len(EquivariantProduct(vector, pseudovector).weights) == 0
    two = FieldType(O(3), "1x1o+1x1o")
    assert len(EquivariantProduct(two, pseudovector).weights) == 1  # between different fields it has


def test_the_lorentz_product_of_a_vector_with_itself_is_minkowskis():
    group = Lorentz(3)
    product = EquivariantProduct(FieldType(group, "1xstandard"), FieldType(group, "1xtrivial")).double()
    x = torch.randn(7, 4, dtype=torch.float64)
    squares = torch.einsum("ni,ij,nj->n", x, group.metric, x)
    ratio = product(x)[:, 0] / squares
    assert torch.allclose(ratio, ratio[0].expand(7), atol=1e-12)


def test_normal_input_comes_out_of_one_scale():
    type = FieldType(O(3), "256x0e+256x1o+256x2e")
    x = torch.randn(64, type.channels)
    for layer in (EquivariantProduct(type, type), EquivariantMLP(type, type, type, 1)):
        assert 0.3 < float(layer(x).detach().std()) < 3


@pytest.mark.parametrize("hidden", ["4x1o", "4x0e+3x1o"])
def test_a_hidden_type_without_scalars_or_of_mixed_multiplicity_is_refused(hidden):
    with pytest.raises(ValueError, match=r"invariant fields|one multiplicity"):
        EquivariantMLP(FieldType(O(3), "2x1o"), 1, hidden)


def test_it_learns_the_invariant_mass_of_two_particles():
    group = Lorentz(3)
    draw = torch.Generator().manual_seed(0)
    space = torch.randn(128, 3, 2, generator=draw)
    energy = (space.square().sum(1, keepdim=True) + 1).sqrt()
    x = torch.cat([energy, space], 1).flatten(1)  # component-major: [4, 2]
    total = torch.cat([energy, space], 1).sum(2)
    target = torch.einsum("ni,ij,nj->n", total, group.metric.float(), total)[:, None].log()
    net = EquivariantMLP(FieldType(group, "2xstandard"), 1, "16xtrivial+16xstandard", 2)
    optimizer = torch.optim.Adam(net.parameters(), 2e-2)
    losses = []
    for _ in range(120):
        loss = (net(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * float(target.var())
    boost = group.exp(0.5 * group.algebra()[3])
    boosted = net.in_type.act(boost, x.double()).float()
    assert torch.allclose(net(boosted), net(x), atol=1e-2)
