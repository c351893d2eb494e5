"""Sets against PyTorch Geometric and the reference definitions in float64: copied weights, outputs and all gradients.

The blocks of the Set Transformer are written here as its paper and the authors' `modules.py` define them, on dense
batches; a state dictionary of theirs loads into ours as it is.
"""

import math

import pytest
import torch
from torch import nn

torch_geometric = pytest.importorskip("torch_geometric")

from gdl_graphs import (  # noqa: E402
    ISAB,
    PMA,
    SAB,
    DeepSetsNet,
    Graph,
    PointSet,
    Set2Set,
    SetTransformer,
)
from torch_geometric.nn import aggr  # noqa: E402
from torch_geometric.utils import to_dense_batch  # noqa: E402

SIZES = {"one": [5], "even": [4, 4, 4], "uneven": [3, 7, 1, 5], "no points": [0], "no samples": []}
TOLERANCE = 1e-10


@pytest.fixture(autouse=True)
def in_float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def agree(ours, theirs, run_ours, run_theirs, x):
    """Compare output and gradients, of the input and of every parameter by name."""
    ours.load_state_dict(theirs.state_dict())
    results = []
    for module, run in ((ours, run_ours), (theirs, run_theirs)):
        given = x.clone().requires_grad_()
        y = run(module, given)
        parameters = dict(module.named_parameters())
        g = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
        grads = torch.autograd.grad(y, [given, *parameters.values()], g, allow_unused=True, materialize_grads=True)
        results.append((y, dict(zip(["x", *parameters], grads))))
    (y, grads), (expected, wanted) = results
    assert y.shape == expected.shape
    assert torch.allclose(y, expected, rtol=0, atol=TOLERANCE)
    assert grads.keys() == wanted.keys()
    for name, grad in grads.items():
        largest = max(wanted[name].flatten().tolist(), key=abs, default=0.0)
        worst = max((grad - wanted[name]).flatten().tolist(), key=abs, default=0.0)
        assert abs(worst) <= TOLERANCE * (1 + abs(largest)), (name, worst)


def owner(sizes):
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes, dtype=torch.int64))


@pytest.mark.parametrize("sizes", [SIZES["one"], SIZES["even"], SIZES["uneven"]], ids=["one", "even", "uneven"])
@pytest.mark.parametrize("steps", [1, 3])
def test_set2set_equals_pyg(sizes, steps):
    x, index, points = torch.randn(sum(sizes), 4), owner(sizes), PointSet.of(sizes)
    ours, theirs = Set2Set(4, steps), aggr.Set2Set(4, steps)
    agree(ours, theirs, lambda m, x: m(x, points), lambda m, x: m(x, index, dim_size=len(sizes)), x)


def test_set2set_equals_pyg_where_a_set_is_empty():
    sizes = [3, 0, 2]
    x, index, points = torch.randn(5, 4), owner(sizes), PointSet.of(sizes)
    ours, theirs = Set2Set(4, 3), aggr.Set2Set(4, 3)
    agree(ours, theirs, lambda m, x: m(x, points), lambda m, x: m(x, index, dim_size=3), x)


@pytest.mark.parametrize("name", ["one", "even", "uneven", "no points"])
def test_deep_sets_equals_pyg(name):
    sizes = SIZES[name]
    x, index, points = torch.randn(sum(sizes), 3), owner(sizes), PointSet.of(sizes)
    ours, net = DeepSetsNet(3, 2, 6), DeepSetsNet(3, 2, 6)
    theirs = aggr.DeepSetsAggregation(net.phi, net.rho)
    plain = nn.ModuleDict({"phi": net.phi, "rho": net.rho})  # the networks that theirs holds
    agree(ours, plain, lambda m, x: m(x, points), lambda m, x: theirs(x, index, dim_size=len(sizes)), x)


class ReferenceMAB(nn.Module):
    """Lee et al. 2019, eq. 6 and 7, on dense batches `[b, n, c]`, with parameters named as in the authors' code."""

    def __init__(self, queries, keys, out, heads, norm):
        super().__init__()
        self.heads, self.norm = heads, norm
        self.fc_q, self.fc_k, self.fc_v = nn.Linear(queries, out), nn.Linear(keys, out), nn.Linear(keys, out)
        if norm:
            self.ln0, self.ln1 = nn.LayerNorm(out), nn.LayerNorm(out)
        self.fc_o = nn.Linear(out, out)

    def forward(self, x, k):
        q, key, value = self.fc_q(x), self.fc_k(k), self.fc_v(k)
        q_, k_, v_ = (torch.cat(t.chunk(self.heads, 2), 0) for t in (q, key, value))
        weights = torch.softmax(q_ @ k_.transpose(1, 2) / math.sqrt(q.shape[2]), 2)
        h = torch.cat((q_ + weights @ v_).chunk(self.heads, 0), 2)
        h = self.ln0(h) if self.norm else h
        h = h + self.fc_o(h).relu()
        return self.ln1(h) if self.norm else h


class ReferenceSAB(nn.Module):
    def __init__(self, c, out, heads, norm):
        super().__init__()
        self.mab = ReferenceMAB(c, c, out, heads, norm)

    def forward(self, x):
        return self.mab(x, x)


class ReferenceISAB(nn.Module):
    def __init__(self, c, out, inducing, heads, norm):
        super().__init__()
        self.I = nn.Parameter(torch.randn(1, inducing, out))
        self.mab0, self.mab1 = ReferenceMAB(out, c, out, heads, norm), ReferenceMAB(c, out, out, heads, norm)

    def forward(self, x):
        return self.mab1(x, self.mab0(self.I.repeat(len(x), 1, 1), x))


class ReferencePMA(nn.Module):
    def __init__(self, c, seeds, heads, norm):
        super().__init__()
        self.S = nn.Parameter(torch.randn(1, seeds, c))
        self.mab = ReferenceMAB(c, c, c, heads, norm)

    def forward(self, x):
        return self.mab(self.S.repeat(len(x), 1, 1), x)


class ReferenceSetTransformer(nn.Module):
    def __init__(self, c, outputs, out, inducing, hidden, heads, norm):
        super().__init__()
        self.enc = nn.Sequential(
            ReferenceISAB(c, hidden, inducing, heads, norm), ReferenceISAB(hidden, hidden, inducing, heads, norm)
        )
        self.dec = nn.Sequential(
            ReferencePMA(hidden, outputs, heads, norm),
            ReferenceSAB(hidden, hidden, heads, norm),
            ReferenceSAB(hidden, hidden, heads, norm),
            nn.Linear(hidden, out),
        )

    def forward(self, x):
        return self.dec(self.enc(x))


PAIRS = {
    "SAB": lambda norm: (SAB(3, 8, 4, norm), ReferenceSAB(3, 8, 4, norm)),
    "ISAB": lambda norm: (ISAB(3, 8, 5, 2, norm), ReferenceISAB(3, 8, 5, 2, norm)),
    "PMA": lambda norm: (PMA(3, 4, 1, norm), ReferencePMA(3, 4, 1, norm)),
    "SetTransformer": lambda norm: (
        SetTransformer(3, 2, 4, 8, 5, 2, norm),
        ReferenceSetTransformer(3, 4, 2, 5, 8, 2, norm),
    ),
}


@pytest.mark.parametrize("sizes", [SIZES["one"], SIZES["even"], SIZES["uneven"]], ids=["one", "even", "uneven"])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_set_transformer_loads_the_authors_parameters_and_computes_the_same(name, norm, sizes):
    ours, theirs = PAIRS[name](norm)
    x = torch.randn(sum(sizes), 3)
    is_readout = name in ("PMA", "SetTransformer")

    def reference(module, x):
        rows = [module(part[None])[0] for part in x.split(sizes)]
        return torch.stack([row.flatten() for row in rows]) if is_readout else torch.cat(rows)

    for points in (PointSet.of(sizes), Graph.complete(sizes)):
        agree(ours, theirs, lambda m, x, points=points: m(x, points), reference, x)


@pytest.mark.parametrize("heads", [1, 2])
def test_one_head_of_pygs_set_transformer_agrees_and_more_need_the_scale_of_a_head(heads):
    """PyG divides scores by the root of a head's width (research: not comparable with the authors' for more heads)."""
    sizes = SIZES["uneven"]
    theirs = aggr.utils.MultiheadAttentionBlock(8, heads, layer_norm=False)
    x, dense_mask = torch.randn(sum(sizes), 8), None
    dense, dense_mask = to_dense_batch(x, owner(sizes))
    expected = theirs(dense, dense, dense_mask, dense_mask)[dense_mask]
    errors = {}
    for scale in ("dim_v", "head"):
        ours = SAB(8, 8, heads, scale=scale)
        weight, bias = theirs.attn.in_proj_weight, theirs.attn.in_proj_bias
        # PyG projects the heads' sum once more and adds the raw queries; take both away, by an identity.
        with torch.no_grad():
            theirs.attn.out_proj.weight.copy_(torch.eye(8))
            theirs.attn.out_proj.bias.zero_()
            weight[:8].copy_(torch.eye(8))
            bias[:8].zero_()
            for i, part in enumerate((ours.mab.fc_q, ours.mab.fc_k, ours.mab.fc_v)):
                part.weight.copy_(weight[8 * i : 8 * i + 8])
                part.bias.copy_(bias[8 * i : 8 * i + 8])
            ours.mab.fc_o.load_state_dict(theirs.lin.state_dict())
        expected = theirs(dense, dense, dense_mask, dense_mask)[dense_mask]
        errors[scale] = float((ours(x, PointSet.of(sizes)) - expected).detach().abs().max())
    assert errors["head"] < TOLERANCE
    assert (errors["dim_v"] < TOLERANCE) == (heads == 1)
