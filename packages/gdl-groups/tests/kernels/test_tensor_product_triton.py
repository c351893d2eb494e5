"""The Triton kernels of tensor products equal their references in the interpreter, and compile without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed (it comes with CUDA builds of torch)")


def run(case: str, tmp_path: Path, **environment: str) -> None:
    path = Path(__file__).with_name("triton_tensor_product.py")
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_DEFAULT_FP_FUSION": "1", **environment}
    result = subprocess.run([sys.executable, path, case], env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.slow
def test_tensor_products_equal_their_reference_in_the_interpreter(tmp_path):
    run("interpret", tmp_path, TRITON_INTERPRET="1", GDL_KERNELS="cuda")


def test_tensor_products_compile_to_machine_code_for_sm_90(tmp_path):
    run("compile", tmp_path, TRITON_INTERPRET="0")
