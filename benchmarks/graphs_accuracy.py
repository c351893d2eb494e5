"""Accuracy of GCN and GAT on Cora and CiteSeer, of GIN on NCI1 and IMDB-B, by published protocols. Prints markdown.

    python benchmarks/graphs_accuracy.py [--data FOLDER] [--seeds 100] [--only gcn-cora ...] [--processes 2]

Nodes: the public split, features with rows that sum to one, self-loops, Adam; mean ± standard deviation over seeds.
GCN (Kipf and Welling 2017): 2 layers, 16 hidden, dropout 0.5, rate 0.01, decay 5e-4 on the first layer, 200 epochs.
GAT (Veličković et al. 2018): 8 heads of 8, then one head, dropout 0.6 on features and attention, rate 0.005, decay
5e-4, until neither validation loss nor accuracy was at its best for 100 epochs.
Which epoch is tested: the last, to be compared with GCN's published figure; the first of lowest validation loss; the
first of highest validation accuracy; and the last one at which both were the best so far, as GAT's authors choose.

Graphs: GIN-0 (Xu et al. 2019), 5 layers counting the input, 64 hidden, batch norm, sums, readouts of all layers,
dropout 0.5, Adam 0.01 halved every 50 epochs, 50 batches of 32 per epoch, 350 epochs, ten stratified folds, degrees as
features where nodes have no labels; mean ± standard deviation over folds. There is no validation set: as in the paper,
the figure is that of the one epoch whose test accuracy, averaged over the folds, is highest; this is optimistic, so the
last epoch stands beside it.

Bags of words are mostly zeros, so the first product X W is an aggregation over the words of each paper; that it equals
the dense product is checked before anything is trained.
"""

import argparse
import concurrent.futures
import functools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from gdl_core.geometry import Blueprint
from gdl_core.incidence import Incidence, aggregate
from gdl_core.kernels.dropout import dropout
from gdl_graphs.datasets import TU, Planetoid
from gdl_graphs.datasets.batches import GraphBatches
from gdl_graphs.datasets.nodes import LabelledGraph
from gdl_graphs.datasets.tu import folds_of, node_features
from gdl_graphs.models import gnn
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class Words(nn.Module):
    """X W for a constant X of mostly zeros, with dropout of X: stands for a linear layer, whatever its input."""

    def __init__(self, x: Tensor, linear: nn.Linear, rate: float):
        super().__init__()
        self.incidence, self.rate = Incidence.from_dense(x), rate
        self.values = x[self.incidence.receiver.long(), self.incidence.sender.long()]
        self.weight = nn.Parameter(linear.weight.detach().T.contiguous())

    def forward(self, _: Tensor) -> Tensor:
        values = dropout(self.values, self.rate) if self.training else self.values
        return aggregate(self.incidence, self.weight, values)


class Setting(NamedTuple):
    """How a network for nodes is made and trained."""

    make: Callable[[int, int], Blueprint]
    rate: float
    decay_all: bool
    epochs: int
    patience: int


SETTINGS = {
    "gcn": Setting(lambda words, classes: gnn.gcn(words, classes), 0.01, False, 200, 200),
    "gat": Setting(lambda words, classes: gnn.gat(words, classes), 0.005, True, 1000, 100),
}
CHOICES = ("last epoch", "lowest validation loss", "highest validation accuracy", "both best so far")


def history(setting: Setting, data: LabelledGraph, seed: int) -> Iterator[tuple[float, float, float]]:
    """Train; yield validation loss, validation accuracy and test accuracy after each epoch."""
    torch.manual_seed(seed)
    network = setting.make(data.x.shape[1], int(data.labels.max()) + 1)
    x = replace_first_product(network, data)
    first = list(network.parts[1].parameters())
    rest = [p for p in network.parameters() if all(p is not q for q in first)]
    groups = [{"params": first}, {"params": rest} | ({} if setting.decay_all else {"weight_decay": 0.0})]
    optimizer = torch.optim.Adam(groups, lr=setting.rate, weight_decay=5e-4, fused=True)
    while True:
        network.train()
        optimizer.zero_grad()
        cross_entropy(network(x, data.graph)[data.train], data.labels[data.train]).backward()
        optimizer.step()
        network.eval()
        with torch.no_grad():
            output = network(x, data.graph)
        right = output.argmax(1) == data.labels
        loss = cross_entropy(output[data.valid], data.labels[data.valid])
        yield float(loss), float(right[data.valid].float().mean()), float(right[data.test].float().mean())


def replace_first_product(network: Blueprint, data: LabelledGraph) -> Tensor:
    """Put `Words` in place of the dropout and the linear map of the first layer; return what to call the network on."""
    with torch.no_grad():
        expected = network.eval()(data.x, data.graph)
        network.parts[1].lin = Words(data.x, network.parts[1].lin, network.parts[0].rate)
        network.parts[0] = nn.Identity()
        placeholder = data.x.new_zeros(1).expand(data.x.shape)
        torch.testing.assert_close(network.eval()(placeholder, data.graph), expected, atol=1e-5, rtol=1e-4)
    return placeholder


def chosen(model: str, data: LabelledGraph, seed: int) -> list[float]:
    """Return the test accuracy in percent at the epochs of `CHOICES`."""
    setting = SETTINGS[model]
    rows = []
    low, high, both, since = float("inf"), 0.0, 0, 0
    for epoch, (loss, accuracy, test) in enumerate(history(setting, data, seed)):
        rows.append((loss, accuracy, test))
        since = 0 if loss <= low or accuracy >= high else since + 1
        both = epoch if loss <= low and accuracy >= high else both
        low, high = min(low, loss), max(high, accuracy)
        if since == setting.patience or epoch + 1 == setting.epochs:
            break
    losses, accuracies, tests = zip(*rows)
    epochs = (len(rows) - 1, losses.index(min(losses)), accuracies.index(max(accuracies)), both)
    return [100 * tests[epoch] for epoch in epochs]


def nodes(model: str, name: str, folder: Path, seeds: int, run: Callable) -> str:
    data = Planetoid(name, str(folder / "planetoid")).labelled()
    start = time.perf_counter()
    found = torch.tensor(list(run(functools.partial(chosen, model, data), range(seeds))), dtype=torch.float64)
    seconds = (time.perf_counter() - start) / seeds
    spread = found.std(0) if seeds > 1 else torch.zeros(len(CHOICES))
    cells = [f"{mean:.2f} ± {std:.2f}" for mean, std in zip(found.mean(0), spread)]
    return f"| {model.upper()} | {name} | {seeds} | {' | '.join(cells)} | {seconds:.2f} |"


class Folds(NamedTuple):
    """The graphs of a data set for cross-validation."""

    x: Tensor
    batches: GraphBatches
    fold: Tensor


def accuracies(data: Folds, epochs: int, fold: int) -> list[float]:
    """Train GIN on all folds but one; return the accuracy on that one after each epoch, in percent."""
    torch.manual_seed(fold)
    network = gnn.GIN(data.x.shape[1], 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 50, 0.5)
    train, test = (torch.nonzero(mask)[:, 0] for mask in (data.fold != fold, data.fold == fold))
    [(tested, right)] = data.batches.__getitems__(test)
    found = []
    for _ in range(epochs):
        network.train()
        for _ in range(50):
            chosen = train[torch.randperm(len(train))[:32]]
            [(inputs, targets)] = data.batches.__getitems__(chosen)
            optimizer.zero_grad()
            cross_entropy(network(*inputs), targets).backward()
            optimizer.step()
        schedule.step()
        network.eval()
        with torch.no_grad():
            found.append(100 * float((network(*tested).argmax(1) == right).float().mean()))
    return found


def graphs(name: str, folder: Path, epochs: int, run: Callable) -> str:
    data = TU(name, str(folder / "tu" / "dgcnn_format")).graphs()
    x = node_features(data)
    folds = Folds(x, GraphBatches(x, data.graph, data.target), folds_of(data.target, 10))
    start = time.perf_counter()
    found = torch.tensor(list(run(functools.partial(accuracies, folds, epochs), range(10))), dtype=torch.float64)
    seconds = time.perf_counter() - start
    best = int(found.mean(0).argmax())
    cells = [f"{found[:, k].mean():.2f} ± {found[:, k].std(correction=0):.2f}" for k in (best, -1)]
    return f"| GIN-0 | {name} | {epochs} | {cells[0]} | {best + 1} | {cells[1]} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data", help="has planetoid/ and tu/")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=350, help="of GIN")
    parser.add_argument("--only", nargs="+", help="of gcn-cora gcn-citeseer gat-cora gat-citeseer gin-nci1 gin-imdb")
    parser.add_argument("--processes", type=int, default=1, help="each with one thread, sharing the seeds or folds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.processes == 1:
        tables(options, map)
        return
    context = multiprocessing.get_context("spawn")
    threads = functools.partial(torch.set_num_threads, 1)
    with concurrent.futures.ProcessPoolExecutor(options.processes, context, threads) as pool:
        tables(options, pool.map)


def tables(options: argparse.Namespace, run: Callable) -> None:
    wanted = [f"{model}-{name}" for model in SETTINGS for name in ("cora", "citeseer")]
    wanted = [name for name in wanted if options.only is None or name in options.only]
    if wanted:
        print(f"| network | data | seeds | {' | '.join(CHOICES)} | seconds per seed |")
        print("|---" * (len(CHOICES) + 4) + "|")
    for name in wanted:
        print(nodes(*name.split("-"), options.data, options.seeds, run), flush=True)
    sets = {"gin-nci1": "NCI1", "gin-imdb": "IMDBBINARY"}
    sets = {name: files for name, files in sets.items() if options.only is None or name in options.only}
    if sets:
        print("\n| network | data | epochs | best epoch for all folds | which | last epoch | seconds |")
        print("|---" * 7 + "|")
    for files in sets.values():
        print(graphs(files, options.data, options.epochs, run), flush=True)


if __name__ == "__main__":
    main()
