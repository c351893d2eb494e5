"""`train` and `evaluate`: a recipe becomes a folder with a checkpoint, its configuration and its figures."""

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger

from gdl_core.errors import CheckpointError
from gdl_core.train import checkpoint
from gdl_core.train.build import build_call, build_model, build_objective, build_source, check, options
from gdl_core.train.callbacks import AtomicCheckpointIO, EpochLines, StopAtInterrupt
from gdl_core.train.data import DataModule
from gdl_core.train.options import OURS, TrainerOptions
from gdl_core.train.recipe import Recipe, read_recipe
from gdl_core.train.task import Task


@dataclass(frozen=True)
class Run:
    """What training left behind.

    Args:
        folder: holds `config.yaml`, `metrics.json`, `last.ckpt`, `best.ckpt` (where there is validation) and `logs/`.
        checkpoint: the best checkpoint, or the last where nothing was validated.
        metrics: the figures of `metrics.json`.
    """

    folder: Path
    checkpoint: Path
    metrics: dict[str, Any]


def train(
    recipe: str | Path | Recipe,
    overrides: Sequence[str] = (),
    output: str | Path = "runs",
    resume: str | Path | None = None,
) -> Run:
    """Train by a recipe, test the best epoch, and write a run's folder.

    It seeds PyTorch's global generator with the recipe's seed.

    Args:
        recipe: a name in the registry (`grids/digits`), a YAML file, or a `Recipe`.
        overrides: options as on the command line: `["--trainer.max_epochs", "3"]`.
        output: where runs are kept; this one gets `output/<recipe>/<time>`.
        resume: the folder of an interrupted run to go on with; its place and its `last.ckpt` are used.

    Raises:
        ConfigError, UnknownNameError: the recipe or an option is not accepted.
        DataError: the data is absent or damaged.
        CheckpointError: the checkpoint to resume cannot be used, or one cannot be written.
        Interrupted: Ctrl-C; the state is saved and the sentence says how to go on.
    """
    recipe = (recipe if isinstance(recipe, Recipe) else read_recipe(recipe)).override(overrides)
    if resume is not None:
        recipe = Recipe(Path(resume).parent.name, recipe.config)
    config = check(recipe.config)
    trainer_options: TrainerOptions = options(config, "trainer")
    lightning.seed_everything(config["seed"], workers=False, verbose=False)
    source, model = build_source(config), build_model(config)
    data = DataModule(source, options(config, "loader"), config["seed"])
    data.setup()
    example, targets = data.example()
    header = checkpoint.header(config, source.excerpt(example))
    task = Task(
        model,
        options(config, "task"),
        build_call(config, "optimizer"),
        build_call(config, "scheduler"),
        header,
        build_objective(config),
    )
    task.check_output(example, targets, source.classes)
    before = None
    if resume is not None:
        before = Path(resume) / "last.ckpt"
        checkpoint.read(before)  # before anything is written: a damaged one must not cost the run
    first = (rank_zero_only.rank or 0) == 0
    torch.manual_seed(config["seed"] + (rank_zero_only.rank or 0))  # dropout and augmentation differ between processes
    folder = Path(resume) if resume is not None else _new_folder(Path(output) / recipe.name, make=first)
    if first:
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        _say(f"{recipe.name}: {sum(p.numel() for p in model.parameters()):,} parameters, run folder {folder}")
    if trainer_options.compile:
        model.compile()  # in place: compiling the task instead breaks its logging and renames the weights
    start = time.perf_counter()
    validated = data.valid is not None and trainer_options.limit_val_batches != 0
    with _quiet():
        trainer = _trainer(trainer_options, task, folder, validated)
        trainer.fit(task, datamodule=data, ckpt_path=before, weights_only=True)
        seconds = time.perf_counter() - start
        best = checkpoint.locate(trainer.strategy.broadcast(folder))
        task.model.load_state_dict(checkpoint.restore(checkpoint.read(best), best).state_dict())
        figures = {key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key}
        figures |= {key: float(value) for key, value in trainer.test(task, datamodule=data, verbose=False)[0].items()}
        if validated:  # of the epoch that was kept, not of the last one
            keeper = next(kept for kept in trainer.checkpoint_callbacks if kept.monitor is not None)  # type: ignore[attr-defined]
            figures = {name: value for name, value in figures.items() if not name.startswith("valid/")}
            if keeper.best_model_score is not None:  # type: ignore[attr-defined]  # a run of less than an epoch has none
                figures[keeper.monitor] = float(keeper.best_model_score)  # type: ignore[attr-defined]
    about = {"recipe": recipe.name, "epochs": trainer.current_epoch, "processes": trainer.world_size}
    metrics = {**about, "seconds": round(seconds, 2), **figures}
    if trainer.is_global_zero:
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    return Run(folder, best, metrics)


def evaluate(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, float]:
    """Measure a checkpoint on the test data.

    Args:
        path: a checkpoint or the folder of a run.
        overrides: options of the data and the loader: `["--data.root", DIR]`.
    """
    path = checkpoint.locate(path)
    content = checkpoint.read(path)
    config = check(Recipe(path.stem, content["gdl"]["config"]).override(overrides).config)
    source = build_source(config)
    data = DataModule(source, options(config, "loader"), config["seed"])
    data.setup()
    task = Task(checkpoint.restore(content, path), options(config, "task"), objective=build_objective(config))
    task.check_output(*data.example(), source.classes)
    with _quiet():
        shown = {name: value for name, value in asdict(options(config, "trainer")).items() if name not in OURS}
        trainer = lightning.Trainer(
            **{**shown, "devices": 1, "num_nodes": 1, "strategy": "auto"},
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        return {key: float(value) for key, value in trainer.test(task, datamodule=data, verbose=False)[0].items()}


def latest(root: str | Path, pattern: str = "**") -> Path:
    """Return the newest run below `root` that has a checkpoint; raises CheckpointError if there is none."""
    found = sorted(Path(root).glob(f"{pattern}/last.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise CheckpointError(f"There is no run with a last.ckpt below {root}/. `gdl train RECIPE` makes one.")
    return found[-1].parent


def _trainer(chosen: TrainerOptions, task: Task, folder: Path, validated: bool) -> lightning.Trainer:
    again = f"gdl train --resume {folder}"
    callbacks: list[Any] = [StopAtInterrupt(folder / "last.ckpt", again)]
    callbacks.append(_keep(folder, "last"))
    mode = "max" if task.more_is_better else "min"
    if validated:
        callbacks.append(_keep(folder, "best", monitor=f"valid/{task.monitor}", mode=mode))
        if chosen.patience is not None:
            callbacks.append(EarlyStopping(f"valid/{task.monitor}", mode=mode, patience=chosen.patience))
    progress = chosen.progress
    if progress == "auto":
        progress = "bar" if sys.stdout.isatty() else "lines"
    if progress == "bar":
        callbacks.append(RichProgressBar())
    elif progress == "lines":
        callbacks.append(EpochLines())
    passed = {name: value for name, value in asdict(chosen).items() if name not in OURS}
    if not validated:
        passed["limit_val_batches"] = 0
    return lightning.Trainer(
        **passed,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=CSVLogger(folder, name="logs", version=f"part-{_count(folder / 'logs') + 1}"),  # a resumed run has more
        use_distributed_sampler=False,  # `GlobalBatches` shares the samples
        num_sanity_val_steps=0,
        log_every_n_steps=1 if chosen.max_epochs == 0 else 10,
        enable_progress_bar=progress == "bar",
        enable_model_summary=False,
        default_root_dir=folder,
    )


def _keep(folder: Path, name: str, **monitored: Any) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder,
        filename=name,
        enable_version_counter=False,
        auto_insert_metric_name=False,
        save_on_train_epoch_end=not monitored,
        **monitored,
    )


def _new_folder(parent: Path, make: bool) -> Path:
    folder = parent / _now()
    count = 1
    while make:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # two runs in one second
            count += 1
            folder = parent / f"{_now()}-{count}"
    return folder


def _count(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _now() -> str:
    return datetime.now().strftime("%Y%m%d-%H%M%S")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's notices that say nothing about this run; every other warning is shown."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # The folder holds the configuration already, and on resuming all the rest.
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
            # A run of few batches is no reason to change how often figures are logged.
            warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging")
            # Lightning 2.6 makes its tree of batches with a class that PyTorch 2.13 deprecates.
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
