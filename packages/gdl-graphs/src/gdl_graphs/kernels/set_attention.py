"""Attention within each sample of a packed batch, and its derivative.

Sample s owns the queries ``ptr_q[s] <= i < ptr_q[s + 1]`` and the keys ``ptr_k[s] <= j < ptr_k[s + 1]``; nothing is
padded, so the cost is the sum of n_s m_s over the samples. Where all samples have `size_q` queries and `size_k` keys,
the sizes are given as numbers and the batch is a dense one; -1 says that sizes differ or are unknown, and the offsets
decide. A causal query sees the keys up to its own place *counted from the end* of its sample, so that the last
query sees all (as FlashAttention has it; with as many queries as keys: j <= i). A query that sees no key gives zeros.
"""

import itertools
from typing import Any

import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel
from torch import Tensor
from torch._guards import detect_fake_mode


def seen_from(queries: int, keys: int, device: torch.device) -> Tensor:
    """Return ``bool[queries, keys]``, which keys a causal query of one sample sees."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def _seen_in_batch(ptr_q: Tensor, ptr_k: Tensor, queries: int, keys: int, causal: bool) -> Tensor:
    """Return ``bool[queries, keys]``, which keys a query of a whole batch sees."""
    i, j = torch.arange(queries, device=ptr_q.device), torch.arange(keys, device=ptr_q.device)
    owner_i, owner_j = (torch.searchsorted(ptr, at, right=True) for ptr, at in ((ptr_q, i), (ptr_k, j)))
    seen = owner_i[:, None] == owner_j
    if causal:
        left = ptr_q.long().index_select(0, owner_i) - i  # how many places from the end
        seen = seen & (ptr_k.long().index_select(0, owner_j) - j >= left[:, None])
    return seen


def _scores(query: Tensor, key: Tensor, seen: Tensor | None, scale: float) -> Tensor:
    """``query[..., n, h, d]``, ``key[..., m, h, d]`` -> ``[..., h, n, m]``, -inf where the key is not seen."""
    scores = torch.einsum("...ihd,...jhd->...hij", query, key) * scale
    return scores if seen is None else scores.masked_fill(~seen, -torch.inf)


def _weights(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return softmax over the last axis, zero where nothing is seen, and the logarithm of its denominator."""
    none = scores.new_full((*scores.shape[:-1], 1), torch.finfo(scores.dtype).min)
    top = torch.cat([scores.detach(), none], -1).amax(-1, keepdim=True)  # finite where there is no key, or none is seen
    p = (scores - top).exp()
    total = p.sum(-1, keepdim=True)
    p = p / total.masked_fill(total == 0, 1)
    return p, (top + total.detach().log())[..., 0]


def attend_dense(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, scale: float) -> tuple[Tensor, Tensor]:
    """Attention of ``[..., n, h, d]`` over ``[..., m, h, d]`` and ``[..., m, h, c]``, with the scores in memory.

    Returns ``[..., n, h, c]`` in the dtype of `query`, and the logarithm of the denominators, ``[..., n, h]``.
    """
    dtype = accumulate_in(query, key, value)
    p, lse = _weights(_scores(query.to(dtype), key.to(dtype), seen, scale))
    return torch.einsum("...hij,...jhc->...ihc", p, value.to(dtype)).to(query.dtype), lse.transpose(-1, -2).detach()


def attend_dense_backward(
    g: Tensor, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `query`, `key` and `value` for the gradient ``g[..., n, h, c]`` of the output."""
    dtype = accumulate_in(query, key, value)
    wide_g, q, k, v = (t.to(dtype) for t in (g, query, key, value))
    p, _ = _weights(_scores(q, k, seen, scale))
    dp = torch.einsum("...ihc,...jhc->...hij", wide_g, v)
    ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * scale
    dq = torch.einsum("...hij,...jhd->...ihd", ds, k)
    dk = torch.einsum("...hij,...ihd->...jhd", ds, q)
    dv = torch.einsum("...hij,...ihc->...jhc", p, wide_g)
    return dq.to(query.dtype), dk.to(key.dtype), dv.to(value.dtype)


def _samples(
    queries: list[Tensor], keys: list[Tensor], ptr_q: Tensor, ptr_k: Tensor, causal: bool, size_q: int, size_k: int
) -> list[tuple[list[Tensor], Tensor | None]]:
    """Split the tensors into samples, and say which keys are seen there (None: all).

    One dense batch ``[b, t, ...]`` where the sizes are given. While a program is traced, offsets cannot be read: then
    all samples are one in which queries see few of the keys.
    """
    device = ptr_q.device
    if size_q >= 0 and size_k >= 0:
        rows = [(t, size) for ts, size in ((queries, size_q), (keys, size_k)) for t in ts]
        dense = [t.unflatten(0, (ptr_q.shape[0] - 1, size)) for t, size in rows]
        return [(dense, seen_from(size_q, size_k, device) if causal else None)]
    n, m = queries[0].shape[0], keys[0].shape[0]
    if detect_fake_mode(ptr_q) is not None:
        return [([*queries, *keys], _seen_in_batch(ptr_q, ptr_k, n, m, causal))]
    found = []
    for (q0, q1), (k0, k1) in zip(*(itertools.pairwise(ptr.tolist()) for ptr in (ptr_q, ptr_k)), strict=True):
        tensors = [*(t[q0:q1] for t in queries), *(t[k0:k1] for t in keys)]
        found.append((tensors, seen_from(q1 - q0, k1 - k0, device) if causal else None))
    return found


def _join(parts: list[Tensor], like: Tensor) -> Tensor:
    """Concatenate the samples again; `like` has the shape and the dtype."""
    return torch.cat([part.reshape(-1, *like.shape[1:]) for part in parts]) if parts else torch.empty_like(like)


def _set_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor]:
    """``query[n, h, d]``, ``key[m, h, d]``, ``value[m, h, c]``, ``ptr[b + 1]`` -> out ``[n, h, c]``, lse ``[n, h]``.

    out[i] = sum_j p_ij value[j] with p_ij = exp(scale <query[i], key[j]> - lse[i]); lse is -inf where no key is seen.
    """
    outs, lses = [], []
    for (q, k, v), seen in _samples([query], [key, value], ptr_q, ptr_k, causal, size_q, size_k):
        out, lse = attend_dense(q, k, v, seen, scale)
        outs.append(out)
        lses.append(lse)
    n, heads, _ = query.shape
    wide = accumulate_in(query, key, value)
    return _join(outs, query.new_empty(n, heads, value.shape[2])), _join(lses, query.new_empty(n, heads, dtype=wide))


def _set_attention_fake(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor]:
    n, heads, _ = query.shape
    wide = accumulate_in(query, key, value)
    return query.new_empty(n, heads, value.shape[2]), query.new_empty(n, heads, dtype=wide)


def _set_attention_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.causal, ctx.scale, ctx.size_q, ctx.size_k = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*tensors, *output)


def _set_attention_grad(ctx: Any, g: Tensor, _: Any) -> tuple:
    query, key, value, ptr_q, ptr_k, out, lse = ctx.saved_tensors
    # out and lse only save work: the operator's value is a function of the others alone.
    kept = (out.detach(), lse.detach(), ptr_q, ptr_k, ctx.causal, ctx.scale, ctx.size_q, ctx.size_k)
    return (*set_attention_backward(g.contiguous(), query, key, value, *kept), *[None] * 6)


set_attention = Kernel(
    "set_attention",
    _set_attention,
    fake=_set_attention_fake,
    cpu="gdl_graphs.kernels.set_attention_cpu:set_attention",
    cuda="gdl_graphs.kernels.set_attention_cuda:set_attention",
    setup_context=_set_attention_setup,
    backward=_set_attention_grad,
)


def _set_attention_backward(
    g: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    lse: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `query`, `key` and `value` for the gradient ``g[n, h, c]`` of the output.

    With dp_ij = <g[i], value[j]> and ds_ij = p_ij (dp_ij - sum_k p_ik dp_ik), where the sum is <g[i], out[i]>:
    dvalue[j] = sum_i p_ij g[i], dquery[i] = scale sum_j ds_ij key[j], dkey[j] = scale sum_i ds_ij query[i].
    """
    samples = _samples([g, query], [key, value], ptr_q, ptr_k, causal, size_q, size_k)
    grads = [attend_dense_backward(*tensors, seen, scale) for tensors, seen in samples]  # type: ignore[misc]
    dq, dk, dv = (_join([grad[i] for grad in grads], like) for i, like in enumerate((query, key, value)))
    return dq, dk, dv


def _set_attention_backward_fake(
    g: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    lse: Tensor,
    ptr_q: Tensor,
    ptr_k: Tensor,
    causal: bool,
    scale: float,
    size_q: int,
    size_k: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return query.new_empty(query.shape), key.new_empty(key.shape), value.new_empty(value.shape)


def _set_attention_backward_setup(ctx: Any, inputs: tuple, output: tuple) -> None:
    g, query, key, value, _, _, ptr_q, ptr_k, *ctx.numbers = inputs
    ctx.save_for_backward(g, query, key, value, ptr_q, ptr_k)


def _set_attention_backward_grad(ctx: Any, *upstream: Tensor) -> tuple:
    """Second and higher derivatives: those of the reference, which keeps the pairs of one sample after another."""
    *inputs, ptr_q, ptr_k = ctx.saved_tensors
    higher = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that the gradients are those of this use of the tensors alone.
        inputs = [t.view_as(t) if higher else t.detach().requires_grad_() for t in inputs]
        inputs = [t if t.requires_grad else t.detach().requires_grad_() for t in inputs]
        g, query, key, value = inputs
        grads = _set_attention_backward(g, query, key, value, g, g, ptr_q, ptr_k, *ctx.numbers)
        found = torch.autograd.grad(grads, inputs, upstream, create_graph=higher, materialize_grads=True)
    return (*found, *[None] * 8)


set_attention_backward = Kernel(
    "set_attention_backward",
    _set_attention_backward,
    fake=_set_attention_backward_fake,
    cpu="gdl_graphs.kernels.set_attention_cpu:set_attention_backward",
    cuda="gdl_graphs.kernels.set_attention_cuda:set_attention_backward",
    setup_context=_set_attention_backward_setup,
    backward=_set_attention_backward_grad,
)
