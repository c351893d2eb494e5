"""Threads of kernels: torch's team and the plain pool do the same."""

import ctypes
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from gdl_core.kernels import threads
from gdl_core.kernels.threads import run_on_threads


@pytest.fixture(params=["team", "pool"])
def run(request, monkeypatch):
    """`run_on_threads`, where torch has as many threads, or has one."""
    if request.param == "team" and threads._team() is None:
        pytest.skip("torch's OpenMP cannot be called on this system")

    def run(work, count):
        monkeypatch.setattr(torch, "get_num_threads", lambda: count if request.param == "team" else 1)
        run_on_threads(work, count)

    return run


def test_calls_run_at_once_on_threads_of_their_own(run):
    meet, seen = threading.Barrier(3, timeout=30), []

    def work() -> None:
        seen.append(threading.get_ident())
        meet.wait()  # nobody passes before all three are here

    run(work, 3)
    assert len(set(seen)) == 3
    assert threading.get_ident() in seen


def test_threads_share_what_there_is_to_do(run):
    todo, done = iter(range(200)), []

    def work() -> None:
        for k in todo:
            done.append(k)
            time.sleep(0)

    run(work, 4)
    assert sorted(done) == list(range(200))


@pytest.mark.parametrize("error", [IndexError, KeyboardInterrupt])
def test_an_error_in_any_thread_reaches_the_caller_and_the_next_call_works(run, error):
    caller = threading.get_ident()
    for own in (True, False):
        meet = threading.Barrier(2, timeout=30)

        def work(own: bool = own, meet: threading.Barrier = meet) -> None:
            meet.wait()
            if (threading.get_ident() == caller) == own:
                raise error("here")

        with pytest.raises(error, match="here"):
            run(work, 2)
    done = []
    run(lambda: done.append(1), 2)
    assert sum(done) in (1, 2)  # the pool does not wait for a thread that has not begun


def test_several_threads_may_call_at_once(run):
    def count() -> int:
        todo, done = iter(range(50)), []

        def work() -> None:
            done.extend(todo)

        run(work, 2)
        return len(done)

    with ThreadPoolExecutor(4) as pool:
        assert [job.result() for job in [pool.submit(count) for _ in range(20)]] == [50] * 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux builds of torch are linked to an OpenMP with this call")
def test_only_a_kernel_for_all_of_torchs_threads_takes_its_team(monkeypatch):
    """Inside the team, the runtime that torch is linked to counts its members; outside of it, it counts one."""
    if threads._team() is None or "OpenMP" not in torch.__config__.parallel_info():
        pytest.skip("this build of torch has no OpenMP")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    library = ctypes.CDLL(str(threads.Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    meet, numbers = threading.Barrier(2, timeout=30), []

    def work() -> None:
        numbers.append(library.omp_get_num_threads())
        meet.wait()

    run_on_threads(work, 2)
    assert numbers == [2, 2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    run_on_threads(work, 2)
    assert numbers == [2, 2, 1, 1]
