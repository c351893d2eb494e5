"""The Triton kernels equal their references in the interpreter, and compile for a GPU without one."""

from pathlib import Path

import pytest

NAMES = ("multi_aggregate", "edge_attention", "set_attention")
SCRIPTS = [Path(__file__).with_name(f"triton_{name}.py") for name in NAMES]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_kernel_equals_its_reference_in_the_interpreter(script, run_triton):
    run_triton(script, "interpret")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_kernel_compiles_to_machine_code_for_sm_90(script, run_triton):
    run_triton(script, "compile")
