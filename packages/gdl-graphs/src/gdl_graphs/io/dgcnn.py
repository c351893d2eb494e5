"""The text format of DGCNN (Zhang, Cui, Neumann, Chen, AAAI 2018), which GIN, EXP and CEXP use too."""

import json
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_graphs.io.files import find, finite, read_bytes, whole
from gdl_graphs.io.graph_set import GraphSet
from gdl_graphs.io.tu import batch

FOLDS = "ten_fold_test_indices.json"


def read_dgcnn(path: str | Path) -> GraphSet:
    """Read one text file of graphs, plain or `.gz`: a tag per node, perhaps attributes, a class per graph.

    The first line has the number of graphs. Each graph begins with a line ``nodes class``; then each node has a line
    ``tag k neighbour_1 … neighbour_k attributes…``, with neighbours counted from 0. Node i hears its neighbours.
    Tags are `GraphSet.node_labels`, classes are numbered from 0 in rising order.

    Raises:
        DataError: if the file is absent, damaged, cut off or of another format.
    """
    values, counts = _numbers(path)
    starts = np.cumsum(counts) - counts
    if len(counts) == 0 or counts[0] != 1:
        raise DataError(f"{path}: expected the number of graphs alone in line 1.")
    heads, sizes = _heads(path, values, counts, starts)
    is_node = np.ones(len(counts), bool)
    is_node[0] = is_node[heads] = False
    lines = np.flatnonzero(is_node)
    first, length = starts[lines], counts[lines]
    if (length < 2).any():
        line = lines[(length < 2).argmax()] + 1
        raise DataError(f"{path}: expected a tag and a number of neighbours in line {line}.")
    degree = _whole(values[first + 1], lines, path)
    wrong = (degree < 0) | (degree > length - 2) | (length - degree != (length - degree)[:1])
    if wrong.any():
        line = int(wrong.argmax())
        raise DataError(
            f"{path}: line {lines[line] + 1} announces {degree[line]} neighbours and has {length[line]} numbers, "
            f"unlike the lines before."
        )
    owner = np.repeat(np.arange(len(sizes)), sizes)
    receiver = np.repeat(np.arange(len(lines)), degree)
    place = np.arange(degree.sum()) - np.repeat(np.cumsum(degree) - degree, degree)
    near = _whole(values[np.repeat(first + 2, degree) + place], lines[receiver], path)
    size = sizes[owner[receiver]]
    if ((near < 0) | (near >= size)).any():
        edge = int(((near < 0) | (near >= size)).argmax())
        raise DataError(
            f"{path}: line {lines[receiver[edge]] + 1} names neighbour {near[edge]} in a graph of {size[edge]} nodes."
        )
    base = (np.cumsum(sizes) - sizes)[owner]
    graph = batch(torch.from_numpy(near + base[receiver]), torch.from_numpy(receiver), owner, len(sizes))
    extra = int((length - degree)[0]) - 2 if len(lines) else 0
    attributes = None
    if extra:
        attributes = values[(first + 2 + degree)[:, None] + np.arange(extra)]
        attributes = torch.from_numpy(finite(attributes, path)).float()
    classes, target = np.unique(_whole(values[starts[heads] + 1], heads, path), return_inverse=True)
    return GraphSet(
        graph,
        torch.from_numpy(target.astype(np.int64)),
        node_labels=torch.from_numpy(_whole(values[first], lines, path)),
        node_attributes=attributes,
        classes=tuple(classes.tolist()),
    )


def read_dgcnn_set(root: str | Path, name: str) -> GraphSet:
    """Read ``NAME.txt`` of the folder `root` as `read_dgcnn` does, and the folds of ``ten_fold_test_indices.json``.

    Both may be compressed. The folds are those on which GIN (Xu et al., ICLR 2019) and DGCNN report.

    Raises:
        DataError: if a file is absent or damaged, or a fold names a graph that there is not.
    """
    path = find(root, f"{name}.txt")
    data = read_dgcnn(path)
    place = find(root, FOLDS)
    try:
        folds = json.loads(read_bytes(place))[name]
        tests = tuple(torch.tensor(fold, dtype=torch.int64) for fold in folds)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place}: expected lists of graph numbers for {name!r}, got {error!r}.") from error
    for fold in tests:
        if fold.dim() != 1 or bool(((fold < 0) | (fold >= len(data))).any()):
            raise DataError(f"{place}: a fold of {name} names a graph outside 0 … {len(data) - 1}.")
    return GraphSet(data.graph, data.target, data.node_labels, data.node_attributes, classes=data.classes, folds=tests)


def _numbers(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of the file, and how many each line has; blank lines do not count."""
    content = read_bytes(path)
    data = np.frombuffer(content, np.uint8)
    inside = data > 32
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    line = np.cumsum(data == 10)[begins]
    counts = np.unique(line, return_counts=True)[1]
    try:
        return np.array(content.split(), np.bytes_).astype(np.float64), counts
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a text file of numbers: {error}.") from error


def _heads(
    path: str | Path, values: np.ndarray, counts: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The lines where graphs begin, and their numbers of nodes."""
    graphs, line, heads, sizes = int(whole(values[:1], path)[0]), 1, [], []
    for graph in range(graphs):
        if line >= len(counts):
            raise DataError(f"{path}: expected {graphs} graphs, the file ends in graph {graph}.")
        size = values[starts[line]]
        if counts[line] != 2 or not (size >= 0 and size == np.floor(size)):
            raise DataError(f"{path}: expected nodes and class of graph {graph} in line {line + 1}.")
        heads.append(line)
        sizes.append(int(size))
        line += 1 + int(size)
    if line != len(counts):
        raise DataError(f"{path}: expected {line} lines for its {graphs} graphs, got {len(counts)}.")
    return np.array(heads, np.int64), np.array(sizes, np.int64)


def _whole(values: np.ndarray, lines: np.ndarray, path: str | Path) -> np.ndarray:
    good = np.isfinite(values) & (values == np.floor(values))
    if not good.all():
        wrong = int(good.argmin())
        raise DataError(f"{path}: expected whole numbers, got {values[wrong]} in line {lines[wrong] + 1}.")
    return values.astype(np.int64)
