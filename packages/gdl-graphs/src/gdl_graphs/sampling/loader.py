"""`NeighbourLoader`: sampled batches of all seeds, by any number of workers, shared among processes."""

from collections.abc import Iterator, Sequence

import torch
from gdl_core.train.sampling import Draw, Draws, GlobalBatches
from gdl_core.train.source import DrawnSamples, unpack
from torch import Tensor
from torch.utils.data import DataLoader

from gdl_graphs.edges import check_mask
from gdl_graphs.sampling.batch import SampledBatch, sample
from gdl_graphs.sampling.store import GraphStore


class NeighbourLoader:
    """Goes through the seeds in batches and draws neighbours around each (`sample`).

    Batches, and what is drawn, depend on (seed, epoch) only. Of each batch, process `rank` of `world` gets an equal
    share; the mean of the processes' mean gradients is the gradient of the batch, exactly so if all fan-outs are equal.

    Args:
        store: the graph.
        seeds: ``int64[s]`` nodes, or ``bool[n]``, a mask of them.
        fanouts: per layer of the network; see `sample`.
        batch_size: seeds per batch over all processes.
        train: shuffle, and leave out the incomplete last batch; otherwise all seeds, once, in order.
        seed: of the shuffling and the drawing.
        rank, world: which process of how many.
        workers: processes that draw; 0 draws in this one.
        pad_to: numbers of nodes and edges to pad every batch to.
        pin_memory: for copies to a GPU.

    Raises:
        ValueError: if there is no seed, or batches cannot be shared.
    """

    def __init__(
        self,
        store: GraphStore,
        seeds: Tensor,
        fanouts: Sequence[int],
        batch_size: int,
        *,
        train: bool = True,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        pad_to: tuple[int, int] | None = None,
        pin_memory: bool = False,
    ):
        seeds = torch.as_tensor(seeds).cpu()
        if seeds.dtype == torch.bool:
            check_mask(seeds, store.num_nodes, "nodes")
            seeds = seeds.nonzero()[:, 0]
        if len(seeds) == 0:
            raise ValueError("NeighbourLoader needs at least one seed, got none.")
        self.batches = GlobalBatches(len(seeds), batch_size, train, seed, rank, world)
        self._loader = DataLoader(
            Neighbourhoods(store, seeds.long(), tuple(fanouts), pad_to),
            batch_sampler=Draws(self.batches),  # type: ignore[arg-type]
            collate_fn=unpack,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            generator=torch.Generator().manual_seed(seed),  # starting an epoch must not draw from the global one
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order and draws."""
        self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SampledBatch]:
        return iter(self._loader)


class Neighbourhoods(DrawnSamples):
    """Seeds as samples, batches of which `sample` draws; see `NeighbourLoader`."""

    def __init__(self, store: GraphStore, seeds: Tensor, fanouts: Sequence[int], pad_to: tuple[int, int] | None = None):
        self.store, self.seeds, self.fanouts, self.pad_to = store, seeds, fanouts, pad_to

    def __len__(self) -> int:
        return len(self.seeds)

    def draw(self, asked: Draw) -> SampledBatch:
        seeds = self.seeds[torch.tensor(asked.indices, dtype=torch.int64)]
        return sample(self.store, seeds, self.fanouts, seed=asked.seed, epoch=asked.epoch, pad_to=self.pad_to)
