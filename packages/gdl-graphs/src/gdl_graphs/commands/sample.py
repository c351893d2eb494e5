"""``gdl sample``: text in the manner of what a language model was trained on."""

import argparse
import sys

import torch
from gdl_core.errors import GdlError
from gdl_core.train import checkpoint

from gdl_graphs.commands.trained import find_checkpoint, load_source
from gdl_graphs.datasets.text import Text


def run(argv: list[str]) -> int:
    """Print the text."""
    parser = argparse.ArgumentParser(prog="gdl sample", description=__doc__)
    parser.add_argument("checkpoint", nargs="?", help="a checkpoint or the folder of a run (the latest below runs/)")
    parser.add_argument("--prompt", default="\n", help="how the text begins (a new line)")
    parser.add_argument("--length", type=int, default=500, help="how many characters follow (500)")
    parser.add_argument("--temperature", type=float, default=0.8, help="0: always the likeliest; 1: as learnt (0.8)")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices (0)")
    options = parser.parse_args(argv)
    path = find_checkpoint(options.checkpoint)
    content = checkpoint.read(path)
    source = load_source(content, path)
    network = checkpoint.restore(content, path)
    generate = getattr(network, "generate", None)
    if not isinstance(source, Text) or generate is None:
        raise GdlError(f"{path} was not trained on a text, so there is nothing to write.")
    if options.length < 0 or options.temperature < 0 or not options.prompt:
        raise GdlError("gdl sample: expected a prompt of at least one character, a length and a temperature from 0")
    prompt = source.encode(options.prompt, "The prompt")[None]
    chosen = generate(prompt, options.length, options.temperature, torch.Generator().manual_seed(options.seed))
    sys.stdout.write(source.decode(chosen[0]) + "\n")
    return 0
