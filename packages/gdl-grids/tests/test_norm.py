"""Norms against torch, in every number of axes."""

import pytest
import torch
from gdl_grids import BatchNorm, GroupNorm, InstanceNorm, LayerNorm

SHAPES = [(5,), (4, 3), (3, 2, 4), (2, 3, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_equals_torch_while_training_and_after(shape):
    ours, theirs = BatchNorm(4).double(), torch.nn.BatchNorm1d(4).double()
    for _ in range(3):
        x = torch.randn(3, 4, *shape, dtype=torch.float64) * 2 + 1
        assert torch.allclose(ours(x).flatten(2), theirs(x.flatten(2)), atol=1e-14)
    assert torch.allclose(ours.running_mean, theirs.running_mean)
    assert torch.allclose(ours.running_var, theirs.running_var)
    ours.eval(), theirs.eval()
    assert torch.allclose(ours(x).flatten(2), theirs(x.flatten(2)), atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_group_norms_have_zero_mean_and_unit_variance_over_their_group_and_the_grid(shape):
    x = torch.randn(3, 4, *shape, dtype=torch.float64) * 3 + 2
    for layer, groups in ((GroupNorm(4, 2), 2), (LayerNorm(4), 1), (InstanceNorm(4), 4)):
        y = layer.double()(x).reshape(3, groups, -1)
        assert torch.allclose(y.mean(2), torch.zeros_like(y[:, :, 0]), atol=1e-12)
        assert torch.allclose(y.var(2, correction=0), torch.ones_like(y[:, :, 0]), atol=1e-4)
        assert torch.allclose(layer(x), torch.nn.functional.group_norm(x, groups, eps=1e-5), atol=1e-12)


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="groups must divide the 4 channels, got 3"):
        GroupNorm(4, 3)
