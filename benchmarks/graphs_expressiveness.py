"""What colours, walks, spectra and networks tell apart: BREC, EXP and CSL, exact numbers.

    python benchmarks/graphs_expressiveness.py [--data ../shared/data/expressiveness] [--largest 1000]

BREC (Wang and Zhang 2024): 400 pairs of graphs that the Weisfeiler–Leman test does not tell apart. "walks" are the
multisets of return probabilities up to 20 steps, "spectrum" the eigenvalues of the normalised Laplacian. Networks are
untrained, in float64; they tell a pair apart if their outputs differ by more than 1e-12 of the largest. EXP (Abboud et
al. 2021): 600 pairs that agree under Weisfeiler–Leman. CSL (Murphy et al. 2019): 150 graphs of 10 classes.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from gdl_graphs import (
    IGN,
    PPGN,
    GINConv,
    GlobalPool,
    Graph,
    folklore_weisfeiler_leman,
    multisets,
    pair_values,
    weisfeiler_leman,
)
from gdl_graphs.expressive import random_walk_colours, spectrum_colours
from gdl_graphs.expressive.colours import same
from gdl_graphs.expressive.fwl import tuple_offsets
from gdl_graphs.io import read_dgcnn, read_graph6
from torch import Tensor

CATEGORIES = {
    "basic": "basic",
    "regular": "regular",
    "str": "strongly regular",
    "extension": "extension",
    "cfi": "CFI",
    "4vtx": "4-vertex condition",
    "dr": "distance-regular",
}
PUBLISHED = (400, 0, 215, 213, 270)  # pairs, 1-WL, walks, spectrum, 2-FWL


def apart(colours: Tensor) -> int:
    return int((~same(colours)).sum())


def fwl(batch: Graph) -> int:
    graphs = batch.unbatch()
    pairs = [Graph.collate(pair) for pair in zip(graphs[::2], graphs[1::2])]
    return sum(apart(multisets(tuple_offsets(pair), folklore_weisfeiler_leman(pair))) for pair in pairs)


def differing(y: Tensor) -> int:
    return int(((y[::2] - y[1::2]).abs().amax(1) > 1e-12 * y.abs().max()).sum())


def on_pairs(kind: Callable[..., torch.nn.Module], batch: Graph) -> int:
    """How many pairs an untrained network on pairs of nodes tells apart, two graphs at a time."""
    torch.manual_seed(0)
    network, graphs, found = kind(2, 8, hidden=(16,) * 4).double(), batch.unbatch(), []
    for first in range(0, len(graphs), 10):
        values, pairs = pair_values(Graph.collate(graphs[first : first + 10]), dtype=torch.float64)
        found.append(network(values, pairs))
    return differing(torch.cat(found))


def gin(batch: Graph, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    for into in (x.shape[1], 32, 32, 32):
        x = torch.tanh(GINConv(into, 32).double()(x, batch))
    return GlobalPool(32, "sum")(x, batch)


MEASURES: dict[str, Callable[[Graph], int]] = {
    "pairs": lambda batch: batch.batch_size // 2,
    "1-WL": lambda batch: apart(multisets(batch.ptr, weisfeiler_leman(batch))),
    "walks": lambda batch: apart(multisets(batch.ptr, random_walk_colours(batch, 20))),
    "spectrum": lambda batch: apart(spectrum_colours(batch)),
    "2-FWL": fwl,
    "GIN": lambda batch: differing(gin(batch, torch.ones(batch.num_nodes, 1, dtype=torch.float64))),
    "IGN": lambda batch: on_pairs(IGN, batch),
    "PPGN": lambda batch: on_pairs(PPGN, batch),
}


def brec(root: Path, largest: int) -> list[int]:
    print(f"| BREC | {' | '.join(MEASURES)} |\n|---|{'---:|' * len(MEASURES)}")
    totals, spent = [0] * len(MEASURES), [0.0] * len(MEASURES)
    for name, title in CATEGORIES.items():
        graphs = read_graph6(root / "brec" / f"{name}.npy").unbatch()
        pairs = [p for p in zip(graphs[::2], graphs[1::2]) if max(p[0].num_nodes, p[1].num_nodes) <= largest]
        batch, row = Graph.collate([graph for pair in pairs for graph in pair]), []
        for place, measure in enumerate(MEASURES.values()):
            start = time.perf_counter()
            row.append(measure(batch))
            spent[place] += time.perf_counter() - start
        print(f"| {title} | {' | '.join(map(str, row))} |", flush=True)
        totals = [a + b for a, b in zip(totals, row)]
    print(f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |")
    print(f"| seconds | {' | '.join(f'{seconds:.1f}' for seconds in spent)} |\n")
    return totals


def exp(root: Path) -> tuple[int, float]:
    data = read_dgcnn(root / "exp" / "GRAPHSAT.txt.gz")
    assert data.node_labels is not None  # EXP says which nodes are literals
    ties = data.graph.batch_size // 2 - apart(
        multisets(data.graph.ptr, weisfeiler_leman(data.graph, colours=data.node_labels))
    )
    y = gin(data.graph, torch.nn.functional.one_hot(data.node_labels, 2).double())
    return ties, float((y[::2] - y[1::2]).abs().max())


def csl(root: Path) -> tuple[int, int, int]:
    with np.load(root / "csl" / "csl.npz") as data:
        graphs = [Graph.from_dense(torch.as_tensor(a) != 0).without_self_loops() for a in data["adj_with_self_loops"]]
        labels = torch.as_tensor(data["y"])
    batch = Graph.collate(graphs)
    colours = (
        multisets(batch.ptr, weisfeiler_leman(batch)),
        multisets(batch.ptr, random_walk_colours(batch, 20)),
        spectrum_colours(batch),
    )
    one, two, three = (len(c.unique()) for c in colours)
    for found in colours[1:]:
        assert len(torch.stack([labels, found], 1).unique(dim=0)) == 10  # a class has one colour
    return one, two, three


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "expressiveness"
    parser.add_argument("--data", type=Path, default=default, help="the folder with brec, exp and csl")
    parser.add_argument("--largest", type=int, default=1000, help="leave out pairs of graphs with more nodes")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    totals = brec(options.data, options.largest)
    ties, gap = exp(options.data)
    print(f"EXP: {ties} of 600 pairs agree under 1-WL; a random GIN differs by at most {gap:.1e}.")
    one, walks, spectrum = csl(options.data)
    print(f"CSL: 1-WL sees {one} class of 10, walks {walks}, the spectrum {spectrum}.")
    if options.largest >= 1000 and (*totals[:5], ties) != (*PUBLISHED, 600):
        raise SystemExit(f"Expected {PUBLISHED} and 600, got {totals[:5]} and {ties}.")


if __name__ == "__main__":
    main()
