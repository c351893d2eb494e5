"""Which backend runs: `reference`, `cpu` (Numba) or `cuda` (Triton). No torch: it only looks at `tensor.device`."""

import functools
import importlib.util
import os
from typing import Any

from gdl_core.errors import closest

BACKENDS = ("reference", "cpu", "cuda")


def requested_backend() -> str:
    """Return ``GDL_KERNELS``, read now: a backend's name, or ``"auto"``.

    Raises:
        ValueError: if it is none of these.
    """
    choice = os.environ.get("GDL_KERNELS", "auto") or "auto"
    if choice not in ("auto", *BACKENDS):
        raise ValueError(
            f"GDL_KERNELS must be auto, reference, cpu or cuda, got {choice!r}." + closest(choice, ("auto", *BACKENDS))
        )
    return choice


def interpreting() -> bool:
    """Whether Triton kernels run in Triton's interpreter, on any tensor (``TRITON_INTERPRET=1``)."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


@functools.cache
def has_package(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def backend_for(tensor: Any) -> str:
    """Return the backend that serves `tensor`: the forced one, else the fast one of its device, else `reference`.

    Raises:
        RuntimeError: if ``GDL_KERNELS`` forces a backend that cannot run on this tensor.
    """
    choice, device = requested_backend(), tensor.device.type
    if choice == "auto":
        if device == "cpu" and has_package("numba"):
            return "cpu"
        return "cuda" if device == "cuda" and has_package("triton") else "reference"
    if choice == "cpu" and device != "cpu":
        raise RuntimeError(f"GDL_KERNELS=cpu forces the Numba kernels, but the tensor is on {tensor.device}.")
    if choice == "cpu" and not has_package("numba"):
        raise RuntimeError("GDL_KERNELS=cpu forces the Numba kernels, but numba is not installed.")
    if choice == "cuda" and not has_package("triton"):
        raise RuntimeError("GDL_KERNELS=cuda forces the Triton kernels, but triton is not installed.")
    if choice == "cuda" and device != "cuda" and not interpreting():
        raise RuntimeError(
            f"GDL_KERNELS=cuda forces the Triton kernels, but the tensor is on {tensor.device}; "
            "move it to a GPU, or set TRITON_INTERPRET=1 to run them in Triton's interpreter."
        )
    return choice
