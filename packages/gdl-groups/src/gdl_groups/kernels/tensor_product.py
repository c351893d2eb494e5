"""The operator of `tensor_product_conv`; the first six arguments are the tensors of an `Incidence`."""

import torch
from gdl_core.incidence.precision import accumulate_in
from torch import Tensor

from gdl_groups.products.plan import TensorProductPlan


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
) -> Tensor:
    """``x[n, c]``, ``y[e, d]``, ``w[e, p]`` -> ``[m, c_out]`` in the dtype of `x`, summed in float32 or float64."""
    found, wide = TensorProductPlan.from_key(plan), accumulate_in(x, y, w)
    senders, y, w = x.to(wide).index_select(0, sender), y.to(wide), w.to(wide)
    columns, filters = found.in_type.slices(), found.filter_type.slices()
    messages: list[list[Tensor]] = [[] for _ in found.out_type.fields]
    for path in found.paths:
        features = senders[:, columns[path.first]].unflatten(1, (2 * path.degrees[0] + 1, path.copies))
        coupling = path.coupling().to(senders)
        product = torch.einsum("eiu,ej,ijk->eku", features, y[:, filters[path.second]], coupling)
        messages[path.third].append(product * w[:, None, path.weight : path.weight + path.copies])
    values = torch.cat([torch.cat(field, 2).flatten(1) for field in messages], 1)
    return values.new_zeros(ptr.shape[0] - 1, values.shape[1]).index_add(0, receiver, values).to(x.dtype)


tensor_product = _tensor_product
