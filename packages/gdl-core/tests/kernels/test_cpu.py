"""Numba kernels: caching, threads, and forked workers."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import torch
from gdl_core.incidence import Incidence, aggregate
from gdl_core.kernels import cpu
from torch.utils.data import DataLoader, Dataset

N, EDGES, CHANNELS = 500, 20_000, 16


def fill(lo, hi, ptr, out):
    for i in range(lo, hi):
        out[i] += ptr[i + 1] - ptr[i]


def big() -> tuple[Incidence, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(N, (2, EDGES), generator=g)
    return Incidence.from_edges(sender, receiver, N, N), torch.randn(N, CHANNELS, generator=g)


def test_a_kernel_is_cached_in_the_cache_folder_not_in_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("GDL_CACHE", raising=False)
    before = numba.config.CACHE_DIR
    kernel = cpu.compile_kernel(fill)
    assert before == numba.config.CACHE_DIR
    if before:
        pytest.skip("NUMBA_CACHE_DIR is set, and wins")
    kernel(0, 2, np.array([0, 2, 5]), np.zeros(2))
    assert list(tmp_path.glob("numba/**/*.nbi"))


@pytest.mark.parametrize("obstacle", ["GDL_CACHE=0", "a file in the way"])
def test_without_a_place_to_cache_a_kernel_still_runs(monkeypatch, tmp_path, obstacle):
    if obstacle == "GDL_CACHE=0":
        monkeypatch.setenv("GDL_CACHE", "0")
    else:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    out = np.zeros(2)
    cpu.compile_kernel(fill)(0, 2, np.array([0, 2, 5]), out)
    assert out.tolist() == [2, 3]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("shape", ["even", "one long row", "mostly empty", "one row"])
def test_ranges_cover_every_row_once(monkeypatch, threads, shape):
    monkeypatch.setattr(cpu, "MIN_WORK", 1)
    monkeypatch.setattr(cpu, "PART", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    degree = {
        "even": np.full(37, 3),
        "one long row": np.array([1, 1000, 0, 2]),
        "mostly empty": np.array([0] * 50 + [9]),
        "one row": np.array([12]),
    }[shape]
    ptr, out = np.concatenate([[0], degree.cumsum()]), np.zeros(len(degree))
    cpu.run_rows(fill, ptr, 8, out)
    assert out.tolist() == degree.tolist()


def test_no_rows_are_no_work():
    cpu.run_rows(fill, np.array([0]), 8, np.zeros(0))


def test_threads_may_call_at_once():
    inc, x = big()
    expected = aggregate(inc, x)
    with ThreadPoolExecutor(4) as pool:
        for y in pool.map(lambda _: aggregate(inc, x), range(16)):
            assert torch.equal(y, expected)


class Aggregated(Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> torch.Tensor:
        inc, x = big()
        return aggregate(inc, x * (i + 1))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_run_kernels_after_the_parent_did(monkeypatch):
    # A worker has one thread (OpenMP would hang after a fork); make it use the plain pool all the same.
    monkeypatch.setattr(cpu, "MIN_WORK", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    inc, x = big()
    expected = aggregate(inc, x)
    loader = DataLoader(Aggregated(), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60)
    for i, y in enumerate(loader):
        torch.testing.assert_close(y, expected * (i + 1), rtol=1e-5, atol=1e-4)
    assert torch.equal(aggregate(inc, x), expected)  # and it still works


def test_a_read_only_installation_works(tmp_path):
    """No folder can be written: neither the package's, nor the user's cache."""
    code = (
        "import torch; from gdl_core.incidence import Incidence, reduce;"
        "print(reduce(torch.tensor([0, 2]), torch.ones(2, 1)).item())"
    )
    blocked = tmp_path / "file"
    blocked.write_text("")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GDL_", "NUMBA_"))}
    env |= {"HOME": str(blocked), "XDG_CACHE_HOME": str(blocked), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "2.0", run.stderr


def test_machine_code_is_kept_apart_for_each_state_of_the_sources(tmp_path):
    (tmp_path / "helper.py").write_text("one = 1\n")
    before = cpu._version.__wrapped__(tmp_path)
    assert before == cpu._version.__wrapped__(tmp_path)
    (tmp_path / "helper.py").write_text("one = 1.0\n")
    assert before != cpu._version.__wrapped__(tmp_path)
