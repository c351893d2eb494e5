"""`DeepSets` is the whole space of equivariant linear maps of sets, as derived; `DeepSetsNet` is the formula."""

import pytest
import torch
from gdl_core.derive import EquivariantOperator
from gdl_graphs import DeepSets, DeepSetsNet, Graph, PointSet
from torch import nn

SIZES = [4, 0, 1, 6]


def sample_values(channels, sizes=SIZES, seed=0):
    return torch.randn(sum(sizes), channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_matrices(layer, points, c_in):
    """The linear map `[n * c_out, n * c_in]` of a layer without a bias."""
    n = points.num_points
    basis = torch.eye(n * c_in, dtype=torch.float64).reshape(-1, n, c_in)
    return torch.stack([layer(x, points).flatten() for x in basis], 1).detach()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_layer_spans_what_is_derived_from_the_symmetry_two_maps_per_pair_of_channels(reduction):
    n, c_in, c_out = 5, 2, 3
    points = PointSet.of(n)
    derived = EquivariantOperator(points, "permutation", c_in, c_out, bias=False).double()
    layer = DeepSets(c_in, c_out, reduction, bias=False).double()
    spans = []
    for module in (derived, layer):
        found = []
        for parameter in module.parameters():
            for k in range(parameter.numel()):
                with torch.no_grad():
                    for other in module.parameters():
                        other.zero_()
                    parameter.view(-1)[k] = 1.0
                found.append(as_matrices(module, points, c_in).flatten())
        spans.append(torch.stack(found))
    ranks = [int(torch.linalg.matrix_rank(span)) for span in (*spans, torch.cat(spans))]
    assert ranks == [2 * c_in * c_out] * 3  # the same space


@pytest.mark.parametrize(
    ("reduction", "pool"), [("mean", lambda x: x.mean(0)), ("sum", lambda x: x.sum(0)), ("max", lambda x: x.amax(0))]
)
def test_the_layer_is_its_formula_on_every_sample(reduction, pool):
    layer, x = DeepSets(3, 2, reduction).double(), sample_values(3)
    expected = [
        part @ layer.own.weight.T + layer.own.bias + (pool(part) @ layer.pooled.weight.T)
        for part in x.split(SIZES)
        if len(part)
    ]
    for points in (PointSet.of(SIZES), Graph.empty(SIZES)):
        assert torch.allclose(layer(x, points), torch.cat(expected), atol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum", "max"])
def test_the_network_is_invariant_and_its_formula_and_empty_sets_count_as_zero(reduction):
    net, x, points = DeepSetsNet(3, 2, 8, reduction).double(), sample_values(3), PointSet.of(SIZES)
    pools = {"mean": lambda h: h.mean(0), "sum": lambda h: h.sum(0), "max": lambda h: h.amax(0)}
    pooled = [pools[reduction](net.phi(part)) if len(part) else torch.zeros(8).double() for part in x.split(SIZES)]
    assert torch.allclose(net(x, points), net.rho(torch.stack(pooled)), atol=1e-13)
    symmetry = points.symmetries()["permutation"]
    for g in symmetry.group.sample(5, torch.Generator().manual_seed(0)):
        moved, _ = symmetry.move(g, x, points)
        assert float((net(moved, points) - net(x, points)).detach().abs().max()) <= 1e-12


def test_a_given_phi_or_rho_must_fit_and_reductions_are_known():
    with pytest.raises(TypeError, match=r"DeepSetsNet expects an nn\.Sequential that starts"):
        DeepSetsNet(3, 2, 8, phi=nn.Sequential(nn.Linear(4, 8)))
    with pytest.raises(TypeError, match=r"DeepSetsNet expects an nn\.Sequential that ends"):
        DeepSetsNet(3, 2, 8, rho=nn.Sequential(nn.Linear(8, 3)))
    with pytest.raises(ValueError, match="sum, mean, max, got 'median'"):
        DeepSets(3, 2, "median")
    with pytest.raises(TypeError, match="DeepSets"):
        DeepSets(3, 2)(torch.zeros(4, 3))
