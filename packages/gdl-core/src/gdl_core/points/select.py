"""Samples cut out of a batch of points and edges in a few index operations, however many samples there are."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gdl_core.incidence import Incidence


class Selection(NamedTuple):
    """What `select` found; the rows of every value of points, edges and samples that go with it."""

    incidence: Incidence  # without `splits`, as points of one batch need none
    splits: Tensor  # int64[3, k + 1], those of the incidence, where samples are to be taken apart again
    ptr: Tensor  # int32[k + 1], of the chosen samples
    owner: Tensor  # int32[n], the sample of each chosen point
    points: Tensor  # int64[n], the points
    edges: Tensor  # int64[e], the edges, in canonical order
    samples: Tensor  # int64[k], the samples


def select(incidence: Incidence, ptr: Tensor, samples: Tensor | Sequence[int]) -> Selection:
    """Return the given samples of a batch of graphs as one batch, in this order; the same may come twice.

    The same as collating these samples, bit for bit, without taking the batch apart.

    Args:
        incidence: the edges of all samples, from points to points.
        ptr: ``[b + 1]``, where the points of each sample start.
        samples: ``[k]``, numbers of samples.

    Raises:
        IndexError: if a sample is out of range.
    """
    chosen = torch.as_tensor(samples, dtype=torch.int64, device=ptr.device).reshape(-1)
    out = (chosen < 0) | (chosen >= len(ptr) - 1)
    if bool(out.any()):
        raise IndexError(f"Expected samples from 0 to {len(ptr) - 2}, got {int(chosen[out][0])}.")
    points, new, by_points = runs(ptr.long(), chosen)
    edges, edge_ptr, by_edges = runs(incidence.ptr.index_select(0, ptr).long(), chosen)
    sizes, counts = new.diff(), edge_ptr.diff()
    point_move = by_points.repeat_interleave(counts).int()  # [e], what to add to a point's number
    edge_move = by_edges.repeat_interleave(counts).int()
    row_move, last = by_edges.repeat_interleave(sizes).int(), edge_ptr[-1:].int()
    cut = Incidence(
        ptr=torch.cat([incidence.ptr.index_select(0, points) + row_move, last]),
        sender=incidence.sender.index_select(0, edges) + point_move,
        receiver=incidence.receiver.index_select(0, edges) + point_move,
        ptr_t=torch.cat([incidence.ptr_t.index_select(0, points) + row_move, last]),
        receiver_t=incidence.receiver_t.index_select(0, edges) + point_move,
        perm=incidence.perm.index_select(0, edges) + edge_move,
        edge_id=incidence.edge_id.index_select(0, edges) + edge_move,
    )
    owner = torch.arange(len(chosen), dtype=torch.int32, device=ptr.device).repeat_interleave(sizes)
    return Selection(cut, torch.stack([new, new, edge_ptr]), new.int(), owner, points, edges, chosen)


def runs(ptr: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the places ``ptr[r] … ptr[r + 1]`` of all rows in turn, the offsets of these runs, how far each moves."""
    first = ptr.index_select(0, rows)
    counts = ptr.index_select(0, rows + 1) - first
    new = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    move = new[:-1] - first
    return torch.arange(int(new[-1]), device=ptr.device) - move.repeat_interleave(counts), new, move
