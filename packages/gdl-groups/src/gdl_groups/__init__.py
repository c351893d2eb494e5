"""Networks equivariant to finite and Lie groups (loads lazily, SPEC 1)."""

import lazy_loader

from gdl_groups._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*__all__, "__version__"]
