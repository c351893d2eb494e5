"""``gdl train``, ``gdl test`` and ``gdl predict``."""

import sys
from pathlib import Path

import torch

from gdl_core.errors import CheckpointError, GdlError
from gdl_core.train.names import ConfigError, find_callable
from gdl_core.train.recipe import OBJECTS, Recipe, read_config, read_recipe
from gdl_core.train.source import Source
from gdl_core.verify.measure import align

TRAIN_HELP = """gdl train RECIPE [--section.option VALUE ...] [--output FOLDER]
gdl train --resume [RUN]

Train by a recipe (`gdl recipes` lists them) or by a YAML file of your own. Any option of the recipe can be given:
  --data.root FOLDER  --loader.batch_size 128  --trainer.max_epochs 5  --optimizer.lr 0.01  --seed 1
  --model their_package.Network   chooses another class; nothing needs to be registered
  --trainer.strategy ddp --trainer.devices 2   trains in two processes
  --output FOLDER     where runs are kept (runs)
  --resume [RUN]      go on with an interrupted run: its folder, or the latest run of the recipe
`gdl train RECIPE --help` lists the options of a recipe."""

TEST_HELP = """gdl test CHECKPOINT [--data.root FOLDER] [--loader.batch_size N]

Measure a checkpoint, or the best one in the folder of a run, on the test data."""

PREDICT_HELP = """gdl predict [CHECKPOINT] FILE ... [--checkpoint CHECKPOINT] [--invert] [--top N]

Apply a checkpoint to files; without one, the latest run below runs/ is used.
  --invert   swap dark and light first: for dark strokes on white paper, where the network knows light on black
  --top N    how many classes are shown (3)"""


def train(argv: list[str]) -> int:
    """Run `gdl train` and return its exit status."""
    argv, chosen = _take(argv, "--output")
    argv, resume = _take(argv, "--resume", alone="")
    output = chosen or "runs"
    name = argv.pop(0) if argv and not argv[0].startswith("-") else None
    if name is None and resume is None:
        _say(TRAIN_HELP)
        return 0 if set(argv) & {"-h", "--help"} else 2
    folder = _folder(resume, output, name) if resume is not None else None
    # An interrupted run goes on with its own options, not with those of the recipe today.
    recipe = _recipe_of(folder) if folder else read_recipe(name or "")
    if set(argv) & {"-h", "--help"}:
        _say(_recipe_help(recipe.override([word for word in argv if word not in ("-h", "--help")])))
        return 0
    from gdl_core.train.callbacks import Interrupted
    from gdl_core.train.run import train as run_train

    try:
        run = run_train(recipe, argv, output, folder)
    except Interrupted as stop:
        sys.stderr.write(f"gdl: {stop}\n")
        return 130  # as a shell reports Ctrl-C
    if int(torch.distributed.is_initialized() and torch.distributed.get_rank()):
        return 0  # the first process speaks for all
    figures = [(key, f"{value:.4f}") for key, value in run.metrics.items() if "/" in key]
    _say("\n" + align([("measured", "value"), *figures, ("seconds", str(run.metrics["seconds"]))]))
    _say(f"\ncheckpoint  {run.checkpoint}\nfigures     {run.folder / 'metrics.json'}")
    _say(f"next        gdl test {run.checkpoint}")
    if _has_domain(run.checkpoint):
        _say(f"            gdl audit {run.checkpoint}")
    data = find_callable(recipe.override(argv).config["data"]["class_path"], "data")
    if getattr(data, "read", None) is not Source.read:
        _say(f"            gdl predict {run.checkpoint} FILE")
    return 0


def test(argv: list[str]) -> int:
    """Run `gdl test` and return its exit status."""
    if not argv or argv[0].startswith("-"):
        _say(TEST_HELP)
        return 0 if set(argv) & {"-h", "--help"} else 2
    from gdl_core.train.run import evaluate

    figures = evaluate(argv[0], argv[1:])
    _say(align([("measured", "value"), *((key, f"{value:.4f}") for key, value in figures.items())]))
    return 0


def predict(argv: list[str]) -> int:
    """Run `gdl predict` and return its exit status."""
    argv, path = _take(argv, "--checkpoint")
    argv, top = _take(argv, "--top")
    invert = "--invert" in argv
    files = [word for word in argv if word != "--invert"]
    if set(argv) & {"-h", "--help"} or not files:
        _say(PREDICT_HELP)
        return 0 if set(argv) & {"-h", "--help"} else 2
    for word in files:
        if word.startswith("-"):
            raise ConfigError(f"gdl predict has no option {word!r}; it has --checkpoint, --invert and --top")
    if path is None and (files[0].endswith(".ckpt") or Path(files[0]).is_dir()):
        path = files.pop(0)
    if not files:
        raise ConfigError(f"gdl predict needs a file to apply {path} to: gdl predict {path} FILE")
    count = top or "3"
    if not count.isdigit() or not int(count):
        raise ConfigError(f"--top: expected a number of classes, got {count!r}")
    _predict(path, files, invert, int(count))
    return 0


def _predict(path: str | None, files: list[str], invert: bool, top: int) -> None:
    from gdl_core.train import checkpoint
    from gdl_core.train.build import build_source, options

    if path is None:
        from gdl_core.train.run import latest

        path = str(latest("runs"))
        _say(f"checkpoint  {checkpoint.locate(path)}")
    content = checkpoint.read(checkpoint.locate(path))
    model = checkpoint.restore(content, Path(path))
    config = content["gdl"]["config"]
    source = build_source(config)
    for file in files:
        inputs = source.read(Path(file), invert=invert)
        with torch.no_grad():
            output = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
        if options(config, "task").kind == "regression":
            for row in output:
                _say(f"{file}  {row.tolist()}")
            continue
        chances, order = output.reshape(-1, output.shape[-1]).softmax(-1).sort(descending=True)
        names = source.classes or [str(number) for number in range(order.shape[1])]
        best = [[(names[int(i)], f"{float(p):.4f}") for p, i in zip(*row)] for row in zip(chances, order)]
        if len(best) == 1:
            _say(align([(file, "probability"), *best[0][:top]]))
        else:  # nodes of a graph, letters of a text: the likeliest class of each
            rows = [(str(place), *found[0]) for place, found in enumerate(best)]
            _say(align([(file, "class", "probability"), *rows]))


def _has_domain(path: str | Path) -> bool:
    """Whether the data of a checkpoint are signals on a domain: letters of a text, for instance, are not."""
    from gdl_core.train.checkpoint import load_model

    try:
        load_model(path)
    except GdlError:
        return False
    return True


def _folder(resume: str, output: str, name: str | None) -> Path:
    from gdl_core.train.run import latest

    if not resume:
        return latest(Path(output) / (read_recipe(name).name if name else "."))
    if not (Path(resume) / "last.ckpt").is_file():
        raise CheckpointError(f"There is nothing to resume in {resume}: expected the file last.ckpt in it")
    return Path(resume)


def _recipe_of(folder: Path | None) -> Recipe:
    path = Path(folder or ".") / "config.yaml"
    if not path.is_file():
        raise CheckpointError(f"There is nothing to resume in {folder}: expected the file config.yaml in it")
    return Recipe(folder.parent.name if folder else "", read_config(path, str(path)))


def _recipe_help(recipe: Recipe) -> str:
    from gdl_core.train.build import OPTION_TYPES, skipped
    from gdl_core.train.signature import describe

    rows = []
    for section in OBJECTS:
        content = recipe.config.get(section)
        if content is None:
            continue
        rows.append((f"--{section}", "component or dotted path", content["class_path"]))
        target = find_callable(content["class_path"], section)
        given = content["init_args"]
        for name, kind, default in describe(target, skipped(target, section, given)):
            rows.append((f"--{section}.{name}", kind, repr(given[name]) if name in given else default))
    for section, kind in OPTION_TYPES.items():
        given = recipe.config.get(section, {})
        for name, annotation, default in describe(kind):
            rows.append((f"--{section}.{name}", annotation, repr(given[name]) if name in given else default))
    rows.append(("--seed", "int", str(recipe.config.get("seed", 0))))
    return f"{TRAIN_HELP}\n\nOptions of {recipe.name}:\n" + align([("option", "type", "value"), *rows])


def _take(argv: list[str], name: str, alone: str | None = None) -> tuple[list[str], str | None]:
    """Take `name VALUE` or `name=VALUE` out of the arguments; `alone` is what the name without a value means."""
    rest: list[str] = []
    value: str | None = None
    waiting = list(argv)
    while waiting:
        word = waiting.pop(0)
        if word.startswith(f"{name}="):
            value = word.partition("=")[2]
        elif word == name:
            if waiting and not waiting[0].startswith("--"):
                value = waiting.pop(0)
            elif alone is None:
                raise ConfigError(f"{name} needs a value")
            else:
                value = alone
        else:
            rest.append(word)
    return rest, value


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
