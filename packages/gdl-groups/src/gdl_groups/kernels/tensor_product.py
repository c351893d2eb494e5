"""The operators of `tensor_product_conv`; the first six arguments of both are the tensors of an `Incidence`.

All are derivatives of one form, linear in each of its four arguments,

    F(x, y, w, g) = Σ_e Σ_p Σ_u w[e, p, u] Σ_ijk C_p[i, j, k] x[sender[e], i, u] y[e, j] g[receiver[e], k, u]

`tensor_product` is ∂F/∂g or, transposed, ∂F/∂x, and `tensor_product_edges` is (∂F/∂x, ∂F/∂y, ∂F/∂w), the first only
where asked for. `tensor_product_second` has the derivatives of the latter along three directions at once, which is what
learning forces takes. The derivative of each is made of the three, so it exists to any order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from gdl_core.incidence.precision import accumulate_in
from gdl_core.kernels.kernel import Kernel
from torch import Tensor

from gdl_groups.products.plan import Path, TensorProductPlan

_CPU = "gdl_groups.kernels.tensor_product_cpu:"
_CUDA = "gdl_groups.kernels.tensor_product_cuda:"


def _part(x: Tensor, plan: TensorProductPlan, path: Path, side: str) -> Tensor:
    """The channels of a path, ``[n, 2 l + 1, copies]``, of features ("in") or results ("out")."""
    field, offset = (path.first, 0) if side == "in" else (path.third, path.offset)
    type = plan.in_type if side == "in" else plan.out_type
    copies, rep = type.fields[field]
    return x[:, type.slices()[field]].unflatten(1, (rep.dim, copies))[:, :, offset : offset + path.copies]


# tensor_product: ∂F/∂g of x[n, c_in], or transposed ∂F/∂x of g[m, c_out]


def _tensor_product(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    plan: str,
    transposed: bool,
) -> Tensor:
    """``x[n, c]``, ``y[e, d]``, ``w[e, p]`` -> ``[m, c_out]`` in the dtype of `x`, summed in float32 or float64."""
    found, wide = TensorProductPlan.from_key(plan), accumulate_in(x, y, w)
    y, w, filters = y.to(wide), w.to(wide), found.filter_type.slices()
    near, far = ("out", "in") if transposed else ("in", "out")
    source, target, rows = (receiver, sender, ptr_t) if transposed else (sender, receiver, ptr)
    out_type = found.in_type if transposed else found.out_type
    values = x.to(wide).index_select(0, source)
    messages = [[values.new_zeros(len(sender), rep.dim, 0)] for _, rep in out_type.fields]
    for path in found.paths:
        features = _part(values, found, path, near) * w[:, None, path.weight : path.weight + path.copies]
        # Of two at a time: for three `einsum` asks for the best order, which turns lengths into numbers when compiled.
        turns = torch.einsum("ej,ijk->eik", y[:, filters[path.second]], path.coupling().to(values))
        product = torch.einsum("eku,eik->eiu" if transposed else "eiu,eik->eku", features, turns)
        field = messages[path.first if far == "in" else path.third]
        if transposed and len(field) > 1:
            field[1] = field[1] + product  # all paths of a field of x end in the same channels
        else:
            field.append(product)
    parts = [
        torch.cat(field, 2) if len(field) > 1 else field[0].new_zeros(len(sender), rep.dim, copies)
        for field, (copies, rep) in zip(messages, out_type.fields)
    ]
    joined = torch.cat([part.flatten(1) for part in parts], 1)
    return joined.new_zeros(rows.shape[0] - 1, joined.shape[1]).index_add(0, target, joined).to(x.dtype)


def _fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    plan: str,
    transposed: bool,
) -> Tensor:
    found = TensorProductPlan.from_key(plan)
    if transposed:
        return x.new_empty(ptr_t.shape[0] - 1, found.in_type.channels)
    return x.new_empty(ptr.shape[0] - 1, found.out_type.channels)


def _setup(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.plan, ctx.transposed = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, h: Tensor) -> tuple:
    *relation, x, y, w = ctx.saved_tensors
    wanted = ctx.needs_input_grad[6:9]
    dx = dy = dw = None
    if wanted[1] or wanted[2]:
        ends = (h, x) if ctx.transposed else (x, h)
        with_x = wanted[0] and not ctx.transposed
        dx, dy, dw = tensor_product_edges(*relation, ends[0], y, w, ends[1], ctx.plan, with_x)
    if wanted[0] and (ctx.transposed or dx is None):
        dx = tensor_product(*relation, h, y, w, ctx.plan, not ctx.transposed)
    return (*[None] * 6, dx if wanted[0] else None, dy, dw, None, None)


tensor_product = Kernel(
    "tensor_product",
    _tensor_product,
    fake=_fake,
    cpu=_CPU + "tensor_product",
    cuda=_CUDA + "tensor_product",
    setup_context=_setup,
    backward=_backward,
    device_of=6,
)


# tensor_product_edges: ∂F/∂x [n, c_in] (no rows, if not asked for), ∂F/∂y [e, d] and ∂F/∂w [e, p]


def _edges(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    plan: str,
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, y and w, each in its own dtype."""
    found, wide = TensorProductPlan.from_key(plan), accumulate_in(x, y, w, g)
    values, slopes = x.to(wide).index_select(0, sender), g.to(wide).index_select(0, receiver)
    filters, wide_y, wide_w = found.filter_type.slices(), y.to(wide), w.to(wide)
    dy, dw = [torch.zeros_like(wide_y[:, part]) for part in filters], []
    for path in found.paths:
        ends = torch.einsum("eiu,eku->eiku", _part(values, found, path, "in"), _part(slopes, found, path, "out"))
        z = torch.einsum("eiku,ijk->eju", ends, path.coupling().to(values))
        dy[path.second] = dy[path.second] + torch.einsum("eju,eu->ej", z, wide_w[:, path.weight :][:, : path.copies])
        dw.append(torch.einsum("eju,ej->eu", z, wide_y[:, filters[path.second]]))
    dx = x.new_empty(0, x.shape[1])
    if with_x:
        dx = _tensor_product(ptr, sender, receiver, ptr_t, receiver_t, perm, g.to(wide), y, w, plan, True).to(x.dtype)
    return dx, torch.cat(dy, 1).to(y.dtype), torch.cat(dw, 1).to(w.dtype)


def _edges_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    plan: str,
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape[0] if with_x else 0, x.shape[1]), y.new_empty(y.shape), w.new_empty(w.shape)


def _edges_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, ctx.plan, ctx.with_x = inputs
    ctx.save_for_backward(*tensors)


def _edges_backward(ctx: Any, a: Tensor, b: Tensor, c: Tensor) -> tuple:
    *relation, x, y, w, g = ctx.saved_tensors
    a = a if ctx.with_x else torch.zeros_like(x)
    found = tensor_product_second(*relation, x, y, w, g, a, b.to(y.dtype), c.to(w.dtype), ctx.plan)
    return (*[None] * 6, *found, None, None)


tensor_product_edges = Kernel(
    "tensor_product_edges",
    _edges,
    fake=_edges_fake,
    cpu=_CPU + "tensor_product_edges",
    cuda=_CUDA + "tensor_product_edges",
    setup_context=_edges_setup,
    backward=_edges_backward,
    device_of=6,
)


# tensor_product_second: the derivatives in x, y, w and g of D = F(a, y, w, g) + F(x, b, w, g) + F(x, y, c, g)


def _second(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    plan: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of x, y, w and g, each in its own dtype; a, b, c have the shapes of x, y, w."""
    wide, inc = accumulate_in(x, y, w, g), (ptr, sender, receiver, ptr_t, receiver_t, perm)
    return second_by_parts(
        _tensor_product, _edges, inc, [v.to(wide) for v in (x, y, w, g, a, b, c)], plan, (x, y, w, g)
    )


def second_by_parts(
    product: Callable[..., Tensor],
    edges: Callable[..., tuple[Tensor, Tensor, Tensor]],
    relation: Sequence[Tensor],
    values: Sequence[Tensor],
    plan: str,
    like: Sequence[Tensor],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same by a backend's `tensor_product` and `tensor_product_edges`, term by term."""
    x, y, w, g, a, b, c = values
    dx = product(*relation, g, b, w, plan, True) + product(*relation, g, y, c, plan, True)
    _, dy, dw = edges(*relation, x, b, c, g, plan, False)
    _, more_y, more_w = edges(*relation, a, y, w, g, plan, False)
    dg = product(*relation, a, y, w, plan, False) + product(*relation, x, b, w, plan, False)
    dg = dg + product(*relation, x, y, c, plan, False)
    found = dx, dy + more_y, dw + more_w, dg
    return tuple(value.to(own.dtype) for value, own in zip(found, like))  # type: ignore[return-value]


def _second_fake(
    ptr: Tensor,
    sender: Tensor,
    receiver: Tensor,
    ptr_t: Tensor,
    receiver_t: Tensor,
    perm: Tensor,
    x: Tensor,
    y: Tensor,
    w: Tensor,
    g: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    plan: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), y.new_empty(y.shape), w.new_empty(w.shape), g.new_empty(g.shape)


def _second_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.plan = inputs
    ctx.save_for_backward(*tensors)


def _second_backward(ctx: Any, p: Tensor, q: Tensor, r: Tensor, s: Tensor) -> tuple:
    """The derivatives of the second derivative of F along (p, q, r, s) and (a, b, c, 0).

    It is linear in each direction: in a, b, c it is the derivative of D along the first, and in x, y, w, g it is a sum
    of D's with one argument replaced and the direction that replaces it left out.
    """
    *relation, x, y, w, g, a, b, c = ctx.saved_tensors
    p, q, r, s = p.to(x.dtype), q.to(y.dtype), r.to(w.dtype), s.to(g.dtype)

    def second(*values: Tensor) -> Any:
        return tensor_product_second(*relation, *values, ctx.plan)

    by_x, by_y = second(p, y, w, g, torch.zeros_like(a), b, c), second(x, q, w, g, a, torch.zeros_like(b), c)
    by_w, by_g = second(x, y, r, g, a, b, torch.zeros_like(c)), second(x, y, w, s, a, b, c)
    dx, dy = by_y[0] + by_w[0] + by_g[0], by_x[1] + by_w[1] + by_g[1]
    dw, dg = by_x[2] + by_y[2] + by_g[2], by_x[3] + by_y[3] + by_w[3]
    first = second(x, y, w, g, p, q, r)[:3]
    more = tensor_product_edges(*relation, x, y, w, s, ctx.plan, True)
    return (*[None] * 6, dx, dy, dw, dg, *(one + two for one, two in zip(first, more)), None)


tensor_product_second = Kernel(
    "tensor_product_second",
    _second,
    fake=_second_fake,
    cpu=_CPU + "tensor_product_second",
    cuda=_CUDA + "tensor_product_second",
    setup_context=_second_setup,
    backward=_second_backward,
    device_of=6,
)
