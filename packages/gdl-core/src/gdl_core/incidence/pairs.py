"""Close pairs of points in open space: SciPy's k-d tree for few dimensions on the CPU, all pairs in chunks otherwise.

Every function returns ``(candidate, query)`` index tensors. Trees and matrix products only propose pairs: distances are
recomputed by one formula in float64, so that the answer does not depend on who proposed them.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_SLACK = 1 + 1e-9  # by which trees are asked for a little more than is kept
_CHUNK = 1 << 22  # distances that the brute-force path holds at once
_TREE_DIMENSIONS = 12  # beyond, a k-d tree looks at nearly every point


def pairs_within(x: Tensor, q: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """All pairs of ``x[n, d]`` and ``q[m, d]`` at a distance of at most `radius`."""
    if len(x) == 0 or len(q) == 0:
        return _none(x)
    if not _uses_tree(x):
        c, r = _propose(x, q, lambda d2: torch.full_like(d2[:, :1], radius * radius))
        keep = squared_distance(x[c], q[r]) <= radius * radius
        return c[keep], r[keep]
    from scipy.spatial import KDTree

    pairs = KDTree(q.numpy()).sparse_distance_matrix(KDTree(x.numpy()), radius * _SLACK, output_type="ndarray")
    c, r = torch.from_numpy(pairs["j"].copy()), torch.from_numpy(pairs["i"].copy())
    keep = squared_distance(x[c], q[r]) <= radius * radius
    return c[keep], r[keep]


def nearest_pairs(x: Tensor, q: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` nearest of ``x[n, d]`` for each of ``q[m, d]``, nearest first, ties by index; `n` is at least `k`."""
    if len(q) == 0:
        return _none(x)
    if not _uses_tree(x):
        c, r = _propose(x, q, lambda d2: d2.topk(k, dim=1, largest=False, sorted=False).values.amax(1, keepdim=True))
        return keep_nearest(x, q, c, r, k)
    from scipy.spatial import KDTree

    tree = KDTree(x.numpy())
    more = min(k + 1, len(x))
    distance, index = tree.query(q.numpy(), k=more)
    distance, index = torch.as_tensor(distance).reshape(-1, more), torch.as_tensor(index).long().reshape(-1, more)
    c = index[:, :k].reshape(-1)
    r = torch.arange(len(q)).repeat_interleave(k)
    if more > k:  # where the next one is as near as the last one, all that are as near must be seen
        tied = (distance[:, k] <= distance[:, k - 1] * _SLACK).nonzero()[:, 0]
        balls = tree.query_ball_point(q[tied].numpy(), distance[tied, k].numpy() * _SLACK)
        extra_r = tied.repeat_interleave(torch.tensor([len(ball) for ball in balls], dtype=torch.int64))
        extra_c = torch.tensor([i for ball in balls for i in ball], dtype=torch.int64)
        open_row = torch.ones(len(q), dtype=torch.bool)
        open_row[tied] = False
        c, r = torch.cat([c[open_row[r]], extra_c]), torch.cat([r[open_row[r]], extra_r])
    return keep_nearest(x, q, c, r, k)


def keep_nearest(x: Tensor, q: Tensor, c: Tensor, r: Tensor, k: int | None) -> tuple[Tensor, Tensor]:
    """Sort pairs by query, distance, candidate; keep the first `k` of each query (all, if None)."""
    order = torch.argsort(c, stable=True)
    order = order[torch.argsort(squared_distance(x[c[order]], q[r[order]]), stable=True)]
    order = order[torch.argsort(r[order], stable=True)]
    c, r = c[order], r[order]
    if k is None:
        return c, r
    rank = torch.arange(len(r), device=r.device) - torch.searchsorted(r, r)
    return c[rank < k], r[rank < k]


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """``[..., d] -> [...]``, added up coordinate by coordinate, in one order on every device."""
    total = torch.zeros_like(x[..., 0])
    for axis in range(x.shape[-1]):
        total = total + (x[..., axis] - y[..., axis]) ** 2
    return total


def _propose(x: Tensor, q: Tensor, bound: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """All pairs whose squared distance is at most ``bound(d2[m, n]) -> [m, 1]``, and a few more, up to rounding."""
    centre = x.mean(0)
    x, q = x - centre, q - centre
    x2, q2 = x.square().sum(1), q.square().sum(1)
    slack = 1e-11 * (x2.max() + q2.max())  # a matrix product is not the formula of `squared_distance`
    rows = max(1, _CHUNK // len(x))
    found = []
    for first in range(0, len(q), rows):
        part = slice(first, first + rows)
        d2 = torch.addmm(x2 + q2[part, None], q[part], x.T, alpha=-2)
        r, c = (d2 <= bound(d2) * _SLACK + slack).nonzero(as_tuple=True)
        found.append((c, r + first))
    return torch.cat([c for c, _ in found]), torch.cat([r for _, r in found])


def _none(x: Tensor) -> tuple[Tensor, Tensor]:
    none = torch.zeros(0, dtype=torch.int64, device=x.device)
    return none, none


def _uses_tree(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.shape[1] <= _TREE_DIMENSIONS
