# /// script
# dependencies = ["e3nn==0.6.0"]
# ///
"""The fused tensor-product convolution against e3nn's product and `index_add`, forward and forward + backward.

    python benchmarks/groups_products.py [--nodes 1000] [--edges 20000] [--channels 32] [--degrees 1 2 3 4 5 6]
                                         [--rival-degrees 1 2 3] [--pairs 5] [--threads 2]
                                         [--only rival scaling memory compile]

Prints Markdown tables. e3nn's product is compiled as e3nn does by default; its edges are sorted by receiver, and its
weights are ours. Values and gradients are compared first, then both run in pairs, in both orders: medians, and the
median of the paired ratios. `scaling` shows ours alone beside the number of products per edge and channel, Σ over paths
of (2 l1 + 1)(2 l2 + 1), the nonzero Clebsch-Gordan coefficients, which are needed once per node, and the size of
features, filters, weights and results with their gradients, each of which forward + backward touches at least once; it
makes three times the products. `memory` is the
growth of the process over one forward and backward pass beside the tensors that are given and returned, and beside the
messages `[e, c]` that e3nn makes; each in a process of its own. `compile` is the first call of new processes, without
and with compiled code on disk. Gradients of features, filters and weights are all asked for, as for forces.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from gdl_core.groups import O
from gdl_core.incidence import Incidence
from gdl_core.representations import FieldType
from gdl_groups.angular.coupling import coupling_entries
from gdl_groups.products import TensorProductPlan, tensor_product_conv
from incidence import paired
from torch import Tensor

warnings.filterwarnings("ignore", module="e3nn")
TABLES = ("rival", "scaling", "memory", "compile")


def plan_of(degree: int, channels: int) -> TensorProductPlan:
    """All degrees of natural parity on both sides, results of both parities up to the same degree."""
    fields = "+".join(f"{channels}x{l}{'eo'[l % 2]}" for l in range(degree + 1))
    filters = "+".join(f"1x{l}{'eo'[l % 2]}" for l in range(degree + 1))
    kept = "+".join(f"{l}{p}" for l in range(degree + 1) for p in "eo")
    return TensorProductPlan(FieldType(O(3), fields), FieldType(O(3), filters), kept)


def problem(plan: TensorProductPlan, nodes: int, edges: int) -> tuple[Incidence, list[Tensor], Tensor]:
    draw = torch.Generator().manual_seed(0)
    sender, receiver = torch.randint(nodes, (2, edges), generator=draw)
    inc = Incidence.from_edges(sender, receiver, nodes, nodes)
    shapes = (nodes, plan.in_type.channels), (edges, plan.filter_type.channels), (edges, plan.weight_count)
    leaves = [torch.randn(*shape, generator=draw).requires_grad_() for shape in shapes]
    return inc, leaves, torch.randn(nodes, plan.out_type.channels, generator=draw)


def runs(forward: Callable[[], Tensor], leaves: list[Tensor], g: Tensor) -> tuple[Callable, Callable]:
    def alone() -> Tensor:
        with torch.no_grad():
            return forward()

    return alone, lambda: torch.autograd.grad(forward(), leaves, g)


def rival_of(plan: TensorProductPlan, inc: Incidence, leaves: list[Tensor], g: Tensor) -> tuple[Callable, list, Tensor]:
    """e3nn's product of the same values in its own layout."""
    from gdl_groups.angular import to_mul_ir
    from gdl_groups.products.interchange import e3nn_product

    product = e3nn_product(plan)
    sender, receiver = inc.sender.long(), inc.receiver.long()
    theirs = [to_mul_ir(leaves[0].detach(), plan.in_type).contiguous().requires_grad_(), *leaves[1:]]

    def forward() -> Tensor:
        messages = product(theirs[0].index_select(0, sender), theirs[1], theirs[2])
        return messages.new_zeros(inc.num_receivers, messages.shape[1]).index_add(0, receiver, messages)

    return forward, theirs, to_mul_ir(g, plan.out_type).contiguous()


def against(degrees: list[int], nodes: int, edges: int, channels: int, pairs: int) -> None:
    from gdl_groups.angular import to_mul_ir

    print(f"### Against e3nn: {nodes} nodes, {edges} edges, {channels} channels, float32\n")
    print("| L | paths | pass | ours, ms | e3nn, ms | e3nn / ours |\n|---|---|---|---|---|---|")
    for degree in degrees:
        plan = plan_of(degree, channels)
        inc, leaves, g = problem(plan, nodes, edges)
        ours = runs(partial(tensor_product_conv, plan, inc, *leaves), leaves, g)
        forward, their_leaves, their_g = rival_of(plan, inc, leaves, g)
        theirs = runs(forward, their_leaves, their_g)
        found, expected = [to_mul_ir(ours[0](), plan.out_type), *ours[1]()], [theirs[0](), *theirs[1]()]
        found[1] = to_mul_ir(found[1], plan.in_type)
        for one, two in zip(found, expected, strict=True):
            assert float((one - two).abs().max()) < 1e-4 * float(two.abs().max()), "results differ"
        for name, mine, rival in zip(("forward", "forward + backward"), ours, theirs, strict=True):
            a, b, ratio = paired(mine, rival, pairs)
            print(
                f"| {degree} | {len(plan.paths)} | {name} | {1e3 * a:.1f} | {1e3 * b:.0f} | {ratio:.1f} |", flush=True
            )
    print()


def scaling(degrees: list[int], nodes: int, edges: int, channels: int, pairs: int) -> None:
    print(f"### Growth with the degree: {nodes} nodes, {edges} edges, {channels} channels, float32\n")
    head = ["L", "paths", "products per edge and channel", "nonzero coefficients", "MB given and returned"]
    head += ["forward, ms", "forward + backward, ms", "10⁹ products per s, forward", "forward + backward"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for degree in degrees:
        plan = plan_of(degree, channels)
        inc, leaves, g = problem(plan, nodes, edges)
        times = []
        for run in runs(partial(tensor_product_conv, plan, inc, *leaves), leaves, g):
            run()
            samples = []
            for _ in range(2 * pairs if degree < 4 else 3):  # the larger ones take long enough to be steady
                start = time.perf_counter()
                run()
                samples.append(time.perf_counter() - start)
            times.append(1e3 * median(samples))
        products = sum((2 * path.degrees[0] + 1) * (2 * path.degrees[1] + 1) for path in plan.paths)
        nonzero = sum(len(coupling_entries(*path.degrees)[1]) for path in plan.paths)
        megabytes = 4 * (2 * sum(leaf.numel() for leaf in leaves) + 2 * g.numel()) / 2**20
        rates = [passes * products * edges * channels / (1e6 * ms) for passes, ms in zip((1, 3), times)]
        cells = [f"{times[0]:.1f}", f"{times[1]:.1f}", f"{rates[0]:.1f}", f"{rates[1]:.1f}"]
        print(
            f"| {degree} | {len(plan.paths)} | {products} | {nonzero} | {megabytes:.0f} | " + " | ".join(cells) + " |",
            flush=True,
        )
    print()


def peak() -> float:
    """The largest memory so far, MB; Linux only (a new process inherits the maximum that `getrusage` knows)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure_memory(who: str, degree: int, nodes: int, edges: int, channels: int) -> None:
    plan = plan_of(degree, channels)
    small = problem(plan, 10, 20)
    inc, leaves, g = problem(plan, nodes, edges)
    for case in (small, (inc, leaves, g)):  # the first one loads and compiles
        start = peak()
        if who == "ours":
            run = runs(partial(tensor_product_conv, plan, case[0], *case[1]), case[1], case[2])[1]
        else:
            forward, their_leaves, their_g = rival_of(plan, *case)
            run = runs(forward, their_leaves, their_g)[1]
        run()
    print(peak() - start)


def memory(degrees: list[int], nodes: int, edges: int, channels: int) -> None:
    print(f"### Memory of forward + backward, MB: {nodes} nodes, {edges} edges, {channels} channels, float32\n")
    print("| L | result and gradients | ours | e3nn | messages [e, c] |\n|---|---|---|---|---|")
    for degree in degrees:
        plan = plan_of(degree, channels)
        per_edge = plan.filter_type.channels + plan.weight_count
        returned = nodes * (plan.in_type.channels + plan.out_type.channels) + edges * per_edge
        found = []
        for who in ("ours", "e3nn"):
            command = [sys.executable, __file__, "--measure", who, "--degrees", str(degree), "--nodes", str(nodes)]
            command += ["--edges", str(edges), "--channels", str(channels)]
            found.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]))
        messages = 4 * edges * plan.out_type.channels / 2**20
        print(
            f"| {degree} | {4 * returned / 2**20:.0f} | {found[0]:.0f} | {found[1]:.0f} | {messages:.0f} |", flush=True
        )
    print()


def measure_compile(degree: int) -> None:
    import gdl_groups.kernels.tensor_product_cpu  # noqa: F401  Numba itself is not what is measured

    plan = plan_of(degree, 32)
    inc, leaves, g = problem(plan, 10, 20)
    start = time.perf_counter()
    out = tensor_product_conv(plan, inc, *leaves)
    middle = time.perf_counter()
    torch.autograd.grad(out, leaves, g)
    print(middle - start, time.perf_counter() - middle)


def compiling(degrees: list[int]) -> None:
    print("### First calls of a process, s\n")
    print("| L | forward, nothing on disk | backward | forward, from disk | backward |\n|---|---|---|---|---|")
    for degree in degrees:
        row = []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                command = [sys.executable, __file__, "--measure", "compile", "--degrees", str(degree)]
                env = {**os.environ, "GDL_CACHE_DIR": folder}
                row += subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()[-2:]
        print(f"| {degree} | " + " | ".join(f"{float(value):.2f}" for value in row) + " |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("nodes", 1000), ("edges", 20_000), ("channels", 32), ("pairs", 5), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--degrees", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--rival-degrees", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--measure", choices=("ours", "e3nn", "compile"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    size = args.nodes, args.edges, args.channels
    if args.measure == "compile":
        return measure_compile(args.degrees[0])
    if args.measure:
        return measure_memory(args.measure, args.degrees[0], *size)
    print(f"PyTorch {torch.__version__}, {platform.processor() or platform.machine()}, {args.threads} threads\n")
    if "rival" in args.only:
        against(args.rival_degrees, *size, args.pairs)
    if "scaling" in args.only:
        scaling(args.degrees, *size, args.pairs)
    if "memory" in args.only:
        memory(args.rival_degrees, *size)
    if "compile" in args.only:
        compiling(args.rival_degrees)
    return None


if __name__ == "__main__":
    main()
