"""Grids against plain torch: circular convolution, adaptive polyphase pool, blur pool. Prints markdown.

    python benchmarks/grids.py [--threads 1] [--device cpu] [--repeats 15]

Each pair is timed in both orders in turn, and the ratio is the median of the paired ratios. Memory is the peak of what
is allocated beyond the parameters and the input, by the forward and the backward pass together.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from gdl_grids import BlurPool, Conv, Grid, PolyphasePool
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile


def time_once(run: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(ours: Callable, theirs: Callable, device: str, repeats: int) -> tuple[float, float, float]:
    """Return the median times of both in milliseconds and the median of the ratios theirs / ours."""
    for _ in range(3):
        ours(), theirs()
    rows = []
    for turn in range(repeats):
        if turn % 2:
            b, a = time_once(theirs, device), time_once(ours, device)
        else:
            a, b = time_once(ours, device), time_once(theirs, device)
        rows.append((a, b))
    first, second = (1e3 * statistics.median(column) for column in zip(*rows))
    return first, second, statistics.median(b / a for a, b in rows)


def peak(run: Callable[[], object], device: str) -> float:
    """Return the largest sum of live allocations of one run, in MiB."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    held = top = 0
    for event in sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            top = max(top, held)
    return top / 2**20


def training(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def run() -> None:
        y = layer(x)
        (y if isinstance(y, Tensor) else y[0]).sum().backward()

    return run


def inference(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def run() -> None:
        with torch.no_grad():
            layer(x)

    return run


class PlainPolyphase(nn.Module):
    """Adaptive polyphase sampling by 2 as a few lines of torch: stack the four grids, compare norms, gather."""

    def forward(self, x: Tensor) -> Tensor:
        grids = torch.stack([x[..., p::2, q::2] for p in (0, 1) for q in (0, 1)], 1)  # [b, 4, c, h, w]
        best = grids.square().sum((2, 3, 4)).argmax(1)
        return grids[torch.arange(len(x), device=x.device), best]


class PlainBlur(nn.Module):
    """A circular 3 x 3 binomial blur with stride 2: pad, depthwise convolution."""

    def __init__(self, channels: int):
        super().__init__()
        taps = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", (taps[:, None] * taps).expand(channels, 1, 3, 3).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), mode="circular")
        return functional.conv2d(padded, self.kernel, stride=2, groups=x.shape[1])


def convolutions(c: int, k: int) -> tuple[nn.Module, nn.Module]:
    return Conv(c, c, k), nn.Conv2d(c, c, k, padding=k // 2, padding_mode="circular")


def report(title: str, pairs: list, device: str, repeats: int) -> None:
    print(f"\n### {title}\n")
    print("| input | pass | ours, ms | torch, ms | torch / ours | ours, MiB | torch, MiB |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for shape, ours, theirs in pairs:
        x = torch.randn(*shape, device=device)
        ours, theirs = ours.to(device), theirs.to(device)
        for name, make in (("inference", inference), ("training", training)):
            x = x.requires_grad_(name == "training")
            a, b = make(ours, x), make(theirs, x)
            first, second, ratio = paired(a, b, device, repeats)
            memory = f"{peak(a, device):.1f} | {peak(b, device):.1f}"
            print(f"| {'x'.join(map(str, shape))} | {name} | {first:.2f} | {second:.2f} | {ratio:.2f} | {memory} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {options.device}, {options.threads} threads, float32, {options.repeats} pairs")
    shapes = [(16, 64, 16, 16), (16, 16, 64, 64), (4, 32, 128, 128), (2, 16, 512, 512)]
    rows = [(shape, *convolutions(shape[1], 3)) for shape in shapes]
    rows.append(((2, 16, 256, 256), *convolutions(16, 7)))
    report(
        "`Conv` and `nn.Conv2d(padding_mode='circular')`, 3 x 3, the last 7 x 7", rows, options.device, options.repeats
    )
    rows = [(shape, PolyphasePool(shape[1]), PlainPolyphase()) for shape in shapes]
    report("`PolyphasePool` and the same in plain torch", rows, options.device, options.repeats)
    rows = [(shape, BlurPool(shape[1], 3), PlainBlur(shape[1])) for shape in shapes]
    report("`BlurPool` and circular padding with a depthwise convolution", rows, options.device, options.repeats)
    check(options.device)


def check(device: str) -> None:
    """The timed pairs compute the same."""
    x = torch.randn(2, 4, 16, 16, device=device)
    ours, theirs = (layer.to(device) for layer in convolutions(4, 3))
    theirs.load_state_dict(ours.state_dict())
    pairs = [
        (ours(x, Grid((16, 16))), theirs(x)),
        (PolyphasePool(4).to(device)(x)[0], PlainPolyphase()(x)),
        (BlurPool(4).to(device)(x)[0], PlainBlur(4).to(device)(x)),
    ]
    worst = max(float((a - b).detach().abs().max()) for a, b in pairs)
    print(f"\nlargest difference of the pairs: {worst:.1e}")


if __name__ == "__main__":
    main()
