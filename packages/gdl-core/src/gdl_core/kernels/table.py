"""What `gdl kernels` shows: core's operators, and for each one which backends can run here and why. No torch."""

import ctypes
import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gdl_core.kernels.select import BACKENDS, has_package, interpreting

# (name, target, summary): the fields of `gdl_core.plugins.KernelEntry`, which core's own plugin makes of them.
KERNELS: tuple[tuple[str, str, str], ...] = (
    (
        "aggregate",
        "gdl_core.incidence.kernels:aggregate_kernel",
        "weighted sum of senders at each receiver, and its transpose",
    ),
    ("edge_dot", "gdl_core.incidence.kernels:edge_dot_kernel", "dot product of both ends of each edge"),
    (
        "segment_sum",
        "gdl_core.incidence.kernels:segment_sum_kernel",
        "sum or mean over the edges of each row",
    ),
    (
        "segment_gather",
        "gdl_core.incidence.kernels:segment_gather_kernel",
        "a row's value at each of its edges; adjoint of segment_sum",
    ),
    (
        "segment_extreme",
        "gdl_core.incidence.kernels:segment_extreme_kernel",
        "maximum or minimum over the edges of each row, and the first edge that attains it",
    ),
    (
        "segment_softmax",
        "gdl_core.incidence.kernels:segment_softmax_kernel",
        "softmax over the edges of each row",
    ),
    (
        "segment_softmax_backward",
        "gdl_core.incidence.kernels:segment_softmax_backward_kernel",
        "the (self-adjoint) derivative of segment_softmax",
    ),
    ("dropout", "gdl_core.kernels.dropout:dropout_kernel", "entries zeroed at random, by counters instead of a mask"),
)


@dataclass(frozen=True)
class KernelInfo:
    """A kernel and its backends: ``(backend, can run, reason)`` for each."""

    name: str
    summary: str
    backends: tuple[tuple[str, bool, str], ...]


def describe(entry: Any) -> KernelInfo:
    """Return what is known of `entry`, anything with `name`, `target` and `summary`, without importing it."""
    return KernelInfo(entry.name, entry.summary, tuple(status(entry)))


def status(entry: Any = None) -> list[tuple[str, bool, str]]:
    """Return ``(backend, can run, reason)`` for each backend on this machine; the same for every kernel."""
    found = {
        "reference": (True, "plain PyTorch, any device"),
        "cpu": _package("numba", "Numba {}, for CPU tensors"),
        "cuda": _cuda(),
    }
    return [(name, *found[name]) for name in BACKENDS]


def _package(name: str, reason: str) -> tuple[bool, str]:
    if not has_package(name):
        return False, f"{name} is not installed"
    return True, reason.format(importlib.metadata.version(name))


def _cuda() -> tuple[bool, str]:
    available, reason = _package("triton", "Triton {}, for CUDA tensors")
    if not available:
        return available, reason
    if interpreting():
        return True, "Triton's interpreter (TRITON_INTERPRET=1), slow, for any tensor"
    if importlib.metadata.version("torch").endswith("+cpu"):
        return False, "this build of torch has no CUDA"
    for library in _driver_names():
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True, reason
    return False, "no NVIDIA driver was found"


def _driver_names() -> Sequence[str]:
    return ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libcuda.so")
