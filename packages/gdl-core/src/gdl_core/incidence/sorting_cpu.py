"""Counting sort of edges, O(e + n + m): a comparison sort of 10 M edges takes several times as long."""

import numpy as np
import torch
from torch import Tensor

from gdl_core.kernels.cpu import compile_kernel


@compile_kernel
def _count(key, ptr):
    """ptr[k] = the number of keys below k."""
    ptr[:] = 0
    for e in range(key.size):
        ptr[key[e] + 1] += 1
    for k in range(1, ptr.size):
        ptr[k] += ptr[k - 1]


@compile_kernel
def _place(key, order, ptr, place, out):
    """out = the entries of `order` (an empty one stands for 0, 1, ...), stably sorted by their key."""
    place[:] = ptr
    for e in range(key.size):
        item = order[e] if order.size else e
        k = key[item]
        out[place[k]] = item
        place[k] += 1


def count_edges(
    sender: Tensor, receiver: Tensor, num_senders: int, num_receivers: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    edges = sender.shape[0]
    senders, receivers = sender.contiguous().numpy(), receiver.contiguous().numpy()
    ptr, ptr_t = np.empty(num_receivers + 1, np.int32), np.empty(num_senders + 1, np.int32)
    by_sender, edge_id, perm = (np.empty(edges, np.int32) for _ in range(3))
    nothing = np.empty(0, np.int32)
    _count(senders, ptr_t)
    _place(senders, nothing, ptr_t, np.empty_like(ptr_t), by_sender)
    _count(receivers, ptr)
    _place(receivers, by_sender, ptr, np.empty_like(ptr), edge_id)
    _place(senders[edge_id], nothing, ptr_t, np.empty_like(ptr_t), perm)
    edge_id, ptr, perm, ptr_t = (torch.from_numpy(array) for array in (edge_id, ptr, perm, ptr_t))
    return edge_id, ptr, perm, ptr_t
