"""Checkpoints: plain configuration and tensors, written so that the previous one survives whatever happens."""

import importlib.metadata
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from packaging.version import Version
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten, treespec_dumps, treespec_loads

from gdl_core import plugins
from gdl_core._version import __version__
from gdl_core.errors import CheckpointError
from gdl_core.geometry.domain import Signal

FORMAT = 1  # of the part under "gdl"


def header(config: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """Return what identifies a checkpoint: format, versions, configuration, an example of the inputs."""
    return {"format": FORMAT, "versions": versions(config), "config": dict(config), "example": _plain(example)}


def versions(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of gdl-core and of the plugins that a configuration names."""
    found = {"gdl-core": __version__}
    records = {record.name: record for record in plugins.records()}
    for section in ("data", "model"):
        name = config.get(section, {}).get("class_path", "")
        namespace, slash, _ = name.partition("/")
        if slash and namespace in records:
            found[records[namespace].distribution] = records[namespace].version
        elif not slash:
            distribution = name.partition(".")[0].replace("_", "-")
            if distribution.startswith("gdl-"):
                found[distribution] = importlib.metadata.version(distribution)
    return found


def write(content: Mapping[str, Any], path: str | Path) -> None:
    """Write a checkpoint to `path` in one move: a reader sees the old file or the new one, never a part.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; the file that was there is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"The folder {path.parent} of a checkpoint cannot be made: {error.strerror}.") from error
    try:
        with temporary.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())  # the data must reach the disk before the name does
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch.save turns a failing write into a RuntimeError
        kept = "; the previous one is kept" if path.exists() else ""
        raise CheckpointError(f"The checkpoint {path} could not be written: {_cause(error)}{kept}.") from error
    finally:  # also after Ctrl-C
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint without running any code of it, and check that this installation understands it.

    Raises:
        CheckpointError: it is absent, damaged (the checksum of every part is verified), not a gdl checkpoint, or of
            another format or another minor version of a package.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path} is no checkpoint or is cut off: expected a zip archive, got {path.stat().st_size} bytes "
            f"that are not one ({_cause(error)})."
        ) from error
    if damaged is not None:
        raise CheckpointError(f"{path} is damaged: the checksum of its part {damaged!r} does not match.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{path} cannot be read as plain values and tensors: {first}") from error
    _check(content, path)
    return content


def load_model(path: str | Path) -> tuple[nn.Module, Signal, dict[str, Any]]:
    """Rebuild the network of a checkpoint, in evaluation mode on the CPU.

    Args:
        path: a checkpoint, or the folder of a run (its best checkpoint is taken, or else its last).

    Returns:
        The network, some test inputs as a signal on their domain, and the configuration as plain values.

    Raises:
        CheckpointError: the file cannot be used (see `read`), or its weights do not fit the network.
    """
    path = locate(path)
    content = read(path)
    config = content["gdl"]["config"]
    model = restore(content, path)
    return model, example_signal(model, content), config


def restore(content: Mapping[str, Any], path: Path) -> nn.Module:
    """Build the network of a checkpoint that was read, and give it its weights."""
    from gdl_core.train.build import build_model

    model = build_model(content["gdl"]["config"])
    weights = {
        name.removeprefix("model."): value for name, value in content["state_dict"].items() if name.startswith("model.")
    }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise CheckpointError(f"The weights in {path} do not fit its network: {' '.join(lines)}") from error
    return model.eval()


def example_signal(model: nn.Module, content: Mapping[str, Any]) -> Signal:
    """Return the example inputs of a checkpoint as a signal on the domain that the network was built for."""
    from gdl_core.geometry.blueprint import Blueprint
    from gdl_core.train.build import build_source

    values = _inputs(content["gdl"]["example"])
    if isinstance(model, Blueprint) and model.domain is not None and isinstance(values, Tensor):
        domain = model.domain.locate(values)
        if domain is not None:
            return Signal(values, domain, model.in_type)
    return build_source(content["gdl"]["config"]).signal(values)


def _plain(example: Any) -> Any:
    """Return inputs as tensors and a text that says how they belong together: a domain's class is no plain value."""
    if isinstance(example, Tensor):
        return example
    leaves, structure = tree_flatten(example)
    return {"tensors": leaves, "structure": treespec_dumps(structure)}


def _inputs(example: Any) -> Any:
    """Return what `_plain` was given; the plugin of its classes must be imported, which building the network does."""
    if isinstance(example, Tensor):
        return example
    return tree_unflatten(example["tensors"], treespec_loads(example["structure"]))


def locate(path: str | Path) -> Path:
    """Return the checkpoint that a path means: itself, or the best or last one in the folder of a run."""
    path = Path(path)
    if not path.is_dir():
        return path
    for name in ("best.ckpt", "last.ckpt"):
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"The folder {path} has neither best.ckpt nor last.ckpt.")


def _check(content: Any, path: Path) -> None:
    ours = content.get("gdl") if isinstance(content, dict) else None
    if not isinstance(ours, dict) or "state_dict" not in content:
        raise CheckpointError(f"{path} is not a checkpoint that `gdl train` wrote: it has no part 'gdl'.")
    if ours.get("format") != FORMAT:
        raise CheckpointError(f"{path}: expected checkpoint format {FORMAT}, got {ours.get('format')!r}.")
    installed = versions(ours["config"])
    for name, written in ours["versions"].items():
        here = installed.get(name)
        if here is None or Version(here).release[:2] != Version(written).release[:2]:
            raise CheckpointError(
                f"{path} was written with {name} {written}, here is {f'{name} {here}' if here else f'no {name}'}: "
                "expected the same major and minor version."
            )


def _cause(error: BaseException) -> str:
    """Say why writing or reading failed; below torch's RuntimeError lies the OSError."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
