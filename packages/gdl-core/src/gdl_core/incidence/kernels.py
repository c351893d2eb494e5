"""The operators on rows of edges: the reference of each, its shapes, and its derivative made of the others.

Edges are in canonical order (see `Incidence`). Two pairs are each other's adjoint, which closes them under
differentiation: `aggregate` with its transpose (and `edge_dot` for the weights), `segment_sum` with `segment_gather`.
The first six arguments of `aggregate` and `edge_dot` are the tensors of an `Incidence`.
"""

from typing import Any

import torch
from torch import Tensor

from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel

_CPU = "gdl_core.incidence.cpu:"
_CUDA = "gdl_core.incidence.cuda:"


def rows_of(ptr: Tensor, edges: int) -> Tensor:
    """Return ``[e]``, the row of each edge, from the offsets ``ptr[n + 1]``, without asking the device for a number."""
    places = torch.arange(edges, dtype=ptr.dtype, device=ptr.device)
    return torch.searchsorted(ptr, places, right=True) - 1


def _scatter_sum(values: Tensor, index: Tensor, rows: int) -> Tensor:
    """Sum ``values[e, ...]`` into ``[rows, ...]``, accumulated in `values`' own precision."""
    return values.new_zeros(rows, *values.shape[1:]).index_add(0, index, values)


# aggregate: y[i] = sum_e w[e] x[sender[e]] over the edges of receiver i, or the same from receivers to senders


def _aggregate(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    transposed: bool,
) -> Tensor:
    """``x[n, h, c]``, ``weight[e, h]`` or None -> ``[m, h, c]`` in the dtype of `x`."""
    source, target = (receiver, sender) if transposed else (sender, receiver)
    rows = (ptr_t if transposed else ptr).shape[0] - 1
    values = x.to(accumulate_in(x, weight)).index_select(0, source)
    if weight is not None:
        values = values * weight.to(values.dtype)[:, :, None]
    return _scatter_sum(values, target, rows).to(x.dtype)


def _aggregate_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    transposed: bool,
) -> Tensor:
    return x.new_empty((ptr_t if transposed else ptr).shape[0] - 1, x.shape[1], x.shape[2])


def _aggregate_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *structure, x, weight, ctx.transposed = inputs
    # x is needed for the gradient of the weights only.
    ctx.save_for_backward(*structure, x if weight is not None else None, weight)


def _aggregate_backward(ctx: Any, g: Tensor) -> tuple:
    *structure, x, weight = ctx.saved_tensors
    dx = dw = None
    if ctx.needs_input_grad[6]:
        dx = aggregate_kernel(*structure, g, weight, not ctx.transposed)
    if weight is not None and ctx.needs_input_grad[7]:
        ends = (x, g) if ctx.transposed else (g, x)
        dw = edge_dot_kernel(*structure, *ends).to(weight.dtype)
    return (*[None] * 6, dx, dw, None)


aggregate_kernel = Kernel(
    "aggregate",
    _aggregate,
    fake=_aggregate_fake,
    cpu=_CPU + "aggregate",
    cuda=_CUDA + "aggregate",
    setup_context=_aggregate_setup,
    backward=_aggregate_backward,
    device_of=6,
)


# edge_dot: s[e] = <a[receiver[e]], b[sender[e]]>, per head, in the accumulation dtype


def _edge_dot(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    a: Tensor,
    b: Tensor,
) -> Tensor:
    """``a[m, h, c]`` at receivers, ``b[n, h, c]`` at senders -> ``[e, h]`` in float32, or float64 if either is."""
    dtype = accumulate_in(a, b)
    return (a.to(dtype).index_select(0, receiver) * b.to(dtype).index_select(0, sender)).sum(-1)


def _edge_dot_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    a: Tensor,
    b: Tensor,
) -> Tensor:
    return a.new_empty(sender.shape[0], a.shape[1], dtype=accumulate_in(a, b))


def _edge_dot_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _edge_dot_backward(ctx: Any, g: Tensor) -> tuple:
    *structure, a, b = ctx.saved_tensors
    da = db = None
    if ctx.needs_input_grad[6]:
        da = aggregate_kernel(*structure, b, g, False).to(a.dtype)
    if ctx.needs_input_grad[7]:
        db = aggregate_kernel(*structure, a, g, True).to(b.dtype)
    return (*[None] * 6, da, db)


edge_dot_kernel = Kernel(
    "edge_dot",
    _edge_dot,
    fake=_edge_dot_fake,
    cpu=_CPU + "edge_dot",
    cuda=_CUDA + "edge_dot",
    setup_context=_edge_dot_setup,
    backward=_edge_dot_backward,
    device_of=6,
)


# segment_sum and segment_gather. Row i owns the edges order[ptr[i]:ptr[i + 1]] (no order: the range itself), and row[e]
# is the row of edge e (no row: found from ptr, which needs `order` to be None too).


def _segment_sum(ptr: Tensor, order: Tensor | None, row: Tensor | None, values: Tensor, mean: bool) -> Tensor:
    """``values[e, c]`` -> ``[n, c]``; a mean divides the sum, still wide, by the integer number of edges."""
    if row is None:
        row = rows_of(ptr, values.shape[0])
    total = _scatter_sum(values.to(accumulate_in(values)), row, ptr.shape[0] - 1)
    if mean:
        total = total / ptr.diff().clamp(min=1)[:, None]
    return total.to(values.dtype)


def _segment_sum_fake(ptr: Tensor, order: Tensor | None, row: Tensor | None, values: Tensor, mean: bool) -> Tensor:
    return values.new_empty(ptr.shape[0] - 1, values.shape[1])


def _segment_sum_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ptr, order, row, values, ctx.mean = inputs
    ctx.edges = values.shape[0]
    ctx.save_for_backward(ptr, order, row)


def _segment_sum_backward(ctx: Any, g: Tensor) -> tuple:
    return None, None, None, segment_gather_kernel(*ctx.saved_tensors, g, ctx.edges, ctx.mean), None


segment_sum_kernel = Kernel(
    "segment_sum",
    _segment_sum,
    fake=_segment_sum_fake,
    cpu=_CPU + "segment_sum",
    cuda=_CUDA + "segment_sum",
    setup_context=_segment_sum_setup,
    backward=_segment_sum_backward,
    device_of=3,
)


def _segment_gather(ptr: Tensor, order: Tensor | None, row: Tensor | None, x: Tensor, edges: int, mean: bool) -> Tensor:
    """``x[n, c]`` -> ``[edges, c]``, the value of each edge's row, over the row's number of edges if `mean`."""
    if mean:
        x = (x.to(accumulate_in(x)) / ptr.diff().clamp(min=1)[:, None]).to(x.dtype)
    return x.index_select(0, rows_of(ptr, edges) if row is None else row)


def _segment_gather_fake(
    ptr: Tensor, order: Tensor | None, row: Tensor | None, x: Tensor, edges: int, mean: bool
) -> Tensor:
    return x.new_empty(edges, x.shape[1])


def _segment_gather_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ptr, order, row, _, _, ctx.mean = inputs
    ctx.save_for_backward(ptr, order, row)


def _segment_gather_backward(ctx: Any, g: Tensor) -> tuple:
    return None, None, None, segment_sum_kernel(*ctx.saved_tensors, g, ctx.mean), None, None


segment_gather_kernel = Kernel(
    "segment_gather",
    _segment_gather,
    fake=_segment_gather_fake,
    cpu=_CPU + "segment_gather",
    cuda=_CUDA + "segment_gather",
    setup_context=_segment_gather_setup,
    backward=_segment_gather_backward,
    device_of=3,
)


# segment_extreme: the maximum (minimum) of each row and the first edge that has it


def _segment_extreme(ptr: Tensor, values: Tensor, fill: float, largest: bool) -> tuple[Tensor, Tensor]:
    """``values[e, c]`` -> ``[n, c]`` and the edge ``int64[n, c]`` it comes from; an empty row has `fill` and -1.

    NaN counts as more extreme than anything, so that it is not hidden.
    """
    edges, channels = values.shape
    rows = ptr.shape[0] - 1
    index = rows_of(ptr, edges)[:, None].expand(edges, channels)
    frozen = values.detach()
    kind = "amax" if largest else "amin"
    best = frozen.new_zeros(rows, channels).scatter_reduce(0, index, frozen, kind, include_self=False)
    attained = best.gather(0, index)
    hit = (frozen == attained) | (frozen.isnan() & attained.isnan())
    edge = torch.arange(edges, device=values.device)[:, None]
    first = torch.full((rows, channels), edges, dtype=torch.int64, device=values.device)
    first = first.scatter_reduce(0, index, torch.where(hit, edge, edges), "amin")
    padded = torch.cat([values, values.new_full((1, channels), fill)])  # row `edges` stands for "no edge"
    return padded.gather(0, first), torch.where(first == edges, -1, first)


def _segment_extreme_fake(ptr: Tensor, values: Tensor, fill: float, largest: bool) -> tuple[Tensor, Tensor]:
    shape = (ptr.shape[0] - 1, values.shape[1])
    return values.new_empty(shape), values.new_empty(shape, dtype=torch.int64)


def _segment_extreme_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    ctx.edges = inputs[1].shape[0]
    ctx.save_for_backward(output[1])


def _segment_extreme_backward(ctx: Any, g: Tensor, _: Any) -> tuple:
    (arg,) = ctx.saved_tensors
    index = torch.where(arg < 0, ctx.edges, arg)  # one spare row takes the gradients of empty rows
    dv = g.new_zeros(ctx.edges + 1, g.shape[1]).scatter(0, index, g)[: ctx.edges]
    return None, dv, None, None


segment_extreme_kernel = Kernel(
    "segment_extreme",
    _segment_extreme,
    fake=_segment_extreme_fake,
    cpu=_CPU + "segment_extreme",
    cuda=_CUDA + "segment_extreme",
    setup_context=_segment_extreme_setup,
    backward=_segment_extreme_backward,
    device_of=1,
)


# segment_softmax: p[e] = exp(s[e]) / sum of exp(s) over the row of e


def _segment_softmax(ptr: Tensor, logits: Tensor) -> Tensor:
    """``logits[e, h]`` -> ``[e, h]``; the largest logit of each row is subtracted first."""
    row = rows_of(ptr, logits.shape[0])
    wide = logits.to(accumulate_in(logits))
    index = row[:, None].expand_as(wide)
    top = wide.detach().new_zeros(ptr.shape[0] - 1, wide.shape[1])
    top = top.scatter_reduce(0, index, wide.detach(), "amax", include_self=False)
    p = (wide - top.index_select(0, row)).exp()
    return (p / _scatter_sum(p, row, ptr.shape[0] - 1).index_select(0, row)).to(logits.dtype)


def _segment_softmax_fake(ptr: Tensor, logits: Tensor) -> Tensor:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def _segment_softmax_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], output)


def _segment_softmax_grad(ctx: Any, g: Tensor) -> tuple:
    return None, segment_softmax_backward_kernel(*ctx.saved_tensors, g)


segment_softmax_kernel = Kernel(
    "segment_softmax",
    _segment_softmax,
    fake=_segment_softmax_fake,
    cpu=_CPU + "segment_softmax",
    cuda=_CUDA + "segment_softmax",
    setup_context=_segment_softmax_setup,
    backward=_segment_softmax_grad,
    device_of=1,
)


def _segment_softmax_backward(ptr: Tensor, p: Tensor, g: Tensor) -> Tensor:
    """``d[e] = p[e] (g[e] - sum of p g over the row of e)``: bilinear, and for fixed `p` self-adjoint in `g`."""
    row = rows_of(ptr, p.shape[0])
    dtype = accumulate_in(p, g)
    wide_p, wide_g = p.to(dtype), g.to(dtype)
    total = _scatter_sum(wide_p * wide_g, row, ptr.shape[0] - 1)
    return (wide_p * (wide_g - total.index_select(0, row))).to(p.dtype)


def _segment_softmax_backward_fake(ptr: Tensor, p: Tensor, g: Tensor) -> Tensor:
    return torch.empty_like(p, memory_format=torch.contiguous_format)


def _segment_softmax_backward_setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _segment_softmax_backward_grad(ctx: Any, u: Tensor) -> tuple:
    ptr, p, g = ctx.saved_tensors
    dp = dg = None
    if ctx.needs_input_grad[1]:  # u (g - sum p g) - g sum u p
        edges = p.shape[0]
        pg = segment_sum_kernel(ptr, None, None, p * g, False)
        pu = segment_sum_kernel(ptr, None, None, p * u, False)
        dp = u * (g - segment_gather_kernel(ptr, None, None, pg, edges, False))
        dp = dp - g * segment_gather_kernel(ptr, None, None, pu, edges, False)
    if ctx.needs_input_grad[2]:
        dg = segment_softmax_backward_kernel(ptr, p, u)
    return None, dp, dg


segment_softmax_backward_kernel = Kernel(
    "segment_softmax_backward",
    _segment_softmax_backward,
    fake=_segment_softmax_backward_fake,
    cpu=_CPU + "segment_softmax_backward",
    cuda=_CUDA + "segment_softmax_backward",
    setup_context=_segment_softmax_backward_setup,
    backward=_segment_softmax_backward_grad,
    device_of=1,
)
