"""Energies and forces of ethanol and acetylacetone: errors against the number of training configurations. Markdown.

    python benchmarks/groups_molecules.py --data FOLDER [--only ethanol] [--network painn nequip] [--sizes 50 200 950]
                                          [--minutes 15] [--rate 0.005] [--hidden 32x0e+...] [--held-out]

FOLDER holds `dataset_ethanol` and `dataset_acac` of github.com/davkovacs/BOTNet-datasets. Ethanol (rMD17):
learnt from `train.xyz` (50 kept for validation), tested on the 1,000 of `test_MD.xyz`; acetylacetone: learnt from
`train_300K.xyz` (50 kept), tested at 300 K and at 600 K. Energies are those of the file less a shift per element.
Each run has the same CPU budget (seconds of the process and of its children), batches of 5, Adam under a one-cycle
schedule over the budget, gradients clipped to norm 10, an exponential mean of the weights (0.999 per step) tested as it
is at the end. Loss: w_E (ΔE / n)² + |ΔF|². The step is compiled from `trace`, derivatives included.

PaiNN: 64 channels, 3 layers, cut-off 5 Å. NequIP-like: `NequIP` of this package, 32 channels of degree up to 2, unless
`--hidden` says otherwise. `--held-out` measures on the 50 configurations that were kept and not on the tests, to choose
a rate.
Published, whole training set, trained for days on a GPU: ethanol (950 + 50; mean absolute errors, meV and meV/Å)
NequIP 0.4 / 2.8, MACE 0.4 / 2.1; acetylacetone (root mean square) NequIP 0.81 / 5.9 at 300 K, 6.04 / 27.8 at 600 K.
Peers: none is run here.
"""

import argparse
import copy
from pathlib import Path

import torch
from gdl_groups.datasets.graph_samples import GraphSamples
from gdl_groups.datasets.molecules import Molecules
from gdl_groups.geometric.nequip import NequIP
from gdl_groups.geometric.painn import PaiNN
from gdl_groups.physics.conservative import Conservative, trace
from gdl_groups.physics.energy_forces import EnergyForcesLoss
from groups_nbody import rate, seconds
from torch import nn

CUTOFF, BATCH, DECAY = 5.0, 5, 0.999
DATA = {
    "ethanol": ("dataset_ethanol", "train.xyz.gz", {"test": "test_MD.xyz.gz"}),
    "acac": ("dataset_acac", "train_300K.xyz.gz", {"300 K": "test_MD_300K.xyz.gz", "600 K": "test_MD_600K.xyz.gz"}),
}


def network(name: str, hidden: str, scale: float) -> nn.Module:
    """Return a network from elements to energies."""
    if name == "painn":
        return PaiNN(3, 1, cutoff=CUTOFF, scale=scale)
    if name == "nequip":
        return NequIP(3, hidden, CUTOFF, layers=3, neighbours=8.0, scale=scale)
    raise SystemExit(f"There is no network {name!r}; there are painn and nequip.")


def errors(head: nn.Module, samples: GraphSamples) -> tuple[float, ...]:
    """Return mean absolute and root mean square errors of energies and forces, in meV and meV/Å."""
    head.eval()
    de, df = [], []
    for part in torch.arange(len(samples)).split(50):
        (x, graph), targets = samples.__getitems__(part.tolist())[0]
        with torch.no_grad():
            found = head(x, graph)
        de.append(found.energy - targets.energy)
        df.append(found.forces - targets.forces)
    parts = [1000 * torch.cat(values) for values in (de, df)]
    return tuple(f for d in parts for f in (float(d.abs().mean()), float(d.square().mean().sqrt())))


def train(name: str, splits, options: argparse.Namespace) -> tuple[nn.Module, int]:
    """Train within the budget; return the head with the mean of its weights, and the steps taken."""
    start, budget, peak = seconds(), 60 * options.minutes, options.rate
    objective = EnergyForcesLoss(options.energy, 1.0)
    chosen = splits.train.chosen
    scale = float(splits.train.targets.forces.square().mean().sqrt())
    head = Conservative(network(name, options.hidden, scale))
    mean = copy.deepcopy(head)
    (x, graph), _ = splits.train.__getitems__(list(range(min(3, len(chosen)))))[0]
    run = torch.compile(trace(head, x, graph), dynamic=True)
    optimizer = torch.optim.Adam(head.parameters(), lr=peak, fused=True)
    steps, done = 0, 0.0
    while done < 1:
        for batch in torch.randperm(len(chosen)).split(BATCH):
            done = (seconds() - start) / budget
            if done >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = rate(done, peak)
            (x, graph), targets = splits.train.__getitems__(batch.tolist())[0]
            loss = objective.measure(run(x, graph), targets)["loss"][0]
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), 10.0)
            optimizer.step()
            steps += 1
            with torch.no_grad():
                share = max(1 - DECAY, 1 / steps)
                for kept, now in zip(mean.parameters(), head.parameters()):
                    kept.lerp_(now, share)
    return mean, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of BOTNet-datasets")
    parser.add_argument("--only", nargs="+", default=list(DATA))
    parser.add_argument("--network", nargs="+", default=["painn", "nequip"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[50, 200, 950])
    parser.add_argument("--minutes", type=float, default=15, help="CPU minutes of each run")
    parser.add_argument("--rate", type=float, default=5e-3, help="the peak of the learning rate")
    parser.add_argument("--hidden", default="32x0e+32x1o+32x2e", help="the fields of NequIP")
    parser.add_argument("--held-out", action="store_true", help="measure on the configurations kept for validation")
    parser.add_argument("--energy", type=float, default=10.0, help="the weight w_E")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| network | learnt from | tested on | CPU minutes | steps | E MAE meV | E RMSE | F MAE meV/Å | F RMSE |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.only:
        folder, learnt, tests = DATA[name]
        for size in options.sizes:
            size = min(size, 450) if name == "acac" else size
            found = {
                label: Molecules(str(options.data / folder), learnt, file, size=size, cutoff=CUTOFF).splits()
                for label, file in tests.items()
            }
            for kind in options.network:
                torch.manual_seed(options.seed)
                head, steps = train(kind, next(iter(found.values())), options)
                for label, splits in found.items():
                    told = splits.valid if options.held_out else splits.test
                    figures = " | ".join(f"{figure:.2f}" for figure in errors(head, told))
                    row = f"| {kind} | {name} {size} | {label} | {options.minutes:g} | {steps} | {figures} |"
                    print(row, flush=True)


if __name__ == "__main__":
    main()
