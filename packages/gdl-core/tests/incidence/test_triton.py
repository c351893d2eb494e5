"""The Triton kernels equal their references in the interpreter, and compile for a GPU without one."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("triton_cases.py")


def test_every_kernel_equals_its_reference_in_the_interpreter(run_triton):
    run_triton(SCRIPT, "interpret")


def test_every_kernel_compiles_to_machine_code_for_sm_90(run_triton):
    run_triton(SCRIPT, "compile")
