"""Sums and means of each sample."""

import pytest
import torch
from gdl_core.groups import SO
from gdl_core.representations import FieldType
from gdl_groups import GeometricGraph, MeanPool, SumPool


def test_sums_and_means_are_those_of_each_sample_and_zero_where_it_is_empty():
    graph = GeometricGraph.from_positions(torch.rand(5, 3), 1.0, sizes=[2, 0, 3])
    x = torch.arange(10.0).reshape(5, 2)
    total = torch.stack([x[:2].sum(0), torch.zeros(2), x[2:].sum(0)])
    assert torch.equal(SumPool(2)(x, graph), total)
    torch.testing.assert_close(MeanPool(2)(x, graph), total / torch.tensor([2.0, 1.0, 3.0])[:, None])


def test_a_type_of_rotations_alone_claims_no_reflections():
    assert "orthogonal" not in SumPool(FieldType(SO(3), "2x0+1x1")).claims
    assert "orthogonal" in SumPool(3).claims


def test_a_pool_without_points_is_refused():
    with pytest.raises(TypeError, match="SumPool needs to know which points"):
        SumPool(2)(torch.zeros(3, 2))
