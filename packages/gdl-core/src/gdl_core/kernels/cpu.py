"""How Numba kernels are compiled, cached and run in parallel.

A kernel is compiled without the GIL for a range of rows ``kernel(lo, hi, ...)``; `run_rows` splits the rows over
threads. Every row is computed by one thread in one order, so that the result is bitwise the same for any number of
threads.
"""

import functools
import hashlib
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from gdl_core.cache import cache_dir
from gdl_core.kernels.threads import run_on_threads

_LOCK = threading.Lock()
# Below this many multiply-adds a thread costs more than it saves, which is about 50 microseconds.
MIN_WORK = 1 << 18
# A part is no smaller than this, unless there would be fewer parts than threads: handing one out is a call of Python.
PART = 1 << 20


def compile_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` at its first call, kept on disk in `cache_dir` where there is one.

    Sums may be reassociated and fused, which vectorises dot products; NaN and infinity are kept as they are.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}
    folder = cache_dir()
    if folder is None:
        return numba.njit(**options)(function)
    config: Any = numba.config
    with _LOCK:
        # Numba picks a function's cache folder when it is decorated, from this setting; by default it would write
        # into the installed package. NUMBA_CACHE_DIR, if the user set it, wins.
        place = folder / "numba" / _version(Path(function.__code__.co_filename).parent)
        before, config.CACHE_DIR = config.CACHE_DIR, config.CACHE_DIR or str(place)
        try:
            return numba.njit(cache=True, **options)(function)
        except (RuntimeError, OSError):  # no folder can be written: compile in every process
            return numba.njit(**options)(function)
        finally:
            config.CACHE_DIR = before


@functools.cache
def _version(folder: Path) -> str:
    """A name for the state of the sources in `folder` and of this one, which a kernel's helpers come from.

    Numba itself looks at the file of the kernel only, so a change in a helper would leave old machine code in use.
    """
    stats = [(path.name, path.stat()) for place in (folder, Path(__file__).parent) for path in place.glob("*.py")]
    text = repr(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_rows(kernel: Callable[..., None], ptr: np.ndarray, width: int, *args: Any) -> None:
    """Call ``kernel(lo, hi, ptr, *args)`` for ranges that cover all rows, on `torch.get_num_threads()` threads.

    Args:
        ptr: ``[n + 1]`` offsets of the rows; ranges are balanced in rows + entries.
        width: work per entry, in multiply-adds.
    """
    rows = len(ptr) - 1
    total = int(ptr[-1]) + rows
    threads = min(torch.get_num_threads(), 1 + total * width // MIN_WORK, rows)
    if threads <= 1:
        kernel(0, rows, ptr, *args)
        return
    # More parts than threads, so that one slow part does not hold up the rest.
    parts = max(threads, min(8 * threads, total * width // PART))
    cuts = _cuts(ptr, parts)
    todo = iter([(lo, hi) for lo, hi in itertools.pairwise(cuts) if lo < hi])

    def work() -> None:
        for lo, hi in todo:
            kernel(lo, hi, ptr, *args)

    run_on_threads(work, threads)


def _cuts(ptr: np.ndarray, parts: int) -> list[int]:
    """The first row of each part, and the number of rows."""
    cuts = np.empty(parts + 1, np.int64)
    _balance(ptr, cuts)
    return cuts.tolist()


@compile_kernel
def _balance(ptr: np.ndarray, cuts: np.ndarray) -> None:
    rows, parts = len(ptr) - 1, len(cuts) - 1
    total = np.int64(ptr[rows]) + rows
    for k in range(parts + 1):
        target, lo, hi = total * k // parts, 0, rows
        while lo < hi:
            middle = (lo + hi) // 2
            if ptr[middle] + middle < target:
                lo = middle + 1
            else:
                hi = middle
        cuts[k] = lo
