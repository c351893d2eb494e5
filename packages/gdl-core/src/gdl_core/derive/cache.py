"""Derived bases on disk, in the user's cache directory, named by a hash of what they were derived from."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from gdl_core.cache import cache_dir
from gdl_core.derive.basis import Basis

VERSION = 1  # raise when the canonical gauge or the stored fields change
WORTH_KEEPING = 0.05  # seconds; what is faster to derive than this is not stored
_FIELDS = ("element", "row", "column", "value")


def content_hash(*parts: Tensor | str | int | Sequence[int]) -> str:
    """Return a hash of tensors (floats rounded to 1e-9) and plain values; the same on every machine."""
    digest = hashlib.sha256(f"derive{VERSION}".encode())
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
            exact = (part.double() * 1e9).round().to(torch.int64) if part.is_floating_point() else part
            digest.update(exact.contiguous().cpu().numpy().tobytes())
        else:
            digest.update(f"|{part}".encode())
    return digest.hexdigest()


def cached(key: str, derive: Callable[[], Basis]) -> Basis:
    """Return the basis stored under `key`, or derive it and store it if that took long. `GDL_CACHE=0` turns it off."""
    folder = cache_dir()
    path = None if folder is None else folder / "derive" / f"{key}.safetensors"
    found = None if path is None else _read(path)
    if found is not None:
        return found
    start = perf_counter()
    basis = derive()
    if path is not None and perf_counter() - start > WORTH_KEEPING:
        _write(path, basis)
    return basis


def _read(path: Path) -> Basis | None:
    if not path.exists():
        return None
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata()
            tensors = {name: file.get_tensor(name) for name in _FIELDS}
        shape = [int(meta[name]) for name in ("rows", "columns", "count")]
        certificate = float(meta["certificate"])
        return Basis(shape[0], shape[1], shape[2], **tensors, method=meta["method"], certificate=certificate)
    except Exception:  # a damaged cache entry is derived again
        return None


def _write(path: Path, basis: Basis) -> None:
    from safetensors.torch import save_file

    tensors = {name: getattr(basis, name).contiguous() for name in _FIELDS}
    names = ("rows", "columns", "count", "method", "certificate")
    meta = {name: str(getattr(basis, name)) for name in names}
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with contextlib.suppress(OSError):  # a full disk or a read-only folder: the cache is only a shortcut
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, meta)
        os.replace(temporary, path)


@lru_cache(maxsize=256)
def _memory(key: str) -> list[Basis]:
    return []


def remembered(key: str, derive: Callable[[], Basis]) -> Basis:
    """Return the basis under `key` from memory, disk or derivation, in this order."""
    slot = _memory(key)
    if not slot:
        slot.append(cached(key, derive))
    return slot[0]
