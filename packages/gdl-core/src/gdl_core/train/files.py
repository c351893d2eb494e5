"""Finding the files of a data set."""

from collections.abc import Sequence
from pathlib import Path

from gdl_core.errors import DataError


def find_file(root: str | None, names: Sequence[str], what: str) -> Path:
    """Return the first of `names` that the folder `root` has.

    Raises:
        DataError: no folder was given, it does not exist, or it has none of them; what it has is listed.
    """
    if root is None:
        raise DataError(f"{what} needs the folder with its files: give --data.root FOLDER.")
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"{what}: there is no folder {root!r}.")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    there = sorted(path.name for path in folder.iterdir())
    listed = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    raise DataError(f"{what}: expected the file {' or '.join(names)} in {root}, which has {listed or 'no files'}.")
