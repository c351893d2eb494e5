"""Set Transformer and Set2Set against the definitions of their papers, written densely for one set."""

import math

import pytest
import torch
from gdl_core.geometry import Readout
from gdl_graphs import (
    ISAB,
    PMA,
    SAB,
    Decoder,
    DeepSets,
    DeepSetsNet,
    Encoder,
    Graph,
    LearnedPositions,
    PointNet,
    PointSet,
    Set2Set,
    SetTransformer,
    SinusoidalPositions,
)
from torch import nn

SIZES = [4, 1, 6]


def values(channels, sizes=SIZES, seed=0):
    return torch.randn(sum(sizes), channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention_block(mab, x, k, heads, scale):
    """Lee et al. 2019, eq. 6-7 for one set, head by head: x `[n, c]`, k `[m, c]`."""
    out = mab.fc_q.out_features
    width = out // heads
    query, key, value = mab.fc_q(x), mab.fc_k(k), mab.fc_v(k)
    parts = []
    for h in range(heads):
        cut = slice(h * width, (h + 1) * width)
        scores = query[:, cut] @ key[:, cut].T / math.sqrt(out if scale == "dim_v" else width)
        parts.append(query[:, cut] + torch.softmax(scores, 1) @ value[:, cut])
    h = mab.ln0(torch.cat(parts, 1))
    return mab.ln1(h + mab.fc_o(h).relu())


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("scale", ["dim_v", "head"])
def test_the_blocks_are_their_definitions_on_every_sample(norm, scale):
    torch.manual_seed(0)
    options = {"heads": 2, "norm": norm, "scale": scale}
    sab, isab, pma = SAB(3, 4, **options).double(), ISAB(3, 4, 5, **options).double(), PMA(3 + 1, 2, **options).double()
    x, wide = values(3), values(4)
    found: list[list[torch.Tensor]] = [[], [], []]
    for part, other in zip(x.split(SIZES), wide.split(SIZES)):
        found[0].append(attention_block(sab.mab, part, part, 2, scale))
        found[1].append(
            attention_block(isab.mab1, part, attention_block(isab.mab0, isab.I[0], part, 2, scale), 2, scale)
        )
        found[2].append(attention_block(pma.mab, pma.S[0], other, 2, scale).flatten()[None])
    for points in (PointSet.of(SIZES), Graph.complete(SIZES)):
        for layer, given, expected in zip((sab, isab, pma), (x, x, wide), found):
            assert torch.allclose(layer(given, points), torch.cat(expected), atol=1e-12)


def test_the_two_scales_differ_with_more_than_one_head_only():
    x, points = values(3), PointSet.of(SIZES)
    for heads, same in ((1, True), (2, False)):
        torch.manual_seed(0)
        one = SAB(3, 4, heads).double()
        other = SAB(3, 4, heads, scale="head").double()
        other.load_state_dict(one.state_dict())
        assert torch.allclose(one(x, points), other(x, points), atol=1e-12) == same


@pytest.mark.parametrize("inducing", [0, 3])
def test_the_network_is_invariant_and_composed_as_in_the_paper(inducing):
    torch.manual_seed(0)
    net = SetTransformer(3, 2, 2, 8, inducing, 2).double()
    x, points = values(3), PointSet.of(SIZES)
    symmetry = points.symmetries()["permutation"]
    for g in symmetry.group.sample(5, torch.Generator().manual_seed(0)):
        moved, _ = symmetry.move(g, x, points)
        assert float((net(moved, points) - net(x, points)).detach().abs().max()) <= 1e-12
    outputs = []
    for part in x.split(SIZES):
        for block in net.enc:
            if inducing:
                part = attention_block(
                    block.mab1, part, attention_block(block.mab0, block.I[0], part, 2, "dim_v"), 2, "dim_v"
                )
            else:
                part = attention_block(block.mab, part, part, 2, "dim_v")
        pool, one, two, last = net.dec
        y = attention_block(pool.mab, pool.S[0], part, 2, "dim_v")
        for block in (one, two):
            y = attention_block(block.mab, y, y, 2, "dim_v")
        outputs.append(last(y).flatten())
    assert torch.allclose(net(x, points), torch.stack(outputs), atol=1e-12)


def test_a_set_without_points_gives_finite_numbers_and_disturbs_nobody():
    torch.manual_seed(0)
    x, points, alone = values(4, [3, 2]), PointSet.of([3, 0, 2]), PointSet.of([3, 2])
    for layer in (PMA(4, 2, 2), SetTransformer(4, 2, 1, 8, 2, 2), Set2Set(4)):
        y = layer.double()(x, points)
        assert torch.isfinite(y).all()
        assert torch.allclose(y[[0, 2]], layer(x, alone), atol=1e-13)


@pytest.mark.parametrize("sizes", [[], [0, 0], 0, [0, 1, 0]])
def test_batches_of_no_samples_and_of_no_points_have_outputs_and_gradients(sizes):
    points = PointSet.of(sizes)
    x = torch.randn(points.num_points, 4, dtype=torch.float64, requires_grad=True)
    layers = [SAB(4, 4, 2), ISAB(4, 4, 2, 2), PMA(4, 2, 2), SetTransformer(4, 2, 1, 8, 2, 2), Set2Set(4)]
    layers += [DeepSets(4, 3), DeepSetsNet(4, 3), PointNet(4, 3, input_transform=True).eval(), Encoder(4, 2, 2)]
    for layer in (*layers, Decoder(4, 1, 2, rotary=100.0), LearnedPositions(4, 2), SinusoidalPositions(4)):
        y = layer.double()(x, points)
        assert y.shape[0] == (points.batch_size if isinstance(layer, Readout) else points.num_points)
        y.sum().backward()
        assert torch.isfinite(y).all() and torch.isfinite(x.grad).all()


def test_networks_run_under_autocast():
    x, points = values(4).float(), PointSet.of(SIZES)
    for layer in (SetTransformer(4, 2, 1, 8, 2, 2), Set2Set(4), Encoder(4, 1, 2, rotary=100.0)):
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(x, points)
        exact = layer(x, points)
        assert float((y - exact).detach().norm() / exact.detach().norm()) < 0.05


def test_a_nan_is_not_hidden():
    x = values(4)
    x[0, 0] = torch.nan
    y = PMA(4, 1, 2).double()(x, PointSet.of(SIZES))
    assert y[0].isnan().any() and not y[1:].isnan().any()


def test_set2set_is_an_lstm_that_reads_by_attention():
    torch.manual_seed(0)
    readout, x = Set2Set(3, 4).double(), values(3)
    lstm = nn.LSTM(6, 3).double()
    lstm.load_state_dict(readout.lstm.state_dict())
    outputs = []
    for part in x.split(SIZES):
        state, memory = torch.zeros(1, 1, 6, dtype=torch.float64), None
        for _ in range(4):
            query, memory = lstm(state, memory)
            read = torch.softmax(part @ query[0, 0], 0) @ part
            state = torch.cat([query[0, 0], read])[None, None]
        outputs.append(state[0, 0])
    assert torch.allclose(readout(x, PointSet.of(SIZES)), torch.stack(outputs), atol=1e-12)


def test_bad_options_are_sentences():
    with pytest.raises(ValueError, match="scale='dim_v' or 'head', got 'channel'"):
        SAB(3, 4, scale="channel")
    with pytest.raises(ValueError, match="6 channels and 4 heads"):
        ISAB(3, 6, heads=4)
    with pytest.raises(ValueError, match="at least one learned point, got 0"):
        PMA(4, 0)
    with pytest.raises(ValueError, match="at least once, got steps=0"):
        Set2Set(4, 0)
