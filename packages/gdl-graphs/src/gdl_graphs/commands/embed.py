"""``gdl embed``: the hidden features of the nodes of a graph as a picture, coloured by class."""

import argparse
import sys

from torch import Tensor

from gdl_graphs.commands.trained import add_checkpoint, find_layer, last_layer, load_trained, seen_by
from gdl_graphs.visual.embedding import METHODS, draw_classes, project
from gdl_graphs.visual.figure import save_figure


def run(argv: list[str]) -> int:
    """Draw and write the picture."""
    parser = argparse.ArgumentParser(prog="gdl embed", description=__doc__)
    add_checkpoint(parser)
    parser.add_argument("--layer", metavar="NAME", help="draw what this module returns; default: what enters the last")
    parser.add_argument("--method", choices=METHODS, default="tsne", help="t-SNE (default) or principal components")
    parser.add_argument("--seed", type=int, default=0, help="of t-SNE (default 0)")
    parser.add_argument("--output", metavar="PATH", default="embedding.png", help="the picture (embedding.png)")
    options = parser.parse_args(argv)
    trained = load_trained(options)
    name = options.layer or last_layer(trained)
    inputs, output = seen_by(trained, find_layer(trained.network, name))
    features: Tensor = output if options.layer else inputs[0]
    points = project(features.flatten(1), options.method, options.seed)
    where = f"{'after' if options.layer else 'before'} {name}"
    figure = draw_classes(points, trained.labels, trained.names, f"{len(points)} nodes, features {where}")
    sys.stdout.write(f"picture  {save_figure(figure, options.output)}\n")
    return 0
