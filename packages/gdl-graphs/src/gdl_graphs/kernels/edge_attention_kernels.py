"""The operators behind `edge_attention`, `gat_attention` and `gatv2_attention`: references, shapes, derivatives.

Each has a forward and a backward operator. With s[e, h] the score of an edge and row i the edges that i receives,

    p = exp(s - lse[i]),   lse[i] = log sum exp(s),   out[i] = sum p m value[j],   m = keep / (1 - dropout)

and for the gradient ``g`` of `out` and ``delta[i] = <g[i], out[i]> - (gradient of lse)[i]``

    dp = m <g[i], value[j]>,   ds = p (dp - delta[i]),   dvalue[j] = sum p m g[i];

ds is the gradient of a bias, and the rest follows from how s was made. Only inputs and outputs are kept. A backward
operator is a function of its arguments alone (lse and delta are among them), so that autograd of its reference gives
derivatives of any order. A row without edges, or all of whose scores are -inf, has out = 0 and lse = -inf.

The first six arguments are the tensors of an `Incidence`; all that has two heads or more is ``[rows, h, c]``; numbers
are accumulated in float32, or in float64 if an input is float64. The dropout of edge e (canonical order) and head h is
the first word of the Philox counter e heads + h (see `gdl_core.kernels.philox`).
"""

from collections.abc import Callable
from typing import Any

import torch
from gdl_core.incidence.kernels import (
    aggregate_kernel,
    edge_dot_kernel,
    segment_extreme_kernel,
    segment_gather_kernel,
    segment_sum_kernel,
)
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel
from gdl_core.kernels.philox import keep
from torch import Tensor

Four = tuple[Tensor, Tensor, Tensor, Tensor]
_MODULE = "gdl_graphs.kernels.edge_attention_"

# What the references share. `s` is the structure: ptr, sender, receiver, ptr_t, receiver_t, perm.


def _to_edges(s: tuple[Tensor, ...], x: Tensor, sender: bool) -> Tensor:
    """``x[n, ...]`` at one end of each edge; its derivative sums rows."""
    rows = (s[3], s[5], s[1]) if sender else (s[0], None, s[2])
    edges = s[1].shape[0]
    return segment_gather_kernel(*rows, x.flatten(1), edges, False).reshape(edges, *x.shape[1:])


def _to_nodes(s: tuple[Tensor, ...], values: Tensor, sender: bool) -> Tensor:
    """The sum of ``values[e, ...]`` over the edges of each sender or receiver."""
    rows = (s[3], s[5], s[1]) if sender else (s[0], None, s[2])
    return segment_sum_kernel(*rows, values.flatten(1), False).reshape(-1, *values.shape[1:])


def _multiplier(scores: Tensor, seed: Tensor | None, dropout: float) -> Tensor | None:
    if seed is None or dropout == 0:
        return None
    counter = torch.arange(scores.numel(), device=scores.device).reshape(scores.shape)
    return keep(seed, counter, dropout).to(scores.dtype) / (1 - dropout)


def _finite(x: Tensor) -> Tensor:
    return torch.where(x == -torch.inf, 0, x)


def _softmax(s: tuple[Tensor, ...], scores: Tensor) -> tuple[Tensor, Tensor]:
    """The weights p of edges, and lse."""
    top, _ = segment_extreme_kernel(s[0], scores.detach(), -torch.inf, True)
    top = _finite(top)
    p = (scores - _to_edges(s, top, False)).exp()
    total = _to_nodes(s, p, False)
    nothing = total == 0
    total = torch.where(nothing, 1, total)
    lse = torch.where(nothing, -torch.inf, top + total.log())
    return p / _to_edges(s, total, False), lse


def _attend(
    s: tuple[Tensor, ...], scores: Tensor, value: Tensor, seed: Tensor | None, dropout: float
) -> tuple[Tensor, Tensor]:
    p, lse = _softmax(s, scores)
    m = _multiplier(p, seed, dropout)
    return aggregate_kernel(*s, value, p if m is None else p * m, False), lse


def _attend_backward(
    s: tuple[Tensor, ...],
    scores: Tensor,
    value: Tensor,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    """The gradients of the scores and of `value`."""
    p = (scores - _to_edges(s, _finite(lse), False)).exp()
    dp = edge_dot_kernel(*s, g, value)
    m = _multiplier(p, seed, dropout)
    ds = p * ((dp if m is None else dp * m) - _to_edges(s, delta, False))
    return ds, aggregate_kernel(*s, g, p if m is None else p * m, True).to(value.dtype)


def _plus(scores: Tensor, bias: Tensor | None) -> Tensor:
    return scores if bias is None else scores + bias


def _bias_gradient(ds: Tensor, bias: Tensor | None) -> Tensor:
    """An operator returns tensors, so without a bias this one is empty."""
    return ds.new_empty(0) if bias is None else ds.to(bias.dtype)


def _leaky(z: Tensor, slope: float) -> Tensor:
    return torch.where(z > 0, z, slope * z)


def _leaky_gradient(z: Tensor, slope: float) -> Tensor:
    return torch.full_like(z, slope).masked_fill(z > 0, 1)


def _setup(tensors: int) -> Callable[[Any, tuple, Any], None]:
    """Keep the first `tensors` arguments, the outputs, of which two have derivatives, and the two numbers."""

    def setup(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        ctx.numbers = inputs[tensors : tensors + 2]
        ctx.save_for_backward(*inputs[:tensors], *output)
        ctx.mark_non_differentiable(*output[2:])
        ctx.set_materialize_grads(False)  # they would cost as much as the output

    return setup


def _setup_backward(tensors: int) -> Callable[[Any, tuple, Any], None]:
    def setup(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        ctx.numbers = inputs[tensors:]
        ctx.save_for_backward(*inputs[:tensors])

    return setup


def _gradient(backward: Callable[[], Kernel]) -> Callable[..., tuple]:
    """The autograd formula of a forward operator: its backward operator on what was kept."""

    def formula(ctx: Any, g: Tensor | None, g_lse: Tensor | None, *_unused: None) -> tuple:
        inputs, (out, lse, *more) = ctx.saved_tensors[:11], ctx.saved_tensors[11:]
        g = torch.zeros_like(out) if g is None else g
        delta = (g.to(lse.dtype) * out.to(lse.dtype)).sum(-1)
        delta = delta if g_lse is None else delta - g_lse
        grads = backward()(*inputs, lse, delta, g, *more, *ctx.numbers)
        # structure; gradients, of which the last is that of the bias; seed and what is not a tensor
        bias = grads[-1] if inputs[-2] is not None else None
        return (*[None] * 6, *grads[:-1], bias, *[None] * (len(ctx.needs_input_grad) - 10))

    return formula


def _second_gradient(reference: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple]:
    """The autograd formula of a backward operator: autograd of its reference, which is made of core's operators."""

    def formula(ctx: Any, *upstream: Tensor) -> tuple:
        higher = torch.is_grad_enabled()
        wanted = [place for place, needed in enumerate(ctx.needs_input_grad) if needed]
        inputs = list(ctx.saved_tensors)
        with torch.enable_grad():
            for place in wanted:
                # A view, so that a tensor that is given twice (keys that are values) counts once at each place.
                x = inputs[place]
                inputs[place] = x.view_as(x) if higher else x.detach().requires_grad_()
            outputs = reference(*inputs, *ctx.numbers)
            used = [(y, u) for y, u in zip(outputs, upstream, strict=True) if y.requires_grad]
            found = torch.autograd.grad(
                [y for y, _ in used],
                [inputs[place] for place in wanted],
                [u for _, u in used],
                create_graph=higher,
                allow_unused=True,
            )
        grads: list[Tensor | None] = [None] * (len(inputs) + len(ctx.numbers))
        for place, grad in zip(wanted, found, strict=True):
            grads[place] = grad
        return tuple(grads)

    return formula


def _gradients_like(
    a: Tensor, b: Tensor, c: Tensor, bias: Tensor | None, lse: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the backward operators return, empty."""
    last = lse.new_empty(0) if bias is None else bias.new_empty(bias.shape)
    return a.new_empty(a.shape), b.new_empty(b.shape), c.new_empty(c.shape), last


# edge_attention: s = scale <query[i], key[j]> + bias


def _edge_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    scale: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    """``query[m, h, d]``, ``key[n, h, d]``, ``value[n, h, c]``, ``bias[e, h]`` -> out ``[m, h, c]``, lse ``[m, h]``."""
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    return _attend(s, _plus(edge_dot_kernel(*s, query, key) * scale, bias), value, seed, dropout)


def _edge_attention_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    scale: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    m, h = query.shape[:2]
    return value.new_empty(m, h, value.shape[2]), value.new_empty(m, h, dtype=accumulate_in(query, key, value, bias))


def _edge_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    scale: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of query, key, value and bias: dquery[i] = scale sum ds key[j], dkey[j] = scale sum ds query[i]."""
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    scores = _plus(edge_dot_kernel(*s, query, key) * scale, bias)
    ds, dvalue = _attend_backward(s, scores, value, seed, lse, delta, g, dropout)
    dquery = aggregate_kernel(*s, key, ds * scale, False).to(query.dtype)
    dkey = aggregate_kernel(*s, query, ds * scale, True).to(key.dtype)
    return dquery, dkey, dvalue, _bias_gradient(ds, bias)


def _edge_attention_backward_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    scale: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _gradients_like(query, key, value, bias, lse)


edge_attention_backward = Kernel(
    "edge_attention_backward",
    _edge_attention_backward,
    fake=_edge_attention_backward_fake,
    cpu=_MODULE + "cpu:edge_attention_backward",
    cuda=_MODULE + "cuda:edge_attention_backward",
    setup_context=_setup_backward(14),
    backward=_second_gradient(_edge_attention_backward),
    device_of=6,
)
edge_attention = Kernel(
    "edge_attention",
    _edge_attention,
    fake=_edge_attention_fake,
    cpu=_MODULE + "cpu:edge_attention",
    cuda=_MODULE + "cuda:edge_attention",
    setup_context=_setup(11),
    backward=_gradient(lambda: edge_attention_backward),
    device_of=6,
)


# gat_attention: s = leaky(z) with z = receiver_score[i] + sender_score[j] + bias
#
# The gradient of receiver_score[i] is sum ds leaky'(z) = <g[i], sloped[i]> - delta[i] mean_slope[i], where
#     sloped[i] = sum p m leaky'(z) value[j],   mean_slope[i] = sum p leaky'(z),
# which the forward pass sums beside out, so that the backward pass visits edges once, at their senders. They are
# derivatives already, and have none: the backward operator's own formula differentiates the sum over edges.


def _gat_sum(s: tuple[Tensor, ...], receiver_score: Tensor, sender_score: Tensor, bias: Tensor | None) -> Tensor:
    dtype = accumulate_in(receiver_score, sender_score, bias)
    return _plus(_to_edges(s, receiver_score.to(dtype), False) + _to_edges(s, sender_score.to(dtype), True), bias)


def _gat_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
    train: bool,
) -> Four:
    """``receiver_score[m, h]``, ``sender_score[n, h]``, ``value[n, h, c]``, ``bias[e, h]`` -> as `edge_attention`.

    And sloped ``[m, h, c]`` and mean_slope ``[m, h]`` for the backward pass, without rows unless `train`.
    """
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    dtype = accumulate_in(receiver_score, sender_score, value, bias)
    z = _gat_sum(s, receiver_score, sender_score, bias).to(dtype)
    p, lse = _softmax(s, _leaky(z, negative_slope))
    m = _multiplier(p, seed, dropout)
    out = aggregate_kernel(*s, value, p if m is None else p * m, False)
    if not train:
        return out, lse, lse.new_empty(0, *out.shape[1:]), lse.new_empty(0, lse.shape[1])
    w = (p * _leaky_gradient(z, negative_slope)).detach()
    sloped = aggregate_kernel(*s, value.detach().to(dtype), w if m is None else w * m, False)
    return out, lse, sloped, _to_nodes(s, w, False)


def _gat_attention_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
    train: bool,
) -> Four:
    m, h = receiver_score.shape
    dtype = accumulate_in(receiver_score, sender_score, value, bias)
    c, rows = value.shape[2], m if train else 0
    lse = value.new_empty(m, h, dtype=dtype)
    return value.new_empty(m, h, c), lse, lse.new_empty(rows, h, c), lse.new_empty(rows, h)


def _gat_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    sloped: Tensor,
    mean_slope: Tensor,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of both scores, value and bias: dz = ds leaky'(z), summed over rows, and over senders' edges."""
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    z = _gat_sum(s, receiver_score, sender_score, bias)
    scores = _leaky(z, negative_slope).to(lse.dtype)
    ds, dvalue = _attend_backward(s, scores, value, seed, lse, delta, g, dropout)
    dz = ds * _leaky_gradient(z, negative_slope)
    dreceiver = _to_nodes(s, dz, False).to(receiver_score.dtype)
    return dreceiver, _to_nodes(s, dz, True).to(sender_score.dtype), dvalue, _bias_gradient(dz, bias)


def _gat_attention_backward_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    sloped: Tensor,
    mean_slope: Tensor,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _gradients_like(receiver_score, sender_score, value, bias, lse)


gat_attention_backward = Kernel(
    "gat_attention_backward",
    _gat_attention_backward,
    fake=_gat_attention_backward_fake,
    cpu=_MODULE + "cpu:gat_attention_backward",
    cuda=_MODULE + "cuda:gat_attention_backward",
    setup_context=_setup_backward(16),
    backward=_second_gradient(_gat_attention_backward),
    device_of=6,
)
gat_attention = Kernel(
    "gat_attention",
    _gat_attention,
    fake=_gat_attention_fake,
    cpu=_MODULE + "cpu:gat_attention",
    cuda=_MODULE + "cuda:gat_attention",
    setup_context=_setup(11),
    backward=_gradient(lambda: gat_attention_backward),
    device_of=6,
)


# gatv2_attention: s = <attention, leaky(x_receiver[i] + x_sender[j])> + bias, and the value is x_sender


def _gatv2_sum(s: tuple[Tensor, ...], x_receiver: Tensor, x_sender: Tensor, dtype: torch.dtype) -> Tensor:
    return _to_edges(s, x_receiver.to(dtype), False) + _to_edges(s, x_sender.to(dtype), True)


def _gatv2_attention(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    """``x_receiver[m, h, c]``, ``x_sender[n, h, c]``, ``attention[h, c]``, ``bias[e, h]`` -> as `edge_attention`."""
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    dtype = accumulate_in(x_receiver, x_sender, attention, bias)
    z = _gatv2_sum(s, x_receiver, x_sender, dtype)
    scores = _plus((_leaky(z, negative_slope) * attention).sum(-1), bias)
    return _attend(s, scores, x_sender, seed, dropout)


def _gatv2_attention_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    m, h, c = x_receiver.shape
    dtype = accumulate_in(x_receiver, x_sender, attention, bias)
    return x_sender.new_empty(m, h, c), x_sender.new_empty(m, h, dtype=dtype)


def _gatv2_attention_backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of x_receiver, x_sender, attention and bias.

    With t = ds leaky'(z): dx_receiver[i] = attention sum t, dx_sender[j] = attention sum t + dvalue[j] and
    dattention = sum t z over all edges.
    """
    s = (ptr, sender, receiver, ptr_t, receiver_t, perm)
    z = _gatv2_sum(s, x_receiver, x_sender, lse.dtype)
    scores = _plus((_leaky(z, negative_slope) * attention).sum(-1), bias)
    ds, dvalue = _attend_backward(s, scores, x_sender, seed, lse, delta, g, dropout)
    t = ds[:, :, None] * _leaky_gradient(z, negative_slope)
    wide = attention.to(lse.dtype)
    dreceiver = (_to_nodes(s, t, False) * wide).to(x_receiver.dtype)
    dsender = (_to_nodes(s, t, True) * wide + dvalue).to(x_sender.dtype)
    return dreceiver, dsender, (t * z).sum(0).to(attention.dtype), _bias_gradient(ds, bias)


def _gatv2_attention_backward_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x_receiver: Tensor,
    x_sender: Tensor,
    attention: Tensor,
    bias: Tensor | None,
    seed: Tensor | None,
    lse: Tensor,
    delta: Tensor,
    g: Tensor,
    negative_slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _gradients_like(x_receiver, x_sender, attention, bias, lse)


gatv2_attention_backward = Kernel(
    "gatv2_attention_backward",
    _gatv2_attention_backward,
    fake=_gatv2_attention_backward_fake,
    cpu=_MODULE + "cpu:gatv2_attention_backward",
    cuda=_MODULE + "cuda:gatv2_attention_backward",
    setup_context=_setup_backward(14),
    backward=_second_gradient(_gatv2_attention_backward),
    device_of=6,
)
gatv2_attention = Kernel(
    "gatv2_attention",
    _gatv2_attention,
    fake=_gatv2_attention_fake,
    cpu=_MODULE + "cpu:gatv2_attention",
    cuda=_MODULE + "cuda:gatv2_attention",
    setup_context=_setup(11),
    backward=_gradient(lambda: gatv2_attention_backward),
    device_of=6,
)
