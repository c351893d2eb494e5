"""Where the real data are."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Return a function from the name of a folder of the shared data to its path; skips where it is absent."""
    here = os.environ.get("GDL_SHARED_DATA")
    above = (folder / "shared" / "data" for folder in Path(__file__).resolve().parents)
    root = Path(here) if here else next((folder for folder in above if folder.is_dir()), Path("shared", "data"))

    def find(name):
        if not (root / name).is_dir():
            pytest.skip(f"the data set {name} is not on this machine (GDL_SHARED_DATA names another folder)")
        return root / name

    return find
