"""EquivariantLinear and EquivariantOperator: equivariance, known kernels, initial variance, cost, bad input."""

import copy
import pickle
import time

import pytest
import torch
from gdl_core.derive import EquivariantLinear, EquivariantOperator, operators
from gdl_core.geometry import Signal
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, LieGroup, SymmetricGroup
from gdl_core.incidence import Incidence
from gdl_core.representations import FieldType

LORENTZ = torch.zeros(6, 4, 4, dtype=torch.float64)
for position, (i, j, sign) in enumerate([(0, 1, 1), (0, 2, 1), (0, 3, 1), (1, 2, -1), (1, 3, -1), (2, 3, -1)]):
    LORENTZ[position, i, j], LORENTZ[position, j, i] = 1, sign


def random_bias(layer):
    for bias in layer.biases:
        torch.nn.init.normal_(bias)
    return layer


LINEAR = [
    (SymmetricGroup(5), "3xstandard+2xtrivial", "4xstandard+1xsign+2x(standard*standard)"),
    (DihedralGroup(4), "2xregular+3xstandard", "5xstandard+2xregular+1xB1"),
    (SO(3), "4x0+3x1+2x2", "2x2+5x1+1x0+1x(1*1)"),
    (SO(2), "3x0+2x1+2x3", "2x1+1x0+3x3"),
    (LieGroup("SO+(1,3)", LORENTZ, is_compact=False), "3xstandard", "2xstandard+1x(standard*standard)"),
]


@pytest.mark.parametrize(("group", "into", "out"), LINEAR, ids=lambda value: str(value)[:24])
def test_linear_layers_commute_with_the_group(group, into, out):
    torch.manual_seed(0)
    layer = random_bias(EquivariantLinear(FieldType(group, into), FieldType(group, out))).double()
    layer.requires_grad_(False)
    x = torch.randn(7, layer.in_type.channels, dtype=torch.float64)
    draw = torch.Generator().manual_seed(1)
    for g in group.sample(4, draw):
        left, right = layer(layer.in_type.act(g, x)), layer.out_type.act(g, layer(x))
        assert (left - right).abs().max() <= 1e-11 * max(1.0, float(right.abs().max()))
    noise = torch.randn_like(layer.weights[0])
    matrix = layer.matrix() + torch.randn_like(layer.matrix()) * 1e-3  # a matrix that is not derived does not commute
    g = group.sample(1, draw)[0]
    wrong = layer.in_type.act(g, x) @ matrix.T - layer.out_type.act(g, x @ matrix.T)
    assert wrong.abs().max() > 1e-4
    assert noise.shape == layer.weights[0].shape


def test_the_sparse_path_of_wide_layers_equals_the_dense_one(monkeypatch):
    from gdl_core.derive import linear

    group = SymmetricGroup(4)
    types = FieldType(group, "3x(standard*standard)+2xstandard"), FieldType(group, "2x(standard*standard)+2xtrivial")
    torch.manual_seed(0)
    dense = random_bias(EquivariantLinear(*types)).double()
    monkeypatch.setattr(linear, "DENSE_WEIGHTS", 1)
    sparse = EquivariantLinear(*types).double()
    sparse.load_state_dict(dense.state_dict())
    x = torch.randn(2, 3, types[0].channels, dtype=torch.float64)
    assert dense.is_dense
    assert not sparse.is_dense
    assert torch.allclose(dense(x), sparse(x), atol=1e-13)
    assert sparse(x[:, :0]).shape == (2, 0, types[1].channels)
    with pytest.raises(ValueError, match="never built"):
        sparse.matrix()


def test_output_variance_is_the_input_variance_over_random_types():
    """Within 5 %, averaged over draws of the weights, for random groups and types."""
    draw = torch.Generator().manual_seed(0)
    groups = [DihedralGroup(4), CyclicGroup(6), SymmetricGroup(4), SO(3), SO(2)]
    names = {
        "DihedralGroup(4)": ["trivial", "regular", "standard"],
        "CyclicGroup(6)": ["trivial", "regular", "standard", "2"],
        "SymmetricGroup(4)": ["trivial", "standard", "(standard*standard)"],
        "SO(3)": ["0", "1", "2"],
        "SO(2)": ["0", "1", "2"],
    }
    for group in groups:
        for _ in range(2):
            into, out = (
                "+".join(f"{int(torch.randint(1, 9, (), generator=draw))}x{name}" for name in names[group.name])
                for _ in range(2)
            )
            layer = EquivariantLinear(FieldType(group, into), FieldType(group, out), bias=False)
            layer.requires_grad_(False)
            x = torch.randn(256, layer.in_type.channels)
            ratios = []
            for seed in range(40):
                torch.manual_seed(seed)
                layer.reset_parameters()
                ratios.append(float(layer(x).detach().square().mean() / x.square().mean()))
            assert abs(sum(ratios) / len(ratios) - 1) < 0.05, (group, into, out)


def test_shift_operators_are_convolutions(torus):
    domain = torus(6)
    window = domain.window(3)
    layer = EquivariantOperator(domain, "shift", 2, 3, locality=window).double()
    assert layer.weights[0].shape == (9, 3, 2)
    torch.manual_seed(0)
    random_bias(layer)
    impulse = torch.zeros(1, 2, 6, 6, dtype=torch.float64)
    kernel = []
    for channel in range(2):
        impulse.zero_()
        impulse[0, channel, 3, 3] = 1
        kernel.append((layer(impulse) - layer(impulse * 0))[0, :, 2:5, 2:5].flip(-1, -2))
    weight = torch.stack(kernel, 1)  # [out, in, 3, 3], correlation convention
    x = torch.randn(4, 2, 6, 6, dtype=torch.float64)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
    expected = torch.nn.functional.conv2d(padded, weight) + layer(x * 0)
    assert torch.allclose(layer(x), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("into", "out", "dims"),
    [
        ("trivial", "trivial", (3, 6)),
        ("trivial", "regular", (9, 25)),
        ("regular", "regular", (72, 200)),
        ("trivial", "standard", (2, 6)),
        ("standard", "standard", (5, 13)),
        ("trivial", "sign", (0, 1)),
    ],
)
def test_wallpaper_operators_have_the_dimensions_of_pixel_kernels(torus, into, out, dims):
    domain = torus(8)
    symmetry = domain.symmetries()["p4m"]
    for width, expected in zip((3, 5), dims):
        reps = [symmetry.point.representation(name) for name in (into, out)]
        assert len(operators(symmetry, *reps, domain.window(width))) == expected


def test_both_routes_for_fields_give_the_same_basis(torus):
    from gdl_core.derive.pairs import list_pairs, pair_images, permutation_basis
    from gdl_core.derive.transport import transport_basis

    domain = torus(5)
    symmetry = domain.symmetries()["p4m"]
    generators = symmetry.group.generators()
    images = torch.stack([symmetry.point_images(g) for g in generators])
    receiver, sender = list_pairs(25, domain.window(3))
    moves = pair_images(images, receiver, sender)
    regular = symmetry.point.regular()
    elements = [symmetry.fibre(g) for g in generators]
    as_images = torch.stack([regular.images(h) for h in elements])
    as_matrices = torch.stack([regular.matrix(h) for h in elements])
    orbits = permutation_basis(moves, receiver, sender, 25, as_images, as_images)
    carried = transport_basis(moves, receiver, sender, 25, as_matrices, as_matrices)
    assert len(orbits) == len(carried) == 72
    for field in ("element", "row", "column"):
        assert torch.equal(getattr(orbits, field), getattr(carried, field))
    assert torch.allclose(orbits.value, carried.value, atol=1e-13)


def test_operators_commute_with_the_wallpaper_group(torus):
    domain = torus(6)
    group = DihedralGroup(4)
    torch.manual_seed(0)
    into, out = FieldType(group, "2xregular+3xstandard+1xsign"), FieldType(group, "2xstandard+1xregular+2xtrivial")
    layer = random_bias(EquivariantOperator(domain, "p4m", into, out, locality=domain.window(3))).double()
    symmetry = domain.symmetries()["p4m"]
    x = torch.randn(2, into.channels, 6, 6, dtype=torch.float64)
    for g in torch.cat([symmetry.group.generators(), symmetry.group.sample(4, torch.Generator().manual_seed(0))]):
        left = layer(symmetry.act(g, Signal(x, domain, into)).values)
        right = symmetry.act(g, Signal(layer(x), domain, out)).values
        assert torch.allclose(left, right, atol=1e-12)
    assert layer(x[:0]).shape == (0, out.channels, 6, 6)


def test_the_sparse_and_the_shared_form_are_the_same_map(torus, monkeypatch):
    from gdl_core.derive import parameters

    domain, group = torus(5), DihedralGroup(4)
    types = FieldType(group, "2xregular+3xstandard"), FieldType(group, "2xstandard+1xregular")
    torch.manual_seed(0)
    shared = random_bias(EquivariantOperator(domain, "p4m", *types, locality=domain.window(3))).double()
    assert all(getattr(shared, f"basis{i}_{j}").dim() == 3 for i in range(2) for j in range(2))
    monkeypatch.setattr(parameters, "shared_rows", lambda *_: None)
    sparse = EquivariantOperator(domain, "p4m", *types, locality=domain.window(3)).double()
    sparse.load_state_dict(shared.state_dict())
    x = torch.randn(3, types[0].channels, 5, 5, dtype=torch.float64)
    assert torch.allclose(shared(x), sparse(x), atol=1e-12)


def test_operator_variance_is_the_input_variance(torus):
    domain, group = torus(8), DihedralGroup(4)
    type = FieldType(group, "4xregular+4xstandard")
    layer = EquivariantOperator(domain, "p4m", type, type, locality=domain.window(3), bias=False).requires_grad_(False)
    x = torch.randn(4, type.channels, 8, 8)
    ratios = []
    for seed in range(20):
        torch.manual_seed(seed)
        layer.reset_parameters()
        ratios.append(float(layer(x).detach().square().mean()))
    assert abs(sum(ratios) / len(ratios) - 1) < 0.05


def test_a_large_torus_takes_under_three_seconds(torus, monkeypatch):
    monkeypatch.setenv("GDL_CACHE", "0")
    domain = torus(64)
    window = domain.window(5)
    start = time.perf_counter()
    layer = EquivariantOperator(domain, "p4m", 1, 4, locality=window)
    assert time.perf_counter() - start < 3
    assert layer.weights[0].shape == (6, 4, 1)


def test_changing_dtype_and_back_loses_nothing():
    layer = EquivariantLinear(FieldType(SO(3), "2x1"), FieldType(SO(3), "2x2+1x1"))
    exact = layer.double().basis1_0.clone()
    assert torch.equal(layer.half().double().basis1_0, exact)


def test_copies_and_pickles_keep_the_weights():
    layer = EquivariantLinear(FieldType(DihedralGroup(3), "2xregular"), FieldType(DihedralGroup(3), "3xstandard"))
    x = torch.randn(2, 12)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), layer(x))


def test_a_locality_that_is_not_invariant_is_refused_and_the_pair_named(torus):
    domain = torus(4)
    one_sided = Incidence.from_edges(torch.arange(16), (torch.arange(16) + 1) % 16, 16, 16)
    with pytest.raises(ValueError, match=r"not invariant: generator \d takes the pair \(receiver"):
        EquivariantOperator(domain, "p4m", 1, 1, locality=one_sided)


def test_bad_input_is_told_in_a_sentence(torus):
    domain = torus(4)
    with pytest.raises(ValueError, match="has no symmetry 'rotation'; it has shift, p4m"):
        EquivariantOperator(domain, "rotation", 1, 1)
    with pytest.raises(TypeError, match=r"two types of one group.*DihedralGroup\(4\).*CyclicGroup\(4\)"):
        EquivariantLinear(FieldType(DihedralGroup(4), "1xregular"), FieldType(CyclicGroup(4), "1xregular"))
    layer = EquivariantLinear(FieldType(DihedralGroup(4), "1xregular"), 3)
    with pytest.raises(ValueError, match="EquivariantLinear expects 8 channels"):
        layer(torch.randn(2, 9))
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        layer(torch.ones(2, 8, dtype=torch.int64))


def test_invariant_channels_take_the_group_of_the_other_side_even_if_that_is_invariant_too():
    from gdl_core.derive.parameters import joint_group

    group = SO(2)
    invariant, free = FieldType(group, 3), FieldType.scalars(4)
    for pair in ((invariant, free), (free, invariant)):
        assert [found.group for found in joint_group(*pair, "test")] == [group, group]
