"""Attention over the edges of an incidence, without a tensor that has both edges and channels.

Every receiver i takes a weighted mean of what its senders j offer, ``out[i] = sum_e p[e] value[j]`` with the softmax
``p[e] = exp(s[e]) / sum exp(s)`` over its edges; the three functions differ in the score s. Scores are computed where
they are used, in the backward pass again, so that beyond inputs and outputs only numbers per node are kept
(FlashAttention, arXiv 2205.14135, over the rows of a sparse matrix).

All are differentiable to any order, in both results, and bitwise repeatable. They accumulate in float32 (float64 if
an input is float64). A receiver without edges, or all of whose scores are -inf, gets 0 and the log-sum-exp -inf.
"""

import math

import torch
from gdl_core.incidence import Incidence
from gdl_core.incidence.operations import structure
from torch import Tensor

from gdl_graphs.kernels import edge_attention_kernels as kernels


def edge_attention(
    incidence: Incidence,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    seed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: ``s[e] = scale <query[i], key[j]> + bias[e]`` (Vaswani et al., arXiv 1706.03762).

    Args:
        query: ``[m, h, d]`` at the receivers.
        key, value: ``[n, h, d]`` and ``[n, h, c]`` at the senders.
        bias: ``[e, h]`` in canonical order.
        scale: ``1 / sqrt(d)`` if left out.
        dropout: the probability of dropping a weight p[e]; the others grow by ``1 / (1 - dropout)``.
        seed: ``int64[]``, from `gdl_core.kernels.philox.new_seed`; needed for dropout. One seed, one result.

    Returns:
        ``[m, h, c]`` in the dtype of `value`, and the log-sum-exp of the scores ``[m, h]``.

    Raises:
        ValueError: if a shape does not fit, or the dropout rate is not in [0, 1) or has no seed.
        TypeError: if an input is not floating-point.
    """
    where = "edge_attention"
    _, h, d = _check(where, "query", query, (incidence.num_receivers, None, None), incidence)
    _check(where, "key", key, (incidence.num_senders, h, d), incidence)
    _check(where, "value", value, (incidence.num_senders, h, None), incidence)
    seed = _check_edges(where, incidence, h, bias, dropout, seed)
    scale = 1 / math.sqrt(max(d, 1)) if scale is None else float(scale)
    out, lse = kernels.edge_attention(*structure(incidence), query, key, value, bias, seed, scale, float(dropout))
    return out, lse


def gat_attention(
    incidence: Incidence,
    receiver_score: Tensor,
    sender_score: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    seed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Additive attention of GAT: ``s[e] = leaky(a[i] + b[j] + bias[e])`` (Veličković et al., arXiv 1710.10903, eq. 3).

    Args:
        receiver_score: a, ``[m, h]``.
        sender_score: b, ``[n, h]``.
        value: ``[n, h, c]`` at the senders.
        bias: ``[e, h]`` in canonical order, *within* the leaky ReLU, as the scores of edge features are.
        negative_slope: leaky(z) = z for z > 0, else negative_slope z.
        dropout, seed: see `edge_attention`.

    Returns, raises: see `edge_attention`.
    """
    where = "gat_attention"
    _, h = _check(where, "receiver_score", receiver_score, (incidence.num_receivers, None), incidence)
    _check(where, "sender_score", sender_score, (incidence.num_senders, h), incidence)
    _check(where, "value", value, (incidence.num_senders, h, None), incidence)
    seed = _check_edges(where, incidence, h, bias, dropout, seed)
    inputs = (receiver_score, sender_score, value, bias, seed)
    train = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)
    numbers = (float(negative_slope), float(dropout), train)
    out, lse, _, _ = kernels.gat_attention(*structure(incidence), *inputs, *numbers)
    return out, lse


def gatv2_attention(
    incidence: Incidence,
    receiver: Tensor,
    sender: Tensor,
    attention: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    seed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention of GATv2: ``s[e] = <attention, leaky(receiver[i] + sender[j])> + bias[e]``, and the value is sender[j].

    Brody, Alon, Yahav, arXiv 2105.14491, eq. 7.

    Args:
        receiver: ``[m, h, c]``.
        sender: ``[n, h, c]``.
        attention: ``[h, c]``.
        bias: ``[e, h]`` in canonical order.
        negative_slope: leaky(z) = z for z > 0, else negative_slope z.
        dropout, seed: see `edge_attention`.

    Returns, raises: see `edge_attention`.
    """
    where = "gatv2_attention"
    _, h, c = _check(where, "receiver", receiver, (incidence.num_receivers, None, None), incidence)
    _check(where, "sender", sender, (incidence.num_senders, h, c), incidence)
    _check(where, "attention", attention, (h, c), incidence)
    seed = _check_edges(where, incidence, h, bias, dropout, seed)
    inputs = (receiver, sender, attention, bias, seed)
    out, lse = kernels.gatv2_attention(*structure(incidence), *inputs, float(negative_slope), float(dropout))
    return out, lse


def _check(where: str, name: str, x: Tensor, expected: tuple[int | None, ...], incidence: Incidence) -> tuple[int, ...]:
    """Return the shape of `x`, after checking it against `expected`, where None is any length."""
    if not x.is_floating_point():
        raise TypeError(f"{where} expects floating-point tensors, got {name} of {x.dtype}.")
    fits = x.dim() == len(expected) and all(want in (None, got) for want, got in zip(expected, x.shape))
    if not fits:
        wanted = ", ".join("any" if want is None else str(want) for want in expected)
        raise ValueError(f"{where} expects {name} [{wanted}] on this incidence, got {list(x.shape)}.")
    if x.device != incidence.device:
        raise ValueError(f"{where}: {name} is on {x.device}, the edges are on {incidence.device}; move one of them.")
    return tuple(x.shape)


def _check_edges(
    where: str, incidence: Incidence, heads: int, bias: Tensor | None, dropout: float, seed: Tensor | None
) -> Tensor | None:
    """Check what belongs to edges; return the seed if it is used."""
    if bias is not None:
        _check(where, "bias", bias, (incidence.num_edges, heads), incidence)
    if not 0 <= dropout < 1:
        raise ValueError(f"{where} expects a dropout rate in [0, 1), got {dropout}.")
    if dropout == 0:
        return None
    if seed is None or seed.dtype != torch.int64 or seed.dim() != 0:
        got = "none" if seed is None else f"{seed.dtype} {list(seed.shape)}"
        raise ValueError(f"{where} with dropout needs a seed, int64 with shape [], as new_seed() gives it, got {got}.")
    return seed
