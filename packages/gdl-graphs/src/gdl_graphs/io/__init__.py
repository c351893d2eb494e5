"""Readers of graphs. Each names the file and what is wrong with it in one sentence; none opens a pickle's code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
