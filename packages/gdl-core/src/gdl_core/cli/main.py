"""Dispatch of ``gdl COMMAND …`` to one function each, and the one place where errors become sentences."""

import os
import sys
from collections.abc import Callable, Sequence

from gdl_core import plugins
from gdl_core._version import __version__
from gdl_core.errors import GdlError, closest
from gdl_core.plugins import targets

# command: (target, summary). A target takes the remaining arguments and returns an exit status or None.
COMMANDS = {
    "plugins": ("gdl_core.cli.plugins:run", "the installed plugins, each with its status and reason"),
    "list": ("gdl_core.cli.catalogue:run_list", "the components of a kind: gdl list layers"),
    "show": ("gdl_core.cli.catalogue:run_show", "one component: its signature, symmetries and source"),
    "recipes": ("gdl_core.cli.catalogue:run_recipes", "the recipes that `gdl train` runs"),
    "kernels": ("gdl_core.cli.kernels:run", "the custom operators, and which backends run here and why"),
    "doctor": ("gdl_core.cli.doctor:run", "check the installation"),
    "new-plugin": ("gdl_core.cli.new_plugin:run", "write the skeleton of a plugin"),
    "train": ("gdl_core.train.cli:train", "train by a recipe: gdl train grids/digits"),
    "test": ("gdl_core.train.cli:test", "measure a checkpoint on the test data"),
    "predict": ("gdl_core.train.cli:predict", "apply a checkpoint to new data"),
    "audit": ("gdl_core.train.audit:audit", "measure in which layer a checkpoint loses a symmetry"),
}

# What the extra gdl-core[train] brings; a missing one of these is told as a missing extra.
TRAIN_MODULES = {"lightning", "jsonargparse", "torchmetrics", "rich", "matplotlib", "sklearn", "PIL", "yaml"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``gdl`` and return its exit status: 0, or 1 where a check failed, or 2 for an error of the user."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    # Before torch loads: waiting OpenMP threads that spin make training many times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        status = _dispatch(argv)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
        return status
    except GdlError as error:
        return _fail(error)
    except KeyboardInterrupt:
        sys.stderr.write("gdl: interrupted\n")
        return 130
    except BrokenPipeError:  # `gdl list layers | head`: let Python's own flush at exit go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if argv[0] in ("-V", "--version"):
        print(f"gdl-core {__version__}")
        return 0
    name, rest = argv[0], argv[1:]
    if name not in COMMANDS:
        return int(_from_plugin(name)(rest) or 0)
    try:
        return int(targets.load(COMMANDS[name][0])(rest) or 0)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAIN_MODULES:
            raise
        raise GdlError(
            f"`gdl {name}` needs the extra gdl-core[train]: there is no module {error.name!r}. "
            "Install it with: pip install 'gdl-core[train]'"
        ) from error


def _fail(error: GdlError) -> int:
    """One sentence on stderr; the traceback only on request."""
    if os.environ.get("GDL_DEBUG", "0") not in ("", "0"):
        raise error
    sentence = " ".join(str(error).split())
    sys.stderr.write(f"gdl: {sentence}{'' if sentence.endswith(('.', '?', '!')) else '.'}\n")
    return 2


def _from_plugin(name: str) -> Callable[[list[str]], int | None]:
    known = plugins.commands()
    found = [item for item in known if name in (item.name, f"{item.namespace}/{item.name}")]
    if len(found) > 1:
        owners = " or ".join(f"`gdl {item.namespace}/{item.name}`" for item in found)
        raise GdlError(f"Several plugins have a command {name!r}: say {owners}")
    if not found:
        near = closest(name, [*COMMANDS, *(item.name for item in known)])
        raise GdlError(f"There is no command {name!r}.{near or ' `gdl --help` lists the commands.'}")
    return plugins.manager().load(found[0])


def _help() -> str:
    lines = ["gdl COMMAND [ARGUMENTS]", "", "Geometric deep learning: declare, derive, run, verify.", ""]
    lines += [f"  {name:<12} {summary}" for name, (_, summary) in COMMANDS.items()]
    try:
        added = plugins.commands()
    except GdlError:  # GDL_STRICT_PLUGINS: help must still help; `gdl plugins` tells the trouble
        added = ()
    if added:
        lines += ["", "From plugins:"]
        lines += [f"  {f'{item.namespace}/{item.name}':<24} {item.summary}" for item in added]
    lines += ["", "`gdl COMMAND --help` explains a command; `gdl --version` names the version."]
    return "\n".join(lines)
