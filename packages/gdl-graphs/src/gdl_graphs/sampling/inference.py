"""Evaluating a network on all nodes of a large graph, one layer at a time."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gdl_graphs.graph import Graph
from gdl_graphs.sampling.batch import sample
from gdl_graphs.sampling.store import GraphStore


def layerwise_inference(
    layers: Sequence[Callable[[Tensor, Graph], Tensor]],
    store: GraphStore,
    batch_size: int = 4096,
    *,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return the last layer's output at every node, with all neighbours: each layer goes over the whole graph once.

    A batch of nodes and their neighbours is all that a layer sees, so each edge is read once per layer, while
    sampling would read it once for every seed that it leads to.

    Args:
        layers: maps ``(x[n, c], graph) -> y[n, c']``, each hearing direct neighbours only, activations included. A
            layer must not use what a batch does not know of senders, such as their degree: write the coefficients
            of a GCN into the weights of the store.
        store: the graph, with features.
        batch_size: nodes at a time.
        folder: where outputs are kept, mapped, as ``layer0.npy``, ``layer1.npy``, …; in memory if left out.
        device: where the layers run.

    Raises:
        ValueError: if there is no layer, `batch_size` is below 1, or the store has no features.
    """
    if not layers:
        raise ValueError("layerwise_inference needs at least one layer, got none.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    if store.features is None:
        raise ValueError(f"layerwise_inference needs features, {store!r} has none.")
    values: np.ndarray = store.features
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for number, layer in enumerate(layers):
            out: np.ndarray | None = None
            for first in range(0, max(store.num_nodes, 1), batch_size):
                seeds = torch.arange(first, min(first + batch_size, store.num_nodes))
                batch = sample(store, seeds, [-1], features=False)
                x = torch.from_numpy(np.take(values, batch.nodes.numpy(), axis=0)).to(device)
                y = layer(x, batch.graph.to(device))[: len(seeds)].cpu().numpy()
                if out is None:
                    out = _new(folder, number, y.dtype, (store.num_nodes, *y.shape[1:]))
                out[first : first + len(seeds)] = y
            assert out is not None
            values = out
    return torch.from_numpy(values)


def _new(folder: str | Path | None, number: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    if folder is None or 0 in shape:
        return np.zeros(shape, dtype)
    return np.asarray(np.lib.format.open_memmap(Path(folder, f"layer{number}.npy"), "w+", dtype, shape))
