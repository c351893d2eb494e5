"""A reader of pickles that makes arrays and containers and can run nothing else."""

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from gdl_core.errors import DataError


def unpickle(content: bytes, path: str | Path | None) -> Any:
    """Return what a pickle of Python 2 or 3 holds: numbers, strings, containers, NumPy arrays, SciPy CSR matrices.

    Names in the pickle are looked up in a fixed table instead of imported, so no code of the file's choice runs.

    Raises:
        DataError: if the pickle names anything else, is cut off, or is no pickle.
    """
    try:
        return _Reader(io.BytesIO(content), encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle can fail in any way
        raise DataError(f"{path} is no pickle of arrays, or a damaged one: {error}.") from error


def _table() -> dict[tuple[str, str], Any]:
    from scipy.sparse import csr_matrix

    rebuild: Any = np.zeros(1).__reduce__()[0]  # `_reconstruct`, whose module has another name in each NumPy
    scalar: Any = np.float64(0).__reduce__()[0]
    found: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): lambda name, align=False, copy=False: np.dtype(name),  # old files have numbers for flags
        ("collections", "defaultdict"): collections.defaultdict,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        found[module, "_reconstruct"], found[module, "scalar"] = rebuild, scalar
    for module in ("scipy.sparse.csr", "scipy.sparse._csr"):
        found[module, "csr_matrix"] = csr_matrix
    return found


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        table = _table()
        if (module, name) not in table:
            raise DataError(f"expected arrays only, the pickle asks for {module}.{name}, which could run code.")
        return table[module, name]
