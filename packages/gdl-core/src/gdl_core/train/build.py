"""From a recipe to objects: every section is checked against a signature before anything is trained."""

import inspect
from dataclasses import asdict
from typing import Any

from torch import nn

from gdl_core.train.names import ConfigError, find_callable
from gdl_core.train.objective import Objective
from gdl_core.train.options import LoaderOptions, TaskOptions, TrainerOptions
from gdl_core.train.recipe import OBJECTS
from gdl_core.train.signature import accept
from gdl_core.train.source import Source

OPTION_TYPES = {"loader": LoaderOptions, "task": TaskOptions, "trainer": TrainerOptions}
SKIP = {"optimizer": ("params",), "scheduler": ("optimizer",)}  # what the task fills in
LENGTHS = ("total_steps", "T_max")  # of a scheduler: left out, they are the steps of the whole run


def check(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with every name and type checked and every default written out, as plain values."""
    found: dict[str, Any] = {}
    for section in OBJECTS:
        if section in config:
            content = config[section]
            target = find_callable(content["class_path"], section)
            plain, _ = accept(target, content["init_args"], section, skipped(target, section, content["init_args"]))
            found[section] = {"class_path": content["class_path"], "init_args": plain}
    for section in OPTION_TYPES:
        found[section] = asdict(options(config, section))
    try:
        found["seed"] = int(config.get("seed", 0))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--seed: expected int, got {config['seed']!r}.") from error
    return found


def options(config: dict[str, Any], section: str) -> Any:
    """Return the dataclass of a section of options."""
    kind = OPTION_TYPES[section]
    try:
        return kind(**accept(kind, config.get(section, {}), section)[1])
    except ConfigError:
        raise
    except ValueError as error:  # from __post_init__
        raise ConfigError(f"--{section}.{error}") from error


def build_model(config: dict[str, Any]) -> nn.Module:
    """Build the network of a configuration.

    Raises:
        ConfigError: its arguments are not accepted, or it is no `torch.nn.Module`.
    """
    return _build(config, "model", nn.Module)


def build_source(config: dict[str, Any]) -> Source:
    """Build the source of data of a configuration; nothing is read yet."""
    return _build(config, "data", Source)


def build_objective(config: dict[str, Any]) -> Objective | None:
    """Build the objective of a configuration; None where it has none, and `task:` says what is learnt."""
    return _build(config, "objective", Objective) if "objective" in config else None


def build_call(config: dict[str, Any], section: str) -> tuple[Any, dict[str, Any]] | None:
    """Return the callable and the arguments of a section that is completed later (optimizer, scheduler)."""
    if section not in config:
        return None
    content = config[section]
    target = find_callable(content["class_path"], section)
    given = content["init_args"]
    return target, accept(target, given, section, skipped(target, section, given))[1]


def skipped(target: Any, section: str, given: dict[str, Any]) -> tuple[str, ...]:
    """Return the parameters of `target` that are no options: the task fills them in."""
    own = SKIP.get(section, ())
    if section == "scheduler":
        known = inspect.signature(target).parameters
        own += tuple(name for name in LENGTHS if name in known and given.get(name) is None)
    return own


def _build(config: dict[str, Any], section: str, kind: type) -> Any:
    content = config[section]
    target = find_callable(content["class_path"], section)
    _, arguments = accept(target, content["init_args"], section)
    try:
        built = target(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{section}: {content['class_path']} cannot be built: {error}") from error
    if not isinstance(built, kind):
        raise ConfigError(
            f"{section}: expected {content['class_path']} to return {_a(kind.__name__)}, got {type(built).__name__}."
        )
    return built


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
