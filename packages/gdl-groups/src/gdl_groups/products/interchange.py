"""Between this library's tensor products and e3nn's: the same paths, the same weights in another order."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gdl_groups.angular import to_e3nn
from gdl_groups.products.plan import TensorProductPlan, degree_and_parity

if TYPE_CHECKING:
    from e3nn.o3 import TensorProduct


def e3nn_product(plan: TensorProductPlan) -> "TensorProduct":
    """Return e3nn's "uvu" tensor product with the paths of a plan of O(3), whose weights are external.

    Its result in e3nn's layout is `to_mul_ir` of the plan's, and its weights are the plan's.
    """
    from e3nn.o3 import Irrep, TensorProduct

    irreps = [Irrep(*degree_and_parity(rep)) for _, rep in plan.out_type.fields]
    return TensorProduct(
        to_e3nn(plan.in_type),
        to_e3nn(plan.filter_type),
        [(path.copies, irreps[path.third]) for path in plan.paths],
        [(path.first, path.second, k, "uvu", True) for k, path in enumerate(plan.paths)],
        shared_weights=False,
        internal_weights=False,
    )


def weights_from_e3nn(plan: TensorProductPlan, product: Any, weights: Tensor) -> Tensor:
    """Return the weights ``[..., plan.weight_count]`` with which `plan` does what e3nn's `product` does with `weights`.

    Args:
        product: an `e3nn.o3.TensorProduct` of "uvu" paths with one output field each, in any order.
        weights: ``[..., product.weight_numel]``.

    Raises:
        ValueError: if its paths are not those of the plan.
    """
    index, scale = _correspondence(plan, product)
    return weights.index_select(-1, index.to(weights.device)) * scale.to(weights)


def weights_to_e3nn(plan: TensorProductPlan, product: Any, weights: Tensor) -> Tensor:
    """Return the inverse of `weights_from_e3nn`."""
    index, scale = _correspondence(plan, product)
    return (weights / scale.to(weights)).index_select(-1, torch.argsort(index).to(weights.device))


def _correspondence(plan: TensorProductPlan, product: Any) -> tuple[Tensor, Tensor]:
    """Which weight of e3nn each weight of the plan is, and by what it is multiplied."""
    fits = (product.irreps_in1, product.irreps_in2) == (to_e3nn(plan.in_type), to_e3nn(plan.filter_type))
    theirs, start = {}, 0
    for ins in product.instructions:
        irrep = product.irreps_out[ins.i_out].ir
        fits = fits and ins.connection_mode == "uvu" and ins.has_weight
        theirs[ins.i_in1, ins.i_in2, irrep.l, irrep.p] = start, ins.path_weight
        start += product.irreps_in1[ins.i_in1].mul
    irreps = [degree_and_parity(rep) for _, rep in plan.out_type.fields]
    ours = [(path.first, path.second, *irreps[path.third]) for path in plan.paths]
    alone = len({ins.i_out for ins in product.instructions}) == len(product.instructions) == len(theirs)
    if not fits or not alone or set(ours) != set(theirs):
        raise ValueError(
            f'{product} has not the paths of {plan!r}; expected weighted "uvu" paths, each with an output field of its '
            "own, and the same irreps in the same order."
        )
    index, scale = [], []
    for key, path in zip(ours, plan.paths):
        begin, factor = theirs[key]
        index += range(begin, begin + path.copies)
        scale += [factor / (2 * path.degrees[2] + 1) ** 0.5] * path.copies
    return torch.tensor(index), torch.tensor(scale, dtype=torch.float64)
