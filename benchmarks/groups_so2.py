"""Convolution in the frame of each edge against the fused tensor product and e3nn, over the largest degree.

    python benchmarks/groups_so2.py [--nodes 250] [--edges 5000] [--channels 32] [--degrees 1 2 3 4 5 6] [--pairs 5]
                                    [--threads 2] [--without-e3nn]

Prints a Markdown table: forward + backward of a layer (features and parameters), float32, natural parities 0e + 1o + …
up to L with the same number of channels each. Each pair of columns is timed in pairs, in both orders; times are
medians, ratios the medians of the paired ratios. Beside them stand the multiplications per edge and channel: of the
dense Clebsch-Gordan coefficients up to L, of both rotations, and of the complex numbers between them (times the number
of channels, because `SO2Conv` joins all channels along the edge, `E3Conv` each with itself and then all at the point).

e3nn's layer is its `Linear`, `TensorProduct` ("uvu", weights per edge) with `index_add`, and `Linear`, with the same
radial network. Its output is compared with that of `E3Conv` first, weights copied.
"""

import argparse
import platform
from collections.abc import Callable
from typing import Any

import torch
from gdl_core.groups import O
from gdl_core.representations import FieldType
from gdl_groups import E3Conv, GeometricGraph, SO2Conv
from gdl_groups.angular import from_mul_ir, to_e3nn, to_mul_ir
from gdl_groups.geometric.e3conv import edge_values, harmonics_type
from gdl_groups.geometric.so2 import operation_counts
from incidence import paired
from torch import Tensor, nn

CUTOFF = 10.0


class E3nnConv(nn.Module):
    """The layer that `ours` is, out of e3nn's parts, with its weights; features in e3nn's layout."""

    def __init__(self, ours: E3Conv):
        super().__init__()
        import e3nn.o3 as o3

        inner = ours.interaction
        plan = inner.plan
        irreps_in, irreps_out = to_e3nn(ours.in_type), to_e3nn(ours.out_type)
        middle = o3.Irreps([(p.copies, plan.out_type.fields[p.third][1].name) for p in plan.paths])
        paths = [(p.first, p.second, place, "uvu", True) for place, p in enumerate(plan.paths)]
        harmonics = to_e3nn(harmonics_type(ours.degree, O(3)))
        self.degree, self.radial = ours.degree, inner.radial
        self.product = o3.TensorProduct(
            irreps_in, harmonics, middle, paths, shared_weights=False, internal_weights=False
        )
        self.before, self.after = o3.Linear(irreps_in, irreps_in), o3.Linear(middle, irreps_out)
        self.width = middle.dim
        for theirs, layer, fields in ((self.before, inner.before, irreps_in), (self.after, inner.after, middle)):
            weights, seen = dict(zip(layer._irreps, layer.weights)), {}
            with torch.no_grad():
                for found, view in zip(theirs.instructions, theirs.weight_views()):
                    copies, ir = list(fields)[found.i_in]
                    start = seen.get(ir, 0)
                    seen[ir] = start + copies
                    total = sum(mul for mul, other in fields if other == ir)
                    view.copy_(weights[ir.l, ir.p][start : start + copies] * total**0.5)

    def forward(self, x: Tensor, graph: GeometricGraph) -> Tensor:
        y, r = edge_values(graph, self.degree, x.dtype)
        sender, receiver = graph.incidence.sender, graph.incidence.receiver
        messages = self.product(self.before(x).index_select(0, sender), y, self.radial(r))
        total = torch.zeros(x.shape[0], self.width, dtype=x.dtype).index_add(0, receiver, messages)
        return self.after(total)


def step(layer: nn.Module, x: Tensor, graph: GeometricGraph) -> Callable[[], Any]:
    """Forward and backward."""
    inputs = [x, *layer.parameters()]

    def run() -> list[Tensor]:
        y = layer(x, graph)
        return [y.detach(), *torch.autograd.grad(y.sum(), inputs)]

    return run


def row(degree: int, options: argparse.Namespace) -> str:
    draw = torch.Generator().manual_seed(0)
    ends = torch.randint(options.nodes, (2, options.edges), generator=draw)
    graph = GeometricGraph.from_edges(ends[0], ends[1], torch.randn(options.nodes, 3, generator=draw))
    type = FieldType(O(3), "+".join(f"{options.channels}x{l}{'eo'[l % 2]}" for l in range(degree + 1)))
    torch.manual_seed(0)
    product = E3Conv(type, type, CUTOFF, self_connection=False)
    frame = SO2Conv(type, type, CUTOFF)
    x = torch.randn(options.nodes, type.channels, generator=draw).requires_grad_()
    runs = [step(product, x, graph), step(frame, x, graph)]
    for run in runs:  # compiles
        run()
    a, b, ratio = paired(runs[1], runs[0], options.pairs)
    counts = operation_counts(degree)
    cells = [f"{degree}", f"{counts['dense']:,}", f"{2 * counts['turn']:,}", f"{counts['so2']:,}"]
    cells += [f"{1e3 * b:.0f} ms", f"{1e3 * a:.0f} ms", f"**{ratio:.2f}x**"]
    if not options.without_e3nn:
        rival = E3nnConv(product)
        theirs = to_mul_ir(x.detach(), type).requires_grad_()
        gap = (from_mul_ir(rival(theirs, graph), type) - product(x, graph)).detach().norm()
        if gap > 1e-4 * product(x, graph).detach().norm():
            raise AssertionError("e3nn's layer computes something else.")
        run = step(rival, theirs, graph)
        run()
        c, _, gain = paired(run, runs[0], options.pairs)
        _, _, slower = paired(runs[1], run, options.pairs)
        cells += [f"{1e3 * c:.0f} ms", f"{1 / gain:.1f}x", f"{slower:.1f}x"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, value in (("nodes", 250), ("edges", 5000), ("channels", 32), ("pairs", 5), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--degrees", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--without-e3nn", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{options.nodes:,} nodes, {options.edges:,} edges, {options.channels} float32 channels per degree, forward + "
        f"backward, {options.threads} threads, torch {torch.__version__}, {platform.machine()}, "
        f"median of {options.pairs} pairs\n"
    )
    head = ["L", "dense CG", "rotations", "SO(2)", "E3Conv", "SO2Conv", "E3Conv / SO2Conv"]
    if not options.without_e3nn:
        head += ["e3nn", "e3nn / E3Conv", "e3nn / SO2Conv"]
    print("| " + " | ".join(head) + " |\n|" + "---:|" * len(head))
    for degree in options.degrees:
        print(row(degree, options), flush=True)


if __name__ == "__main__":
    main()
