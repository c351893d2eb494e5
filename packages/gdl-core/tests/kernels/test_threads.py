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
def kind(request, monkeypatch):
    if request.param == "pool":
        monkeypatch.setattr(threads, "_team", lambda: None)
    elif threads._team() is None:
        pytest.skip("torch's OpenMP cannot be called on this system")
    return request.param


def test_calls_run_at_once_on_threads_of_their_own(kind):
    meet, seen = threading.Barrier(3, timeout=30), []

    def work() -> None:
        seen.append(threading.get_ident())
        meet.wait()  # nobody passes before all three are here

    run_on_threads(work, 3)
    assert len(set(seen)) == 3
    assert threading.get_ident() in seen


def test_threads_share_what_there_is_to_do(kind):
    todo, done = iter(range(200)), []

    def work() -> None:
        for k in todo:
            done.append(k)
            time.sleep(0)

    run_on_threads(work, 4)
    assert sorted(done) == list(range(200))


@pytest.mark.parametrize("error", [IndexError, KeyboardInterrupt])
def test_an_error_in_any_thread_reaches_the_caller_and_the_next_call_works(kind, error):
    caller = threading.get_ident()
    for own in (True, False):
        meet = threading.Barrier(2, timeout=30)

        def work(own: bool = own, meet: threading.Barrier = meet) -> None:
            meet.wait()
            if (threading.get_ident() == caller) == own:
                raise error("here")

        with pytest.raises(error, match="here"):
            run_on_threads(work, 2)
    done = []
    run_on_threads(lambda: done.append(1), 2)
    assert sum(done) in (1, 2)  # the pool does not wait for a thread that has not begun


def test_several_threads_may_call_at_once(kind):
    def count() -> int:
        todo, done = iter(range(50)), []

        def work() -> None:
            done.extend(todo)

        run_on_threads(work, 2)
        return len(done)

    with ThreadPoolExecutor(4) as pool:
        assert [job.result() for job in [pool.submit(count) for _ in range(20)]] == [50] * 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux builds of torch are linked to an OpenMP with this call")
def test_the_team_is_the_one_of_torch():
    """The threads of a team are known to the runtime that torch reads its number of threads from."""
    team = threads._team()
    if team is None or "OpenMP" not in torch.__config__.parallel_info():
        pytest.skip("this build of torch has no OpenMP")
    numbers: list[int] = []
    library = ctypes.CDLL(str(threads.Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    run_on_threads(lambda: numbers.append(library.omp_get_num_threads()), 2)
    assert numbers == [2, 2]
