"""Tables of molecules: SMILES and measured values in comma-separated files, as MoleculeNet has them."""

import csv
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError, closest
from torch import Tensor

from gdl_graphs.io.files import opened
from gdl_graphs.io.graph_set import GraphSet
from gdl_graphs.io.smiles import ORDERS, Molecule, parse_smiles
from gdl_graphs.io.tu import batch

ELEMENTS = ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "B", "Si")  # and all others together
ATOM_CHANNELS, BOND_CHANNELS = len(ELEMENTS) + 1 + 5 + 3 + 2, 5


def read_molecules(path: str | Path, targets: Sequence[str], smiles: str = "smiles") -> GraphSet:
    """Read a table of molecules with the given columns as targets, ``float32[b, k]``; an empty value is NaN.

    `GraphSet.node_attributes` are of each atom ``float32[n, 22]``: its element (one of 11, or another), its hydrogens
    (0 to 4), its charge (negative, none, positive), whether it is aromatic, whether it is in a ring. The graph has both
    directions of every bond, with features ``[e, 5]``: single, double, triple, aromatic; in a ring.

    Args:
        path: the file, comma-separated with a first line of names, plain or `.gz`.
        targets: names of columns of numbers.
        smiles: the name of the column of molecules.

    Raises:
        DataError: if the file is absent or damaged, has not such a column, or a line has no molecule or no number; the
            line is named.
    """
    molecules: list[Molecule] = []
    values: list[list[float]] = []
    with opened(path) as file:
        rows = csv.DictReader(TextIOWrapper(file, encoding="utf-8"))  # type: ignore[arg-type]
        names = rows.fieldnames or ()
        for name in (smiles, *targets):
            if name not in names:
                raise DataError(
                    f"{path} has no column {name!r}; it has {', '.join(names) or 'none'}.{closest(name, names)}"
                )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            try:
                molecules.append(parse_smiles((row[smiles] or "").strip()))
                values.append([float(row[name]) if row[name] else float("nan") for name in targets])
            except (DataError, ValueError) as error:
                raise DataError(f"{where}: {error}") from error
    return _graph_set(molecules, torch.tensor(values).reshape(len(molecules), len(targets)))


def _graph_set(molecules: Sequence[Molecule], target: Tensor) -> GraphSet:
    sizes = np.array([len(molecule.atoms) for molecule in molecules], np.int64)
    first = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(len(molecules)), sizes)
    ends = [(start + u, start + v) for start, m in zip(first, molecules, strict=True) for u, v, _ in m.bonds]
    pairs = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2)
    sender, receiver = torch.cat([pairs, pairs.flip(1)]).T
    graph = batch(sender, receiver, owner, len(molecules))
    bonds = torch.tensor([row for molecule in molecules for row in _bonds(molecule)]).reshape(-1, BOND_CHANNELS)
    graph = graph.replace(edge_features=graph.incidence.from_given(torch.cat([bonds, bonds])))
    atoms = torch.tensor([row for molecule in molecules for row in _atoms(molecule)]).reshape(-1, ATOM_CHANNELS)
    return GraphSet(graph, target, node_attributes=atoms)


def _atoms(molecule: Molecule) -> list[list[float]]:
    rows = []
    for atom in molecule.atoms:
        element = ELEMENTS.index(atom.element) if atom.element in ELEMENTS else len(ELEMENTS)
        places = (element, len(ELEMENTS) + 1 + min(atom.hydrogens or 0, 4))
        charge = len(ELEMENTS) + 6 + (atom.charge > 0) - (atom.charge < 0) + 1
        row = [0.0] * ATOM_CHANNELS
        for place in (*places, charge):
            row[place] = 1.0
        row[-2], row[-1] = float(atom.aromatic), float(atom.in_ring)
        rows.append(row)
    return rows


def _bonds(molecule: Molecule) -> list[list[float]]:
    kinds = (ORDERS["-"], ORDERS["="], ORDERS["#"], ORDERS[":"])
    return [
        [*(float(order == kind) for kind in kinds), float(ring)]
        for (_, _, order), ring in zip(molecule.bonds, molecule.in_ring, strict=True)
    ]
