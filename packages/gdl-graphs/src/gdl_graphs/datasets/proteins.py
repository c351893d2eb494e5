"""Inverse folding: which sequence of amino acids folds to a given backbone."""

from collections.abc import Callable
from typing import Any

import torch
from gdl_core.train.files import find_file
from gdl_core.train.source import Source, Splits, unpack
from torch import Tensor
from torch.utils.data import Dataset

from gdl_graphs.datasets.backbone_features import edge_features, node_features
from gdl_graphs.generate import neighbour_graph
from gdl_graphs.graph import Graph
from gdl_graphs.io.graph_set import select
from gdl_graphs.io.proteins import AMINO_ACIDS, Backbones, read_backbones


class Proteins(Source):
    """Predict the amino acid of each residue of a protein from the backbone alone (Ingraham et al. 2019).

    A chain is a graph: each residue hears its `k` nearest by the distance of their CA. Features of nodes ``[n, 6]`` and
    edges ``[e, 54]`` are seen from within the chain, so a network on them is invariant to rotations and translations.
    Accuracy is the recovery of the native sequence, over all residues.

    Args:
        root: the folder with the file; it is read when training begins, not before.
        file: see `read_backbones`.
        k: how many neighbours, itself not counted; fewer in a chain that has fewer.
    """

    classes: tuple[str, ...] = tuple(AMINO_ACIDS)

    def __init__(self, root: str | None = None, file: str = "promod3_structuredb_3000.npz", k: int = 16):
        if k < 1:
            raise ValueError(f"k: expected at least one neighbour, got {k}")
        self.root, self.file, self.k = root, file, k

    def splits(self) -> Splits:
        data = read_backbones(find_file(self.root, [self.file], "Proteins"))
        chains = Chains(data, self.k)
        train, valid, test = (chains.part(torch.nonzero(data.split == number)[:, 0]) for number in range(3))
        return Splits(train, test, valid)

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack


class Chains(Dataset):
    """Chains as samples ((features of nodes, graph with features of edges), amino acids), a batch at a time.

    Neighbours are found once; features of edges, far more numbers than coordinates, are made for each batch.

    Args:
        data: all chains.
        k: how many neighbours.
        chosen: ``int64[s]``, the chains that are samples; all of them if left out.
        graph: the neighbours of all residues, where they have been found already.
    """

    def __init__(self, data: Backbones, k: int, chosen: Tensor | None = None, graph: Graph | None = None):
        self.data, self.k, self.chosen = data, k, chosen
        self.graph = _graph(data, k) if graph is None else graph

    def part(self, chosen: Tensor) -> "Chains":
        """Return the samples of these chains."""
        return Chains(self.data, self.k, chosen, self.graph)

    def __len__(self) -> int:
        return self.graph.batch_size if self.chosen is None else len(self.chosen)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        graph, nodes, _ = select(self.graph, indices if self.chosen is None else self.chosen[indices])
        atoms, ptr = self.data.atoms[nodes], graph.ptr.long()
        starts, stops = (torch.zeros(graph.num_nodes, dtype=torch.bool) for _ in range(2))
        starts[ptr[:-1]], stops[ptr[1:] - 1] = True, True
        x = node_features(atoms, starts, stops)
        return [((x, graph.replace(edge_features=edge_features(atoms, graph))), self.data.residues[nodes])]


def _graph(data: Backbones, k: int) -> Graph:
    return neighbour_graph(data.atoms[:, 1], k, ptr=data.ptr).replace(edge_features=None, positions=None)
