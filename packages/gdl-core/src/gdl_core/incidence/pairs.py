"""Close pairs of points in open space: SciPy's k-d tree on the CPU, all pairs in chunks elsewhere.

Every function returns ``(candidate, query)`` index tensors. Trees only propose pairs: distances are recomputed by one
formula in float64, so that the answer does not depend on who proposed them.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

_SLACK = 1 + 1e-9  # by which trees are asked for a little more than is kept
_CHUNK = 1 << 24  # distances that the brute-force path holds at once


def pairs_within(x: Tensor, q: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """All pairs of ``x[n, d]`` and ``q[m, d]`` at a distance of at most `radius`."""
    if len(x) == 0 or len(q) == 0:
        return _none(x)
    if not _uses_tree(x):
        found = [
            (c, r + first)
            for first, d2 in _all_distances(x, q)
            for r, c in [(d2 <= radius * radius).nonzero(as_tuple=True)]
        ]
        return torch.cat([c for c, _ in found]), torch.cat([r for _, r in found])
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
        found = [d2.sort(dim=1, stable=True).indices[:, :k] for _, d2 in _all_distances(x, q)]
        c = torch.cat(found).reshape(-1)
        return c, torch.arange(len(q), device=x.device).repeat_interleave(k)
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


def _all_distances(x: Tensor, q: Tensor) -> Iterator[tuple[int, Tensor]]:
    rows = max(1, _CHUNK // len(x))
    for first in range(0, len(q), rows):
        yield first, squared_distance(x[None], q[first : first + rows, None])


def _none(x: Tensor) -> tuple[Tensor, Tensor]:
    none = torch.zeros(0, dtype=torch.int64, device=x.device)
    return none, none


def _uses_tree(x: Tensor) -> bool:
    return x.device.type == "cpu"
