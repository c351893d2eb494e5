"""`GeometricGraph`: points in space and who is near whom, the domain of atoms and particles."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from gdl_core.geometry import Symmetry
from gdl_core.incidence import Incidence
from gdl_core.incidence.neighbour_search import Neighbours, neighbours
from gdl_core.points import Points, check_positions, join, join_offsets, offsets, select
from gdl_core.pytree import tensor_dataclass
from torch import Tensor


@tensor_dataclass(name="gdl.GeometricGraph")
class GeometricGraph(Points):
    """Points in R^d with edges between neighbours, or a batch of them side by side (the book, §5.5).

    Values are `[n, c]`. Messages go from sender to receiver; edge values are in the canonical order of the incidence.
    Where space repeats, a sender is meant in the cell that `shift` names. Positions and cells are differentiable:
    forces are -dE / d positions.

    Made by `from_positions` or `from_edges`, which validate; the constructor does not.

    Args:
        incidence: the edges, from points to points.
        ptr, owner: ``int32[b + 1]`` and ``int32[n]``, see `Points`.
        positions: ``[n, d]``, in whatever unit of length the user has.
        shift: ``int32[e, d]``, the cells by which each sender is moved; None in open space.
        cell: ``[b, d, d]``, the rows of each are lattice vectors; None in open space.
    """

    incidence: Incidence
    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[n]
    positions: Tensor  # [n, d]
    shift: Tensor | None = None  # int32[e, d]
    cell: Tensor | None = None  # [b, d, d]

    @classmethod
    def from_positions(
        cls,
        positions: Tensor,
        radius: float | None = None,
        k: int | None = None,
        *,
        sizes: int | Sequence[int] | None = None,
        cell: Tensor | None = None,
        periodic: Sequence[bool] | None = None,
    ) -> Self:
        """Join each point to the others within `radius`, to its `k` nearest, or (neither given) to all of its sample.

        Args:
            positions: ``[n, d]`` floating-point.
            radius: the largest distance, inclusive.
            k: the number of neighbours.
            sizes: the number of points of each sample; all points are one sample if left out.
            cell: ``[d, d]`` or ``[b, d, d]``, lattice vectors as rows; then `periodic` says which repeat (all).

        Raises:
            TypeError, ValueError: if positions are not finite numbers `[n, d]`, sizes do not add up to n, or a cell
                has no volume.
        """
        check_positions(positions, positions.shape[0] if isinstance(positions, Tensor) and positions.dim() else 0)
        n = positions.shape[0]
        ptr, owner = offsets(n if sizes is None else sizes)
        if owner.shape[0] != n:
            raise ValueError(f"The sizes of the samples add up to {owner.shape[0]}, but there are {n} positions.")
        ptr, owner = ptr.to(positions.device), owner.to(positions.device)
        cells = _cells(cell, ptr.shape[0] - 1, positions)
        if radius is None and k is None:
            found = _everyone(ptr, n)
        else:
            found = neighbours(
                positions.detach(),
                k,
                radius,
                cell=None if cells is None else cells.detach(),
                periodic=periodic,
                batch=owner,
            )
        return cls(found.incidence, ptr, owner, positions, found.shift, cells)

    @classmethod
    def from_edges(
        cls, sender: Any, receiver: Any, positions: Tensor, *, sizes: int | Sequence[int] | None = None
    ) -> Self:
        """Build a graph in open space from two lists of edge ends, `[e]`; messages go from sender to receiver.

        Raises:
            TypeError, ValueError: if an end is no point, or positions are not finite numbers `[n, d]`.
        """
        check_positions(positions, positions.shape[0])
        ptr, owner = offsets(positions.shape[0] if sizes is None else sizes)
        incidence = Incidence.from_edges(sender, receiver, positions.shape[0], positions.shape[0])
        return cls(incidence, ptr.to(positions.device), owner.to(positions.device), positions)

    @property
    def space_dim(self) -> int:
        return self.positions.shape[1]

    @property
    def num_edges(self) -> int:
        return self.incidence.num_edges

    def vectors(self) -> Tensor:
        """Return ``[e, d]``, from receiver to sender, ``x_j - x_i`` (+ shift · cell); differentiable."""
        return Neighbours(self.incidence, self.shift).displacement(self.positions, self.cell, self.owner)

    def moved(self, positions: Tensor, cell: Tensor | None = None) -> Self:
        """Return the graph with other positions (and cells), the same edges."""
        return self.replace(positions=positions, cell=self.cell if cell is None else cell)

    def rebuilt(
        self, radius: float | None = None, k: int | None = None, *, periodic: Sequence[bool] | None = None
    ) -> Self:
        """Return the graph of the same points with the neighbours of where they are now; arguments as at first."""
        return self.from_positions(
            self.positions, radius, k, sizes=self.ptr.diff().tolist(), cell=self.cell, periodic=periodic
        )

    def select(self, samples: Tensor | Sequence[int]) -> Self:
        """Return the batch of the given samples, in this order; the same may come twice.

        The same as collating these parts of `unbatch`, without taking the batch apart: a few index operations.

        Raises:
            IndexError: if a sample is out of range.
        """
        found = select(self.incidence, self.ptr, samples)
        return type(self)(
            replace(found.incidence, splits=found.splits),
            found.ptr,
            found.owner,
            self.positions.index_select(0, found.points),
            None if self.shift is None else self.shift.index_select(0, found.edges),
            None if self.cell is None else self.cell.index_select(0, found.samples),
        )

    def relabel(self, images: Tensor) -> Self:
        """Return the graph with point i called `images[i]`, within its sample."""
        inc = self.incidence
        images = images.to(inc.sender.device, torch.int64)
        moved = Incidence.from_edges(
            images.index_select(0, inc.sender), images.index_select(0, inc.receiver), inc.num_senders, inc.num_receivers
        )
        shift = None if self.shift is None else moved.from_given(self.shift)
        return self.replace(
            incidence=moved, positions=self.positions.index_select(0, torch.argsort(images)), shift=shift
        )

    def symmetries(self) -> Mapping[str, Symmetry]:
        """Return what moves the points: `permutation`, `translation`, `rotation` (SO(d)), `orthogonal` (O(d))."""
        from gdl_groups.geometric.symmetry import symmetries

        return symmetries(self)

    @classmethod
    def collate(cls, domains: "Sequence[GeometricGraph]") -> "GeometricGraph":
        if not domains:
            raise ValueError("GeometricGraph.collate needs at least one sample, got an empty list.")
        ptr, owner = join_offsets(domains)
        return cls(
            Incidence.collate([domain.incidence for domain in domains]),
            ptr,
            owner,
            torch.cat([domain.positions for domain in domains]),
            join([domain.shift for domain in domains], "shifts"),
            join([domain.cell for domain in domains], "cells"),
        )

    def unbatch(self) -> "list[GeometricGraph]":
        points = self.ptr.tolist()
        edges = self.incidence.ptr[self.ptr.long()].tolist()
        found = []
        for sample, (start, stop) in enumerate(itertools.pairwise(points)):
            first, last = edges[sample], edges[sample + 1]
            inc = Incidence.from_edges(
                self.incidence.sender[first:last].long() - start,
                self.incidence.receiver[first:last].long() - start,
                stop - start,
                stop - start,
            )
            ptr, owner = offsets(stop - start)
            shift = None if self.shift is None else inc.from_given(self.shift[first:last])
            cell = None if self.cell is None else self.cell[sample : sample + 1]
            found.append(type(self)(inc, ptr.to(self.ptr), owner.to(self.ptr), self.positions[start:stop], shift, cell))
        return found

    def __str__(self) -> str:
        samples = f"{self.batch_size} samples, " if self.batch_size != 1 else ""
        return f"GeometricGraph({samples}{self.num_points} points, {self.num_edges} edges)"


def _cells(cell: Tensor | None, samples: int, positions: Tensor) -> Tensor | None:
    if cell is None:
        return None
    d = positions.shape[1]
    cell = torch.as_tensor(cell, dtype=positions.dtype, device=positions.device)
    if cell.dim() == 2:
        cell = cell.expand(samples, *cell.shape)
    if tuple(cell.shape) != (samples, d, d):
        raise ValueError(f"cell must be [{d}, {d}] or [{samples}, {d}, {d}], got {list(cell.shape)}.")
    volumes = torch.linalg.det(cell.detach().double()).abs()
    flat = ~(volumes > 1e-12)
    if bool(flat.any()):
        raise ValueError(f"The cell of sample {int(flat.int().argmax())} has no volume: its rows must span space.")
    return cell


def _everyone(ptr: Tensor, n: int) -> Neighbours:
    """Return all pairs of different points of each sample."""
    sizes = ptr.diff().long()
    receiver = torch.repeat_interleave(torch.arange(n, device=ptr.device), torch.repeat_interleave(sizes, sizes))
    first = torch.repeat_interleave(ptr[:-1].long(), sizes * sizes)
    place = torch.arange(receiver.shape[0], device=ptr.device)
    size = torch.repeat_interleave(sizes, sizes * sizes)
    before = torch.repeat_interleave((sizes * sizes).cumsum(0) - sizes * sizes, sizes * sizes)
    sender = first + (place - before) % size
    kept = sender != receiver
    return Neighbours(Incidence.from_edges(sender[kept], receiver[kept], n, n))
