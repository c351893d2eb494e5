"""`PairSet`: all ordered pairs of points of each sample, and `PairedPoints`, the points that they are pairs of."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Self

import torch
from gdl_core.geometry import Domain, Symmetry
from gdl_core.groups import Group, YoungSubgroup
from gdl_core.incidence import Incidence, aggregate
from gdl_core.points import Points, Sizes, offsets
from gdl_core.pytree import tensor_dataclass
from torch import Tensor

from gdl_graphs.graph import Graph


@tensor_dataclass(name="gdl.PairSet")
class PairSet(Points):
    """The n² ordered pairs of the n points of each sample, row by row, for a matrix per sample. Values are ``[p, c]``.

    A permutation of the points moves pair (i, j) to (g(i), g(j)). To a layer for sets, pairs are points.

    Made by `of` or `of_points`; the constructor does not validate.

    Args:
        incidence: pair (i, j) as an edge from point j to point i, so rows are receivers.
        ptr, owner: ``int32[b + 1]`` and ``int32[p]``, the pairs of each sample, and the sample of each pair.
        point_ptr, point_owner: the same of the points.
        flip: from each pair (j, i) to (i, j).
        diagonal: from the pairs (i, i) to the points i.
        slots: from pairs to the entries of square matrices that are all as large as the largest; None if they are.
        size: how many points every sample has, where it is the same for all.
        largest: how many points the largest sample has.
    """

    incidence: Incidence
    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[p]
    point_ptr: Tensor  # int32[b + 1]
    point_owner: Tensor  # int32[n]
    flip: Incidence
    diagonal: Incidence
    slots: Incidence | None = None
    positions = None
    size: int | None = field(default=None, metadata={"static": True})
    largest: int = field(default=0, metadata={"static": True})

    @classmethod
    def of(cls, sizes: Sizes) -> Self:
        """Build the pairs of samples with these numbers of points; one number is one sample.

        Raises:
            ValueError: if a size is not a whole number from 0.
        """
        point_ptr, point_owner = offsets(sizes)
        counts: list[int] = point_ptr.diff().tolist()
        ptr, owner = offsets([count * count for count in counts])
        incidence = Graph.complete(counts).incidence
        pairs, points = owner.shape[0], point_owner.shape[0]
        numbers = torch.arange(pairs)
        diagonal = numbers[incidence.sender == incidence.receiver]
        largest, equal = max(counts, default=0), len(set(counts)) == 1
        slots = None
        if not equal:
            local = incidence.edge_index() - point_ptr.long()[owner.long()]
            place = (owner.long() * largest + local[1]) * largest + local[0]
            slots = Incidence.from_edges(numbers, place, pairs, len(counts) * largest**2)
        return cls(
            incidence=incidence,
            ptr=ptr,
            owner=owner,
            point_ptr=point_ptr,
            point_owner=point_owner,
            flip=Incidence.from_edges(incidence.perm, numbers, pairs, pairs),
            diagonal=Incidence.from_edges(diagonal, torch.arange(points), pairs, points),
            slots=slots,
            size=counts[0] if equal else None,
            largest=largest,
        )

    @classmethod
    def of_points(cls, points: Points) -> Self:
        """Build the pairs of the points of each sample of a set or graph, on its device."""
        return cls.of(points.ptr.diff()).to(points.ptr.device)

    @property
    def points(self) -> "PairedPoints":
        """The points, as a domain."""
        return PairedPoints(self.point_ptr, self.point_owner, self)

    @property
    def num_pairs(self) -> int:
        return self.owner.shape[0]

    @property
    def device(self) -> torch.device:
        return self.owner.device

    def transposed(self, x: Tensor) -> Tensor:
        """Return ``[p, c]``, the value of (j, i) at each pair (i, j)."""
        return aggregate(self.flip, x)

    def diagonal_of(self, x: Tensor) -> Tensor:
        """Return ``[n, c]``, the value of (i, i) at each point i."""
        return aggregate(self.diagonal, x)

    def on_diagonal(self, x: Tensor) -> Tensor:
        """Return ``[p, c]``, the value ``x[i]`` at each pair (i, i) and 0 elsewhere."""
        return aggregate(self.diagonal.transpose(), x)

    def to_matrices(self, x: Tensor) -> Tensor:
        """Return ``[b, c, m, m]``, a matrix per sample and channel, with zeros where a sample is smaller than m."""
        x = x if self.slots is None else aggregate(self.slots, x)
        return x.reshape(self.batch_size, self.largest, self.largest, x.shape[1]).permute(0, 3, 1, 2)

    def from_matrices(self, matrices: Tensor) -> Tensor:
        """Return ``[p, c]``, the entries of ``[b, c, m, m]`` that are pairs; the inverse of `to_matrices`."""
        x = matrices.permute(0, 2, 3, 1).reshape(self.batch_size * self.largest**2, matrices.shape[1])
        return x if self.slots is None else aggregate(self.slots.transpose(), x)

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {"permutation": PairPermutation("permutation", self)}

    @classmethod
    def collate(cls, domains: Sequence["PairSet"]) -> "PairSet":
        """Return the pairs of all samples; pairs across samples are none.

        Raises:
            ValueError: if there is no sample.
        """
        if not domains:
            raise ValueError("PairSet.collate needs at least one sample, got an empty list.")
        sizes = [size for domain in domains for size in domain.point_ptr.diff().tolist()]
        return PairSet.of(sizes).to(domains[0].device)

    def unbatch(self) -> list["PairSet"]:
        return [PairSet.of(size).to(self.device) for size in self.point_ptr.diff().tolist()]

    def __str__(self) -> str:
        sizes = f"{self.batch_size} x {self.size}²" if self.size is not None else f"{self.batch_size} samples, "
        return f"PairSet({sizes}{'' if self.size is not None else self.num_pairs} pairs)"

    __repr__ = __str__


@tensor_dataclass(name="gdl.PairedPoints")
class PairedPoints(Points):
    """The points of a `PairSet`, which lead back to their pairs.

    Args:
        ptr, owner: ``int32[b + 1]`` and ``int32[n]``, see `Points`.
        pairs: the pairs.
    """

    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[n]
    pairs: PairSet
    positions = None

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {"permutation": PairPermutation("permutation", self)}

    @classmethod
    def collate(cls, domains: Sequence["PairedPoints"]) -> "PairedPoints":
        """Return the points of all samples."""
        return PairSet.collate([domain.pairs for domain in domains]).points

    def unbatch(self) -> list["PairedPoints"]:
        return [pairs.points for pairs in self.pairs.unbatch()]

    def __str__(self) -> str:
        return f"PairedPoints({self.batch_size} samples, {self.num_points} points)"

    __repr__ = __str__


class PairPermutation(Symmetry):
    """Point i becomes point g(i), and pair (i, j) becomes (g(i), g(j)) (Maron et al. 2019, §3)."""

    def __init__(self, name: str, domain: PairSet | PairedPoints):
        self.name, self.domain = name, domain

    @cached_property
    def group(self) -> Group:  # type: ignore[override]  # made when asked for: it reads sizes from the device
        domain = self.domain
        return YoungSubgroup((domain.point_ptr if isinstance(domain, PairSet) else domain.ptr).diff().tolist())

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        if isinstance(domain, PairSet):
            images = pair_images(g.to(values.device), domain)
        elif isinstance(domain, PairedPoints):
            images = g.to(values.device)
        else:
            raise TypeError(f"Permutations of points and pairs do not act on {domain!r}.")
        return values.index_select(0, torch.argsort(images)), domain


def pair_images(g: Tensor, pairs: PairSet) -> Tensor:
    """Return ``[p]``, where each pair goes when point i goes to ``g[i]``."""
    sender, receiver = g[pairs.incidence.edge_index()]
    start = pairs.point_ptr.long()[pairs.owner.long()]
    return pairs.incidence.ptr.long()[receiver] + sender - start
