"""Operators with three implementations: plain PyTorch, Numba on the CPU, Triton on the GPU.

`backend_for` says which one runs and `GDL_KERNELS` forces it; `status` explains it without importing torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
