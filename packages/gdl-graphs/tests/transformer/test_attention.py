"""Attention over packed samples: what PyTorch computes, on every sample alone, and blind to what it must not see."""

import pytest
import torch
from gdl_core.incidence import aggregate, edge_dot, segment_softmax
from gdl_graphs import Decoder, Encoder, Graph, MultiHeadAttention, PointSet, TransformerBlock, packed_attention
from gdl_graphs.kernels.edge_attention import edge_attention
from torch import nn

SIZES = [4, 0, 1, 6]


@pytest.fixture(autouse=True)
def in_float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def copy_attention(theirs: nn.MultiheadAttention, ours: MultiHeadAttention) -> None:
    ours.in_proj.weight.data.copy_(theirs.in_proj_weight)
    ours.in_proj.bias.data.copy_(theirs.in_proj_bias)
    ours.out_proj.load_state_dict(theirs.out_proj.state_dict())


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_pytorchs_with_copied_weights_sample_by_sample(causal):
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    ours = MultiHeadAttention(8, 2, causal=causal)
    copy_attention(theirs, ours)
    x, points = torch.randn(sum(SIZES), 8), PointSet.of(SIZES)
    parts = []
    for part in x.split(SIZES):
        if not len(part):
            continue
        mask = nn.Transformer.generate_square_subsequent_mask(len(part)) if causal else None
        parts.append(theirs(part[None], part[None], part[None], attn_mask=mask, need_weights=False)[0][0])
    assert torch.allclose(ours(x, points), torch.cat(parts), atol=1e-13)


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block_equals_pytorchs_encoder_layer_output_and_gradients(pre_norm, activation):
    theirs = nn.TransformerEncoderLayer(8, 2, 12, 0.0, activation, batch_first=True, norm_first=pre_norm)
    ours = TransformerBlock(8, 2, 12, activation=activation, pre_norm=pre_norm)
    copy_attention(theirs.self_attn, ours.attention)
    pairs = {
        "norm1": ours.attention_norm,
        "norm2": ours.feed_forward_norm,
        "linear1": ours.feed_forward.inner,
        "linear2": ours.feed_forward.outer,
    }
    for name, module in pairs.items():
        module.load_state_dict(getattr(theirs, name).state_dict())
    x, points = torch.randn(3, 5, 8, requires_grad=True), PointSet.of([5, 5, 5])
    expected, got = theirs(x).flatten(0, 1), ours(x.flatten(0, 1), points)
    assert torch.allclose(got, expected, atol=1e-12)
    g = torch.randn_like(expected)
    theirs_of = [x, theirs.self_attn.in_proj_weight, theirs.self_attn.out_proj.weight, theirs.norm1.weight]
    ours_of = [x, ours.attention.in_proj.weight, ours.attention.out_proj.weight, ours.attention_norm.weight]
    wanted = torch.autograd.grad(expected, [*theirs_of, *theirs.linear1.parameters()], g)
    for one, two in zip(torch.autograd.grad(got, [*ours_of, *ours.feed_forward.inner.parameters()], g), wanted):
        assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_message_passing_on_the_complete_or_the_causal_graph(causal):
    layer = MultiHeadAttention(6, 2, causal=causal)
    x, points = torch.randn(sum(SIZES), 6), PointSet.of(SIZES)
    edges = (Graph.causal if causal else Graph.complete)(SIZES).incidence
    query, key, value = layer.in_proj(x).unflatten(-1, (3, 2, 3)).unbind(1)
    weights = segment_softmax(edges, edge_dot(edges, query, key) / 3**0.5)
    expected = layer.out_proj(aggregate(edges, value.contiguous(), weights).flatten(1))
    assert torch.allclose(layer(x, points), expected, atol=1e-13)
    assert torch.allclose(layer(x, Graph.empty(SIZES)), expected, atol=1e-13)  # edges are ignored


@pytest.mark.parametrize("causal", [False, True])
def test_packed_attention_equals_attention_over_the_edges_of_the_graph_gradients_too(causal):
    points = PointSet.of(SIZES)
    edges = (Graph.causal if causal else Graph.complete)(SIZES).incidence
    tensors = [torch.randn(points.num_points, 2, width, requires_grad=True) for width in (3, 3, 5)]
    one, _ = edge_attention(edges, *tensors)
    other = packed_attention(*tensors, points.ptr, points.ptr, causal)
    assert torch.allclose(one, other, atol=1e-13)
    g = torch.randn_like(one)
    for a, b in zip(torch.autograd.grad(one, tensors, g), torch.autograd.grad(other, tensors, g)):
        assert torch.allclose(a, b, atol=1e-13)


def test_equal_samples_give_the_same_whether_their_size_is_known_or_not():
    x, known = torch.randn(12, 8), PointSet.of([4, 4, 4])
    unknown = known.replace(size=None)
    for layer in (Encoder(8, 2, 2), Decoder(8, 2, 2, rotary=100.0)):
        assert torch.allclose(layer(x, known), layer(x, unknown), atol=1e-13)


def test_an_encoder_commutes_with_permutations_and_positions_break_that():
    points = PointSet.of(SIZES)
    symmetry = points.symmetries()["permutation"]
    x = torch.randn(sum(SIZES), 8)
    g = symmetry.group.sample(1, torch.Generator().manual_seed(1))[0]
    moved = symmetry.move(g, x, points)[0]
    assert not torch.equal(moved, x)
    for layer, claims in ((Encoder(8, 2, 2), True), (Encoder(8, 2, 2, rotary=100.0), False), (Decoder(8, 2, 2), False)):
        assert (layer.claims == ("permutation",)) == claims
        error = float((layer(moved, points) - symmetry.move(g, layer(x, points), points)[0]).detach().abs().max())
        assert (error < 1e-12) == claims


def test_a_later_token_changes_nothing_before_it_in_a_decoder_and_does_in_an_encoder():
    points = PointSet.of([3, 6])
    x = torch.randn(9, 8)
    changed = x.clone()
    changed[6] += torch.randn(8)  # the fourth of the second sample
    for layer, causal in ((Decoder(8, 2, 2, rotary=100.0), True), (Encoder(8, 2, 2), False)):
        same = torch.isclose(layer(x, points), layer(changed, points), rtol=0, atol=1e-14).all(-1)
        assert bool(same[:3].all()) and not bool(same[6:].any())
        assert bool(same[3:6].all()) == causal


def test_heads_that_do_not_divide_the_channels_and_a_missing_domain_are_refused():
    with pytest.raises(ValueError, match="7 channels and 2 heads"):
        MultiHeadAttention(7, 2)
    with pytest.raises(TypeError, match="MultiHeadAttention needs a Graph or a PointSet"):
        MultiHeadAttention(8, 2)(torch.randn(3, 8))
    with pytest.raises(ValueError, match=r"Encoder expects values \[4, c\]"):
        Encoder(8, 1)(torch.randn(3, 8), PointSet.of(4))
