"""Several aggregations of the senders' features in one read of the edges, and the largest (smallest) sender.

Two operators do it. `sender_statistics` reads each message once; `sender_statistics_backward` is its gradient, in the
sender-major order, so that each sender's gradient is summed by one owner. All further derivatives are made of the
second and of core's aggregation. The first six arguments of both are the tensors of an `Incidence`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from gdl_core.incidence import Incidence
from gdl_core.incidence.kernels import aggregate_kernel, edge_dot_kernel, segment_extreme_kernel
from gdl_core.incidence.operations import check_rows, flatten, structure
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel
from torch import Tensor

Aggregation = Literal["sum", "mean", "var", "std", "max", "min"]
AGGREGATIONS = ("sum", "mean", "var", "std", "max", "min")

_CPU = "gdl_graphs.kernels.multi_aggregate_cpu:"
_CUDA = "gdl_graphs.kernels.multi_aggregate_cuda:"


def multi_aggregate(
    incidence: Incidence,
    x: Tensor,
    what: Sequence[Aggregation],
    weight: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Aggregate the senders' features at each receiver in several ways, reading each message once.

    With the messages ``m[e] = weight[e] x[sender[e]]`` over the d edges e of receiver i, which are never stored::

        sum, mean    sum of m, over d
        var          sum of (m - mean)^2 / d, the biased variance, found without cancellation (Chan et al. 1983)
        std          sqrt(var + eps), whose slope is finite where all messages are equal
        max, min     the most extreme m; of equal ones the first edge in canonical order gets the gradient

    A NaN among the messages is the result. Sums are accumulated in float32 (float64 for float64).
    (Corso et al., Principal Neighbourhood Aggregation, arXiv 2004.05718, eq. 2-5.)

    PyTorch Geometric's ``std`` is ``sqrt(max(var, 1e-5))``, and zero where that is not above ``sqrt(1e-5)``: take
    ``var`` where that matters.

    Args:
        x: ``[n, ...]`` floating-point features of the senders.
        what: names among sum, mean, var, std, max and min; the results come in their order.
        weight: ``[e]``; None for ones.
        eps: what ``std`` adds to the variance.

    Returns:
        ``[m, k, ...]`` for k names, in the dtype of `x`; zero at receivers without edges, ``std`` too.

    Raises:
        ValueError: if a name is unknown, none is given, or a shape does not fit the incidence.
        TypeError: if a dtype is not floating-point.
    """
    if isinstance(what, str) or not what or any(name not in AGGREGATIONS for name in what):
        raise ValueError(f"multi_aggregate takes a sequence of names among {', '.join(AGGREGATIONS)}, got {what!r}.")
    check_rows("x", x, incidence.num_senders, "senders", incidence.ptr)
    if weight is not None:
        check_rows("weight", weight, incidence.num_edges, "edges", incidence.ptr)
        if weight.dim() != 1:
            raise ValueError(f"multi_aggregate takes one weight[e] for each edge, got {list(weight.shape)}.")
    variance = "var" in what or "std" in what
    total = variance or "sum" in what or "mean" in what
    asked = {"sum": total, "var": variance, "max": "max" in what, "min": "min" in what}
    values, _ = sender_statistics(*structure(incidence), flatten(x), weight, *asked.values())
    found = dict(zip((name for name, wanted in asked.items() if wanted), values.unbind(1)))
    degree = incidence.degree()[:, None]
    if "mean" in what:
        found["mean"] = found["sum"] / degree.clamp(min=1)
    if "std" in what:
        found["std"] = torch.where(degree > 0, (found["var"] + eps).sqrt(), 0)
    y = torch.stack([found[name] for name in what], 1).to(x.dtype)
    return y.reshape(incidence.num_receivers, len(what), *x.shape[1:])


def aggregate_extreme(
    incidence: Incidence, x: Tensor, reduction: Literal["max", "min"] = "max", weight: Tensor | None = None
) -> Tensor:
    """Return ``y[i] = max (min) of weight[e] x[sender[e]]`` over the edges e of i, without ``[e, ...]`` messages.

    As `multi_aggregate` with this one name (GraphSAGE's pooling aggregator, arXiv 1706.02216, eq. 3).

    Returns:
        ``[m, ...]`` in the dtype of `x`; zero at receivers without edges.

    Raises:
        ValueError: if `reduction` is neither, or a shape does not fit the incidence.
    """
    if reduction not in ("max", "min"):
        raise ValueError(f"aggregate_extreme takes the reduction 'max' or 'min', got {reduction!r}.")
    return multi_aggregate(incidence, x, (reduction,), weight)[:, 0]


# sender_statistics: those of (sum, var, max, min) that are asked for, [m, p, c], and the edges of the last two


def _statistics(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    """``x[n, c]``, ``weight[e]`` or None -> ``[m, p, c]`` in the accumulation dtype and edges ``int32[m, q, c]``.

    The variance needs the total. An empty row has zeros and the edge -1.
    """
    messages = x.to(accumulate_in(x, weight)).index_select(0, sender)
    if weight is not None:
        messages = messages * weight.to(messages.dtype)[:, None]
    zeros = messages.new_zeros(ptr.shape[0] - 1, x.shape[1])
    values, places = [], [torch.zeros(*zeros.shape, 0, dtype=torch.int32, device=x.device).transpose(1, 2)]
    if total:
        values.append(zeros.index_add(0, receiver, messages))
    if variance:
        count = ptr.diff().clamp(min=1)[:, None]
        away = messages - (values[0] / count).index_select(0, receiver)
        # The mean is rounded: what the deviations from it still sum to is taken off.
        rest = zeros.index_add(0, receiver, away) / count
        values.append((zeros.index_add(0, receiver, away.square()) / count - rest.square()).clamp(min=0))
    for wanted, greater in ((largest, True), (smallest, False)):
        if wanted:
            value, place = segment_extreme_kernel.reference(ptr, messages, 0.0, greater)
            values.append(value)
            places.append(place.int()[:, None])
    return torch.stack(values, 1), torch.cat(places, 1)


def _statistics_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    rows, extremes = ptr.shape[0] - 1, largest + smallest
    values = x.new_empty(rows, total + variance + extremes, x.shape[1], dtype=accumulate_in(x, weight))
    return values, x.new_empty(rows, extremes, x.shape[1], dtype=torch.int32)


def _statistics_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *relation, x, weight, _, variance, _, _ = inputs
    ctx.flags = inputs[8:]
    values, edge = output
    # Messages are needed for the gradients of weights and of the variance only, values for the latter only.
    ctx.save_for_backward(
        *relation, x if variance or weight is not None else x[:0], weight, values if variance else None, edge
    )


def _statistics_backward(ctx: Any, g: Tensor, _: Any) -> tuple:
    *relation, x, weight, values, edge = ctx.saved_tensors
    if ctx.flags[1]:  # the derivative of the variance is 2 (m - mean) / d
        count = relation[0].diff().clamp(min=1)[:, None]
        slope = 2 * g[:, 1] / count
        g = torch.cat([(g[:, 0] - slope * (values[:, 0] / count))[:, None], slope[:, None], g[:, 2:]], 1)
    dx, dw = sender_statistics_backward(*relation, x, weight, g, edge, *ctx.flags)
    return (*[None] * 6, dx, dw if weight is not None else None, *[None] * 4)


sender_statistics = Kernel(
    "sender_statistics",
    _statistics,
    fake=_statistics_fake,
    cpu=_CPU + "sender_statistics",
    cuda=_CUDA + "sender_statistics",
    setup_context=_statistics_setup,
    backward=_statistics_backward,
    device_of=6,
)


# sender_statistics_backward. Each message m[e] = w[e] x[sender[e]] has the gradient
#     dm[e] = a[i] + b[i] m[e] + (edge[i] == e) g[i]
# with (a, b, g...) = coefficient[i], [m, p, c], those that are asked for. Then dx[j] = sum w dm, dw[e] = <x[j], dm>.


def _backward(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    coefficient: Tensor,
    edge: Tensor,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    """The gradients ``[n, c]`` of x and ``[e]`` of the weights, ``[0]`` if there are none.

    Where neither the variance nor a weight is there, `x` is not read and may have no rows.
    """
    wide = coefficient.dtype
    own = torch.arange(sender.shape[0], device=x.device)[:, None]
    dm = coefficient.new_zeros(sender.shape[0], coefficient.shape[2])
    w = None if weight is None else weight.to(wide)[:, None]
    if total:
        dm = dm + coefficient[:, 0].index_select(0, receiver)
    if variance:
        m = x.to(wide).index_select(0, sender)
        dm = dm + coefficient[:, 1].index_select(0, receiver) * (m if w is None else m * w)
    for q in range(largest + smallest):
        hit = edge[:, q].index_select(0, receiver) == own
        dm = dm + torch.where(hit, coefficient[:, total + variance + q].index_select(0, receiver), 0)
    dx = coefficient.new_zeros(ptr_t.shape[0] - 1, dm.shape[1]).index_add(0, sender, dm if w is None else dm * w)
    if weight is None:
        return dx.to(x.dtype), x.new_empty(0)
    return dx.to(x.dtype), (dm * x.to(wide).index_select(0, sender)).sum(1).to(weight.dtype)


def _backward_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    weight: Tensor | None,
    coefficient: Tensor,
    edge: Tensor,
    total: bool,
    variance: bool,
    largest: bool,
    smallest: bool,
) -> tuple[Tensor, Tensor]:
    dx = x.new_empty(ptr_t.shape[0] - 1, coefficient.shape[2])
    return dx, x.new_empty(0) if weight is None else weight.new_empty(sender.shape[0])


def _backward_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    ctx.flags = inputs[10:]
    ctx.save_for_backward(*inputs[:10])


def _backward_backward(ctx: Any, u: Tensor, v: Tensor) -> tuple:
    """The gradient of ``sum <t[e], dm[e]>``, t[e] the derivative of message e in the direction (u, v) of (x, w)."""
    *relation, x, weight, coefficient, edge = ctx.saved_tensors
    total, variance, largest, smallest = ctx.flags
    u, wide_x = u.to(coefficient.dtype), x.to(coefficient.dtype)
    places = edge.long().unbind(1)
    if weight is None:  # t = u[j], and dm depends on x by b m
        parts = [_sum(relation, u, None)] if total else []
        parts += [_sum(relation, u * wide_x, None)] if variance else []
        parts += [_at(relation[1], place, u, None) for place in places]
        dx = (u * _sum(relation, coefficient[:, 1], None, True)).to(x.dtype) if variance else None
        return (*[None] * 6, dx, None, torch.stack(parts, 1), *[None] * 5)
    # t = w u[j] + v x[j]; it depends on x by v and on w by u, which is what this very operator computes
    w, v = weight.to(coefficient.dtype), v.to(coefficient.dtype)
    parts = [_sum(relation, u, w) + _sum(relation, wide_x, v)] if total else []
    parts += [_sum(relation, u * wide_x, w * w) + _sum(relation, wide_x.square(), v * w)] if variance else []
    parts += [_at(relation[1], place, u, w) + _at(relation[1], place, wide_x, v) for place in places]
    without = torch.cat([coefficient[:, :1], coefficient[:, 2:]], 1) if variance else coefficient
    dx, dw = sender_statistics_backward(*relation, u, v, without, edge, total, False, largest, smallest)
    if variance:
        b = coefficient[:, 1]
        dx = dx + u * _sum(relation, b, w * w, True) + 2 * wide_x * _sum(relation, b, w * v, True)
        along_u, along_x = (
            edge_dot_kernel(*relation, b[:, None], y[:, None])[:, 0] for y in (u * wide_x, wide_x.square())
        )
        dw = dw + 2 * w * along_u + v * along_x
    return (*[None] * 6, dx.to(x.dtype), dw.to(weight.dtype), torch.stack(parts, 1), *[None] * 5)


def _sum(relation: list[Tensor], x: Tensor, weight: Tensor | None, transposed: bool = False) -> Tensor:
    weight = None if weight is None else weight[:, None]
    return aggregate_kernel(*relation, x[:, None], weight, transposed)[:, 0]


def _at(sender: Tensor, place: Tensor, x: Tensor, weight: Tensor | None) -> Tensor:
    """The messages ``weight[e] x[sender[e], c]`` at the edges ``e = place[i, c]``, zero where there is none."""
    if not sender.shape[0]:
        return x.new_zeros(place.shape)
    edge = place.clamp(min=0)
    value = x.gather(0, sender.long()[edge])
    return torch.where(place < 0, 0, value if weight is None else weight[edge] * value)


sender_statistics_backward = Kernel(
    "sender_statistics_backward",
    _backward,
    fake=_backward_fake,
    cpu=_CPU + "sender_statistics_backward",
    cuda=_CUDA + "sender_statistics_backward",
    setup_context=_backward_setup,
    backward=_backward_backward,
    device_of=6,
)
