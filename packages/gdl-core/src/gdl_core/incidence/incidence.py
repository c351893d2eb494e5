"""`Incidence`: any rectangular relation between receivers and senders, sorted once, both ways."""

import itertools
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from gdl_core.incidence.sorting import sort_edges
from gdl_core.pytree import TensorDataclass, tensor_dataclass

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32)
_UNSIGNED = (torch.uint16, torch.uint32)
MAX_EDGES = 2**31 - 2**12  # int32 with room for the last chunk of a kernel


@tensor_dataclass(name="gdl.Incidence")
class Incidence(TensorDataclass):
    """Edges from senders to receivers in *canonical order*: sorted by receiver, then sender, then given position.

    Graphs, neighbour lists, mesh rings, patches and hypergraphs are incidences. Made by `from_edges` and its relatives,
    which validate; the constructor does not. All indices are int32, and every size is a tensor's shape, so that one
    compiled program serves incidences of all sizes.
    """

    ptr: Tensor  # [m + 1]  receiver i owns the edges ptr[i] <= e < ptr[i + 1]
    sender: Tensor  # [e]  sender of each edge
    receiver: Tensor  # [e]  receiver of each edge
    ptr_t: Tensor  # [n + 1]  sender j owns the places ptr_t[j] <= k < ptr_t[j + 1] of the sender-major order
    receiver_t: Tensor  # [e]  receiver at each place of the sender-major order
    perm: Tensor  # [e]  edge at each place of the sender-major order: receiver_t = receiver[perm]
    edge_id: Tensor  # [e]  position of each edge in what the user gave: canonical = given[edge_id]
    splits: Tensor | None = None  # [3, b + 1]  where each sample of a batch starts: receivers, senders, edges

    @classmethod
    def from_edges(cls, sender: Tensor, receiver: Tensor, num_senders: int, num_receivers: int) -> Self:
        """Build from two lists of edge ends; repeated edges are kept. Deterministic on every device.

        Args:
            sender, receiver: ``[e]`` integers in ``[0, num_senders)`` and ``[0, num_receivers)``.
            num_senders, num_receivers: given, never guessed, so that isolated ends count.

        Raises:
            TypeError: if an index is not an integer tensor.
            ValueError: if the shapes differ, or an index is out of range; the first such edge is named.
        """
        sender, receiver = torch.as_tensor(sender), torch.as_tensor(receiver)
        _check_ends(sender, receiver)
        if sender.dtype in _UNSIGNED or receiver.dtype in _UNSIGNED:  # PyTorch can hardly compare them
            sender, receiver = sender.long(), receiver.long()
        edges = sender.shape[0]
        for name, size in (("num_senders", num_senders), ("num_receivers", num_receivers), ("edges", edges)):
            if not 0 <= size < MAX_EDGES:
                raise ValueError(f"An incidence holds fewer than {MAX_EDGES} of each, got {name} = {size}.")
        _check_range("sender", sender, num_senders, sender, receiver)
        _check_range("receiver", receiver, num_receivers, sender, receiver)
        edge_id, ptr, perm, ptr_t = sort_edges(sender.long(), receiver.long(), num_senders, num_receivers)
        sender, receiver = (end.int().index_select(0, edge_id) for end in (sender, receiver))
        receiver_t = receiver.index_select(0, perm)
        return cls(ptr, sender, receiver, ptr_t, receiver_t, perm, edge_id)

    @classmethod
    def from_edge_index(cls, edge_index: Tensor, num_senders: int, num_receivers: int | None = None) -> Self:
        """Build from ``[2, e]``, senders above receivers, as PyTorch Geometric writes it; square by default."""
        edge_index = torch.as_tensor(edge_index)
        if edge_index.dim() != 2 or edge_index.shape[0] != 2:
            raise ValueError(f"edge_index must have the shape [2, e], got {list(edge_index.shape)}.")
        num_receivers = num_senders if num_receivers is None else num_receivers
        return cls.from_edges(edge_index[0], edge_index[1], num_senders, num_receivers)

    @classmethod
    def from_dense(cls, matrix: Tensor) -> Self:
        """Build from ``[receivers, senders]``: an edge for each entry that is not zero."""
        matrix = torch.as_tensor(matrix)
        if matrix.dim() != 2:
            raise ValueError(f"A dense incidence is a matrix [receivers, senders], got {list(matrix.shape)}.")
        receiver, sender = matrix.nonzero(as_tuple=True)
        return cls.from_edges(sender, receiver, matrix.shape[1], matrix.shape[0])

    @classmethod
    def from_scipy(cls, matrix: Any) -> Self:
        """Build from a SciPy sparse matrix ``[receivers, senders]``: an edge for each stored entry, zero or not.

        ``torch.as_tensor(matrix.tocoo().data)[incidence.edge_id]`` are its values in canonical order.
        """
        if not hasattr(matrix, "tocoo"):
            raise TypeError(f"from_scipy takes a scipy.sparse matrix, got {type(matrix).__name__}.")
        coo = matrix.tocoo()
        sender, receiver = (torch.as_tensor(axis.astype("int64")) for axis in (coo.col, coo.row))
        return cls.from_edges(sender, receiver, coo.shape[1], coo.shape[0])

    @property
    def num_receivers(self) -> int:
        return self.ptr.shape[0] - 1

    @property
    def num_senders(self) -> int:
        return self.ptr_t.shape[0] - 1

    @property
    def num_edges(self) -> int:
        return self.sender.shape[0]

    @property
    def batch_size(self) -> int:
        return 1 if self.splits is None else self.splits.shape[1] - 1

    @property
    def device(self) -> torch.device:
        return self.ptr.device

    def degree(self) -> Tensor:
        """Return ``int32[m]``, the number of edges of each receiver. Of senders: ``transpose().degree()``."""
        return self.ptr.diff()

    def edge_index(self) -> Tensor:
        """Return ``int64[2, e]``, senders above receivers, in canonical order."""
        return torch.stack([self.sender, self.receiver]).long()

    def from_given(self, values: Tensor) -> Tensor:
        """Bring ``values[e, ...]`` from the order in which the edges were given to the canonical order."""
        return values.index_select(0, self.edge_id)

    def to_given(self, values: Tensor) -> Tensor:
        """Bring ``values[e, ...]`` from the canonical order to the order in which the edges were given."""
        return values.index_select(0, _inverse(self.edge_id))

    def to_dense(self, weight: Tensor | None = None) -> Tensor:
        """Return ``[receivers, senders]``: the sum of `weight` (of ones) over the edges of each pair."""
        weight = torch.ones(self.num_edges, device=self.device) if weight is None else weight
        dense = weight.new_zeros(self.num_receivers, self.num_senders)
        return dense.index_put((self.receiver.long(), self.sender.long()), weight, accumulate=True)

    def transpose(self) -> "Incidence":
        """Return the reversed relation; its edge ``k`` is this one's edge ``perm[k]``."""
        return Incidence(
            ptr=self.ptr_t,
            sender=self.receiver_t,
            receiver=self.sender.index_select(0, self.perm),
            ptr_t=self.ptr,
            receiver_t=self.sender,
            perm=_inverse(self.perm),
            edge_id=self.edge_id.index_select(0, self.perm),
            splits=None if self.splits is None else self.splits[[1, 0, 2]],
        )

    @classmethod
    def collate(cls, incidences: Sequence["Incidence"]) -> "Incidence":
        """Return the disjoint union, which `unbatch` takes apart exactly. A batch of batches is one flat batch."""
        if not incidences:
            raise ValueError("Incidence.collate needs at least one incidence, got an empty list.")
        parts = [part for incidence in incidences for part in incidence.unbatch()]
        sizes = torch.tensor([[p.num_receivers, p.num_senders, p.num_edges] for p in parts]).T
        if int(sizes.sum(1).max()) >= MAX_EDGES:
            raise ValueError(f"A batch holds less than {MAX_EDGES} receivers, senders and edges each.")
        starts = torch.nn.functional.pad(sizes.cumsum(1), (1, 0))
        receivers, senders, edges = starts[:, :-1].tolist()

        def join(field: str, offsets: list[int]) -> Tensor:
            return torch.cat([getattr(part, field) + k for part, k in zip(parts, offsets, strict=True)])

        def join_offsets(field: str) -> Tensor:
            tails = [getattr(part, field)[1:] + k for part, k in zip(parts, edges, strict=True)]
            return torch.cat([getattr(parts[0], field)[:1], *tails])

        return Incidence(
            ptr=join_offsets("ptr"),
            sender=join("sender", senders),
            receiver=join("receiver", receivers),
            ptr_t=join_offsets("ptr_t"),
            receiver_t=join("receiver_t", receivers),
            perm=join("perm", edges),
            edge_id=join("edge_id", edges),
            splits=starts.to(parts[0].device),
        )

    def unbatch(self) -> list["Incidence"]:
        """Return the incidences that `collate` joined, bit for bit; without a batch, this one alone."""
        if self.splits is None:
            return [self]
        starts = self.splits.T.tolist()
        return [self._sample(a, b) for a, b in itertools.pairwise(starts)]

    def _sample(self, start: list[int], stop: list[int]) -> "Incidence":
        (r0, s0, e0), (r1, s1, e1) = start, stop
        return Incidence(
            ptr=self.ptr[r0 : r1 + 1] - e0,
            sender=self.sender[e0:e1] - s0,
            receiver=self.receiver[e0:e1] - r0,
            ptr_t=self.ptr_t[s0 : s1 + 1] - e0,
            receiver_t=self.receiver_t[e0:e1] - r0,
            perm=self.perm[e0:e1] - e0,
            edge_id=self.edge_id[e0:e1] - e0,
        )


def _inverse(permutation: Tensor) -> Tensor:
    places = torch.arange(permutation.shape[0], dtype=permutation.dtype, device=permutation.device)
    return torch.empty_like(permutation).scatter(0, permutation.long(), places)


def _check_ends(sender: Tensor, receiver: Tensor) -> None:
    for name, index in (("sender", sender), ("receiver", receiver)):
        if index.dtype not in _INTEGERS and index.numel():
            raise TypeError(f"Edges are given as integers, got {name} of dtype {index.dtype}.")
        if index.dim() != 1:
            raise ValueError(f"{name} must have the shape [e], got {list(index.shape)}.")
    if sender.shape != receiver.shape:
        raise ValueError(
            f"sender and receiver must name both ends of each edge, got {sender.shape[0]} senders "
            f"and {receiver.shape[0]} receivers."
        )
    if sender.device != receiver.device:
        raise ValueError(f"sender is on {sender.device}, receiver on {receiver.device}; move one of them.")


def _check_range(name: str, index: Tensor, size: int, sender: Tensor, receiver: Tensor) -> None:
    wrong = (index < 0) | (index >= size)
    if wrong.any():
        edge = int(wrong.int().argmax())
        raise ValueError(
            f"Edge {edge} goes from sender {int(sender[edge])} to receiver {int(receiver[edge])}, "
            f"but there are {size} {name}s: {name} must be at least 0 and below {size}."
        )
