"""ZINC: molecules with their penalised log P (Dwivedi et al., JMLR 2023, arXiv 2003.00982)."""

from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_graphs.io.files import read_npz
from gdl_graphs.io.graph_set import GraphSet
from gdl_graphs.io.tu import batch

_KINDS = {"atom_ptr": "iu", "bond_ptr": "iu", "atom_type": "iu", "bond_src": "iu", "bond_dst": "iu", "bond_type": "iu",
          "y": "f", "val": "iu", "test": "iu", "train": "iu", "train_substitute": "iu"}  # fmt: skip


def read_zinc(path: str | Path) -> GraphSet:
    """Read ``zinc.npz``: kinds of atoms as node labels, kinds of bonds as edge labels, y as target; both directions.

    Splits are train, val and test; where the file has no ``train`` but a ``train_substitute``, that one.

    Args:
        path: the file, or its folder.

    Raises:
        DataError: if the file is absent, damaged, or its arrays do not fit together.
    """
    path = Path(path, "zinc.npz") if Path(path).is_dir() else Path(path)
    arrays = read_npz(path, _KINDS, optional=("train", "train_substitute"))
    nodes, bonds = (arrays[name].astype(np.int64) for name in ("atom_ptr", "bond_ptr"))
    graphs = len(arrays["y"])
    for name, ptr, total in (("atom_ptr", nodes, "atom_type"), ("bond_ptr", bonds, "bond_type")):
        if len(ptr) != graphs + 1 or ptr[0] != 0 or (np.diff(ptr) < 0).any() or ptr[-1] != len(arrays[total]):
            raise DataError(f"{path}: {name} must rise from 0 to {len(arrays[total])}, in {graphs} steps.")
    owner, of_bond = (np.repeat(np.arange(graphs), np.diff(ptr)) for ptr in (nodes, bonds))
    low, high = (arrays[name].astype(np.int64) for name in ("bond_src", "bond_dst"))
    if len(low) != len(of_bond) or len(high) != len(of_bond):
        raise DataError(f"{path}: expected {len(of_bond)} ends of bonds, got {len(low)} and {len(high)}.")
    wrong = (np.minimum(low, high) < 0) | (np.maximum(low, high) >= np.diff(nodes)[of_bond])
    if wrong.any():
        bond = int(wrong.argmax())
        raise DataError(f"{path}: bond {bond} joins atoms that molecule {of_bond[bond]} has not.")
    low, high = low + nodes[of_bond], high + nodes[of_bond]
    sender, receiver = torch.from_numpy(np.stack([np.append(low, high), np.append(high, low)]))
    graph = batch(sender, receiver, owner, graphs)
    kinds = torch.from_numpy(np.tile(arrays["bond_type"], 2)).long()
    train = arrays.get("train", arrays.get("train_substitute", np.zeros(0, np.int64)))
    splits = {"train": train, "val": arrays["val"], "test": arrays["test"]}
    for name, chosen in splits.items():
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < graphs:
            raise DataError(f"{path}: {name} must name molecules from 0 to {graphs - 1}, got {chosen.max()}.")
    return GraphSet(
        graph,
        torch.from_numpy(arrays["y"]),
        node_labels=torch.from_numpy(arrays["atom_type"].astype(np.int64)),
        edge_labels=graph.incidence.from_given(kinds),
        splits={name: torch.from_numpy(chosen.astype(np.int64)) for name, chosen in splits.items()},
    )
