"""IDX, the format of MNIST and its kin."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from gdl_core.errors import DataError
from gdl_core.train.files import find_file


def find_idx(root: str | None, stem: str, what: str) -> Path:
    """Return the IDX file `stem` in `root`, raw or `.gz`; some copies have a dot where the hyphen was."""
    return find_file(root, [stem, f"{stem}.gz", stem.replace("-idx", ".idx")], what)


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes, raw or compressed with gzip, as `uint8[sizes]`.

    Raises:
        DataError: the compression is damaged, the header is not IDX's, or the number of bytes is another than it says.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path} is a damaged or cut off gzip file of {len(content)} bytes: {error}.") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: expected an IDX header 00 00 08 (unsigned bytes), got {content[:3].hex(' ')!r}.")
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path}: expected a header of {start} bytes, got {len(content)} bytes in all.")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise DataError(f"{path}: expected {expected} bytes for the sizes {list(shape)}, got {len(content)}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
