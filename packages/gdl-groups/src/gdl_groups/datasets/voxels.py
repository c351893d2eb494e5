"""Solids as voxels: meshes in the OFF format, in the folders of ModelNet."""

from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.representations import FieldType
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor


def read_off(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a mesh in the OFF format (Geomview): vertices `float64[v, 3]` and triangles `int64[f, 3]`.

    Faces of more corners become fans of triangles; colours are ignored. ModelNet's files whose header has no line of
    its own ("OFF490 518 0") are read, too.

    Raises:
        DataError: if the file is not OFF, is cut off, or a face names a vertex that is not there.
    """
    lines = [line.split("#", 1)[0].split() for line in Path(path).read_text(errors="replace").splitlines()]
    lines = [words for words in lines if words]
    if not lines or not lines[0][0].startswith("OFF"):
        got = " ".join(lines[0])[:20] if lines else ""
        raise DataError(f"{path} is not OFF: expected it to begin with 'OFF', got {got!r}.")
    lines[0] = [word for word in (lines[0][0].removeprefix("OFF"), *lines[0][1:]) if word]
    lines = lines if lines[0] else lines[1:]
    try:
        vertices, faces = int(lines[0][0]), int(lines[0][1])
        points = np.array([words[:3] for words in lines[1 : 1 + vertices]], np.float64).reshape(vertices, 3)
        triangles = []
        for number in range(faces):
            corners, *face = lines[1 + vertices + number]  # what follows the corners is a colour
            corner = [int(word) for word in face[: int(corners)]]
            triangles += [(corner[0], corner[k], corner[k + 1]) for k in range(1, int(corners) - 1)]
    except (IndexError, ValueError) as error:
        raise DataError(f"{path} is cut off or damaged: it has {len(lines)} lines, not what it announces.") from error
    found = np.array(triangles, np.int64).reshape(-1, 3)
    if len(found) and (found.min() < 0 or found.max() >= vertices):
        raise DataError(f"{path}: expected faces of the vertices 0 to {vertices - 1}, got {int(found.max())}.")
    return points, found


def voxelise(vertices: np.ndarray, triangles: np.ndarray, side: int, margin: int = 1) -> np.ndarray:
    """Return which cells of a cube the surface of a mesh meets, `bool[side, side, side]`.

    The mesh is centred in its bounding box and scaled so that the longest edge of the box fills the cube up to
    `margin` cells. Every triangle is sampled at points less than half a cell apart.

    Raises:
        ValueError: if the mesh has no triangles, or a coordinate is not finite.
    """
    if not len(triangles) or not np.isfinite(vertices).all():
        raise ValueError(f"A mesh to voxelise has triangles and finite vertices, got {len(triangles)} triangles.")
    low, high = vertices.min(0), vertices.max(0)
    room = side - 2 * margin
    scaled = (vertices - (low + high) / 2) * (room * (1 - 1e-9) / max(float((high - low).max()), 1e-30)) + side / 2
    corners = scaled[triangles]  # [f, 3, 3]
    edges = np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=-1).max(1)
    cells = np.zeros((side, side, side), bool)
    steps = np.maximum(np.ceil(2 * edges).astype(np.int64) + 1, 1)
    for count in np.unique(steps):
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        kept = i + j <= count
        weights = np.stack([i[kept], j[kept], count - i[kept] - j[kept]], 1) / count  # barycentric, [p, 3]
        points = np.einsum("pk,fkd->fpd", weights, corners[steps == count]).reshape(-1, 3)
        index = np.clip(points.astype(np.int64), 0, side - 1)
        cells[index[:, 0], index[:, 1], index[:, 2]] = True
    return cells


class Voxels(Source):
    """Meshes in folders `CLASS/train/*.off` and `CLASS/test/*.off`, as ModelNet comes (Wu et al. 2015), as voxels.

    Args:
        root: the folder.
        side: cells per edge of the cube.
        turned: whether test meshes are put in one of the 24 orientations of the cube at random, from a fixed seed.

    Raises:
        DataError: from `splits`, if a folder is absent or a mesh cannot be read.
    """

    def __init__(self, root: str | None = None, side: int = 16, turned: bool = True):
        if side < 4:
            raise ValueError(f"side: expected at least 4 cells, got {side}")
        self.root, self.side, self.turned = root, side, turned

    def splits(self) -> Splits:
        if self.root is None:
            raise DataError("Voxels needs the folder with the meshes: give --data.root FOLDER.")
        folder = Path(self.root)
        if not folder.is_dir():
            raise DataError(f"Voxels: there is no folder {self.root!r}.")
        names = sorted(path.name for path in folder.iterdir() if (path / "train").is_dir() and (path / "test").is_dir())
        if not names:
            raise DataError(f"Voxels: expected folders CLASS/train and CLASS/test in {self.root}, there are none.")
        self.classes = tuple(names)
        train, test = self._read(folder, "train"), self._read(folder, "test")
        if self.turned:
            draw = torch.Generator().manual_seed(0)
            turns = torch.randint(24, (len(test[1]),), generator=draw).tolist()
            images = [_turn(image, turn) for image, turn in zip(test[0], turns)]
            test = (torch.stack(images), test[1])
        return Splits(Samples(*train, Tensor.float), Samples(*test, Tensor.float))

    def signal(self, values: Tensor) -> Signal:
        return Signal(values, Grid.of(values, "zero"), FieldType.scalars(values.shape[1]))

    def _read(self, folder: Path, part: str) -> tuple[Tensor, Tensor]:
        assert self.classes is not None
        images, labels = [], []
        for label, name in enumerate(self.classes):
            for path in sorted((folder / name / part).glob("*.off")):
                mesh = read_off(path)
                try:
                    images.append(voxelise(*mesh, self.side))
                except ValueError as error:
                    raise DataError(f"{path}: {error}") from error
                labels.append(label)
        if not images:
            raise DataError(f"Voxels: there are no OFF files in the folders {part} of {folder}.")
        return torch.from_numpy(np.stack(images))[:, None], torch.tensor(labels)


def _turn(image: Tensor, number: int) -> Tensor:
    """Return `image[c, n, n, n]` in the orientation `number` of 24: one of six faces up, then a quarter turn."""
    face, quarter = divmod(number, 4)
    image = image.rot90(face, (1, 2)) if face < 4 else image.rot90(1 if face == 4 else 3, (1, 3))
    return image.rot90(quarter, (2, 3))
