"""Go: a policy network equivariant to the eight motions of the board against plain ones, on held-out games.

    python benchmarks/groups_go.py ROOT [--minutes 45] [--channels 8] [--blocks 2] [--threads 1] [--seed 0]

ROOT holds the games (`gdl_groups.datasets.go.Go`). All networks have as many parameters, as nearly as channels allow:
plain ones have about √8 times as many channels as the equivariant one has copies of its regular field, and so an eighth
of its multiplications per position. The first rows give each network the same processor time, under a one-cycle
schedule over it; the last gives the plain network as many positions as the equivariant one saw. Plain networks see
every position turned and flipped at random. Top-1 and top-5 accuracy on positions of the last 500 games.
"""

import argparse
import math
import time
from pathlib import Path

import torch
from gdl_groups import go_policy
from gdl_groups.datasets.go import Go, Positions
from torch import nn
from torch.nn import functional

BATCH = 64


def cycle(share: float, peak: float) -> float:
    """The one-cycle schedule: up over a fifth of the run, down over the rest, by cosines (Smith and Topin 2019)."""
    if share < 0.2:
        return peak * (0.04 + 0.96 * (1 - math.cos(math.pi * share / 0.2)) / 2)
    return peak * (1e-4 + (1 + math.cos(math.pi * (share - 0.2) / 0.8)) / 2)


def learn(net: nn.Module, data: Positions, seconds: float, positions: float, peak: float, seed: int):
    """Train until the processor time or the positions are used up; return positions and seconds."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    draw, seen, used = torch.Generator().manual_seed(seed), 0, 0.0
    net.train()
    while (share := max(used / seconds, seen / positions)) < 1:
        start = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = cycle(share, peak)
        index = torch.randint(len(data), (BATCH,), generator=draw).tolist()
        ((x, target),) = data.__getitems__(index)
        optimizer.zero_grad()
        functional.cross_entropy(net(x), target).backward()
        optimizer.step()
        seen += BATCH
        used += time.process_time() - start
    return seen, used


def count(group: str, channels: int, blocks: int) -> int:
    return sum(parameter.numel() for parameter in go_policy(group=group, channels=channels, blocks=blocks).parameters())


def equal(channels: int, blocks: int) -> int:
    """The channels of a plain network whose number of parameters is nearest to that of the equivariant one."""
    goal, near = count("D4", channels, blocks), round(channels * math.sqrt(8))
    return min(range(max(1, near - 8), near + 9), key=lambda wide: abs(count("1", wide, blocks) - goal))


@torch.no_grad()
def test(net: nn.Module, data: Positions, number: int) -> tuple[float, float]:
    """Top-1 and top-5 accuracy on the first `number` positions."""
    net.eval()
    hits = torch.zeros(2)
    for first in range(0, number, 250):
        ((x, target),) = data.__getitems__(list(range(first, min(first + 250, number))))
        best = net(x).topk(5).indices == target[:, None]
        hits += torch.stack([best[:, 0].sum(), best.sum()])
    return float(hits[0]) / number, float(hits[1]) / number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", default="../shared/data/go")
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test", type=int, default=20000)
    parser.add_argument("--peak", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not Path(options.root).is_dir():
        print(f"Skipped: there is no folder {options.root}.")
        return
    parts = Go(options.root, test_positions=options.test, turn=True).splits()
    turned, plain_test = parts.train, parts.test
    assert isinstance(turned, Positions) and isinstance(plain_test, Positions)
    still, budget = turned.plain(), 60 * options.minutes
    wide = equal(options.channels, options.blocks)
    print(
        f"{len(turned):,} positions to learn from; {options.minutes:g} processor minutes each, {options.threads} thread"
    )
    print("\n| network | parameters | positions | processor minutes | top-1 | top-5 |\n|---|---|---|---|---|---|")
    rows = (("D4", "D4", options.channels, still), ("plain, turned at random", "1", wide, turned))
    learnt: list[int] = []
    for number, (name, group, channels, data) in enumerate((*rows, rows[1])):
        torch.manual_seed(options.seed)
        net = go_policy(group=group, channels=channels, blocks=options.blocks)
        by_positions = number == 2
        seen, used = learn(
            net,
            data,
            math.inf if by_positions else budget,
            learnt[0] if by_positions else math.inf,
            options.peak,
            options.seed,
        )
        learnt.append(seen)
        top, five = test(net, plain_test, min(options.test, len(plain_test)))
        size = sum(parameter.numel() for parameter in net.parameters())
        name += ", as many positions" if by_positions else ", as much time" if number else ""
        print(f"| {name} | {size:,} | {seen:,} | {used / 60:.1f} | {top:.2%} | {five:.2%} |", flush=True)


if __name__ == "__main__":
    main()
