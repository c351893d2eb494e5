"""The operators of `tensor_product_conv`; the first six arguments of both are the tensors of an `Incidence`.

All are derivatives of one form, linear in each of its four arguments,

    F(x, y, w, g) = Σ_e Σ_p Σ_u w[e, p, u] Σ_ijk C_p[i, j, k] x[sender[e], i, u] y[e, j] g[receiver[e], k, u]

`tensor_product` is ∂F/∂g or, transposed, ∂F/∂x, and `tensor_product_edges` is (∂F/∂x, ∂F/∂y, ∂F/∂w), the first only
where asked for. The derivative of each is made of both, so it exists to any order.
"""

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
        equation = "eku,ej,ijk->eiu" if transposed else "eiu,ej,ijk->eku"
        product = torch.einsum(equation, features, y[:, filters[path.second]], path.coupling().to(values))
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
        ends = _part(values, found, path, "in"), _part(slopes, found, path, "out"), path.coupling().to(values)
        z = torch.einsum("eiu,eku,ijk->eju", *ends)
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
    """The derivatives of F(a, y, w, g) + F(x, b, w, g) + F(x, y, c, g)."""
    *relation, x, y, w, g = ctx.saved_tensors
    b, c = b.to(y.dtype), c.to(w.dtype)
    wants_x, wants_y, wants_w, wants_g = ctx.needs_input_grad[6:10]
    dx = dy = dw = dg = None
    if wants_x:
        dx = tensor_product(*relation, g, b, w, ctx.plan, True) + tensor_product(*relation, g, y, c, ctx.plan, True)
    if wants_y or wants_w:
        _, dy, dw = tensor_product_edges(*relation, x, b, c, g, ctx.plan, False)
        if ctx.with_x:
            _, more_y, more_w = tensor_product_edges(*relation, a, y, w, g, ctx.plan, False)
            dy, dw = dy + more_y, dw + more_w
    if wants_g:
        dg = tensor_product(*relation, x, b, w, ctx.plan, False) + tensor_product(*relation, x, y, c, ctx.plan, False)
        if ctx.with_x:
            dg = dg + tensor_product(*relation, a, y, w, ctx.plan, False)
    return (*[None] * 6, dx, dy, dw, dg, None, None)


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
