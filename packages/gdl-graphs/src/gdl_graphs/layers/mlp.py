"""The small networks inside layers."""

import itertools
from collections.abc import Sequence

from torch import nn

from gdl_graphs.layers.norm import BatchNorm


def mlp(channels: Sequence[int], norm: bool = False) -> nn.Sequential:
    """Return linear maps between the given numbers of channels, with ReLUs between them, or `BatchNorm`s and ReLUs.

    >>> mlp([2, 8, 3])[0], len(mlp([2, 8, 3]))
    (Linear(in_features=2, out_features=8, bias=True), 3)
    """
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        between = [BatchNorm(before), nn.ReLU()] if norm else [nn.ReLU()]
        parts += [*between, nn.Linear(before, after)] if parts else [nn.Linear(before, after)]
    return nn.Sequential(*parts)


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
