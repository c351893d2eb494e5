"""Which parameters an optimiser's weight decay applies to."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from gdl_core.errors import closest
from gdl_core.train.names import ConfigError


def parameter_groups(model: nn.Module, decay: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return groups of parameters for an optimiser: those whose name matches a pattern, and the others, undecayed.

    Args:
        decay: shell patterns of names, such as `"parts.0.*"` or `"*.weight"`; None for one group of all.

    Raises:
        ConfigError: if a pattern matches no parameter.
    """
    named = dict(model.named_parameters())
    if decay is None:
        return [{"params": list(named.values())}]
    for pattern in decay:
        if not any(fnmatchcase(name, pattern) for name in named):
            hint = closest(pattern, named) or f" They are {', '.join(named)}."
            raise ConfigError(f"--task.decay: no parameter of the network matches {pattern!r}.{hint}")
    chosen = {name for name in named if any(fnmatchcase(name, pattern) for pattern in decay)}
    return [
        {"params": [named[name] for name in named if name in chosen]},
        {"params": [named[name] for name in named if name not in chosen], "weight_decay": 0.0},
    ]
