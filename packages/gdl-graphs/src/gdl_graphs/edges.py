"""Lists of edges: what `Graph` checks and makes of them."""

import numpy as np
import torch
from gdl_core.incidence import Incidence
from torch import Tensor


def check_edge_values(weight: Tensor | None, features: Tensor | None, sender: Tensor, receiver: Tensor) -> None:
    """Raise unless there is one finite-or-infinite weight and one row of features for each edge."""
    edges = sender.shape[0]
    if weight is not None:
        if not isinstance(weight, Tensor) or not weight.is_floating_point():
            kind = weight.dtype if isinstance(weight, Tensor) else type(weight)
            raise TypeError(f"edge_weight must be a floating-point tensor, got {kind}.")
        if weight.shape != (edges,):
            raise ValueError(f"edge_weight must be [{edges}], one number per edge, got {list(weight.shape)}.")
    if features is not None and not isinstance(features, Tensor):
        raise TypeError(f"edge_features must be a tensor, got {type(features)}.")
    if features is not None and (features.dim() < 1 or features.shape[0] != edges):
        raise ValueError(f"edge_features must have {edges} rows, one per edge, got {list(features.shape)}.")
    for name, values in (("edge_weight", weight), ("edge_features", features)):
        if values is None or not values.is_floating_point() or not values.numel():
            continue
        wrong = torch.isnan(values.reshape(edges, -1)).any(1)
        if bool(wrong.any()):
            edge = int(wrong.int().argmax())
            raise ValueError(
                f"{name} is NaN at edge {edge}, from node {int(sender[edge])} to node {int(receiver[edge])}."
            )


def check_mask(mask: Tensor, count: int, what: str) -> None:
    """Raise unless `mask` is ``bool[count]``."""
    if mask.dtype != torch.bool:
        raise TypeError(f"Expected a mask of {what}, bool[{count}], got {mask.dtype} {list(mask.shape)}.")
    if mask.shape != (count,):
        raise ValueError(f"Expected a mask of {what}, bool[{count}], got {list(mask.shape)}.")


def check_permutation(images: Tensor, owner: Tensor) -> None:
    """Raise ValueError unless ``images[n]`` is a permutation that keeps every point in its sample."""
    if images.shape != owner.shape:
        raise ValueError(f"Expected one image per node, [{len(owner)}], got {list(images.shape)}.")
    if not torch.equal(images.sort().values, torch.arange(len(owner), device=images.device)):
        raise ValueError(f"Expected a permutation of 0 ... {len(owner) - 1}: each node is the image of one node.")
    if not torch.equal(owner[images], owner):
        node = int((owner[images] != owner).int().argmax())
        raise ValueError(
            f"A permutation of a batch keeps samples apart; node {node} of sample {int(owner[node])} would go "
            f"to sample {int(owner[images[node]])}."
        )


def check_apart(incidence: Incidence, owner: Tensor) -> None:
    """Raise ValueError if an edge joins two samples of a batch."""
    ends = owner.index_select(0, incidence.sender), owner.index_select(0, incidence.receiver)
    if not torch.equal(*ends):
        edge = int((ends[0] != ends[1]).int().argmax())
        raise ValueError(
            f"The edge from node {int(incidence.sender[edge])} to node {int(incidence.receiver[edge])} joins "
            f"samples {int(ends[0][edge])} and {int(ends[1][edge])} of a batch, which stay apart."
        )


def parallel_order(incidence: Incidence, weight: Tensor | None, features: Tensor | None) -> Tensor | None:
    """Return the canonical order ``[e]`` refined so that parallel edges are sorted by their values; None if unneeded.

    Without it, the sum over parallel edges would depend, in the last bit, on the order in which they were given.
    """
    if weight is None and features is None:
        return None
    same = (incidence.sender[1:] == incidence.sender[:-1]) & (incidence.receiver[1:] == incidence.receiver[:-1])
    if not bool(same.any()):
        return None
    given = incidence.edge_id.long()
    keys = [] if features is None else list(features.reshape(len(given), -1)[given].T.flip(0))
    keys += [] if weight is None else [weight[given]]
    keys += [incidence.sender, incidence.receiver]
    order = np.lexsort([key.detach().double().cpu().numpy() for key in keys])  # stable; the last key counts most
    return torch.as_tensor(order, device=incidence.device)


def ascending(incidence: Incidence) -> Tensor:
    """Return ``int32[e]``, the `edge_id` of edges that were given in canonical order."""
    return torch.arange(incidence.num_edges, dtype=torch.int32, device=incidence.device)


def loops_missing(incidence: Incidence) -> Tensor:
    """Return the nodes that have no edge to themselves."""
    looped = torch.zeros(incidence.num_receivers, dtype=torch.bool, device=incidence.device)
    looped[incidence.sender[incidence.sender == incidence.receiver].long()] = True
    return (~looped).nonzero()[:, 0]


def complete_edges(ptr: Tensor) -> Tensor:
    """Return ``[2, e]``, every ordered pair of points of the same sample, senders above receivers."""
    sizes = ptr.diff().long()
    counts = sizes * sizes
    sample = torch.repeat_interleave(torch.arange(len(sizes)), counts)
    place = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts)[sample]
    size = sizes[sample]
    return torch.stack([place % size, place // size]) + ptr[:-1].long()[sample]
