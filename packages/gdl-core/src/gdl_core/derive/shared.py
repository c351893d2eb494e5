"""Operators whose rows are all alike: one small matrix, applied at every point to its gathered neighbours.

Where a symmetry moves every point to every other, the rows of an invariant operator at two points hold the same
numbers in another order. Sorting each point's columns by what stands in them brings them into the same order, so that
the operator becomes *gather, then one matrix product*: for the shifts of a grid, the im2col form of a convolution.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gdl_core.derive.basis import Basis


@dataclass(frozen=True)
class SharedRows:
    """K[(i, a), sender[i, q]] = Σ_k w_k B_k[a, q] at every point i.

    Attributes:
        sender: the q-th column of each point, `[n, q]`.
        matrices: B, `[k, d_out, q]` in float64.
    """

    sender: Tensor
    matrices: Tensor


def shared_rows(basis: Basis, points: int) -> SharedRows | None:
    """Return the shared form of an operator on `points` points, or None if two points have different rows."""
    if len(basis) == 0 or points == 0:
        return None
    d_out = basis.rows // points
    point, component = basis.row // d_out, basis.row % d_out
    key = point * basis.columns + basis.column
    unique = torch.unique_consecutive if d_out == 1 else torch.unique  # with one component it is sorted already
    place, inverse = unique(key, return_inverse=True)
    owner = place // basis.columns
    width = torch.bincount(owner, minlength=points)
    if int(width.min()) != int(width.max()):
        return None
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(d_out, len(basis), generator=draw, dtype=torch.float64)
    content = torch.zeros(place.shape[0], dtype=torch.float64)  # one number for what stands in a point's column
    scale = float(basis.value.abs().max())
    content.index_add_(0, inverse, weights[component, basis.element] * (basis.value / scale))
    content = (content * 1e7).round().reshape(points, -1)
    order = torch.argsort(content, dim=1, stable=True)
    content = torch.gather(content, 1, order)
    if bool(((content - content[0]).abs() > 1).any()):  # rounding may differ in the last digit
        return None
    sender = torch.gather((place % basis.columns).reshape(points, -1), 1, order)
    first = point == 0
    position = torch.argsort(order[0])  # where each column of point 0 went
    matrices = torch.zeros(len(basis), d_out, sender.shape[1], dtype=torch.float64)
    matrices[basis.element[first], component[first], position[inverse[first]]] = basis.value[first]
    return SharedRows(sender, matrices)
