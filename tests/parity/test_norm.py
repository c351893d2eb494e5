"""Norms against PyTorch Geometric in float64 on a batch with a sample of one point: output and all gradients."""

import pytest
import torch
from torch import nn

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import BatchNorm, GraphNorm, InstanceNorm, LayerNorm, PairNorm, PointSet  # noqa: E402
from torch_geometric import nn as pyg  # noqa: E402

SIZES = [4, 1, 7, 2]
POINTS = PointSet.of(SIZES)
PAIRS = {
    "batch": (BatchNorm(3), pyg.BatchNorm(3)),
    "layer-sample": (LayerNorm(3, "sample"), pyg.LayerNorm(3, mode="graph")),
    "layer-point": (LayerNorm(3, "point"), pyg.LayerNorm(3, mode="node")),
    "instance": (InstanceNorm(3), pyg.InstanceNorm(3)),
    "instance-affine": (InstanceNorm(3, affine=True), pyg.InstanceNorm(3, affine=True)),
    "graph": (GraphNorm(3), pyg.GraphNorm(3)),
    "pair": (PairNorm(3, 1.5), pyg.PairNorm(1.5)),
    "pair-individually": (PairNorm(3, 1.5, individually=True), pyg.PairNorm(1.5, scale_individually=True)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_norm(name: str) -> None:
    ours, theirs = (layer.double() for layer in PAIRS[name])
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(1 + torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    ours.load_state_dict(
        {key.removeprefix("module."): value for key, value in theirs.state_dict().items()}, strict=False
    )
    assert {key for key, _ in ours.named_parameters()} == {
        key.removeprefix("module.") for key, _ in theirs.named_parameters()
    }
    x = torch.randn(sum(SIZES), 3, generator=draw, dtype=torch.float64).requires_grad_()
    upstream = torch.randn(x.shape, generator=draw, dtype=torch.float64)
    if name.startswith("pair-"):
        upstream[4] = 0  # a point alone is at its mean, where the norm has no derivative: PyG's is NaN
    batch = POINTS.owner.long()
    needs_batch = not isinstance(theirs, pyg.BatchNorm) and name != "layer-point"
    results = []
    for layer, y in ((ours, ours(x, POINTS)), (theirs, theirs(x, batch) if needs_batch else theirs(x))):
        results.append([y, *torch.autograd.grad(y, [x, *parameters_in_order(layer)], upstream)])
    for one, two in zip(*results, strict=True):
        assert (one - two).abs().max() <= 1e-10


def parameters_in_order(layer: nn.Module) -> list[nn.Parameter]:
    return [parameter for _, parameter in sorted(layer.named_parameters(), key=lambda pair: pair[0].split(".")[-1])]
