"""`Task`: the only LightningModule, thin around any network."""

import inspect
from collections.abc import Callable
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric

from gdl_core.train.build import LENGTHS
from gdl_core.train.groups import parameter_groups
from gdl_core.train.names import ConfigError
from gdl_core.train.objective import Objective
from gdl_core.train.options import TaskOptions
from gdl_core.train.source import IGNORED

# task → (the metric beside the loss, is more of it better)
METRICS = {"classification": ("accuracy", True), "regression": ("mae", False)}


class Task(lightning.LightningModule):
    """Train a network to classify (cross-entropy) or to predict numbers (mean squared or absolute error).

    Targets `[...]` are class numbers for outputs `[..., k]`, or numbers of the shape of the outputs. A row of either is
    something to predict: a sample, a node, a letter. Class numbers `IGNORED` count nowhere.
    Losses and metrics are kept as sums and counts, so an epoch's figure is the mean over rows however they were
    batched or shared among processes. (The gradient of a step is the mean of the processes' means: with ignored targets
    or samples of several sizes, not quite the mean over rows.)

    Args:
        model: any module; called as `model(inputs)`, or `model(*inputs)` where a sample's input is a tuple.
        options: what is learnt.
        optimizer: class and arguments, completed with the parameters here.
        scheduler: class and arguments, completed with the optimiser and, where a length was left out, with the number
            of steps of the run. It steps after every batch if its length is in steps, after every epoch otherwise.
        header: plain values stored in every checkpoint under `gdl`: format, versions, configuration, an example.
        objective: another loss and other figures than those of `options`.
    """

    def __init__(
        self,
        model: nn.Module,
        options: TaskOptions,
        optimizer: tuple[Callable, dict] | None = None,
        scheduler: tuple[Callable, dict] | None = None,
        header: dict[str, Any] | None = None,
        objective: Objective | None = None,
    ):
        super().__init__()
        self.model, self.options, self.header = model, options, header or {}
        self.optimizer, self.scheduler = optimizer, scheduler
        self.objective = objective
        self.metric, more_is_better = METRICS[options.kind]
        if objective is not None:
            self.metric, more_is_better = objective.figures[0], objective.more_is_better
        figures = (self.metric,) if objective is None else objective.figures
        self.monitor = "loss" if options.monitor == "loss" else self.metric
        self.more_is_better = more_is_better and self.monitor != "loss"
        names = [f"{stage}_{name}" for stage in ("train", "valid", "test") for name in ("loss", *figures)]
        self.means = nn.ModuleDict({name: MeanMetric() for name in names})
        self._random: dict[str, Tensor] | None = None

    def forward(self, inputs: Any) -> Any:
        return self.model(*inputs) if isinstance(inputs, tuple | list) else self.model(inputs)

    def check_output(self, inputs: Any, targets: Tensor, classes: Any) -> None:
        """Run one batch and raise ConfigError unless the output fits the targets."""
        self.model.eval()
        with torch.no_grad():
            try:
                output = self(inputs)
            except (TypeError, ValueError, RuntimeError) as error:
                raise ConfigError(f"The model does not take the data's input: {error}") from error
        self.model.train()
        if self.objective is not None:
            sentence = self.objective.check(output, targets)
            if sentence is not None:
                raise ConfigError(sentence)
            return
        shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if self.options.kind == "classification":
            count = len(classes) if classes else int(targets.max()) + 1
            fits = isinstance(output, Tensor) and output.shape[:-1] == targets.shape
            fits = fits and (not classes or output.shape[-1] == count)
            expected = f"{[*targets.shape, count]}, one number per class"
        else:
            fits = isinstance(output, Tensor) and output.shape == targets.shape
            expected = f"{list(targets.shape)}, the shape of the targets"
        if not fits:
            raise ConfigError(f"The model gives an output of shape {shape}, the data needs {expected}.")

    def training_step(self, batch: Any, index: int) -> Tensor:
        inputs, targets = batch
        figures = self._figures(self(inputs), targets, self.options.label_smoothing)
        self._record("train", figures)
        loss = figures["loss"][0]
        self.log("loss", loss.detach(), prog_bar=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        self._evaluate("valid", batch)

    def test_step(self, batch: Any, index: int) -> None:
        self._evaluate("test", batch)

    def configure_optimizers(self) -> Any:
        assert self.optimizer is not None  # set whenever it is trained
        make, arguments = self.optimizer
        optimizer = make(parameter_groups(self.model, self.options.decay), **arguments)
        if self.scheduler is None:
            return optimizer
        make, arguments = self.scheduler
        length = [name for name in _parameters(make) if name in LENGTHS and arguments.get(name) is None]
        steps = {length[0]: self._steps()} if length else {}
        scheduler = make(optimizer, **{**arguments, **steps})
        interval = "step" if any(name in _parameters(make) for name in LENGTHS) else "epoch"
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}

    def _steps(self) -> int:
        """Return the steps of the whole run.

        Lightning's own `estimated_stepping_batches` sets the loader up before a checkpoint is restored, and then
        forgets where in the epoch the interrupted run was.
        """
        trainer: Any = self.trainer
        batches, limit = len(trainer.datamodule.train_dataloader()), trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
        steps = -(-batches // trainer.accumulate_grad_batches) * trainer.max_epochs
        return steps if trainer.max_steps < 0 else trainer.max_steps if steps < 0 else min(steps, trainer.max_steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        checkpoint["gdl"] = {**self.header, "random": random}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._random = checkpoint["gdl"]["random"]

    def on_train_start(self) -> None:
        if self._random is None:
            return
        torch.set_rng_state(self._random["cpu"])  # go on with the random numbers of the interrupted run
        if self.device.type == "cuda" and "cuda" in self._random:
            torch.cuda.set_rng_state(self._random["cuda"], self.device)
        if self.global_rank:  # the checkpoint holds those of the first process; the others need their own
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        self._random = None

    def _count(self, targets: Tensor) -> Tensor:
        """Return how many rows count, on the device of the targets."""
        if self.options.kind == "classification":
            return (targets != IGNORED).sum()
        return torch.tensor(len(targets), device=targets.device)

    def _loss(self, output: Tensor, targets: Tensor, count: Tensor, smoothing: float = 0.0) -> Tensor:
        if self.options.kind == "classification":
            rows = output.reshape(-1, output.shape[-1])
            total = F.cross_entropy(
                rows, targets.reshape(-1), reduction="sum", label_smoothing=smoothing, ignore_index=IGNORED
            )
            return total / count.clamp(min=1)  # the mean, and 0 rather than NaN where nothing counts
        return F.l1_loss(output, targets) if self.options.loss == "mae" else F.mse_loss(output, targets)

    def _evaluate(self, stage: str, batch: Any) -> None:
        inputs, targets = batch
        self._record(stage, self._figures(self(inputs), targets))

    def _figures(self, output: Any, targets: Any, smoothing: float = 0.0) -> dict[str, tuple[Tensor, Tensor | int]]:
        """Return the loss and every figure: its mean over the batch, and over how many rows that is."""
        if self.objective is not None:
            return self.objective.measure(output, targets)
        count = self._count(targets)
        if self.options.kind == "classification":
            value = (output.argmax(-1) == targets).sum() / count.clamp(min=1)  # no class has the number IGNORED
        else:
            value = (output - targets).abs().mean()
        return {"loss": (self._loss(output, targets, count, smoothing), count), self.metric: (value, count)}

    def _record(self, stage: str, figures: dict[str, tuple[Tensor, Tensor | int]]) -> None:
        for name, (number, count) in figures.items():
            mean: Any = self.means[f"{stage}_{name}"]
            mean.update(number.detach().float(), count)
            self.log(f"{stage}/{name}", mean, on_step=False, on_epoch=True, prog_bar=stage == "valid")


def _parameters(make: Callable) -> list[str]:
    return list(inspect.signature(make).parameters)
