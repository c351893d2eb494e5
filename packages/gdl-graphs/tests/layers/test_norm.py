"""Norms against torch sample by sample, on batches, on padded graphs and on nothing."""

import pytest
import torch
from gdl_core.errors import UnknownNameError
from gdl_graphs import BatchNorm, Graph, GraphNorm, InstanceNorm, LayerNorm, PairNorm, PointSet

SIZES = [4, 1, 7, 0, 2]
POINTS = PointSet.of(SIZES)


def x_of(channels: int = 3) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    return 2 * torch.randn(sum(SIZES), channels, dtype=torch.float64, generator=draw) + 1


def by_sample(x: torch.Tensor, function) -> torch.Tensor:
    return torch.cat([function(part) for part in x.split(SIZES) if len(part)])


def test_batch_norm_is_that_of_torch():
    ours, theirs = BatchNorm(3).double(), torch.nn.BatchNorm1d(3).double()
    for _ in range(3):
        assert torch.allclose(ours(x_of()), theirs(x_of()), atol=1e-14)
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)
    ours.eval(), theirs.eval()
    assert torch.allclose(ours(x_of()), theirs(x_of()), atol=1e-14)


def test_one_point_or_none_has_the_running_averages():
    layer = BatchNorm(3)
    layer.running_mean += 5
    before = layer.running_mean.clone()
    for n in (0, 1):
        x = torch.ones(n, 3)
        assert torch.allclose(layer(x), (x - 5) / (1 + layer.eps) ** 0.5)
    assert torch.equal(layer.running_mean, before)


def test_the_padding_of_a_graph_counts_nowhere(draw):
    """A graph with `real` = (1, 6, .) has six nodes; whatever the rest holds, statistics are those of the six."""
    graph, x = draw(9, 12), x_of()[:9]
    padded = graph.replace(real=torch.tensor([1, 6, 12], dtype=torch.int32))
    ours, theirs = BatchNorm(3).double(), BatchNorm(3).double()
    for noise in (0.0, 1e6):
        spoiled = x.clone()
        spoiled[6:] += noise
        assert torch.allclose(ours(spoiled, padded)[:6], theirs(x[:6]), atol=1e-12)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-14)
    assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-14)
    assert not torch.allclose(BatchNorm(3).double()(x, graph)[:6], theirs(x[:6]), atol=1e-3)  # without `real`


def test_padded_sums_do_not_overflow_in_half_precision():
    n = 70_000
    graph = Graph.empty(n).replace(real=torch.tensor([1, n - 1, 0], dtype=torch.int32))
    x = torch.full((n, 1), 2.0, dtype=torch.float16)
    layer = BatchNorm(1, momentum=1.0).half()
    y = layer(x, graph)
    assert float(layer.running_mean) == 2 and float(layer.running_var) == 0
    assert torch.isfinite(y).all()


def test_layer_norm_of_a_point_is_that_of_torch():
    assert torch.allclose(LayerNorm(3).double()(x_of()), torch.nn.functional.layer_norm(x_of(), (3,)), atol=1e-14)


def test_layer_norm_of_a_sample_looks_at_all_its_channels_and_points():
    expected = by_sample(x_of(), lambda p: (p - p.mean()) / (p.var(correction=0) + 1e-5).sqrt())
    assert torch.allclose(LayerNorm(3, "sample").double()(x_of(), POINTS), expected, atol=1e-13)


def test_instance_norm_looks_at_each_channel_of_a_sample():
    def norm(p):
        return (p - p.mean(0)) / (p.var(0, correction=0) + 1e-5).sqrt()

    assert torch.allclose(InstanceNorm(3).double()(x_of(), POINTS), by_sample(x_of(), norm), atol=1e-12)
    assert not list(InstanceNorm(3).parameters())
    layer = InstanceNorm(3, affine=True).double()
    layer.weight.data += 1
    layer.bias.data += 3
    assert torch.allclose(layer(x_of(), POINTS), 2 * by_sample(x_of(), norm) + 3, atol=1e-12)


def test_graph_norm_takes_off_a_share_of_the_mean():
    layer = GraphNorm(3).double()
    layer.mean_scale.data[:] = torch.tensor([0.0, 0.5, 1.0])

    def norm(p):
        away = p - layer.mean_scale * p.mean(0)
        return away / (away.square().mean(0) + 1e-5).sqrt()

    assert torch.allclose(layer(x_of(), POINTS), by_sample(x_of(), norm), atol=1e-12)


def test_pair_norm_fixes_the_mean_square_distance_of_pairs():
    layer = PairNorm(3, 1.5, eps=1e-12)
    for part in layer(x_of(), POINTS).split(SIZES):
        if len(part) > 1:
            distances = torch.cdist(part, part).square().sum() / len(part) ** 2
            assert abs(float(distances) - 2 * 1.5**2) < 1e-6  # eq. 8 of the paper
    own = PairNorm(3, individually=True)(x_of(), POINTS)
    norms = torch.cat([part.norm(dim=-1) for part in own.split(SIZES) if len(part) > 1])
    assert torch.allclose(norms, torch.ones_like(norms), atol=1e-4)


@pytest.mark.parametrize("layer", [LayerNorm(3, "sample"), InstanceNorm(3), GraphNorm(3), PairNorm(3)])
def test_norms_of_samples_need_to_know_them(layer):
    with pytest.raises(
        TypeError, match=f"{type(layer).__name__} needs a Graph or a PointSet to know its samples, got no domain"
    ):
        layer(torch.zeros(4, 3))


@pytest.mark.parametrize("layer", [LayerNorm(3, "sample"), InstanceNorm(3), GraphNorm(3), PairNorm(3), BatchNorm(3)])
def test_equal_points_give_no_nan_nor_do_their_gradients(layer):
    x = torch.ones(5, 3, requires_grad=True)
    for points in (PointSet.of(5), Graph.empty([2, 0, 3])):
        y = layer(x, points)
        (grad,) = torch.autograd.grad(y.sum(), x)
        assert torch.isfinite(y).all() and torch.isfinite(grad).all()
    individually = PairNorm(3, individually=True)(x, PointSet.of(5))
    assert torch.isfinite(torch.autograd.grad(individually.sum(), x)[0]).all()


def test_unknown_statistics():
    with pytest.raises(UnknownNameError, match=r"no kind of statistics 'graph'; it has point, sample"):
        LayerNorm(3, "graph")
