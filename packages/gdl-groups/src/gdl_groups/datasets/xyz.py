"""Frames of atoms with energies and forces: extended XYZ, NumPy archives, folders of DeePMD."""

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gdl_core.errors import DataError


@dataclass(frozen=True)
class Frames:
    """Configurations of atoms, one after the other, in the units of their file (eV and Å in all that we know).

    Args:
        numbers: ``int64[n]``, atomic numbers.
        positions: ``[n, 3]``.
        sizes: ``int64[b]``, atoms of each configuration.
        energy: ``[b]``.
        forces: ``[n, 3]``.
        cell: ``[b, 3, 3]``, lattice vectors as rows, or None where space does not repeat.
        periodic: which lattice vectors repeat.
    """

    numbers: np.ndarray
    positions: np.ndarray
    sizes: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    cell: np.ndarray | None = None
    periodic: tuple[bool, ...] = (False, False, False)

    def __len__(self) -> int:
        return len(self.sizes)

    def select(self, chosen: Sequence[int] | np.ndarray) -> "Frames":
        """Return these configurations, in this order."""
        chosen = np.asarray(chosen, np.int64)
        first = np.cumsum(self.sizes) - self.sizes
        rows = np.concatenate([np.zeros(0, np.int64), *(first[k] + np.arange(int(self.sizes[k])) for k in chosen)])
        return Frames(
            self.numbers[rows],
            self.positions[rows],
            self.sizes[chosen],
            self.energy[chosen],
            self.forces[rows],
            None if self.cell is None else self.cell[chosen],
            self.periodic,
        )


def read_frames(path: str | Path) -> Frames:
    """Read a file by its ending (`.npz`, else extended XYZ, compressed or not) or a folder (DeePMD).

    Raises:
        DataError: see the readers.
    """
    path = Path(path)
    if path.is_dir():
        return read_deepmd(path)
    return read_npz(path) if path.suffix == ".npz" else read_xyz(path)


def read_xyz(path: str | Path) -> Frames:
    """Read extended XYZ, also compressed (`.xyz.gz`), with ASE: an energy and forces of each configuration.

    Raises:
        DataError: ASE is not installed; the file is absent, cut off or otherwise damaged; a configuration lacks energy
            or forces, has a number that is not finite, or repeats along other axes than the first.
    """
    try:
        from ase.io import read
    except ImportError as error:
        raise DataError('Extended XYZ is read with ASE: pip install "gdl-groups[molecules]".') from error
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            text = file.read()
        frames: list[Any] = read(io.StringIO(text), ":", format="extxyz")  # type: ignore[assignment]
    except Exception as error:  # ASE raises whatever its parser met: IndexError, ValueError, its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path.name} is cut off or no extended XYZ: {reason}.") from error
    if text and not text.endswith("\n"):  # the last number may have lost digits, which nothing else would tell
        raise DataError(f"{path.name} is cut off: it ends within a line.")
    if not frames:
        raise DataError(f"{path.name} holds no configuration.")
    energy, forces = [], []
    for place, atoms in enumerate(frames):
        found = {} if atoms.calc is None else atoms.calc.results
        for name in ("energy", "forces"):
            if name not in found:
                raise DataError(f"{path.name}: configuration {place} has no {name}.")
        if tuple(atoms.pbc) != tuple(frames[0].pbc):
            raise DataError(f"{path.name}: configuration {place} repeats along other axes than the first.")
        energy.append(found["energy"])
        forces.append(found["forces"])
    periodic = tuple(bool(axis) for axis in frames[0].pbc)
    return _checked(
        path,
        Frames(
            np.concatenate([atoms.numbers for atoms in frames]).astype(np.int64),
            np.concatenate([atoms.positions for atoms in frames]),
            np.array([len(atoms) for atoms in frames], np.int64),
            np.array(energy, np.float64),
            np.concatenate(forces).astype(np.float64),
            np.stack([atoms.cell.array for atoms in frames]) if any(periodic) else None,
            periodic,
        ),
    )


def read_npz(path: str | Path) -> Frames:
    """Read an archive as MD17 has it: `z [n]`, `R [b, n, 3]`, `E [b]` or `[b, 1]`, `F [b, n, 3]`, in open space.

    Raises:
        DataError: the file is absent, cut off, lacks an array, or an array has another shape or is not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            z, r, e, f = (archive[name] for name in ("z", "R", "E", "F"))
    except KeyError as error:
        raise DataError(f"{path.name} has no array {error.args[0].split()[0]}; expected z, R, E and F.") from error
    except Exception as error:  # zipfile and NumPy have many names for a damaged archive
        raise DataError(f"{path.name} is cut off or no NumPy archive: {' '.join(str(error).split())}.") from error
    if r.ndim != 3 or r.shape[1:] != (len(z), 3) or f.shape != r.shape or e.size != len(r):
        shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in zip("zREF", (z, r, e, f)))
        raise DataError(f"{path.name}: expected z [n], R and F [b, n, 3], E [b], got {shapes}.")
    return _checked(path, _alike(z, r, e, f))


def read_deepmd(folder: str | Path) -> Frames:
    """Read a folder of DeePMD: `type.raw`, `type_map.raw`, and `set.*` with coord, energy, force and box.

    All its configurations have the same atoms and repeat along all axes.

    Raises:
        DataError: a file is absent or cut off, or its numbers do not fit the others.
    """
    folder = Path(folder)
    try:
        from ase.data import atomic_numbers

        names = (folder / "type_map.raw").read_text(encoding="utf-8").split()
        kinds = np.loadtxt(folder / "type.raw", dtype=np.int64, ndmin=1)
        z = np.array([atomic_numbers[name] for name in names])[kinds]
        parts = sorted(folder.glob("set.*"))
        r, e, f, box = (
            np.concatenate([np.load(part / f"{name}.npy", allow_pickle=False) for part in parts]).astype(np.float64)
            for name in ("coord", "energy", "force", "box")
        )
        count = len(e)
        shapes = ((count, len(z), 3), (count, len(z), 3), (count, 3, 3))
        r, f, box = (a.reshape(shape) for a, shape in zip((r, f, box), shapes))
    except ImportError as error:
        raise DataError('Names of elements are read with ASE: pip install "gdl-groups[molecules]".') from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{folder} is no whole folder of DeePMD: {reason}.") from error
    return _checked(folder, _alike(z, r, e, f, box))


def _alike(z: np.ndarray, r: np.ndarray, e: np.ndarray, f: np.ndarray, cell: np.ndarray | None = None) -> Frames:
    count, atoms = r.shape[:2]
    return Frames(
        np.tile(z.astype(np.int64), count),
        r.reshape(-1, 3).astype(np.float64),
        np.full(count, atoms, np.int64),
        e.reshape(-1).astype(np.float64),
        f.reshape(-1, 3).astype(np.float64),
        cell,
        (cell is not None,) * 3,
    )


def _checked(path: Path, frames: Frames) -> Frames:
    """Return the frames; raise unless all their numbers are finite."""
    owner = np.repeat(np.arange(len(frames)), frames.sizes)
    rows = {"positions": (frames.positions, owner), "forces": (frames.forces, owner)}
    rows["energy"] = (frames.energy[:, None], np.arange(len(frames)))
    for name, (values, place) in rows.items():
        wrong = ~np.isfinite(values).all(1)
        if wrong.any():
            raise DataError(f"{path.name}: the {name} of configuration {place[wrong.argmax()]} are not finite.")
    return frames
