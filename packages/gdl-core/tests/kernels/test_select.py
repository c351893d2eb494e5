"""Which backend runs is never a secret, and a forced one that cannot run is a sentence."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from gdl_core.incidence import Incidence, aggregate
from gdl_core.kernels import (
    BACKENDS,
    KERNELS,
    KernelInfo,
    backend_for,
    describe,
    requested_backend,
    select,
    status,
    table,
)
from gdl_core.kernels.kernel import Kernel

CPU, GPU, OTHER = (SimpleNamespace(device=torch.device(name)) for name in ("cpu", "cuda", "mps"))


def force(monkeypatch, choice: str, interpret: str = "0") -> None:
    monkeypatch.setenv("GDL_KERNELS", choice)
    monkeypatch.setenv("TRITON_INTERPRET", interpret)


def packages(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(select, "has_package", lambda name: name in names)
    monkeypatch.setattr(table, "has_package", lambda name: name in names)


def test_auto_takes_the_fast_backend_of_the_device(monkeypatch):
    packages(monkeypatch, "numba", "triton")
    for choice in ("auto", ""):
        force(monkeypatch, choice)
        assert [backend_for(t) for t in (CPU, GPU, OTHER)] == ["cpu", "cuda", "reference"]
    packages(monkeypatch)
    assert [backend_for(t) for t in (CPU, GPU, OTHER)] == ["reference"] * 3


def test_the_environment_is_read_at_every_call(monkeypatch):
    force(monkeypatch, "reference")
    assert backend_for(CPU) == "reference"
    force(monkeypatch, "cpu")
    assert backend_for(CPU) == "cpu"


def test_the_interpreter_may_be_forced_on_cpu_tensors(monkeypatch):
    packages(monkeypatch, "triton")
    force(monkeypatch, "cuda", interpret="1")
    assert backend_for(CPU) == "cuda"


@pytest.mark.parametrize(
    ("choice", "tensor", "installed", "sentence"),
    [
        ("cuda", CPU, ("triton",), r"the tensor is on cpu; move it to a GPU, or set TRITON_INTERPRET=1"),
        ("cuda", GPU, (), r"triton is not installed"),
        ("cpu", GPU, ("numba",), r"forces the Numba kernels, but the tensor is on cuda"),
        ("cpu", CPU, (), r"numba is not installed"),
    ],
)
def test_a_forced_backend_that_cannot_run_is_a_sentence(monkeypatch, choice, tensor, installed, sentence):
    packages(monkeypatch, *installed)
    force(monkeypatch, choice)
    with pytest.raises(RuntimeError, match=sentence):
        backend_for(tensor)


def test_an_unknown_backend_is_a_sentence_even_inside_an_operator(monkeypatch):
    inc = Incidence.from_edges(torch.tensor([0]), torch.tensor([0]), 1, 1)
    force(monkeypatch, "cuad")
    with pytest.raises(ValueError, match=r"must be auto, reference, cpu or cuda, got 'cuad'. Did you mean 'cuda'"):
        requested_backend()
    with pytest.raises(ValueError, match="got 'cuad'"):
        aggregate(inc, torch.ones(1, 1))


def test_the_forced_backend_is_the_one_that_runs(monkeypatch):
    inc = Incidence.from_edges(torch.tensor([0]), torch.tensor([0]), 1, 1)
    ran = []
    original = Kernel.backend
    monkeypatch.setattr(Kernel, "backend", lambda self, name: ran.append(name) or original(self, name))
    for choice in ("reference", "cpu"):
        force(monkeypatch, choice)
        aggregate(inc, torch.ones(1, 1))
    assert ran == ["reference", "cpu"]


def test_the_table_names_real_kernels():
    import importlib

    for name, target, summary in KERNELS:
        module, _, attribute = target.partition(":")
        kernel = getattr(importlib.import_module(module), attribute)
        assert isinstance(kernel, Kernel)
        assert kernel.name == name
        assert summary
        for backend in ("reference", "cpu"):
            assert callable(kernel.backend(backend))


def test_status_says_what_can_run_and_why(monkeypatch):
    entry = SimpleNamespace(name="aggregate", target="nowhere:nothing", summary="a sum")
    assert [name for name, _, _ in status(entry)] == list(BACKENDS)
    packages(monkeypatch)
    found = {name: (can, why) for name, can, why in status(entry)}
    assert found["cpu"] == (False, "numba is not installed")
    assert found["cuda"] == (False, "triton is not installed")
    assert found["reference"][0]
    info = describe(entry)
    assert isinstance(info, KernelInfo)
    assert (info.name, info.summary) == ("aggregate", "a sum")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_status_without_a_gpu_names_the_obstacle_and_the_interpreter_lifts_it(monkeypatch):
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    _, can, why = status()[2]
    assert not can
    assert "no CUDA" in why or "no NVIDIA driver" in why
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    _, can, why = status()[2]
    assert can
    assert "interpreter" in why


def test_the_table_and_the_selection_import_no_torch():
    code = (
        "import sys; from gdl_core.kernels import KERNELS, status, requested_backend; status(); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'numba', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_importing_the_operators_imports_no_numba_and_starts_no_thread():
    code = (
        "import sys, threading; from gdl_core.incidence import Incidence, aggregate, neighbours; "
        "import gdl_core.incidence.kernels; "
        "sys.exit('numba' in sys.modules or threading.active_count() > 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
