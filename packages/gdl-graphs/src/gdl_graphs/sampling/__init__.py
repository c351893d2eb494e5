"""Graphs that do not fit into memory: kept in files, sampled in batches, evaluated layer by layer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
