"""A change of gauge: another element at each point."""

import pytest
import torch
from gdl_core.groups import SO
from gdl_core.representations import FieldType


def test_a_gauge_change_acts_at_each_point_as_its_own_element():
    type = FieldType(SO(2), "3x0+2x1+4x2")
    g = SO(2).sample(5, torch.Generator().manual_seed(0))
    x = torch.randn(5, type.channels, dtype=torch.float64)
    expected = torch.stack([type.act(element, row) for element, row in zip(g, x)])
    assert torch.allclose(type.act_each(g, x), expected, atol=1e-14)


def test_a_gauge_change_needs_one_element_per_point():
    type = FieldType(SO(2), "1x1")
    with pytest.raises(ValueError, match=r"one element per point and x \[n, 2\], got 3 elements and x \[4, 2\]"):
        type.act_each(SO(2).sample(3), torch.randn(4, 2))
