"""Cora, CiteSeer and PubMed with the split of Yang, Cohen, Salakhutdinov (ICML 2016, arXiv 1603.08861)."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gdl_core.errors import DataError, closest

from gdl_graphs.graph import Graph
from gdl_graphs.io.files import find, find_optional, read_bytes, read_npz, read_table, whole
from gdl_graphs.io.graph_set import NodeData
from gdl_graphs.io.unpickle import unpickle

NAMES = ("cora", "citeseer", "pubmed")
VALIDATION = 500  # the nodes after the training nodes
_KINDS = dict.fromkeys(("edges", "y", "x_indptr", "x_indices", "x_shape", "train", "val", "test"), "iu")


def read_planetoid(root: str | Path, name: str) -> NodeData:
    """Read a citation graph: simple, undirected, without self-loops.

    Takes ``NAME.npz`` (arrays ``edges[e, 2]``, ``y``, ``x_indptr``, ``x_indices``, ``x_data``, ``x_shape``, ``train``,
    ``val``, ``test``) where the folder has it, otherwise the original files ``ind.NAME.x`` … ``ind.NAME.test.index``,
    whose pickles are opened by a reader that makes NumPy and SciPy arrays and nothing else.

    The 15 nodes of CiteSeer that no file describes have zero features and the label -1; so have nodes of PubMed where
    ``ind.pubmed.allx`` is absent (`NodeData.known`).

    Args:
        root: the folder.
        name: cora, citeseer or pubmed, in any case.

    Raises:
        DataError: if a file is absent, damaged, of another format, or does not fit the others.
    """
    key = name.lower()
    if key not in NAMES:
        raise DataError(f"Planetoid has {', '.join(NAMES)}, got {name!r}.{closest(key, NAMES)}")
    folder = Path(root)
    twin = folder / f"{key}.npz"
    return _from_npz(twin) if twin.is_file() else _from_pickles(folder, key)


def _from_npz(path: Path) -> NodeData:
    arrays = read_npz(path, {**_KINDS, "x_data": "f", "feature_known": "iu"}, optional=("feature_known",))
    shape = tuple(arrays["x_shape"].tolist())
    if len(shape) != 2 or len(arrays["x_indptr"]) != shape[0] + 1 or arrays["edges"].shape[1:] != (2,):
        raise DataError(f"{path}: expected features [n, c] with n + 1 offsets and edges [e, 2], got {list(shape)}.")
    nodes, columns = shape
    indptr, indices = arrays["x_indptr"].astype(np.int64), arrays["x_indices"].astype(np.int64)
    counts = np.diff(indptr)
    if indptr[0] != 0 or (counts < 0).any() or not indptr[-1] == len(indices) == len(arrays["x_data"]):
        raise DataError(f"{path}: x_indptr must rise from 0 to the number of entries, {len(indices)}.")
    _in_range(path, "x_indices", indices, columns)
    features = np.zeros(shape, np.float32)
    features[np.repeat(np.arange(nodes), counts), indices] = arrays["x_data"]
    split = [_mask(path, part, arrays[part], nodes) for part in ("train", "val", "test")]
    labels = arrays["y"].astype(np.int64)
    known = arrays.get("feature_known")
    known = labels >= 0 if known is None else _mask(path, "feature_known", known, nodes)
    return _data(path, arrays["edges"].astype(np.int64), features, labels, split, known)


def _from_pickles(folder: Path, name: str) -> NodeData:
    parts = ("x", "tx", "y", "ty", "ally", "graph", "test.index")
    paths = {part: find(folder, f"ind.{name}.{part}") for part in parts}
    graph = unpickle(read_bytes(paths["graph"]), paths["graph"])
    y, ty, ally = (_matrix(paths[part]) for part in ("y", "ty", "ally"))
    path = paths["test.index"]
    test = whole(read_table(path, None), path).reshape(-1)
    if not isinstance(graph, dict) or not len(test):
        raise DataError(f"{folder}: expected lists of neighbours in ind.{name}.graph and nodes in {path.name}.")
    nodes = max(len(ally), len(graph), int(test.max()) + 1)
    _in_range(path, "test nodes", test, nodes)
    if len(ty) != len(test) or ty.shape[1:] != ally.shape[1:] or len(y) + VALIDATION > len(ally):
        raise DataError(f"{folder}: the labels of {name} do not fit: y {y.shape}, ty {ty.shape}, ally {ally.shape}.")
    one_hot = np.zeros((nodes, ally.shape[1]))
    one_hot[: len(ally)], one_hot[test] = ally, ty
    labels = np.where(one_hot.any(1), one_hot.argmax(1), -1)
    first = find_optional(folder, f"ind.{name}.allx") or paths["x"]
    features, known = _features(first, paths["tx"], nodes, test)
    train, val = np.zeros(nodes, bool), np.zeros(nodes, bool)
    train[: len(y)], val[len(y) : len(y) + VALIDATION] = True, True
    split = [train, val, _mask(path, "test", test, nodes)]
    try:
        receiver = np.repeat(list(graph), [len(heard) for heard in graph.values()]).astype(np.int64)
        sender = np.fromiter(chain.from_iterable(graph.values()), np.int64, len(receiver))
    except (TypeError, ValueError) as error:
        raise DataError(f"{paths['graph']}: expected a list of neighbours per node: {error}.") from error
    return _data(paths["graph"], np.stack([sender, receiver], 1), features, labels, split, known)


def _features(all_path: Path, test_path: Path, nodes: int, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features, and which nodes have them: rows of `allx` (`x`, if it is absent) come first, rows of `tx` by index."""
    first, last = _matrix(all_path), _matrix(test_path)
    if len(last) != len(test) or first.shape[1] != last.shape[1] or len(first) > nodes:
        raise DataError(f"{test_path}: expected {len(test)} rows of {first.shape[1]} features, got {last.shape}.")
    features, known = np.zeros((nodes, first.shape[1]), np.float32), np.zeros(nodes, bool)
    features[: len(first)], features[test] = first, last
    known[: len(first)], known[test] = True, True
    return features, known


def _matrix(path: Path) -> np.ndarray:
    """A pickled matrix, dense or sparse, as a dense one."""
    from scipy.sparse import csr_matrix

    value: Any = unpickle(read_bytes(path), path)
    if isinstance(value, csr_matrix):
        try:  # what the file says of itself is checked before any of it is used as an index
            value = csr_matrix((value.data, value.indices, value.indptr), shape=value.shape)
            value.check_format(full_check=True)
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(f"{path}: a sparse matrix that does not fit together: {error}.") from error
        value = value.toarray()
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "biuf":
        raise DataError(f"{path}: expected a matrix of numbers, got {type(value).__name__}.")
    return value


def _data(
    path: Path,
    edges: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray,
    split: list[np.ndarray],
    known: np.ndarray,
) -> NodeData:
    nodes = len(features)
    if labels.shape != (nodes,):
        raise DataError(f"{path}: expected {nodes} labels, one per node, got {list(labels.shape)}.")
    _in_range(path, "ends of edges", edges, nodes)
    low, high = edges.min(1), edges.max(1)
    pairs = np.unique((low * nodes + high)[low != high])  # each pair once, no self-loops
    low, high = pairs // nodes, pairs % nodes
    graph = Graph.from_edges(np.concatenate([low, high]), np.concatenate([high, low]), nodes)
    train, val, test = (torch.from_numpy(mask) for mask in split)
    return NodeData(
        graph, torch.from_numpy(features), torch.from_numpy(labels), train, val, test, torch.from_numpy(known)
    )


def _mask(path: Path, what: str, index: np.ndarray, nodes: int) -> np.ndarray:
    _in_range(path, what, index, nodes)
    mask = np.zeros(nodes, bool)
    mask[index] = True
    return mask


def _in_range(path: Path, what: str, index: np.ndarray, size: int) -> None:
    if index.size and not 0 <= index.min() <= index.max() < size:
        raise DataError(f"{path}: {what} must be from 0 to {size - 1}, got {index.min()} to {index.max()}.")
