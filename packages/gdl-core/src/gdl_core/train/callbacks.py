"""What Lightning's Trainer is given: atomic checkpoints, a stop at Ctrl-C that loses nothing, a line per epoch."""

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gdl_core.errors import GdlError
from gdl_core.train import checkpoint


class Interrupted(GdlError):
    """Training was stopped by Ctrl-C, and its state was saved."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write and read checkpoints by `gdl_core.train.checkpoint`."""

    def save_checkpoint(self, checkpoint_: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        checkpoint.write(checkpoint_, path)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        return checkpoint.read(path)


class StopAtInterrupt(lightning.Callback):
    """At Ctrl-C, finish the batch, save `last.ckpt` and raise `Interrupted`; a second Ctrl-C stops at once.

    Stopping between batches keeps weights, optimiser, scheduler and progress of one step together. After the last
    batch of an epoch its validation comes first, or it would be missing from the resumed run.
    """

    def __init__(self, path: Path, again: str):
        self.path, self.again = path, again
        self.asked = False
        self._before: Any = None

    def on_train_start(self, trainer: lightning.Trainer, task: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)

    def on_train_batch_end(self, trainer: lightning.Trainer, task: Any, *_: Any) -> None:
        asked = self.asked
        if trainer.world_size > 1:  # every process must stop after the same batch
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked and not trainer.is_last_batch:
            trainer.save_checkpoint(self.path)
            raise Interrupted(f"interrupted; everything up to this batch is saved. To go on: {self.again}")

    def teardown(self, trainer: lightning.Trainer, task: Any, stage: str) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _note(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        sys.stderr.write("stopping after this batch; Ctrl-C again stops at once, without saving\n")


class EpochLines(lightning.Callback):
    """One line per epoch, for output that is no terminal."""

    def on_train_start(self, trainer: lightning.Trainer, task: Any) -> None:
        self._start = time.perf_counter()  # a resumed epoch does not start

    def on_train_epoch_start(self, trainer: lightning.Trainer, task: Any) -> None:
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: Any) -> None:
        if not trainer.is_global_zero:
            return
        shown = {name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name}
        figures = "  ".join(f"{name} {value:.4f}" for name, value in sorted(shown.items()))
        seconds = time.perf_counter() - self._start
        last = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else "?"
        sys.stdout.write(f"epoch {trainer.current_epoch + 1}/{last}  {figures}  {seconds:.1f} s\n")
        sys.stdout.flush()
