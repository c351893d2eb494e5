"""Readouts against sums written out, for empty and for very large samples."""

import pytest
import torch
from gdl_graphs.graph import Graph
from gdl_graphs.point_set import PointSet
from gdl_graphs.readout import AttentionPool, GlobalPool
from torch import nn


def variance(x: torch.Tensor, axis: int) -> torch.Tensor:
    return x.var(axis, correction=0)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "max", "min"])
def test_each_reduction_is_that_of_the_rows_of_a_sample_and_an_empty_sample_gives_zero(name):
    sizes = [3, 0, 1, 4]
    x = torch.randn(8, 2, dtype=torch.float64)
    got = GlobalPool(2, name)(x, PointSet.of(sizes))
    function = {"sum": torch.sum, "mean": torch.mean, "var": variance, "max": torch.amax, "min": torch.amin}[name]
    expected = [function(part, 0) if len(part) else torch.zeros(2) for part in x.split(sizes)]
    torch.testing.assert_close(got, torch.stack([row.double() for row in expected]), rtol=0, atol=1e-14)


def test_several_reductions_are_concatenated_in_the_order_given():
    x, graph = torch.randn(4, 3), Graph.empty([3, 1])
    got = GlobalPool(3, ("max", "sum", "mean"))(x, graph)
    each = [GlobalPool(3, name)(x, graph) for name in ("max", "sum", "mean")]
    assert torch.equal(got, torch.cat(each, 1))
    assert GlobalPool(3, ("max", "sum", "mean")).out_type.channels == 9


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_sample_of_a_hundred_thousand_points_is_right_in_half_precision(dtype):
    domain, x = PointSet.of([100_000, 1]), torch.full((100_001, 1), 0.25, dtype=dtype)
    assert GlobalPool(1, "mean")(x, domain).tolist() == [[0.25], [0.25]]
    assert GlobalPool(1, "sum")(x, domain)[0].item() == torch.tensor(25_000.0, dtype=dtype).item()
    assert AttentionPool(1).to(dtype)(x, domain).tolist() == [[0.25], [0.25]]


@pytest.mark.parametrize("normalise", ["softmax", "sigmoid"])
def test_attention_pool_is_the_weighted_sum_of_the_values(normalise):
    sizes = [4, 0, 1]
    x = torch.randn(5, 3, dtype=torch.float64)
    layer = AttentionPool(3, 2, normalise=normalise).double()
    rows = []
    for part in x.split(sizes):
        score = layer.gate(part)
        share = score.softmax(0) if normalise == "softmax" else score.sigmoid()
        rows.append((share * layer.value(part)).sum(0))
    torch.testing.assert_close(layer(x, PointSet.of(sizes)), torch.stack(rows), rtol=0, atol=1e-14)


def test_no_sample_and_no_point_give_no_row_and_zero_rows():
    none = PointSet.of([])
    for layer in (GlobalPool(2), AttentionPool(2)):
        assert layer(torch.zeros(0, 2), none).shape == (0, 2)
        assert layer(torch.zeros(0, 2), PointSet.of([0, 0])).tolist() == [[0, 0], [0, 0]]


def test_the_gradient_of_the_maximum_goes_to_the_first_point_that_attains_it():
    x = torch.tensor([[1.0], [3.0], [3.0], [2.0]], requires_grad=True)
    GlobalPool(1, "max")(x, PointSet.of([3, 1])).sum().backward()
    assert x.grad is not None and x.grad[:, 0].tolist() == [0, 1, 0, 1]


def test_a_wrong_reduction_and_a_missing_domain_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"reduces by sum, mean, .*, got \['median'\]"):
        GlobalPool(2, ("sum", "median"))
    with pytest.raises(ValueError, match="got none of them"):
        GlobalPool(2, ())
    with pytest.raises(ValueError, match="softmax or sigmoid, got 'tanh'"):
        AttentionPool(2, gate=nn.Linear(2, 1), normalise="tanh")
    with pytest.raises(TypeError, match="GlobalPool needs a Graph or a PointSet to know its samples, got no domain"):
        GlobalPool(2)(torch.zeros(3, 2))
