"""Images in one NPZ file."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gdl_core.errors import DataError

from gdl_grids.datasets.images import Arrays, Images

KEYS = ("x_train", "y_train", "x_test", "y_test")


class NPZ(Images):
    """Your own images in a file with the arrays `x_train`, `y_train`, `x_test`, `y_test`.

    Images are `[n, h, w]`, `[n, h, w, c]` or `[n, c, h, w]` (told apart by `channels` and `size`), labels are whole
    numbers from 0. The file is opened without pickle.

    Args:
        file: the NPZ file.
        size: height and width.
        channels: 1 or 3.
        levels: the value of white: 255 for bytes, 1 for floats.
        mean: of the pixels divided by `levels`, per channel or one for all; so is `std`.
        std: see `mean`.
        classes: their names; by default their numbers.
        shift, flip, boundary, pad: see `Images`.

    Raises:
        DataError: from `arrays`, if the file is absent or damaged, lacks an array, or one has another shape.
    """

    def __init__(
        self,
        file: str,
        size: tuple[int, int],
        channels: int = 1,
        levels: float = 255.0,
        mean: Sequence[float] = (0.5,),
        std: Sequence[float] = (0.5,),
        classes: Sequence[str] | None = None,
        shift: int = 0,
        flip: bool = False,
        boundary: str = "periodic",
        pad: int = 0,
    ):
        super().__init__(None, shift, flip, boundary, pad)
        self.file, self.size, self.channels, self.levels = file, (size[0], size[1]), channels, levels
        self.mean, self.std, self.classes = mean, std, classes

    def arrays(self) -> tuple[Arrays, Arrays]:
        path = Path(self.file)
        if not path.is_file():
            raise DataError(f"NPZ: there is no file {self.file!r}.")
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                absent = [key for key in KEYS if key not in content.files]
                if absent:
                    listed = ", ".join(content.files) or "nothing"
                    raise DataError(f"{path}: expected the array {absent[0]!r}, it has {listed}.")
                x_train, y_train, x_test, y_test = (content[key] for key in KEYS)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise DataError(f"{path} is a damaged or cut off NPZ file: {error}.") from error
        except DataError:
            raise
        except (ValueError, AttributeError) as error:  # an array of objects, or an NPY file
            raise DataError(f"{path} holds something else than arrays of numbers: {error}") from error
        return self._pair(path, "train", x_train, y_train), self._pair(path, "test", x_test, y_test)

    def _pair(self, path: Path, part: str, images: np.ndarray, labels: np.ndarray) -> Arrays:
        h, w = self.size
        if images.shape[1:] == (h, w) and self.channels == 1:
            images = images[:, None]
        elif images.shape[1:] == (h, w, self.channels):
            images = np.moveaxis(images, -1, 1)
        elif images.shape[1:] != (self.channels, h, w):
            raise DataError(
                f"{path}: expected x_{part} of shape [n, {h}, {w}, {self.channels}], got {list(images.shape)}."
            )
        if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"{path}: expected y_{part} as {len(images)} whole numbers, got {labels.dtype}{list(labels.shape)}."
            )
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))
