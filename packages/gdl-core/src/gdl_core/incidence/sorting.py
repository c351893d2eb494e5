"""Both orders of a list of edges, by receiver and by sender: counted on the CPU, sorted elsewhere; the same result."""

import torch
from torch import Tensor

from gdl_core.kernels.select import has_package, requested_backend


def sort_edges(
    sender: Tensor, receiver: Tensor, num_senders: int, num_receivers: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return ``edge_id[e], ptr[m + 1], perm[e], ptr_t[n + 1]`` of an `Incidence`, int32, for valid int64 ends."""
    # Not `backend_for`: forcing the Triton kernels must not keep an incidence from being built on the CPU.
    if sender.device.type == "cpu" and has_package("numba") and requested_backend() != "reference":
        from gdl_core.incidence.sorting_cpu import count_edges

        return count_edges(sender, receiver, num_senders, num_receivers)
    edge_id = torch.argsort(receiver * num_senders + sender, stable=True)
    sender, receiver = sender[edge_id], receiver[edge_id]
    perm = torch.argsort(sender, stable=True)
    return edge_id.int(), _offsets(receiver, num_receivers), perm.int(), _offsets(sender[perm], num_senders)


def _offsets(sorted_index: Tensor, size: int) -> Tensor:
    """``[size + 1]`` first places of 0 ... size in a sorted list of indices."""
    bounds = torch.arange(size + 1, device=sorted_index.device)
    return torch.searchsorted(sorted_index, bounds, out_int32=True)
