"""Graph operators on a GPU against PyTorch Geometric's way, eager and compiled, and against the bytes they must move.

    python benchmarks/graphs_gpu.py [--device cuda] [--nodes 169343] [--edges 2484941] [--channels 128] [--heads 4]
                                    [--sets 8192] [--repeats 20]

Prints a Markdown table for float32 and one for bfloat16, forward + backward; without a CUDA device a sentence. The
rival gathers the senders along the edges and scatters what becomes of them, with PyG's own functions where PyG is
installed and with the same calls of torch where it is not; its edges are sorted, which is kind to it. "floor" is the
time to move the bytes of a cold run (every gathered row from memory, indices of 32 bits) at the measured speed of a
copy. Both sides are compared first, and ours must repeat bit for bit.
"""

# pyright: reportAssignmentType=false
# PyG's functions and those that stand for them have different signatures.
import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from gdl_core.incidence import Incidence, aggregate
from gdl_graphs import multi_aggregate
from gdl_graphs.kernels.edge_attention import edge_attention, gat_attention, gatv2_attention
from gdl_graphs.sets.packed import packed_attention
from torch import Tensor
from torch.nn import functional

try:
    from torch_geometric.utils import scatter
    from torch_geometric.utils import softmax as edge_softmax

    PEER = "PyG"
except ImportError:
    PEER = "gather and scatter"

    def scatter(values: Tensor, index: Tensor, dim: int = 0, dim_size: int = 0, reduce: str = "sum") -> Tensor:
        if reduce in ("sum", "mean"):
            total = values.new_zeros(dim_size, *values.shape[1:]).index_add_(0, index, values)
            count = values.new_zeros(dim_size).index_add_(0, index, values.new_ones(len(index))).clamp(min=1)
            return total if reduce == "sum" else total / count.reshape(-1, *[1] * (values.dim() - 1))
        at = index.reshape(-1, *[1] * (values.dim() - 1)).expand_as(values)
        out = values.new_zeros(dim_size, *values.shape[1:])
        return out.scatter_reduce_(0, at, values, f"a{reduce}", include_self=False)

    def edge_softmax(scores: Tensor, index: Tensor, num_nodes: int) -> Tensor:
        top = scatter(scores.detach(), index, dim_size=num_nodes, reduce="max")
        p = (scores - top.index_select(0, index)).exp()
        return p / (scatter(p, index, dim_size=num_nodes).index_select(0, index) + 1e-16)


@dataclass(frozen=True)
class Case:
    name: str
    inputs: list[Tensor]
    ours: Callable[..., Tensor]
    rival: Callable[..., Tensor]
    floor: int  # bytes, forward + backward


def cases(options: argparse.Namespace, dtype: torch.dtype) -> list[Case]:
    g = torch.Generator().manual_seed(0)
    n, e, h = options.nodes, options.edges, options.heads
    c = options.channels // h
    f, b = h * c, dtype.itemsize
    ends = torch.randint(n, (2, e), generator=g)
    index = Incidence.from_edges(ends[0], ends[1], n, n).to(options.device)
    sender, receiver = index.sender.long(), index.receiver.long()
    rows, edges = 4 * (n + e), e * f * b  # indices; one gather of all senders

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g).to(options.device, dtype).requires_grad_()

    x, weight = randn(n, f), randn(e)
    query, key, value = (randn(n, h, c) for _ in range(3))
    left, right, vector = randn(n, h), randn(n, h), randn(h, c)

    def gathered(values: Tensor) -> Tensor:
        return values.index_select(0, sender)

    def attended(scores: Tensor, values: Tensor) -> Tensor:
        p = edge_softmax(scores, receiver, num_nodes=n)
        return scatter(gathered(values) * p[:, :, None], receiver, dim_size=n)

    def pna(x: Tensor) -> Tensor:
        m = gathered(x)
        mean, square = (scatter(y, receiver, dim_size=n, reduce="mean") for y in (m, m * m))
        extremes = [scatter(m, receiver, dim_size=n, reduce=name) for name in ("max", "min")]
        return torch.stack([mean, ((square - mean * mean).relu() + 1e-2).sqrt(), *extremes], 1)

    def dot_rival(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attended((q.index_select(0, receiver) * gathered(k)).sum(-1) / c**0.5, v)

    def gat_rival(a: Tensor, b: Tensor, v: Tensor) -> Tensor:
        return attended(functional.leaky_relu(a.index_select(0, receiver) + gathered(b), 0.2), v)

    def gatv2_rival(q: Tensor, v: Tensor, a: Tensor) -> Tensor:
        return attended((functional.leaky_relu(q.index_select(0, receiver) + gathered(v), 0.2) * a).sum(-1), v)

    nodes, scores = n * f * b, 4 * e * h  # one pass over all nodes; one over the scores of all edges
    return [
        Case(
            "sum",
            [x],
            lambda x: aggregate(index, x),
            lambda x: scatter(gathered(x), receiver, dim_size=n),
            2 * (rows + edges + nodes),
        ),
        Case(
            "weighted sum, gradient of weights too",
            [x, weight],
            lambda x, w: aggregate(index, x, w),
            lambda x, w: scatter(gathered(x) * w[:, None], receiver, dim_size=n),
            2 * (rows + edges + nodes) + rows + edges + nodes + 4 * e * b,
        ),
        Case(
            "mean, std, max, min (PNA)",
            [x],
            lambda x: multi_aggregate(index, x, ("mean", "std", "max", "min"), eps=1e-2),
            pna,
            # backward: four coefficients in float32 and two edges in int32 of each receiver
            2 * rows + edges + 5 * nodes + 6 * 4 * e * f + 2 * nodes,
        ),
        Case(
            f"dot-product attention, {h} heads",
            [query, key, value],
            lambda q, k, v: edge_attention(index, q, k, v)[0],
            dot_rival,
            (rows + 2 * edges + 2 * nodes) + (2 * rows + 3 * edges + 6 * nodes + 2 * scores),
        ),
        Case(
            f"GAT, {h} heads",
            [left, right, value],
            lambda a, b, v: gat_attention(index, a, b, v)[0],
            gat_rival,
            # between the passes: sums with the slopes of the leaky ReLU, in float32
            2 * (rows + edges + e * h * b + 4 * n * f) + 5 * nodes + 2 * scores,
        ),
        Case(
            f"GATv2, {h} heads",
            [query, value, vector],
            lambda q, v, a: gatv2_attention(index, q, v, a)[0],
            gatv2_rival,
            (rows + edges + 2 * nodes) + (2 * rows + 3 * edges + 5 * nodes + 2 * scores),
        ),
        sets(options, dtype, g),
    ]


def sets(options: argparse.Namespace, dtype: torch.dtype, g: torch.Generator) -> Case:
    """Samples of 4 to 40 points; the rival pads all to the largest, as PyG does, and attends with torch's kernel."""
    sizes = torch.randint(4, 41, (options.sets,), generator=g)
    n, h, c, most = int(sizes.sum()), options.heads, options.channels // options.heads, int(sizes.max())
    ptr = functional.pad(sizes.cumsum(0), (1, 0)).int().to(options.device)
    there = (torch.arange(most) < sizes[:, None]).to(options.device)
    place = there.flatten().nonzero()[:, 0]
    inputs = [torch.randn(n, h, c, generator=g).to(options.device, dtype).requires_grad_() for _ in range(3)]

    def rival(*tensors: Tensor) -> Tensor:
        padded = [t.new_zeros(len(sizes) * most, h, c).index_copy(0, place, t) for t in tensors]
        q, k, v = (t.reshape(len(sizes), most, h, c).transpose(1, 2) for t in padded)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])
        return y.transpose(1, 2).reshape(-1, h, c).index_select(0, place)

    def ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return packed_attention(q, k, v, ptr, ptr)

    return Case(f"attention in {options.sets:,} sets of 4 to 40", inputs, ours, rival, 12 * n * h * c * dtype.itemsize)


def both(function: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    y = function(*inputs)
    return [y.detach(), *torch.autograd.grad(y, inputs, torch.ones_like(y))]


def milliseconds(run: Callable[[], object], repeats: int, device: str) -> float:
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        if device == "cuda":
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            stop.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(stop))
        else:
            begin = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - begin))
    return median(times)


def check(case: Case, dtype: torch.dtype) -> None:
    ours, again, rival = (both(f, case.inputs) for f in (case.ours, case.ours, case.rival))
    if not all(torch.equal(one, two) for one, two in zip(ours, again, strict=True)):
        raise AssertionError(f"{case.name}: our result does not repeat bit for bit.")
    for one, two in zip(ours, rival, strict=True):
        # Not all: of equal maxima ours gives the gradient to the first, torch a share to each.
        scale = two.float().abs().mean() + 1e-6
        wrong = (one.float() - two.float()).abs() > (0.05 if dtype == torch.float32 else 2) * (scale + two.abs())
        if wrong.float().mean() > 1e-3:
            raise AssertionError(f"{case.name}: both sides compute different things.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cpu only shows that the script works")
    numbers = {"nodes": 169_343, "edges": 2_484_941, "channels": 128, "heads": 4, "sets": 8192, "repeats": 20}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("This table needs a CUDA device, and torch sees none.")
        return
    block = torch.empty(2**28 if options.device == "cuda" else 2**24, device=options.device)
    speed = 2 * block.numel() * 4 / milliseconds(block.clone, 5, options.device)  # bytes per ms
    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(
        f"{options.nodes:,} nodes, {options.edges:,} random edges, {options.channels} channels, forward + backward, "
        f"torch {torch.__version__}, {where}, copies at {speed / 1e6:,.0f} GB/s, median of {options.repeats} runs."
    )
    for dtype in (torch.float32, torch.bfloat16):
        print(f"\n| {str(dtype).removeprefix('torch.')} | {PEER}, eager | {PEER}, compiled | gdl | floor | ratios |")
        print("|---|---:|---:|---:|---:|---:|")
        for case in cases(options, dtype):
            check(case, dtype)
            torch._dynamo.reset()
            compiled = torch.compile(case.rival)
            a, b, ours = (
                milliseconds(lambda f=f, case=case: both(f, case.inputs), options.repeats, options.device)
                for f in (case.rival, compiled, case.ours)
            )
            floor = case.floor / speed
            ratios = f"**{a / ours:.1f}x, {b / ours:.1f}x**, {floor / ours:.0%} of the floor's speed"
            print(f"| {case.name} | {a:.2f} ms | {b:.2f} ms | {ours:.2f} ms | {floor:.2f} ms | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
