"""What layers call: aggregation over an incidence, reductions and softmax over rows of edges.

All are differentiable to any order, bitwise repeatable, and accumulate in float32 (float64 for float64). Edge values
are in canonical order. A *row* is a receiver's edges; where only rows matter, plain offsets ``ptr[n + 1]`` serve too.
"""

from typing import Literal

import torch
from torch import Tensor

from gdl_core.incidence.incidence import MAX_EDGES, Incidence
from gdl_core.incidence.kernels import (
    aggregate_kernel,
    edge_dot_kernel,
    segment_extreme_kernel,
    segment_gather_kernel,
    segment_softmax_kernel,
    segment_sum_kernel,
)
from gdl_core.incidence.precision import accumulate_in

Reduction = Literal["sum", "mean", "var", "max", "min"]


def aggregate(incidence: Incidence, x: Tensor, weight: Tensor | None = None, mean: bool = False) -> Tensor:
    """Sum the senders' features at each receiver: ``y[i] = sum_e weight[e] x[sender[e]]`` over the edges e of i.

    The ``[e, c]`` messages are never made. Attention heads: ``x[n, h, c]`` with ``weight[e, h]``.

    Args:
        x: ``[n, ...]`` floating-point features of the senders.
        weight: ``[e]``, or ``[e, h]`` with ``x[n, h, c]``; None for ones.
        mean: divide by the number of edges of each receiver (book §5.3, the averaging aggregator).

    Returns:
        ``[m, ...]`` in the dtype of `x`; zero at receivers without edges.

    Raises:
        ValueError: if a shape does not fit the incidence. TypeError: if a dtype is not floating-point.
    """
    check_rows("x", x, incidence.num_senders, "senders", incidence.ptr)
    if weight is None:
        heads = 1
    else:
        check_rows("weight", weight, incidence.num_edges, "edges", incidence.ptr)
        heads = weight.shape[1] if weight.dim() == 2 else 1
        if weight.dim() > 2 or (weight.dim() == 2 and (x.dim() < 2 or x.shape[1] != heads)):
            raise ValueError(
                f"aggregate expects weight[e], or weight[e, h] with x[n, h, c], got weight{list(weight.shape)} "
                f"with x{list(x.shape)}."
            )
    if mean:
        count = incidence.degree().clamp(min=1)
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        share = count.to(wide).reciprocal().index_select(0, incidence.receiver)[:, None]
        weight = share.expand(-1, heads) if weight is None else weight.reshape(-1, heads) * share
    weight = None if weight is None else weight.reshape(-1, heads)
    flat = x.reshape(x.shape[0], heads, _row_size(x) // heads)
    y = aggregate_kernel(*structure(incidence), flat, weight, False)
    return y.reshape(incidence.num_receivers, *x.shape[1:])


def edge_dot(incidence: Incidence, a: Tensor, b: Tensor) -> Tensor:
    """Return ``s[e] = <a[receiver[e]], b[sender[e]]>``, the scores of dot-product attention, without ``[e, c]`` copies.

    Args:
        a: ``[m, c]`` or ``[m, h, c]`` at the receivers (queries).
        b: ``[n, c]`` or ``[n, h, c]`` at the senders (keys).

    Returns:
        ``[e]`` or ``[e, h]``, float32, or float64 if either is float64.

    Raises:
        ValueError: if a shape does not fit the incidence. TypeError: if a dtype is not floating-point.
    """
    check_rows("a", a, incidence.num_receivers, "receivers", incidence.ptr)
    check_rows("b", b, incidence.num_senders, "senders", incidence.ptr)
    if a.dim() not in (2, 3) or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"edge_dot expects a[m, c] and b[n, c], or a[m, h, c] and b[n, h, c], got a{list(a.shape)} "
            f"and b{list(b.shape)}."
        )
    if a.dim() == 3:
        return edge_dot_kernel(*structure(incidence), a, b)
    return edge_dot_kernel(*structure(incidence), a[:, None], b[:, None])[:, 0]


def gather(incidence: Incidence, x: Tensor, end: Literal["sender", "receiver"]) -> Tensor:
    """Return ``[e, ...]``, the value of `x` at one end of each edge; its gradient sums rows instead of scattering.

    Raises:
        ValueError: if `x` has not one row per sender (receiver), or `end` is neither.
    """
    if end == "receiver":
        check_rows("x", x, incidence.num_receivers, "receivers", incidence.ptr)
        rows = (incidence.ptr, None, incidence.receiver)
    elif end == "sender":
        check_rows("x", x, incidence.num_senders, "senders", incidence.ptr)
        rows = (incidence.ptr_t, incidence.perm, incidence.sender)
    else:
        raise ValueError(f"gather takes the end 'sender' or 'receiver', got {end!r}.")
    edges = incidence.num_edges
    return segment_gather_kernel(*rows, flatten(x), edges, False).reshape(edges, *x.shape[1:])


def broadcast(rows: Incidence | Tensor, x: Tensor, count: int) -> Tensor:
    """Return ``[count, ...]``, the value of `x` at the row of each edge; the adjoint of ``reduce(rows, ..., "sum")``.

    Args:
        rows: an incidence (rows are receivers), or offsets ``ptr[n + 1]`` from 0 to `count`.
        x: ``[n, ...]``, one value per row.
        count: the number of edges.

    Raises:
        ValueError: if `x` has not one value per row, the incidence not `count` edges, or `ptr` does not rise from 0
            to `count` (CPU only).
    """
    if isinstance(rows, Incidence) and count != rows.num_edges:
        raise ValueError(f"broadcast to {count} edges, but the incidence has {rows.num_edges}.")
    ptr, row = (rows.ptr, rows.receiver) if isinstance(rows, Incidence) else (rows.int(), None)
    check_rows("x", x, ptr.shape[0] - 1, "rows", ptr)
    return segment_gather_kernel(ptr, None, row, flatten(x), count, False).reshape(count, *x.shape[1:])


def reduce(rows: Incidence | Tensor, values: Tensor, reduction: Reduction = "sum", fill: float = 0.0) -> Tensor:
    """Reduce edge values over each row: ``y[i] = sum | mean | var | max | min of values[e]`` over the edges e of i.

    The variance is the biased one, the mean of squared deviations. The gradient of a maximum goes to the first edge
    that attains it. A NaN in a row is the row's result.

    Args:
        rows: an incidence (rows are receivers), or offsets ``ptr[n + 1]`` from 0 to e.
        values: ``[e, ...]`` in canonical order.
        fill: the maximum or minimum of an empty row; an empty sum, mean and variance are 0.

    Returns:
        ``[n, ...]`` in the dtype of `values`.

    Raises:
        ValueError: if shapes do not fit, `reduction` is unknown, or `ptr` does not rise from 0 to e (CPU only: a GPU
            would have to be asked).
    """
    ptr, row = _rows(rows, values)
    if reduction in ("sum", "mean"):
        y = segment_sum_kernel(ptr, None, row, flatten(values), reduction == "mean")
    elif reduction == "var":
        wide = flatten(values).to(accumulate_in(values))
        mean = segment_sum_kernel(ptr, None, row, wide, True)
        away = wide - segment_gather_kernel(ptr, None, row, mean, wide.shape[0], False)
        y = segment_sum_kernel(ptr, None, row, away.square(), True).to(values.dtype)
    elif reduction in ("max", "min"):
        y, _ = segment_extreme_kernel(ptr, flatten(values), float(fill), reduction == "max")
    else:
        raise ValueError(f"reduce knows sum, mean, var, max and min, got {reduction!r}.")
    return y.reshape(ptr.shape[0] - 1, *values.shape[1:])


def segment_softmax(rows: Incidence | Tensor, logits: Tensor) -> Tensor:
    """Softmax over each row: ``p[e] = exp(s[e] - max) / sum exp(s - max)``, finite for any finite logits.

    Args:
        rows: an incidence (rows are receivers), or offsets ``ptr[n + 1]`` from 0 to e; rows may be empty.
        logits: ``[e]`` or ``[e, h]`` in canonical order.

    Raises:
        ValueError: if shapes do not fit. TypeError: if the logits are not floating-point.
    """
    ptr, _ = _rows(rows, logits)
    return segment_softmax_kernel(ptr, flatten(logits)).reshape(logits.shape)


# What operators on an incidence share, here and in plugins.


def structure(incidence: Incidence) -> tuple[Tensor, ...]:
    """The six tensors that a kernel is given of an incidence."""
    i = incidence
    return i.ptr, i.sender, i.receiver, i.ptr_t, i.receiver_t, i.perm


def _rows(rows: Incidence | Tensor, values: Tensor) -> tuple[Tensor, Tensor | None]:
    """The offsets, and the row of each edge where it is known."""
    if isinstance(rows, Incidence):
        check_rows("values", values, rows.num_edges, "edges", rows.ptr)
        return rows.ptr, rows.receiver
    check_rows("values", values, None, "rows", rows)
    if rows.dim() != 1 or rows.shape[0] < 1 or rows.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"ptr must be integers [n + 1], got {rows.dtype} {list(rows.shape)}.")
    if values.shape[0] >= MAX_EDGES:
        raise ValueError(f"Rows hold less than {MAX_EDGES} edges, got {values.shape[0]}.")
    return rows.int(), None


def check_rows(name: str, x: Tensor, rows: int | None, what: str, beside: Tensor) -> None:
    """Raise a sentence unless `x` is floating-point, has `rows` rows and is on the device of `beside`."""
    if not x.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {x.dtype}.")
    if x.dim() < 1 or (rows is not None and x.shape[0] != rows):
        raise ValueError(f"{name} must have one row for each of the {rows} {what}, got the shape {list(x.shape)}.")
    if x.device != beside.device:
        raise ValueError(f"{name} is on {x.device}, its {what} are on {beside.device}; move one of them.")


def _row_size(x: Tensor) -> int:
    size = 1
    for length in x.shape[1:]:
        size *= length
    return size


def flatten(x: Tensor) -> Tensor:
    """``[n, ...]`` as ``[n, c]``, also when n is 0."""
    return x.reshape(x.shape[0], _row_size(x))
