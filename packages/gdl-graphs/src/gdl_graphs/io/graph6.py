"""graph6, the format of lists of small graphs (B. McKay, "graph6 and sparse6 graph formats")."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_graphs.graph import Graph
from gdl_graphs.io.files import read_bytes
from gdl_graphs.io.tu import batch

HEADER = b">>graph6<<"


def read_graph6(path: str | Path) -> Graph:
    """Read simple undirected graphs, a batch of them: a text file with one per line, or a `.npy` array of strings.

    Raises:
        DataError: if the file is absent, damaged, or has a line that is not graph6.
    """
    content = read_bytes(path)
    if content[:6] == b"\x93NUMPY":
        try:
            lines = np.load(path, allow_pickle=False).reshape(-1)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{path} is a damaged or cut off array, or not of strings: {error}.") from error
        if lines.dtype.kind not in "SU":
            raise DataError(f"{path}: expected an array of graph6 strings, got {lines.dtype}.")
        lines = np.char.encode(lines, "latin1").tolist() if lines.dtype.kind == "U" else lines.tolist()
    else:
        lines = content.removeprefix(HEADER).split()
    try:
        return from_graph6(lines)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def from_graph6(lines: Iterable[bytes | str]) -> Graph:
    """Return the graphs of these graph6 strings as one batch; graphs of one size are decoded together.

    Raises:
        DataError: if a string is not graph6; its place is named.
    """
    lines = [line.encode("latin1") if isinstance(line, str) else line for line in lines]
    parsed = [_size(line, place) for place, line in enumerate(lines)]
    sizes = np.array([size for size, _ in parsed], np.int64)
    starts = np.cumsum(sizes) - sizes
    ends: list[np.ndarray] = []
    for size in np.unique(sizes).tolist():
        members = np.flatnonzero(sizes == size)
        ends.append(_pairs([(lines[m], parsed[m][1], m) for m in members.tolist()], size, starts[members]))
    low, high = np.concatenate(ends, 1) if ends else np.zeros((2, 0), np.int64)
    sender, receiver = torch.from_numpy(np.stack([np.append(low, high), np.append(high, low)]))
    return batch(sender, receiver, np.repeat(np.arange(len(sizes)), sizes), len(sizes))


def _size(line: bytes, place: int) -> tuple[int, int]:
    """The number of nodes, and how many bytes say so."""
    if not line or not 63 <= min(line) <= max(line) <= 126:
        kind = {b":": "sparse6", b"&": "digraph6", b";": "incremental sparse6"}.get(line[:1])
        said = f", which is {kind}" if kind else ""
        raise DataError(f"graph {place} is not graph6, expected bytes from 63 to 126, got {line[:12]!r}{said}.")
    if line[0] < 126:
        return line[0] - 63, 1
    start, stop = (2, 8) if line[1:2] == b"~" else (1, 4)
    size = 0
    for byte in line[start:stop]:
        size = 64 * size + byte - 63
    return size, stop


def _pairs(lines: list[tuple[bytes, int, int]], size: int, starts: np.ndarray) -> np.ndarray:
    """``[2, e]`` pairs low < high of graphs of `size` nodes, whose nodes are counted from `starts`."""
    bits = size * (size - 1) // 2
    length = (bits + 5) // 6
    for line, skip, place in lines:
        if len(line) != skip + length:
            raise DataError(
                f"graph {place} has {size} nodes, which takes {skip + length} bytes of graph6, got {len(line)}."
            )
    if not bits:
        return np.zeros((2, 0), np.int64)
    data = np.frombuffer(b"".join(line[skip:] for line, skip, _ in lines), np.uint8).reshape(len(lines), length) - 63
    table = np.unpackbits(data[:, :, None], axis=2)[:, :, 2:].reshape(len(lines), 6 * length)[:, :bits]
    graph, place = np.nonzero(table)
    # Bit k is the pair (i, j), i < j, with k = j (j - 1) / 2 + i.
    columns = np.arange(size)
    first = columns * (columns - 1) // 2
    high = np.searchsorted(first, place, side="right") - 1
    return np.stack([place - first[high], high]) + starts[graph]
