"""Geometric deep learning: declare a symmetry, derive every equivariant layer, run it fast, verify it.

The package loads lazily: ``import gdl_core`` imports no torch until a name is used (SPEC 1).
"""

import lazy_loader

from gdl_core._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*__all__, "__version__"]
