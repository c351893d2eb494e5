"""Training: recipes, sources of data, the task, checkpoints. Needs the extra ``gdl-core[train]``; no layer imports it.

The package loads lazily: a data source imports `Source` from here without loading Lightning.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
