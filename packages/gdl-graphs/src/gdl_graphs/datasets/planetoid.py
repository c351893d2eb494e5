"""The citation graphs Cora, CiteSeer and PubMed with their published split."""

import torch
from gdl_core.errors import DataError, closest

from gdl_graphs.datasets.nodes import LabelledGraph, Nodes, row_normalised
from gdl_graphs.io.planetoid import NAMES, read_planetoid

CLASSES = {
    "cora": (
        "Theory", "Reinforcement Learning", "Genetic Algorithms", "Neural Networks", "Probabilistic Methods",
        "Case Based", "Rule Learning",
    ),
    "citeseer": ("AI", "ML", "IR", "DB", "Agents", "HCI"),
    "pubmed": ("Diabetes Mellitus, Experimental", "Diabetes Mellitus Type 1", "Diabetes Mellitus Type 2"),
}  # fmt: skip


class Planetoid(Nodes):
    """Papers that cite each other, classified by topic: 20 labelled papers per class (Yang, Cohen, Salakhutdinov 2016).

    Features are bags of words whose rows sum to one. The graph is undirected.

    Args:
        name: cora, citeseer or pubmed.
        root: the folder with the files; it is read when training begins, not before.
        self_loops: give each node an edge to itself, which GCN and GAT expect.
    """

    def __init__(self, name: str = "cora", root: str | None = None, self_loops: bool = True):
        if name not in NAMES:
            raise ValueError(f"name: expected {', '.join(NAMES)}, got {name!r}.{closest(name, NAMES)}")
        self.name, self.root, self.self_loops = name, root, self_loops
        self.classes: tuple[str, ...] = CLASSES[name]

    def labelled(self) -> LabelledGraph:
        if self.root is None:
            raise DataError(f"Planetoid needs the folder with the files of {self.name}: give --data.root FOLDER.")
        data = read_planetoid(self.root, self.name)
        if data.num_classes > len(self.classes):
            raise DataError(
                f"{self.name} has {len(self.classes)} classes, the files in {self.root} {data.num_classes}."
            )
        graph = data.graph.with_self_loops() if self.self_loops else data.graph
        train, valid, test = (torch.nonzero(mask)[:, 0] for mask in (data.train, data.val, data.test))
        return LabelledGraph(row_normalised(data.features), graph, data.labels, train, valid, test)
