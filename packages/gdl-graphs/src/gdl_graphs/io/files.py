"""Opening files: found by name, decompressed, and refused in one sentence that names them."""

import gzip
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from gdl_core.errors import DataError

_DAMAGED = (EOFError, OSError, zlib.error, UnicodeDecodeError)


def find(folder: str | Path, name: str) -> Path:
    """Return the file `name` of `folder`, plain or with `.gz` added.

    Raises:
        DataError: if the folder or the file is absent; what the folder has is listed.
    """
    path = find_optional(folder, name)
    if path is not None:
        return path
    there = sorted(path.name for path in Path(folder).iterdir())
    listed = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    raise DataError(f"Expected the file {name} or {name}.gz in {folder}, which has {listed or 'no files'}.")


def find_optional(folder: str | Path, name: str) -> Path | None:
    """Return the file `name` of `folder`, plain or with `.gz` added, or None; raises DataError without the folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder} to read {name} from.")
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


@contextmanager
def opened(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressing it if its first bytes are gzip's.

    Raises:
        DataError: if it is absent, or its compression is damaged or cut off.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[misc]
        except _DAMAGED as error:
            kind = "gzip file" if packed else "file"
            raise DataError(
                f"{path} is a damaged or cut off {kind} of {path.stat().st_size} bytes: {error}."
            ) from error


def read_bytes(path: str | Path) -> bytes:
    """Return what a file holds, decompressed; raises DataError as `opened` does."""
    with opened(path) as file:
        return file.read()


def read_table(path: str | Path, delimiter: str | None = ",", comments: str | None = None, skip: int = 0) -> np.ndarray:
    """Read a text file of numbers, ``float64[lines, columns]``; as many in each line.

    Args:
        path: plain or compressed.
        delimiter: between numbers; None for white space.
        comments: what a line that is left out begins with.
        skip: how many lines before the numbers are left out.

    Raises:
        DataError: if something is no number, or lines differ in length; the line is named.
    """
    with opened(path) as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of an empty file; who expects lines counts them
                return np.loadtxt(
                    file,
                    np.float64,
                    comments=comments,
                    delimiter=delimiter,
                    ndmin=2,
                    encoding="utf-8",
                    skiprows=skip,
                )
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError):
                raise DataError(f"{path}: expected a text file of numbers, got other bytes: {error}.") from error
            reason = str(error).split(";")[0].rstrip(".")
            raise DataError(f"{path}: expected a text file of numbers: {reason}.") from error


def whole(values: np.ndarray, path: str | Path) -> np.ndarray:
    """Return float64 `values` as int64; raises DataError, naming the first line that is not of whole numbers."""
    result = np.zeros(values.shape, np.int64)
    with np.errstate(invalid="ignore"):
        np.copyto(result, values, casting="unsafe")
    if not np.array_equal(result, values):
        line = int(np.argmax((result != values).reshape(len(values), -1).any(1)))
        raise DataError(f"{path}: expected whole numbers, got {values[line].tolist()} in line {line + 1}.")
    return result


def finite(values: np.ndarray, path: str | Path) -> np.ndarray:
    """Return `values`; raises DataError, naming the first line that has NaN or infinity."""
    good = np.isfinite(values).reshape(len(values), math.prod(values.shape[1:])).all(1)
    if not good.all():
        line = int(np.argmin(good))
        raise DataError(f"{path}: expected finite numbers, got {values[line].tolist()} in line {line + 1}.")
    return values


def read_npz(path: str | Path, kinds: Mapping[str, str], optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read named arrays of an NPZ file, without pickle.

    Args:
        path: the file.
        kinds: the names, each with the NumPy kinds that its dtype may have, such as ``"iu"``.
        optional: names that may be absent.

    Raises:
        DataError: if the file is absent, cut off, no NPZ file, or lacks an array or has it of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: expected an NPZ file, got a single array.")
            missing = [name for name in kinds if name not in file and name not in optional]
            if missing:
                raise DataError(f"{path}: expected the array {missing[0]!r}, the file has {', '.join(file.files)}.")
            arrays = {name: file[name] for name in kinds if name in file}
    except DataError:
        raise
    except (zipfile.BadZipFile, ValueError, *_DAMAGED) as error:
        raise DataError(f"{path} is a damaged or cut off file, or no NPZ file of plain numbers: {error}.") from error
    for name, array in arrays.items():
        if array.dtype.kind not in kinds[name]:
            raise DataError(f"{path}: the array {name!r} has another type than expected, {array.dtype}.")
    return arrays
