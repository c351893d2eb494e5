"""Makes the toy plugin importable by name, as an installed one is: fresh processes and pickle need that."""

import sys
from pathlib import Path

from gdl_core.testing.fixtures import isolated_plugins

__all__ = ["isolated_plugins"]

sys.path.insert(0, str(Path(__file__).parent / "toys"))
