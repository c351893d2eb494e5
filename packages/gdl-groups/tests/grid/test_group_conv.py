"""`GroupConv`: dimensions of kernel spaces, equality with what `derive` finds, exactness, filters kept and fixed."""

import copy

import pytest
import torch
from gdl_core.derive import EquivariantOperator
from gdl_core.geometry import Blueprint, Pointwise, Signal
from gdl_core.grid import Grid
from gdl_core.groups import SO, CyclicGroup, DihedralGroup, TrivialGroup, subgroup
from gdl_core.representations import FieldType
from gdl_core.verify import equivariance_error
from gdl_groups import GroupConv, bake
from gdl_groups.grid.group_action import kernel_orbits, tap_images
from gdl_groups.grid.readout import GlobalPool
from gdl_groups.named.point import PointGroup
from torch.nn import functional

C2, C4, D4 = CyclicGroup(2), CyclicGroup(4), DihedralGroup(4)
CUBE, FULL_CUBE = PointGroup("O"), PointGroup("O_h")


def regular(group, copies=1):
    return FieldType(group, f"{copies}xregular")


def random_layer(*args, **kwargs):
    torch.manual_seed(0)
    layer = GroupConv(*args, **kwargs).double()
    for bias in layer.biases:
        torch.nn.init.normal_(bias)
    return layer


def signal(type, grid, samples=2):
    draw = torch.Generator().manual_seed(1)
    return Signal(torch.randn(samples, type.channels, *grid.shape, generator=draw, dtype=torch.float64), grid, type)


# Research, section 5c: pixel-exact kernel spaces by the character formula (1/|G|) Σ_g χ_in χ_out Fix.
DIMENSIONS = [
    (C4, "trivial", "trivial", {3: 3, 5: 7, 7: 13}),
    (C4, "trivial", "regular", {3: 9, 5: 25, 7: 49}),
    (C4, "regular", "regular", {3: 36, 5: 100, 7: 196}),
    (C4, "trivial", "standard", {3: 4, 5: 12, 7: 24}),
    (C4, "standard", "standard", {3: 10, 5: 26, 7: 50}),
    (C4, "regular", "standard", {3: 18, 5: 50, 7: 98}),
    (D4, "trivial", "trivial", {3: 3, 5: 6, 7: 10}),
    (D4, "regular", "regular", {3: 72, 5: 200, 7: 392}),
    (D4, "trivial", "standard", {3: 2, 5: 6, 7: 12}),
    (D4, "standard", "standard", {3: 5, 5: 13, 7: 25}),
    (D4, "trivial", "sign", {3: 0, 5: 1, 7: 3}),
    (CUBE, "trivial", "trivial", {3: 4, 5: 10}),
    (CUBE, "regular", "regular", {3: 648, 5: 3000}),
    (CUBE, "trivial", "standard", {3: 3, 5: 15}),
    (CUBE, "standard", "standard", {3: 12, 5: 50}),
    (FULL_CUBE, "trivial", "trivial", {3: 4, 5: 10}),
    (FULL_CUBE, "regular", "regular", {3: 1296, 5: 6000}),
    (FULL_CUBE, "trivial", "standard", {3: 3, 5: 12}),
    (FULL_CUBE, "standard", "standard", {3: 8, 5: 30}),
]


@pytest.mark.parametrize(("group", "into", "out", "table"), DIMENSIONS, ids=lambda value: str(value)[:24])
def test_kernel_spaces_have_the_dimensions_of_the_character_formula(group, into, out, table):
    axes = group.representation("standard")
    for size, expected in table.items():
        taps = tap_images(axes, (size,) * axes.dim)
        assert kernel_orbits(group.representation(into), group.representation(out), taps).count == expected


def kernels(layer, grid):
    """Return the response to unit impulses at the middle of the grid for each unit weight, `[weights, numbers]`."""
    count, middle = layer.in_type.channels, tuple(size // 2 for size in grid.shape)
    impulses = torch.zeros(count, count, *grid.shape, dtype=torch.float64)
    impulses[(torch.arange(count), torch.arange(count), *middle)] = 1
    found = []
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        for parameter in layer.parameters():
            for position in range(parameter.numel()):
                parameter.view(-1)[position] = 1
                found.append(layer(impulses, grid).flatten())
                parameter.zero_()
    return torch.stack(found)


@pytest.mark.parametrize(
    ("group", "into", "out", "grid"),
    [
        (D4, "1xtrivial+1xstandard", "1xregular", Grid((5, 5))),
        (D4, "1xregular", "1xtrivial+1xregular", Grid((5, 5))),
        (D4, "1xstandard", "1xstandard+1xsign+1xB1", Grid((5, 5))),
        (C2, "1xregular+1x1", "1xregular", Grid((7,))),
        (FULL_CUBE, "1xtrivial+1xstandard", "1xstandard", Grid((5, 5, 5))),
    ],
)
def test_its_kernels_span_what_derive_finds_on_a_small_torus(group, into, out, grid):
    types = FieldType(group, into), FieldType(group, out)
    ours = kernels(GroupConv(*types, 3, bias=False, ndim=grid.ndim).double(), grid)
    operator = EquivariantOperator(grid, "lattice", *types, grid.window(3), bias=False)
    derived = kernels(operator.double(), grid)
    rank = torch.linalg.matrix_rank
    assert rank(ours) == len(ours) == len(derived) == rank(derived)
    assert rank(torch.cat([ours, derived])) == len(ours)


CASES = [
    (C4, 1, "2xregular", Grid((6, 6))),
    (C4, "2xregular", "3xregular", Grid((5, 5), "zero")),
    (C4, "1xregular+1xstandard", "1xtrivial+1xstandard+1x2", Grid((6, 6))),
    (D4, 2, "1xregular", Grid((5, 5), "reflect")),
    (D4, "2xregular", "2xregular", Grid((6, 6))),
    (D4, "1xregular+2xsign", "1xE1+1xB2+1xtrivial", Grid((6, 6))),
    (D4, "1xregular", 2, Grid((4, 7))),  # a rectangle has flips only
    (CUBE, 1, "1xregular", Grid((4, 4, 4))),
    (CUBE, "1xregular", "1xregular+1xstandard", Grid((3, 3, 3), "zero")),
    (FULL_CUBE, "1xregular", "1xregular", Grid((4, 4, 4))),
    (C2, "1xregular+1x1", "2xregular+1x1", Grid((8,))),
]


@pytest.mark.parametrize(("group", "into", "out", "grid"), CASES)
def test_every_motion_of_the_grid_that_the_group_holds_is_kept_to_rounding(group, into, out, grid):
    types = [FieldType(group, kind) if isinstance(kind, str) else kind for kind in (into, out)]
    layer = random_layer(*types, 3, ndim=grid.ndim)
    s = signal(layer.in_type, grid)
    kept = layer.symmetries(grid)
    assert "rotation" in kept or "reflection" in kept
    for name in kept:
        assert equivariance_error(layer, s, grid.symmetries()[name]).max <= 1e-12, name


@pytest.mark.parametrize(
    ("group", "grid", "expected"),
    [
        (C4, Grid((6, 6)), {"shift", "rotation", "fractional_shift"}),
        (C4, Grid((6, 5)), {"shift", "fractional_shift"}),
        (D4, Grid((6, 6)), {"shift", "rotation", "reflection", "lattice", "fractional_shift"}),
        (D4, Grid((6, 6), "zero"), {"rotation", "reflection"}),
        (DihedralGroup(2), Grid((6, 5)), {"shift", "reflection", "lattice", "fractional_shift"}),
        (DihedralGroup(2), Grid((6, 6)), {"shift", "reflection", "fractional_shift"}),
        (CUBE, Grid((4, 4, 4)), {"shift", "rotation", "fractional_shift"}),
        (CUBE, Grid((4, 4, 5), "zero"), {"rotation"}),
    ],
)
def test_it_claims_what_both_the_group_and_the_grid_have(group, grid, expected):
    assert set(GroupConv(1, regular(group), 3, ndim=grid.ndim).symmetries(grid)) == expected


def test_a_filter_that_is_not_of_the_space_is_found_out():
    layer = random_layer(regular(C4), regular(C4))
    grid = Grid((6, 6))
    weight = layer.expand()[0]
    spoiled = bake(layer)
    spoiled.weight = weight.detach() + 1e-6 * torch.randn_like(weight)
    s = signal(layer.in_type, grid)
    assert equivariance_error(spoiled, s, grid.symmetries()["rotation"]).max > 1e-8


def test_the_component_of_the_identity_is_the_filter_and_the_others_are_it_turned():
    layer = random_layer(1, regular(C4), 3)
    weight = layer.expand()[0][:, 0]  # [4, 3, 3]
    torch.testing.assert_close(weight[0], layer.weights[0].reshape(3, 3), atol=0, rtol=0)
    for turn in range(4):
        torch.testing.assert_close(weight[turn], weight[0].rot90(turn, (0, 1)), atol=0, rtol=0)


def test_from_regular_to_regular_it_is_the_sum_over_the_group_of_cohen_and_welling():
    layer = random_layer(regular(C4), regular(C4), 3, bias=False)
    filters = layer.weights[0].reshape(3, 3, 4).movedim(-1, 0)  # ψ(h, v), h in C_4
    s = signal(regular(C4), Grid((6, 6), "zero"))
    expected = torch.zeros_like(s.values)
    for g in range(4):  # y(g, u) = Σ_h Σ_v ψ(g⁻¹h, g⁻¹v) x(h, u + v)
        for h in range(4):
            turned = filters[(h - g) % 4].rot90(g, (0, 1))
            expected[:, g] += functional.conv2d(s.values[:, h : h + 1], turned[None, None], padding=1)[:, 0]
    torch.testing.assert_close(layer(s.values, s.domain), expected, atol=1e-12, rtol=0)


def test_the_gradient_of_a_weight_is_the_sum_over_its_orbit():
    layer = random_layer(regular(D4), regular(D4), 3, bias=False)
    weight = layer.expand()[0]
    (gradient,) = torch.autograd.grad(weight.sum(), list(layer.parameters()))
    assert torch.equal(gradient, torch.full_like(gradient, 8))  # every orbit of D_4 here is free


def test_the_output_of_normal_input_has_twice_its_variance_at_the_start():
    torch.manual_seed(0)
    for types in ((regular(D4, 16), regular(D4, 16)), (FieldType(D4, "64xstandard"), FieldType(D4, "64xstandard"))):
        layer = GroupConv(*types, 3)
        with torch.no_grad():
            y = layer(torch.randn(4, types[0].channels, 12, 12))
        assert abs(float(y.var()) - 2) < 0.3


def test_with_the_trivial_group_it_is_a_plain_convolution():
    layer = random_layer(FieldType(TrivialGroup(), 2), FieldType(TrivialGroup(), 3), 3)
    weight, bias = layer.expand()
    assert weight.shape == (3, 2, 3, 3) and sum(p.numel() for p in layer.parameters()) == 3 * 2 * 9 + 3
    x = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x, Grid((5, 5), "zero")), functional.conv2d(x, weight, bias, padding=1))


def test_restricted_to_a_subgroup_it_computes_the_same_and_learns_more():
    turns = subgroup(D4, torch.tensor([[0, 1]]), "turns")
    layer = random_layer(FieldType(D4, "1xregular+1xstandard"), FieldType(D4, "2xregular+1xtrivial"), 3)
    smaller = layer.restrict(turns)
    assert smaller.in_type.group == turns.source
    assert smaller.weights[0].shape[0] == 2 * layer.weights[0].shape[0]  # half the constraints
    s = signal(layer.in_type, Grid((5, 5)))
    torch.testing.assert_close(smaller(s.values, s.domain), layer(s.values, s.domain), atol=1e-12, rtol=0)


class Counting(GroupConv):
    count = 0

    def expand(self):
        self.count += 1
        return super().expand()


def test_in_evaluation_the_filter_is_made_once_until_a_parameter_changes():
    layer = Counting(1, regular(C4)).eval()
    x = torch.randn(1, 1, 6, 6)
    with torch.no_grad():
        first = layer(x)
        assert torch.equal(layer(x), first) and layer.count == 1
        layer.weights[0].mul_(2)
        torch.testing.assert_close(layer(x), 2 * first)
        assert layer.count == 2
        layer.load_state_dict(GroupConv(1, regular(C4)).state_dict())
        assert not torch.allclose(layer(x), 2 * first) and layer.count == 3
        layer.double()
        assert layer(x.double()).dtype == torch.float64 and layer.count == 4
    with torch.inference_mode():
        layer(x.double())
    assert layer.count == 4
    x = x.double().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x).sum(), layer.weights[0])  # gradients are asked for: no memory
    assert layer.count == 5 and gradient.abs().sum() > 0


def test_state_dictionaries_are_the_same_in_training_and_evaluation_and_copies_leave_the_filter_behind():
    layer = GroupConv(1, regular(C4))
    before = list(layer.state_dict())
    layer.eval()
    with torch.no_grad():
        layer(torch.randn(1, 1, 6, 6))
    assert list(layer.state_dict()) == before == ["weights.0", "biases.0"]
    assert layer._cache._value is not None and copy.deepcopy(layer)._cache._value is None


def test_a_baked_network_exports_without_parameters_and_computes_the_same():
    type = regular(D4, 2)
    net = Blueprint(
        [GroupConv(1, type), Pointwise(type), GroupConv(type, type), GlobalPool(type)], Grid((6, 6), "zero")
    )
    fixed = bake(net.double())
    assert not list(fixed.parameters()) and fixed.symmetries() == net.symmetries()
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64)
    program = torch.export.export(fixed, (x,), strict=False)
    assert not any("embedding" in str(node.target) for node in program.graph.nodes)
    torch.testing.assert_close(program.module()(x), net(x), atol=1e-12, rtol=0)
    assert not fixed.training and net.training


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((regular(C4), regular(D4)), "two types of one group"),
        ((regular(C4), FieldType(SO(2), "2x1")), "finite group"),
        ((1, FieldType(CyclicGroup(8), "1xregular")), "permute coordinates up to sign"),
        ((1, FieldType(CUBE, "1xE")), "permute coordinates up to sign"),
        ((1, regular(C4), (3,)), "turns the 1 axes"),
    ],
)
def test_types_that_no_gather_can_serve_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        GroupConv(*arguments)


def test_kernels_that_the_group_does_not_map_to_itself_are_refused():
    with pytest.raises(ValueError, match="same size along both"):
        GroupConv(1, regular(C4), (3, 5))
    with pytest.raises(ValueError, match="odd size"):
        GroupConv(1, regular(C4), 4)
    assert GroupConv(1, regular(DihedralGroup(2)), (3, 5)).expand()[0].shape == (4, 1, 3, 5)


def test_bad_input_is_named():
    layer = GroupConv(regular(C4), 1)
    with pytest.raises(ValueError, match="expects 4 channels"):
        layer(torch.randn(1, 3, 5, 5))
    with pytest.raises(TypeError, match="floating-point"):
        layer(torch.zeros(1, 4, 5, 5, dtype=torch.int64))
    assert layer(torch.randn(0, 4, 5, 5)).shape == (0, 1, 5, 5)
