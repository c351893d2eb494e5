"""Linear maps of pairs and points: all that are equivariant, no other, as `gdl_core.derive` finds them."""

import pytest
import torch
from gdl_core import EquivariantOperator, SymmetricGroup, intertwiners
from gdl_core.derive import operators
from gdl_core.errors import UnknownNameError
from gdl_core.groups import TrivialGroup
from gdl_graphs import DeepSets, IGNContract, IGNExpand, IGNLinear, IGNReadout, PairSet

TRIVIAL = TrivialGroup().trivial()


def matrices(layer, pairs, out_rows):
    """Return the matrix of each map of the layer's basis, `[k, out, in]`."""
    into = pairs.points.num_points if isinstance(layer, IGNExpand) else pairs.num_pairs
    domain = pairs.points if isinstance(layer, IGNExpand) else pairs
    found = []
    for number in range(layer.maps):
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[number] = 1
            columns = []
            for unit in torch.eye(into, dtype=torch.float64):
                y = layer(unit[:, None], domain)
                columns.append((y[0] if isinstance(y, tuple) else y)[:, 0])
        found.append(torch.stack(columns, 1))
    assert found[0].shape == (out_rows, into)
    return torch.stack(found)


def rank(basis):
    return int(torch.linalg.matrix_rank(basis.flatten(1), tol=1e-9))


def derived(n, out_order, in_order):
    points = SymmetricGroup(n).representation("standard")
    powers = {0: SymmetricGroup(n).trivial(), 1: points, 2: points * points}
    return intertwiners(powers[in_order], powers[out_order])


LAYERS = {
    (2, 2): (IGNLinear, {1: 1, 2: 8, 3: 14, 4: 15, 5: 15}),
    (1, 2): (IGNContract, {1: 1, 2: 4, 3: 5, 4: 5, 5: 5}),
    (2, 1): (IGNExpand, {1: 1, 2: 4, 3: 5, 4: 5, 5: 5}),
    (0, 2): (IGNReadout, {1: 1, 2: 2, 3: 2, 4: 2, 5: 2}),
}


@pytest.mark.parametrize("sums", ["mean", "sum"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("orders", LAYERS, ids=lambda orders: f"{orders[1]}-to-{orders[0]}")
def test_the_maps_span_exactly_the_space_that_derive_finds(orders, n, sums):
    kind, dimensions = LAYERS[orders]
    layer = kind(1, 1, sums, bias=False).double()
    ours = matrices(layer, PairSet.of(n), n ** orders[0])
    theirs = derived(n, *orders).dense() if n > 1 else torch.ones(1, 1, 1, dtype=torch.float64)
    assert rank(ours) == len(theirs) == dimensions[n]
    assert rank(torch.cat([ours, theirs])) == dimensions[n]


@pytest.mark.parametrize(("n", "count"), [(2, 8), (3, 14), (4, 15), (5, 15)])
def test_the_symmetry_of_the_domain_gives_the_same_spaces(n, count):
    pairs = PairSet.of(n)
    assert len(operators(pairs.symmetries()["permutation"], TRIVIAL, TRIVIAL)) == count


def test_a_derived_layer_becomes_an_ign_layer_with_the_same_output():
    pairs, torch_layer = PairSet.of(5), IGNLinear(2, 3).double()
    given = EquivariantOperator(pairs, "permutation", 2, 3).double()
    basis = matrices(IGNLinear(1, 1, bias=False).double(), pairs, 25)
    x = torch.randn(25, 2, dtype=torch.float64)
    units = torch.eye(50, dtype=torch.float64).reshape(50, 25, 2)
    with torch.no_grad():
        for bias in given.biases:
            bias.normal_()
        offset = given(torch.zeros_like(x), pairs)
        whole = torch.stack([given(unit, pairs) - offset for unit in units], -1).reshape(25, 3, 25, 2)
        flat = whole.permute(0, 2, 3, 1).reshape(25 * 25, 6)
        weight = torch.linalg.lstsq(basis.flatten(1).T, flat).solution
        torch_layer.weight.copy_(weight.reshape(15, 2, 3))
        torch_layer.bias.copy_(torch.stack([offset[1], offset[0] - offset[1]]))
        assert torch.allclose(torch_layer(x, pairs), given(x, pairs), atol=1e-12)


def test_deep_sets_is_the_map_from_points_to_points():
    basis = []
    for own in (True, False):
        layer = DeepSets(1, 1, "sum", bias=False).double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            (layer.own if own else next(m for m in layer.children() if m is not layer.own)).weight.fill_(1)
            points = PairSet.of(4).points
            basis.append(torch.stack([layer(e[:, None], points)[:, 0] for e in torch.eye(4).double()], 1))
    theirs = derived(4, 1, 1).dense()
    assert rank(torch.stack(basis)) == 2 == rank(torch.cat([torch.stack(basis), theirs]))


def test_uneven_samples_do_not_hear_each_other_and_none_may_be_empty_of_effect():
    layer, pairs = IGNLinear(2, 3).double(), PairSet.of([3, 0, 4, 1])
    x = torch.randn(pairs.num_pairs, 2, dtype=torch.float64)
    parts = torch.cat([layer(v, p) for v, p in zip(x.split([9, 0, 16, 1]), pairs.unbatch())])
    assert torch.allclose(layer(x, pairs), parts, atol=1e-13)


@pytest.mark.parametrize("kind", [IGNLinear, IGNContract, IGNExpand], ids=lambda kind: kind.__name__)
def test_the_variance_at_the_start_is_one_for_independent_inputs(kind):
    torch.manual_seed(0)
    pairs = PairSet.of([150] * 2)
    domain = pairs.points if kind is IGNExpand else pairs
    layer = kind(64, 64)
    with torch.no_grad():
        y = layer(torch.randn(domain.num_points, 64), domain)
    assert 0.9 < float(y[0].var() if isinstance(y, tuple) else y.var()) < 1.1


def test_a_mean_does_not_grow_with_the_sample_and_a_sum_does():
    for sums, grows in (("mean", False), ("sum", True)):
        torch.manual_seed(0)
        layer = IGNReadout(1, 4, sums)
        small, large = (layer(torch.ones(n * n, 1), PairSet.of(n)).detach().abs().max() for n in (4, 40))
        assert (float(large) > 5 * float(small)) == grows


def test_other_domains_and_other_sums_are_refused():
    with pytest.raises(TypeError, match=r"IGNExpand goes from points to pairs.*got PairSet"):
        IGNExpand(1, 1)(torch.zeros(9, 1), PairSet.of(3))
    with pytest.raises(TypeError, match=r"IGNLinear works on pairs.*no domain"):
        IGNLinear(1, 1)(torch.zeros(9, 1))
    with pytest.raises(ValueError, match=r"\[9, c\]"):
        IGNReadout(1, 1)(torch.zeros(8, 1), PairSet.of(3))
    with pytest.raises(UnknownNameError, match="mean, sum"):
        IGNLinear(1, 1, sums="max")
