"""The command ``gdl``. Nothing here imports torch: a command imports what it needs when it runs."""

from gdl_core.cli.main import main

__all__ = ["main"]
