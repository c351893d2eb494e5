"""A network and its training on sampled batches, as one process or several run it."""

import sys

import torch
from gdl_core.incidence import aggregate
from gdl_graphs.sampling import GraphStore, NeighbourLoader
from torch import nn

SEEDS = torch.arange(0, 80, 2)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(8, 4, dtype=torch.float64), nn.Linear(8, 3, dtype=torch.float64)])

    def forward(self, x, graph):
        for layer in self.layers:
            x = layer(torch.cat([x, aggregate(graph.incidence, x, mean=True)], 1)).tanh()
        return x


def loss(network, batch):
    logits = network(batch.x, batch.graph)[: batch.num_seeds]
    return nn.functional.cross_entropy(logits, batch.y)


def steps(rank, world, folder, wrap):
    """Train for an epoch; return the gradients of every step, and the last weights."""
    network = wrap(Network())
    optimiser = torch.optim.SGD(network.parameters(), 0.5)
    found = []
    for batch in NeighbourLoader(GraphStore(folder), SEEDS, [3, 3], 8, rank=rank, world=world):
        optimiser.zero_grad()
        loss(network, batch).backward()
        found += [p.grad.clone() for p in network.parameters()]
        optimiser.step()
    return found + [p.detach().clone() for p in network.parameters()]


def main(rank, world, folder, rendezvous, out):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    try:
        torch.save(steps(rank, world, folder, nn.parallel.DistributedDataParallel), out)
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
