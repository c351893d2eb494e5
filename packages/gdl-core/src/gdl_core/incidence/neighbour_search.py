"""`neighbours`: k nearest points, or all points within a radius, in open or periodic space, per sample of a batch."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.incidence.incidence import Incidence
from gdl_core.incidence.operations import gather
from gdl_core.incidence.pairs import keep_nearest, nearest_pairs, pairs_within, squared_distance
from gdl_core.pytree import TensorDataclass, tensor_dataclass


@tensor_dataclass(name="gdl.Neighbours")
class Neighbours(TensorDataclass):
    """Who is near whom: senders are the points, receivers the queries (the points themselves by default)."""

    incidence: Incidence
    shift: Tensor | None = None  # [e, d] int32, the cells by which each sender is moved; None in open space

    def displacement(
        self,
        points: Tensor,
        cell: Tensor | None = None,
        batch: Tensor | None = None,
        queries: Tensor | None = None,
    ) -> Tensor:
        """Return ``[e, d]``, the vector ``x[sender] + shift @ cell - x[receiver]``, differentiable in points and cell.

        Args:
            points, cell, queries: as in `neighbours`, at their present values.
            batch: the sample of each receiver, needed for a cell per sample.
        """
        ends = points if queries is None else queries
        d = gather(self.incidence, points, "sender") - gather(self.incidence, ends, "receiver")
        if self.shift is None:
            return d
        if cell is None:
            raise ValueError("These neighbours were found in periodic space; displacement needs the cell.")
        shift = self.shift.to(cell.dtype)
        if cell.dim() == 2:
            return d + shift @ cell
        if batch is None:
            raise ValueError("With a cell per sample, displacement needs the sample of each receiver (batch).")
        per_edge = cell.index_select(0, batch.long().index_select(0, self.incidence.receiver))
        return d + torch.einsum("ei,eij->ej", shift, per_edge)


def neighbours(
    points: Tensor,
    k: int | None = None,
    radius: float | None = None,
    *,
    cell: Tensor | None = None,
    periodic: Sequence[bool] | None = None,
    batch: Tensor | None = None,
    queries: Tensor | None = None,
    query_batch: Tensor | None = None,
    loop: bool = False,
) -> Neighbours:
    """Find for each point the `k` nearest others, the others within `radius` (inclusive), or the `k` nearest of these.

    Distances are Euclidean, compared in float64; equal ones are ordered by the sender's index, then by shift. In a
    periodic space a point may be its own neighbour, and the same sender may appear with several shifts.
    CPU tensors use SciPy's k-d tree; tensors elsewhere compare all pairs in chunks.

    Args:
        points: ``[n, d]`` floating-point.
        k: number of neighbours.
        radius: largest distance.
        cell: ``[d, d]``, or ``[b, d, d]`` one per sample, whose rows are the lattice vectors, of any angles.
        periodic: which lattice vectors repeat; all if left out.
        batch: ``[n]`` integers, the sample of each point; points of different samples are never neighbours.
        queries: ``[m, d]`` receivers, if they are not the points; nothing is then excluded.
        query_batch: ``[m]``, their samples.
        loop: whether a point is its own neighbour (at shift zero).

    Raises:
        ValueError: if a coordinate is not finite, the cell has no volume, `k` or `radius` is not positive, a sample
            has fewer than `k` other points, or a shape does not fit.
        TypeError: if points are not floating-point, or batch not integers.
    """
    own = queries is None
    ends, end_batch = (points, batch) if own else (queries, query_batch)
    _check_points("points", points, batch)
    _check_points("queries", ends, end_batch)
    if ends.shape[1] != points.shape[1]:
        raise ValueError(f"queries have {ends.shape[1]} coordinates, points {points.shape[1]}; these must agree.")
    if not own and (batch is None) != (query_batch is None):
        raise ValueError("batch and query_batch must be given together, got only one of them.")
    _check_limits(k, radius)
    samples = _samples(batch, end_batch)
    cells = None if cell is None else _cells(cell, points.shape[1], samples)
    repeats = _repeats(periodic, points.shape[1], cell)
    senders, receivers, shifts = [], [], []
    x, q = points.detach().double(), ends.detach().double()
    for sample in range(samples):
        i = _members(batch, sample, x)
        j = _members(end_batch, sample, q)
        box = None if cells is None else cells[sample]
        wanted = k if k is None or loop or not own else k + 1  # the point itself is found too
        if k is not None and radius is None and len(j):
            endless = box is not None and any(repeats) and len(i) > 0  # a point has infinitely many images
            others = len(i) - (own and not loop)
            if not endless and others < k:
                raise ValueError(f"k = {k} neighbours were asked for, but sample {sample} offers only {others}.")
        s, r, shift = _search(x[i], q[j], wanted, radius, box, repeats)
        if own and not loop:
            other = (i[s] != j[r]) | (shift != 0).any(1)
            s, r, shift = s[other], r[other], shift[other]
            if k is not None:  # where a twin at the same place came first, one too many is left
                s, r, shift = (t[_rank(r) < k] for t in (s, r, shift))
        senders.append(i[s])
        receivers.append(j[r])
        shifts.append(shift)
    none = torch.zeros(0, dtype=torch.int64, device=points.device)
    incidence = Incidence.from_edges(
        torch.cat([none, *senders]), torch.cat([none, *receivers]), points.shape[0], ends.shape[0]
    )
    if cells is None:
        return Neighbours(incidence)
    shift = torch.cat([none.new_zeros(0, points.shape[1]), *shifts])
    return Neighbours(incidence, incidence.from_given(shift).int())


def _search(
    x: Tensor, q: Tensor, k: int | None, radius: float | None, cell: Tensor | None, periodic: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Senders, receivers and shifts of one sample, nearest first within each receiver."""
    if cell is None or not any(periodic):
        if k is not None and radius is None:
            c, r = nearest_pairs(x, q, k)
        else:
            c, r = keep_nearest(x, q, *pairs_within(x, q, radius or 0.0), k)
        return c, r, c.new_zeros(len(c), x.shape[1])
    wrap_x, wrap_q = _wraps(x, cell, periodic), _wraps(q, cell, periodic)
    x, q = x - wrap_x @ cell, q - wrap_q @ cell
    if k is not None and radius is None:
        origin, image, c, r = _nearest_images(x, q, k, cell, periodic)
    else:
        origin, image, places = _images(x, cell, periodic, radius or 0.0)
        c, r = keep_nearest(places, q, *pairs_within(places, q, radius or 0.0), k)
    return origin[c], r, (image[c] - wrap_x[origin[c]] + wrap_q[r]).long()


def _nearest_images(
    x: Tensor, q: Tensor, k: int, cell: Tensor, periodic: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (origin, shift), and the pairs of image and query. The radius to look in is guessed, then corrected."""
    volume = float(torch.linalg.det(cell).abs())
    reach = 0.7 * (volume * (k + 1) / max(len(x), 1)) ** (1 / x.shape[1])
    while True:
        origin, image, places = _images(x, cell, periodic, reach)
        if len(places) >= k or len(q) == 0:
            c, r = nearest_pairs(places, q, k)
            farthest = float(squared_distance(places[c], q[r]).max().sqrt()) if len(c) else 0.0
            if farthest <= reach:
                return origin, image, c, r
            reach = farthest * (1 + 1e-9)  # k images are that near, so no farther one is among the nearest
        else:
            reach *= 2


def _images(x: Tensor, cell: Tensor, periodic: Sequence[bool], reach: float) -> tuple[Tensor, Tensor, Tensor]:
    """The images of wrapped points that may lie within `reach` of the cell: origin ``[p]``, shift and place ``[p, d]``.

    In lattice coordinates a ball of radius r is as wide as r over the distance of opposite faces.
    """
    inverse = torch.linalg.inv(cell)
    margin = reach * inverse.norm(dim=0)
    count = [math.ceil(float(m)) if p else 0 for m, p in zip(margin, periodic, strict=True)]
    shifts = torch.tensor(list(itertools.product(*(range(-n, n + 1) for n in count))), dtype=x.dtype, device=x.device)
    place = (x @ inverse)[:, None] + shifts[None]  # [n, images, d]
    fixed = ~torch.tensor(list(periodic), device=x.device)
    slack = 1e-9 * (1 + margin)
    near = (fixed | ((place >= -margin - slack) & (place <= 1 + margin + slack))).all(-1)
    origin, which = near.nonzero(as_tuple=True)
    return origin, shifts[which], x[origin] + shifts[which] @ cell


def _wraps(x: Tensor, cell: Tensor, periodic: Sequence[bool]) -> Tensor:
    """``[n, d]`` whole lattice vectors from the cell at the origin to each point."""
    cells = (x @ torch.linalg.inv(cell)).floor()
    return cells * torch.tensor(list(periodic), dtype=x.dtype, device=x.device)


def _rank(sorted_rows: Tensor) -> Tensor:
    """The place of each entry within its run of equal rows."""
    places = torch.arange(len(sorted_rows), device=sorted_rows.device)
    return places - torch.searchsorted(sorted_rows, sorted_rows)


def _members(batch: Tensor | None, sample: int, x: Tensor) -> Tensor:
    if batch is None:
        return torch.arange(len(x), device=x.device)
    return (batch == sample).nonzero()[:, 0]


def _samples(*batches: Tensor | None) -> int:
    sizes = [1 if b is None else (int(b.max()) + 1 if b.numel() else 0) for b in batches]
    return max(sizes)


def _check_points(name: str, x: Tensor, batch: Tensor | None) -> None:
    if not x.is_floating_point():
        raise TypeError(f"{name} must be floating-point coordinates, got {x.dtype}.")
    if x.dim() != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} must have the shape [n, d], got {list(x.shape)}.")
    wrong = ~x.isfinite().all(1)
    if wrong.any():
        i = int(wrong.int().argmax())
        raise ValueError(f"{name} must be finite, but number {i} is {x[i].tolist()}.")
    if batch is None:
        return
    if batch.is_floating_point() or batch.dtype == torch.bool:
        raise TypeError(f"The batch of the {name} must be integers, got {batch.dtype}.")
    if batch.shape != x.shape[:1] or (batch.numel() and int(batch.min()) < 0):
        raise ValueError(
            f"The batch of the {name} must name a sample, 0 or above, for each of the {len(x)}, "
            f"got the shape {list(batch.shape)}" + (f", least {int(batch.min())}." if batch.numel() else ".")
        )


def _check_limits(k: int | None, radius: float | None) -> None:
    if k is None and radius is None:
        raise ValueError("neighbours needs k, radius, or both; got neither.")
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, got {k}.")
    if radius is not None and not 0 < radius < math.inf:
        raise ValueError(f"radius must be positive and finite, got {radius}.")


def _cells(cell: Tensor, d: int, samples: int) -> Tensor:
    """``[b, d, d]`` in float64."""
    if cell.shape not in ((d, d), (samples, d, d)):
        raise ValueError(
            f"cell must have the shape [{d}, {d}], or [{samples}, {d}, {d}], one per sample; got {list(cell.shape)}."
        )
    cells = cell.detach().double().expand(samples, d, d)
    size = cells.norm(dim=2).prod(1)
    flat = ~(torch.linalg.det(cells).abs() > 1e-9 * size)
    if flat.any():
        i = int(flat.int().argmax())
        raise ValueError(f"The lattice vectors of cell {i} span no volume: {cells[i].tolist()}.")
    return cells


def _repeats(periodic: Sequence[bool] | None, d: int, cell: Tensor | None) -> tuple[bool, ...]:
    if periodic is None:
        return (cell is not None,) * d
    if cell is None or len(periodic) != d:
        raise ValueError(
            f"periodic says which of the {d} lattice vectors of a cell repeat, got {list(periodic)} "
            + ("without a cell." if cell is None else "of another length.")
        )
    return tuple(bool(p) for p in periodic)
