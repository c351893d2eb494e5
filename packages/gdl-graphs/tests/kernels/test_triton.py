"""The Triton kernels equal their references in the interpreter, and compile for a GPU without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed (it comes with CUDA builds of torch)")

SCRIPTS = ("triton_multi_aggregate", "triton_edge_attention", "triton_set_attention")


def run(script: str, case: str, tmp_path: Path, **environment: str) -> None:
    path = Path(__file__).with_name(f"{script}.py")
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_DEFAULT_FP_FUSION": "1", **environment}
    result = subprocess.run([sys.executable, path, case], env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_kernel_equals_its_reference_in_the_interpreter(script, tmp_path):
    run(script, "interpret", tmp_path, TRITON_INTERPRET="1", GDL_KERNELS="cuda")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_kernel_compiles_to_machine_code_for_sm_90(script, tmp_path):
    run(script, "compile", tmp_path, TRITON_INTERPRET="0")
