"""The threads that kernels of the CPU run on: torch's own where that can be, else a plain pool.

torch computes with OpenMP, whose threads go on spinning for about a millisecond after an operation, in wait for the
next. Kernels on other threads would share the processors with them: attention over 100,000 edges took 1.4 times as
long on two cores. So a kernel that wants as many threads as torch has takes the team that torch last used, and gets it
at once. One that wants fewer takes the pool: GNU OpenMP would end the others, and torch start them again.

Numba's own threads are not used: GNU OpenMP dies after a fork, and its work queue aborts the process when two threads
call it at once.
"""

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

_LOCK = threading.Lock()
_POOL: tuple[int, ThreadPoolExecutor] | None = None  # (size, pool)
_FORKED = False
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def run_on_threads(work: Callable[[], None], threads: int) -> None:
    """Call ``work()`` on up to `threads` threads at once, this one among them, and wait until all have returned.

    Raises:
        BaseException: the first that a call raised, once all have returned.
    """
    team = _team()
    if team is None or _FORKED or threads != torch.get_num_threads():
        _run_on_pool(work, threads)
        return
    errors: list[BaseException] = []

    def call(_: Any) -> None:
        try:
            work()
        except BaseException as error:  # what leaves a callback of ctypes is lost
            errors.append(error)

    team(_CALLBACK(call), None, threads, 0)
    if errors:
        raise errors[0]


@functools.cache
def _team() -> Any:
    """``GOMP_parallel(function, data, threads, flags)`` of the OpenMP that torch is linked to, or None.

    GNU's and LLVM's OpenMP have it on Linux; libraries of other systems do not.
    """
    try:
        # A symbol is looked for in what the library is linked to, so that it is the runtime torch itself calls.
        function = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")).GOMP_parallel
    except (OSError, AttributeError):
        return None
    function.argtypes, function.restype = [_CALLBACK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return function


def _run_on_pool(work: Callable[[], None], threads: int) -> None:
    # The caller works too: where the other processors are busy, it does not wait for threads that have not begun.
    pool = _pool(threads - 1)
    jobs = [pool.submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        started = [job for job in jobs if not job.cancel()]
        for job in started:
            job.exception()
    for job in started:
        job.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    global _POOL
    with _LOCK:
        if _POOL is None or _POOL[0] != threads:
            # An earlier pool of another size ends by itself once nobody refers to it.
            _POOL = (threads, ThreadPoolExecutor(threads, thread_name_prefix="gdl"))
        return _POOL[1]


def _after_fork() -> None:
    """A forked child has neither the threads of OpenMP nor those of the pool, and may have copied a held lock."""
    global _POOL, _LOCK, _FORKED
    _POOL, _LOCK, _FORKED = None, threading.Lock(), True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
