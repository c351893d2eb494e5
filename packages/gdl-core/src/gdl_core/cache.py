"""Where things that are expensive to make are kept between runs. No torch."""

import os
import sys
import tempfile
from pathlib import Path


def cache_dir() -> Path | None:
    """Return the folder for caches, made if needed, or None if there is none to write to.

    ``GDL_CACHE=0`` switches every cache off; ``GDL_CACHE_DIR`` names the folder, which is otherwise ``gdl`` in the
    user's cache directory. Both are read at every call. A folder that cannot be written (a read-only home, a full
    disk) means None, never an error: a cache is only ever a shortcut.
    """
    if os.environ.get("GDL_CACHE", "1") == "0":
        return None
    try:
        chosen = os.environ.get("GDL_CACHE_DIR")
        folder = Path(chosen) if chosen else _user_cache() / "gdl"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # access() lies on network and read-only mounts
            return folder
    except (OSError, RuntimeError):  # RuntimeError: no home directory
        return None


def _user_cache() -> Path:
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
