"""``gdl audit``: measure in which layer a checkpoint, or any other network, loses a symmetry."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdl_core import plugins
from gdl_core.errors import GdlError, closest
from gdl_core.plugins import targets

if TYPE_CHECKING:
    from torch import nn

    from gdl_core.geometry import Signal

EPILOG = """examples:
  gdl audit runs/digits --symmetry shift rotation --json audit.json --plot audit.png
  gdl audit --module "torchvision.models:resnet18" --shape 2,3,64,64 --domain core/grid --symmetry shift"""


def audit(argv: list[str]) -> int:
    """Print the table of an audit and write the files that were asked for."""
    parser = argparse.ArgumentParser(
        prog="gdl audit", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", help="a checkpoint, or the folder of a run, that `gdl train` wrote")
    parser.add_argument("--module", metavar="PACKAGE.MODULE:FACTORY", help="instead: what makes a torch.nn.Module")
    parser.add_argument("--shape", metavar="B,C,...", help="with --module: the shape of a random input")
    parser.add_argument("--domain", metavar="NAME", default="core/grid", help="with --module: the input's domain")
    parser.add_argument("--symmetry", nargs="+", metavar="NAME", action="extend", help="default: all of the domain")
    parser.add_argument("--samples", type=_count, default=4, help="group elements besides the generators (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of elements and inputs (default 0)")
    parser.add_argument("--json", metavar="PATH", help="write the figures")
    parser.add_argument("--plot", metavar="PATH", help="write a picture (needs matplotlib)")
    options = parser.parse_args(argv)
    if (options.checkpoint is None) == (options.module is None):
        parser.error("give either a CHECKPOINT or --module")
    if options.module is not None and options.shape is None:
        parser.error("--module needs --shape, such as 2,3,32,32")
    for path in filter(None, (options.json, options.plot)):
        _require_writable(Path(path))
    network, signal = _load(options)
    found = _audit(network, signal, options)
    sys.stdout.write(f"{found}\n")
    if options.json:
        sys.stdout.write(f"figures: {found.save_json(options.json)}\n")
    if options.plot:
        sys.stdout.write(f"picture: {found.save_plot(options.plot)}\n")
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected a number from 0, got {number}")
    return number


def _require_writable(path: Path) -> None:
    """Complain before the work, not after it."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise GdlError(f"{path} cannot be written: {'it is a folder' if path.is_dir() else f'no folder {folder}'}")


def _load(options: argparse.Namespace) -> "tuple[nn.Module, Signal]":
    if options.checkpoint is not None:
        from gdl_core.train.checkpoint import load_model

        network, signal, _ = load_model(options.checkpoint)
        return network, signal
    return _foreign(options)


def _audit(network: "nn.Module", signal: "Signal", options: argparse.Namespace):
    from gdl_core.verify.audit import audit as measure

    try:
        return measure(network, signal, options.symmetry, samples=options.samples, seed=options.seed)
    except GdlError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        raise GdlError(f"The audit of {type(network).__name__} stopped: {error}") from error


def _foreign(options: argparse.Namespace) -> "tuple[nn.Module, Signal]":
    """Make a network that is not ours, and noise for it to be measured on."""
    import torch
    from torch import nn

    from gdl_core.geometry import Signal
    from gdl_core.representations import FieldType

    shape = _shape(options.shape)
    torch.manual_seed(options.seed)
    network = _import(options.module)
    if not isinstance(network, nn.Module):
        network = network() if callable(network) else network
    if not isinstance(network, nn.Module):
        raise GdlError(f"{options.module} should make a torch.nn.Module, it made {type(network).__name__}")
    domain = _domain(options.domain, shape)
    channels = shape[domain.channel_axis]
    draw = torch.Generator().manual_seed(options.seed)
    values = torch.randn(shape, generator=draw)
    try:
        return network, Signal(values, domain, FieldType.scalars(channels))
    except ValueError as error:
        raise GdlError(f"--shape {options.shape} does not fit --domain {options.domain}: {error}") from error


def _shape(text: str) -> tuple[int, ...]:
    parts = text.replace("x", ",").split(",")
    if len(parts) < 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise GdlError(f"--shape expects positive whole numbers such as 2,3,32,32, got {text!r}")
    return tuple(int(part) for part in parts)


def _import(target: str) -> Any:
    """Import "package.module:name", also from the folder where the command runs."""
    try:
        module, attribute = targets.split(target)
    except ValueError as error:
        raise GdlError(str(error)) from error
    if not attribute:
        raise GdlError(f"{target!r} names no factory: write 'package.module:factory'")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return targets.load(target)
    except ModuleNotFoundError as error:
        raise GdlError(f"{target!r} cannot be imported: there is no module {error.name!r}") from error
    except AttributeError as error:
        near = closest(attribute, dir(sys.modules.get(module)))
        raise GdlError(f"The module {module!r} has no {attribute!r}.{near}") from error


def _domain(name: str, shape: tuple[int, ...]) -> Any:
    """Return the domain of a component whose class takes the spatial shape, as grids do, or of a factory."""
    made = _import(name) if ":" in name else plugins.resolve(name, "domain")
    if getattr(made, "channel_axis", 1) != 1:
        raise GdlError(
            f"{name} is not made from a shape alone; give --domain 'package.module:factory', a function that takes "
            "the shape and returns the domain"
        )
    inside = shape if ":" in name and not isinstance(made, type) else shape[2:]
    try:
        return made(tuple(inside))
    except (ValueError, TypeError) as error:
        raise GdlError(f"{name} could not be made for the shape {shape}: {error}") from error
