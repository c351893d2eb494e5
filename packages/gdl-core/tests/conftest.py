"""How scripts on Triton kernels run."""

from gdl_core.testing.fixtures import run_triton

__all__ = ["run_triton"]
