"""`tensor_product_conv`: messages by tensor product, summed at their receivers, in one pass over the edges."""

from gdl_core.incidence import Incidence
from gdl_core.incidence.operations import check_rows, structure
from torch import Tensor

from gdl_groups.kernels.tensor_product import tensor_product
from gdl_groups.products.plan import TensorProductPlan


def tensor_product_conv(plan: TensorProductPlan, incidence: Incidence, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """Sum the weighted tensor products of senders' features with the edges' filters at each receiver::

        out[i] = Σ_e w[e] · (x[sender[e]] ⊗ y[e])   over the edges e of receiver i

    with the paths of `plan`, channel by channel ("uvu"; Thomas et al., arXiv 1802.08219, eq. 3; NequIP, arXiv
    2101.03164, eq. 9). No tensor of messages ``[e, c]`` is made, and sums have one order. Differentiable to any order.
    A linear layer common to all edges belongs *behind* this sum: it is then applied once per point, not once per edge.

    Args:
        plan: paths and types.
        incidence: e edges from n senders to m receivers.
        x: ``[n, c]`` features of the senders, of `plan.in_type`.
        y: ``[e, d]`` filter of each edge, of `plan.filter_type`: spherical harmonics of its direction.
        w: ``[e, plan.weight_count]`` weights of each edge, path after path: functions of its length.

    Returns:
        ``[m, c_out]`` of `plan.out_type`, in the dtype of `x`; zero at receivers without edges.

    Raises:
        ValueError: if a shape does not fit. TypeError: if a dtype is not floating-point.
    """
    check_rows("x", x, incidence.num_senders, "senders", incidence.ptr)
    check_rows("y", y, incidence.num_edges, "edges", incidence.ptr)
    check_rows("w", w, incidence.num_edges, "edges", incidence.ptr)
    for name, tensor, width, what in (
        ("x", x, plan.in_type.channels, str(plan.in_type)),
        ("y", y, plan.filter_type.channels, str(plan.filter_type)),
        ("w", w, plan.weight_count, "one per path and copy"),
    ):
        if tensor.dim() != 2 or tensor.shape[1] != width:
            raise ValueError(f"{name} must be a matrix with {width} columns ({what}), got {list(tensor.shape)}.")
    return tensor_product(*structure(incidence), x, y, w, plan.key, False)
