"""What the commands share: a trained network with its data, and one of its layers with what it saw."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from gdl_core.errors import GdlError, closest
from gdl_core.geometry import Layer
from gdl_core.train import checkpoint
from gdl_core.train.build import build_source, check
from gdl_core.train.recipe import Recipe
from gdl_core.train.run import latest
from torch import Tensor, nn

from gdl_graphs.datasets.nodes import Nodes
from gdl_graphs.graph import Graph


class Trained(NamedTuple):
    """A network in evaluation mode, the graph that it was tested on and the classes of its nodes (-1 for none)."""

    path: Path
    network: nn.Module
    x: Tensor
    graph: Graph
    labels: Tensor
    names: Sequence[str]


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `load_trained` reads."""
    parser.add_argument("checkpoint", nargs="?", help="a checkpoint or the folder of a run (the latest below runs/)")
    parser.add_argument("--root", metavar="FOLDER", help="the folder of the data, where it is not the one trained on")


def find_checkpoint(given: str | None) -> Path:
    """Return the checkpoint that was given, or that of the latest run."""
    return checkpoint.locate(given or latest("runs"))


def load_source(content: dict[str, Any], path: Path, root: str | None = None) -> Any:
    """Return the source of the data of a checkpoint that was read, with its files in another folder if given."""
    overrides = [] if root is None else ["--data.root", root]
    return build_source(check(Recipe(path.stem, content["gdl"]["config"]).override(overrides).config))


def load_trained(options: argparse.Namespace) -> Trained:
    """Return the network of a checkpoint with a graph to run it on: that of `Nodes`, or the example that it keeps."""
    path = find_checkpoint(options.checkpoint)
    content = checkpoint.read(path)
    network = checkpoint.restore(content, path)
    source = load_source(content, path, options.root)
    if isinstance(source, Nodes):
        data = source.labelled()
        return Trained(path, network, data.x, data.graph, data.labels, source.classes or ())
    signal = checkpoint.example_signal(network, content)
    if not isinstance(signal.domain, Graph):
        raise GdlError(f"{path} was not trained on graphs.")
    return Trained(path, network, signal.values, signal.domain, torch.full((len(signal.values),), -1), ())


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """Return the module of that name; raises GdlError offering those that there are."""
    modules = dict(network.named_modules())
    if name not in modules or not name:
        known = [key for key in modules if key]
        hint = closest(name, known) or f" It has {', '.join(known)}."
        raise GdlError(f"The network has no layer {name!r}.{hint}")
    return modules[name]


def last_layer(trained: Trained) -> str:
    """Return the name of the layer with parameters that the network calls last."""
    called: list[str] = []
    hooks = []
    for name, module in trained.network.named_modules():
        if isinstance(module, Layer) and any(True for _ in module.parameters()):
            hooks.append(module.register_forward_hook(lambda *_, name=name: called.append(name)))
    _run(trained, hooks)
    if not called:
        raise GdlError("The network calls no layer on graphs that has parameters.")
    return called[-1]


def seen_by(trained: Trained, layer: nn.Module) -> tuple[tuple[Any, ...], Any]:
    """Run the network; return what it called `layer` with, and what that returned."""
    calls: list[tuple[tuple[Any, ...], Any]] = []
    _run(trained, [layer.register_forward_hook(lambda _, inputs, output: calls.append((inputs, output)))])
    if not calls:
        raise GdlError(f"The network did not call its layer {type(layer).__name__}.")
    return calls[-1]


def _run(trained: Trained, hooks: Sequence[Any]) -> None:
    """Run the network, then take the hooks away."""
    try:
        with torch.no_grad():
            trained.network(trained.x, trained.graph)
    finally:
        for hook in hooks:
            hook.remove()
