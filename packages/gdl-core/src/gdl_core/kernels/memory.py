"""Memory of large results on the CPU, used again once the tensors that had it are gone.

C libraries give freed memory of this size back to the system, which clears every page of the next allocation: that
takes several times as long as writing the result (benchmarks/results/graphs_attention.md). So it is kept here, within a
bound that needs no setting: what is in use and what is kept are together never more than what was in use at one time
before.
"""

import os
import threading
import weakref
from collections import deque

import numpy as np

_LINE = 64  # bytes of a cache line
_LOCK = threading.Lock()
_RETURNED: deque[np.ndarray] = deque()  # what finalizers put, at any time and on any thread
_KEPT: list[np.ndarray] = []  # free, the longest kept first
_IN_USE, _PEAK = 0, 0  # bytes


def lend(size: int) -> np.ndarray:
    """``uint8[size]`` that begins with a cache line; its memory is free again when this array object is gone.

    Views do not keep it: NumPy's refer to the memory, not to this array. `torch.from_numpy` of the array itself does.
    """
    global _IN_USE, _PEAK
    with _LOCK:
        _take_back()
        fits = [k for k, raw in enumerate(_KEPT) if size + _LINE <= raw.size <= 2 * size]
        best = min(fits, key=lambda k: (_KEPT[k].size, -k), default=None)  # the latest may still be in a cache
        raw = _KEPT.pop(best) if best is not None else None
        in_use = _IN_USE + (size + _LINE if raw is None else raw.size)
        _drop(max(_PEAK - in_use, 0))  # first, so that there is room for what follows
        raw = np.empty(size + _LINE, np.uint8) if raw is None else raw
        _IN_USE, _PEAK = in_use, max(_PEAK, in_use)  # last, so that memory that the system refuses is not counted
    start = -raw.ctypes.data % _LINE
    lent = raw[start : start + size]
    weakref.finalize(lent, _RETURNED.append, raw).atexit = False
    return lent


def release_memory() -> int:
    """Give all memory that is kept for later results of kernels of the CPU back to the system; return its bytes."""
    with _LOCK:
        _take_back()
        return _drop(0)


def _take_back() -> None:
    global _IN_USE
    while _RETURNED:
        _KEPT.append(_RETURNED.popleft())
        _IN_USE -= _KEPT[-1].size


def _drop(bound: int) -> int:
    """Free the longest kept until at most `bound` bytes are; return how many went."""
    kept = before = sum(raw.size for raw in _KEPT)
    while kept > bound:
        kept -= _KEPT.pop(0).size
    return before - kept


def _after_fork() -> None:
    """Another thread may have held the lock."""
    global _LOCK
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
