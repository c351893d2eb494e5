"""`PointSet`: points without edges."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Self

from gdl_core.geometry import Symmetry
from gdl_core.points import Points, Sizes, check_positions, join, join_offsets, offsets
from gdl_core.pytree import tensor_dataclass
from torch import Tensor


@tensor_dataclass(name="gdl.PointSet")
class PointSet(Points):
    """A batch of sets (the book, §5.3 with E = ∅; Transformers read it as the complete graph, §5.4).

    Made by `of`, which validates; the constructor does not.

    Args:
        ptr, owner: ``int32[b + 1]`` and ``int32[n]``, see `Points`.
        positions: ``[n, d]``.
        size: the number of points of every sample where it is the same for all: then the batch is also a tensor
            ``[b, size, c]``, which dense attention uses.
    """

    ptr: Tensor  # int32[b + 1]
    owner: Tensor  # int32[n]
    positions: Tensor | None = None  # [n, d]
    size: int | None = field(default=None, metadata={"static": True})

    def symmetries(self) -> Mapping[str, Symmetry]:
        from gdl_graphs.symmetry import PointPermutation

        return {"permutation": PointPermutation("permutation", self)}

    @classmethod
    def of(cls, sizes: Sizes, positions: Tensor | None = None) -> Self:
        """Build sets of the given sizes; one number is one set.

        Raises:
            ValueError: if a size is negative, or `positions` is not `[n, d]` and finite.
        """
        ptr, owner = offsets(sizes)
        check_positions(positions, owner.shape[0])
        device = None if positions is None else positions.device
        distinct = set(ptr.diff().tolist())
        return cls(ptr.to(device), owner.to(device), positions, distinct.pop() if len(distinct) == 1 else None)

    @classmethod
    def collate(cls, domains: Sequence["PointSet"]) -> "PointSet":
        if not domains:
            raise ValueError("PointSet.collate needs at least one sample, got an empty list.")
        ptr, owner = join_offsets(domains)
        sizes = {domain.size for domain in domains}
        positions = join([domain.positions for domain in domains], "positions")
        return PointSet(ptr, owner, positions, sizes.pop() if len(sizes) == 1 else None)

    def unbatch(self) -> list["PointSet"]:
        parts = []
        for start, stop in itertools.pairwise(self.ptr.tolist()):
            positions = None if self.positions is None else self.positions[start:stop]
            ptr, owner = offsets(stop - start)
            parts.append(PointSet(ptr.to(self.ptr), owner.to(self.ptr), positions, stop - start))
        return parts

    def __str__(self) -> str:
        return f"PointSet({self.batch_size} x {self.size if self.size is not None else '?'} points)"
