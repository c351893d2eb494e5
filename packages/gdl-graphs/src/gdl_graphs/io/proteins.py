"""Backbones of proteins: the atoms N, CA, C and O of every residue, and which amino acid it is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError
from torch import Tensor

from gdl_graphs.io.files import read_npz

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = -100  # no amino acid of the twenty: PyTorch's `ignore_index`
_KINDS = {"ptr": "iu", "seq": "iu", "coords_N_CA_C_O_cA": "iuf", "split": "iu"}


@dataclass(frozen=True)
class Backbones:
    """Chains one after the other.

    Args:
        ptr: ``int64[b + 1]``, where each chain starts.
        atoms: ``float32[n, 4, 3]``, N, CA, C and O of each residue, in ångström.
        residues: ``int64[n]``, the place of each residue in `AMINO_ACIDS`; -100 for any other.
        split: ``int64[b]``: 0 train, 1 validation, 2 test.
    """

    ptr: Tensor
    atoms: Tensor
    residues: Tensor
    split: Tensor


def read_backbones(path: str | Path) -> Backbones:
    """Read an NPZ file with the arrays ``ptr``, ``seq`` (ASCII), ``coords_N_CA_C_O_cA`` (in 0.01 Å) and ``split``.

    Raises:
        DataError: if the file is absent or damaged, or its arrays do not fit together.
    """
    arrays = read_npz(path, _KINDS)
    ptr, letters, split = (arrays[name].astype(np.int64) for name in ("ptr", "seq", "split"))
    atoms = arrays["coords_N_CA_C_O_cA"]
    if atoms.shape != (len(letters), 4, 3):
        raise DataError(f"{path}: expected coordinates [{len(letters)}, 4, 3], got {list(atoms.shape)}.")
    if ptr.shape != (len(split) + 1,) or ptr[0] != 0 or (np.diff(ptr) < 1).any() or ptr[-1] != len(letters):
        raise DataError(f"{path}: ptr must rise from 0 to {len(letters)}, in {len(split)} steps.")
    if not np.isin(split, (0, 1, 2)).all():
        raise DataError(f"{path}: split must be 0, 1 or 2 for each of the {len(split)} chains.")
    if not np.isfinite(atoms).all():
        residue = int(np.argmin(np.isfinite(atoms).all((1, 2))))
        raise DataError(f"{path}: expected finite coordinates, residue {residue} has others.")
    places = np.full(256, UNKNOWN)
    places[[ord(letter) for letter in AMINO_ACIDS]] = np.arange(len(AMINO_ACIDS))
    return Backbones(
        torch.from_numpy(ptr),
        torch.from_numpy(atoms.astype(np.float32) / 100),
        torch.from_numpy(places[np.clip(letters, 0, 255)].astype(np.int64)),
        torch.from_numpy(split),
    )
