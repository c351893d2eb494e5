"""`Incidence`, the relation between receivers and senders that all irregular domains stand on, and its kernels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
