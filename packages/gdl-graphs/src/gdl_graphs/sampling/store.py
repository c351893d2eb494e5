"""`GraphStore`: a graph in memory-mapped files."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.points import check_count
from torch import Tensor

from gdl_graphs.edges import check_edge_values
from gdl_graphs.graph import Graph

FORMAT, VERSION = "gdl-graph-store", 1
# name -> (rows, axes, kinds of dtype)
_ARRAYS = {
    "ptr": ("nodes + 1", 1, "i"),
    "sender": ("edges", 1, "i"),
    "edge_weight": ("edges", 1, "f"),
    "features": ("nodes", 2, "f"),
    "labels": ("nodes", 1, "i"),
    "split": ("nodes", 1, "i"),
}
_SORTED_AT_ONCE = 1 << 24  # edges
TRAIN, VALID, TEST = 0, 1, 2  # in `split`; nodes of -1 belong to none
_FLOATS = (torch.float16, torch.float32, torch.float64)  # those that NumPy has


class GraphStore:
    """A graph in a folder of ``.npy`` files, receiver-major, mapped read-only: what is not asked for is not read.

    ``ptr.npy`` int64[n + 1], ``sender.npy`` int32[e], and where there are any ``edge_weight.npy`` [e],
    ``features.npy`` [n, c], ``labels.npy`` int64[n] and ``split.npy`` int8[n] (0 for training, 1 for validation, 2 for
    the test, -1 for none of them); ``graph.json``, written last, says how many of each.
    It can be sent to other processes, which open the files themselves.

    Args:
        folder: written by `write` or `create`.

    Raises:
        DataError: if a file is absent, cut off or does not fit the others.
    """

    ptr: np.ndarray
    sender: np.ndarray
    edge_weight: np.ndarray | None
    features: np.ndarray | None
    labels: np.ndarray | None
    split: np.ndarray | None

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        path = self.folder / "graph.json"
        try:
            about = json.loads(path.read_text())
            self.num_nodes, self.num_edges = int(about["nodes"]), int(about["edges"])
            known = about["format"] == FORMAT and about["version"] == VERSION
            names = list(about["arrays"])
        except FileNotFoundError as error:
            raise DataError(
                f"{self.folder} holds no graph store: there is no graph.json, which is written last."
            ) from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise DataError(f"{path} is damaged, or not of a graph store: {error!r}.") from error
        if not known:
            raise DataError(
                f"{path}: expected {FORMAT} of version {VERSION}, got {about['format']} {about['version']}."
            )
        for name in _ARRAYS:
            setattr(self, name, self._open(name) if name in names or name in ("ptr", "sender") else None)
        if self.num_edges != int(self.ptr[-1]) or int(self.ptr[0]) != 0:
            raise DataError(
                f"{self.folder}: ptr must rise from 0 to {self.num_edges}, got {self.ptr[0]} to {self.ptr[-1]}."
            )

    def _open(self, name: str) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise DataError(f"{self.folder}: there is no {path.name}, which graph.json names.") from error
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{path} is a damaged or cut off file: {error}.") from error
        rows, axes, kinds = _ARRAYS[name]
        count = {"nodes": self.num_nodes, "nodes + 1": self.num_nodes + 1, "edges": self.num_edges}[rows]
        if array.ndim != axes or array.shape[0] != count or array.dtype.kind not in kinds:
            raise DataError(
                f"{path}: expected {count} rows ({rows}) and {axes} axes, got {array.dtype}{list(array.shape)}."
            )
        return np.asarray(array)  # still mapped; a plain array is what Numba takes

    @classmethod
    def write(
        cls,
        folder: str | Path,
        num_nodes: int,
        edges: Iterable[Any],
        *,
        features: Tensor | Iterable[Tensor] | None = None,
        labels: Tensor | None = None,
        split: Tensor | None = None,
    ) -> Self:
        """Write a graph that need never be in memory: a counting sort in two passes, 24 bytes per node and a chunk.

        Args:
            folder: made if needed; what it holds of an earlier graph is overwritten.
            num_nodes: given, never guessed.
            edges: what can be gone through twice (a list, or an object with ``__iter__``, no generator) of chunks
                ``int[2, k]``, senders above receivers, or of pairs of such a chunk and its weights ``float[k]``.
            features: ``float[n, c]``, or chunks of its rows in order.
            labels: ``int[n]``.
            split: ``int[n]``: 0 for nodes to train on, 1 to choose the epoch by, 2 to test on, -1 for others.

        Raises:
            TypeError: if `edges` can be gone through only once, or a dtype is wrong.
            ValueError: if an index is out of range, a weight is NaN, a number of rows or an entry of `split` is wrong.
        """
        from gdl_graphs.sampling.cpu import scatter, sort_rows

        nodes = check_count(num_nodes, "num_nodes")
        if iter(edges) is edges:
            raise TypeError("GraphStore.write goes through edges twice: give a list or an iterable, not an iterator.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "graph.json").unlink(missing_ok=True)
        degree, weighted = np.zeros(nodes, np.int64), None
        for ends, weight in _chunks(edges, nodes):
            if weighted is not None and weighted != (weight is not None):
                raise ValueError("Some chunks of edges have weights and others do not.")
            weighted = weight is not None
            degree += np.bincount(ends[1], minlength=nodes)
        ptr = np.zeros(nodes + 1, np.int64)
        np.cumsum(degree, out=ptr[1:])
        np.save(folder / "ptr.npy", ptr)
        count = int(ptr[-1])
        sender = _new(folder / "sender.npy", np.int32, (count,))
        values = _new(folder / "edge_weight.npy", np.float32, (count,)) if weighted else np.zeros(0, np.float32)
        place = ptr[:-1].copy()
        for ends, weight in _chunks(edges, nodes):
            scatter(ends[0], ends[1], np.zeros(0, np.float32) if weight is None else weight, place, sender, values)
        first = 0
        while first < nodes:  # rows are sorted a block at a time: only that block is in memory
            last = max(int(np.searchsorted(ptr, ptr[first] + _SORTED_AT_ONCE, side="right")) - 1, first + 1)
            last = min(last, nodes)
            sort_rows(first, last, ptr, sender, values)
            first = last
        arrays = ["edge_weight"] * bool(weighted)
        if features is not None:
            _write_rows(folder / "features.npy", [features] if isinstance(features, Tensor) else features, nodes)
            arrays.append("features")
        for name, values_of, dtype in (("labels", labels, torch.int64), ("split", split, torch.int8)):
            if values_of is None:
                continue
            if values_of.is_floating_point() or values_of.shape != (nodes,):
                raise ValueError(f"{name} must be integers [{nodes}], got {values_of.dtype} {list(values_of.shape)}.")
            if name == "split" and nodes and not -1 <= values_of.min() <= values_of.max() <= TEST:
                raise ValueError(f"split is -1, 0, 1 or 2, got {int(values_of.min())} to {int(values_of.max())}.")
            np.save(folder / f"{name}.npy", values_of.cpu().to(dtype).numpy())
            arrays.append(name)
        for array in (sender, values):
            if isinstance(array, np.memmap):
                array.flush()
        about = {"format": FORMAT, "version": VERSION, "nodes": nodes, "edges": count, "arrays": arrays}
        (folder / "graph.json").write_text(json.dumps(about))
        return cls(folder)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        graph: Graph,
        features: Tensor | None = None,
        labels: Tensor | None = None,
        split: Tensor | None = None,
    ) -> Self:
        """Write a graph that is in memory, with its weights; see `write`."""
        ends: Any = graph.edge_index().cpu()
        chunk = ends if graph.edge_weight is None else (ends, graph.edge_weight.detach().cpu())
        return cls.write(folder, graph.num_nodes, [chunk], features=features, labels=labels, split=split)

    def __getstate__(self) -> dict[str, str]:
        return {"folder": str(self.folder)}

    def __setstate__(self, state: dict[str, str]) -> None:
        type(self).__init__(self, state["folder"])

    def __repr__(self) -> str:
        held = [name for name in ("edge_weight", "features", "labels", "split") if getattr(self, name) is not None]
        return f"GraphStore({self.num_nodes} nodes, {self.num_edges} edges{''.join(', ' + name for name in held)})"


def _chunks(edges: Iterable[Any], nodes: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Checked chunks, as int64[2, k] and float32[k]."""
    for number, chunk in enumerate(edges):
        ends, weight = chunk if isinstance(chunk, tuple) else (chunk, None)
        ends = torch.as_tensor(ends)
        if ends.is_floating_point() or ends.dtype == torch.bool:
            raise TypeError(f"Edges are given as integers, got {ends.dtype} in chunk {number}.")
        if ends.dim() != 2 or ends.shape[0] != 2:
            raise ValueError(f"Edges are given as [2, k], got {list(ends.shape)} in chunk {number}.")
        wrong = ((ends < 0) | (ends >= nodes)).any(0)
        if bool(wrong.any()):
            edge = int(wrong.int().argmax())
            raise ValueError(
                f"Edge {edge} of chunk {number} goes from {int(ends[0, edge])} to {int(ends[1, edge])}, "
                f"expected nodes from 0 to {nodes - 1}."
            )
        if weight is not None:
            check_edge_values(weight, None, ends[0], ends[1])
            weight = weight.float().cpu().numpy()
        yield np.ascontiguousarray(ends.long().cpu().numpy()), weight


def _new(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A new mapped file; an empty one, which cannot be mapped, is just written."""
    if 0 in shape:
        np.save(path, np.zeros(shape, dtype))
        return np.zeros(shape, dtype)
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


def _write_rows(path: Path, chunks: Iterable[Tensor], nodes: int) -> None:
    rows, file = 0, None
    for chunk in chunks:
        if not isinstance(chunk, Tensor) or chunk.dtype not in _FLOATS or chunk.dim() != 2:
            kind = f"{chunk.dtype} {list(chunk.shape)}" if isinstance(chunk, Tensor) else str(type(chunk))
            raise TypeError(f"features must be float16, float32 or float64 tensors [k, c], got {kind}.")
        part = chunk.detach().cpu().numpy()
        if file is None:
            file = _new(path, part.dtype, (nodes, part.shape[1]))
        if part.shape[1] != file.shape[1] or rows + len(part) > nodes:
            raise ValueError(
                f"features must be [{nodes}, {file.shape[1]}], got rows {rows} … {rows + len(part)} of {part.shape[1]}."
            )
        file[rows : rows + len(part)] = part
        rows += len(part)
    if file is None or rows != nodes:
        raise ValueError(f"features must have {nodes} rows, one per node, got {rows}.")
    if isinstance(file, np.memmap):
        file.flush()
