"""Where the real data are, and how scripts on Triton kernels run."""

from gdl_core.testing.fixtures import run_triton, shared_data

__all__ = ["run_triton", "shared_data"]
