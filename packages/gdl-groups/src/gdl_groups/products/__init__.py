"""Tensor products of irreps: the fused convolution, layers on fibres, symmetric contraction.

Loads lazily: the kernels need the plans, and the convolution needs the kernels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
