"""The small networks inside layers."""

import itertools
from collections.abc import Sequence

from torch import nn


def mlp(channels: Sequence[int]) -> nn.Sequential:
    """Return linear maps between the given numbers of channels, with ReLUs between them.

    >>> mlp([2, 8, 3])[0], len(mlp([2, 8, 3]))
    (Linear(in_features=2, out_features=8, bias=True), 3)
    """
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def check_ends(network: nn.Sequential, first: int | None, last: int | None, layer: nn.Module) -> None:
    """Raise unless `network` starts with a `Linear` from `first` channels, and ends with one to `last` (None: any).

    Raises:
        TypeError: if it is no `nn.Sequential` of which this holds; the layer is named.
    """
    parts = list(network) if isinstance(network, nn.Sequential) else []
    for end, channels, name in ((0, first, "in_features"), (-1, last, "out_features")):
        if channels is None:
            continue
        part = parts[end] if parts else None
        if not isinstance(part, nn.Linear) or getattr(part, name) != channels:
            where = "starts" if end == 0 else "ends"
            raise TypeError(
                f"{type(layer).__name__} expects an nn.Sequential that {where} with an nn.Linear of "
                f"{name}={channels}, got {network!r}."
            )
