"""The options of a recipe that are not about the data, the network or the optimiser."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class LoaderOptions:
    """How samples become batches.

    Args:
        batch_size: samples in one step of the optimiser, over all processes together.
        valid_fraction: the part of the training data kept apart to choose the best epoch, where the data has no
            validation split of its own.
        workers: processes that read ahead; 0 reads in the training process, which is fastest for data in memory.
    """

    batch_size: int = 64
    valid_fraction: float = 0.1
    workers: int = 0

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {self.batch_size}.")
        if not 0 <= self.valid_fraction < 1:
            raise ValueError(f"valid_fraction: expected a fraction in [0, 1), got {self.valid_fraction}.")


@dataclass
class TaskOptions:
    """What is learnt.

    Args:
        kind: `classification` (cross-entropy over classes) or `regression`.
        loss: of a regression: `mse`, the mean squared error, or `mae`, the mean absolute error.
        label_smoothing: the share of the target probability spread over all classes while training.
        monitor: what chooses the best epoch on the validation data: the `metric` (accuracy, mean absolute error) or
            the `loss`.
        decay: patterns of the names of the parameters that the optimiser's weight decay applies to, such as
            `["parts.0.*"]`; None for all.
    """

    kind: Literal["classification", "regression"] = "classification"
    loss: Literal["mse", "mae"] = "mse"
    label_smoothing: float = 0.0
    monitor: Literal["metric", "loss"] = "metric"
    decay: list[str] | None = None


@dataclass
class TrainerOptions:
    """How long, where and how precisely: passed to Lightning's Trainer, except the last three.

    Args:
        max_epochs: passes over the training data.
        max_steps: steps of the optimiser; -1 for no limit.
        accelerator: `auto`, `cpu`, `gpu`, `mps`, …
        devices: how many devices or, on the CPU, processes.
        num_nodes: how many machines.
        strategy: `auto`, `ddp`, `fsdp`, …
        precision: `32-true`, `bf16-mixed`, `16-mixed`, …
        gradient_clip_val: the largest norm of the gradient; None for no limit.
        accumulate_grad_batches: batches whose gradients are summed before a step.
        limit_train_batches: a number of batches or a fraction of the data, for quick trials; so the next two.
        limit_val_batches: the same for validation.
        limit_test_batches: the same for the test.
        check_val_every_n_epoch: epochs between validations.
        deterministic: refuse operations without a bitwise repeatable implementation.
        compile: compile the network with `torch.compile` before training.
        patience: stop after so many validations without a better value; None to train to the end.
        progress: `bar`, `lines` (one per epoch), `none`, or `auto`: a bar on a terminal, lines otherwise.
    """

    max_epochs: int = 10
    max_steps: int = -1
    accelerator: str = "auto"
    devices: int | str = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    gradient_clip_val: float | None = None
    accumulate_grad_batches: int = 1
    limit_train_batches: int | float = 1.0
    limit_val_batches: int | float = 1.0
    limit_test_batches: int | float = 1.0
    check_val_every_n_epoch: int = 1
    deterministic: bool = False
    compile: bool = False
    patience: int | None = None
    progress: Literal["auto", "bar", "lines", "none"] = "auto"


OURS = ("compile", "patience", "progress")  # options of TrainerOptions that Lightning's Trainer does not know
