# /// script
# dependencies = ["torch-harmonics==0.9.3"]
# ///
"""The spherical harmonic transform against torch-harmonics: accuracy, forward + backward, memory; and applications.

    python benchmarks/groups_sphere.py [--degrees 16 32 64 128 256 512] [--signals 16] [--pairs 5] [--threads 2]
                                       [--dtype float32] [--only transform accuracy activation digits] [--epochs 20]

Prints Markdown tables. One step is analysis and synthesis on a Gauss-Legendre grid of degree + 1 rings and twice as
many longitudes, and their backward pass; both libraries' results are compared first. Timings are in pairs, in both
orders: medians, and the median of the paired ratios. The round trip starts from coefficients of unit variance.
`digits` trains the network of the recipe spherical-digits and a planar network of as many parameters on the same values
(a chart of latitude and longitude, periodic along the rings), upright, with the recipe's budget, one seed, without a
validation set; both are tested on upright and on turned digits.
torch-harmonics may be left out (`pip install --no-deps torch-harmonics`): then only our columns are filled.
"""

import argparse
import platform
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
from gdl_core.geometry import Signal
from gdl_core.representations import FieldType
from gdl_core.train.source import Samples
from gdl_core.verify import equivariance_error
from gdl_groups import Rotations, Sphere, SphereActivation, analysis, synthesis
from gdl_groups.datasets.spherical_digits import SphericalDigits
from gdl_groups.kernels.sht_fast import make_plan
from gdl_groups.kernels.sht_so3 import coefficients
from gdl_groups.models.spherical import spherical_cnn
from gdl_groups.spherical.transform import unpack
from incidence import paired
from torch import Tensor, nn

RIVAL = find_spec("torch_harmonics") is not None


def rival_transforms(degree: int, dtype: torch.dtype) -> tuple[torch.nn.Module, torch.nn.Module]:
    import torch_harmonics

    options = {"lmax": degree + 1, "mmax": degree + 1, "grid": "legendre-gauss"}
    forward = torch_harmonics.RealSHT(degree + 1, 2 * degree + 2, **options)
    back = torch_harmonics.InverseRealSHT(degree + 1, 2 * degree + 2, **options)
    return forward.to(dtype), back.to(dtype)


def white(degree: int, batch: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return unpack(torch.randn(batch, (degree + 1) ** 2, generator=draw, dtype=torch.float64))


def step(there: Callable, back: Callable, x: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        y = back(there(x))
        return torch.autograd.grad(y.square().sum() / 2, x)[0]

    return run


def table_bytes(degree: int, dtype: torch.dtype) -> int:
    plan = make_plan("gauss-legendre", degree + 1, degree, dtype, torch.device("cpu"))
    return sum(part.nbytes for block in plan.blocks for part in block.tables)


def transform(options: argparse.Namespace) -> None:
    dtype = getattr(torch, options.dtype)
    print(
        "| degree | signals | ours, ms | torch-harmonics, ms | ratio | our tables, MB | theirs | set up, s | theirs |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for degree in options.degrees:
        sphere = Sphere.of_degree(degree)
        x = synthesis(white(degree, options.signals), sphere).to(dtype).requires_grad_()
        start = time.perf_counter()
        ours = step(lambda x, s=sphere: analysis(x, s), lambda c, s=sphere: synthesis(c, s), x)
        found = ours()
        first = time.perf_counter() - start
        cells = [str(degree), str(options.signals)]
        if RIVAL:
            start = time.perf_counter()
            there, back = rival_transforms(degree, dtype)
            theirs = step(there, back, x)
            expected = theirs()
            second = time.perf_counter() - start
            error = float((found - expected).abs().max() / expected.abs().max())
            if error > (1e-3 if dtype == torch.float32 else 1e-8):
                raise AssertionError(f"Both sides compute different things: {error:.1e} at degree {degree}.")
            a, b, ratio = paired(ours, theirs, options.pairs)
            size = sum(buffer.nbytes for module in (there, back) for buffer in module.buffers())
            cells += [f"{1e3 * a:.2f}", f"{1e3 * b:.2f}", f"{ratio:.2f}"]
            cells += [f"{table_bytes(degree, dtype) / 1e6:.1f}", f"{size / 1e6:.1f}", f"{first:.2f}", f"{second:.2f}"]
        else:
            a, _, _ = paired(ours, ours, options.pairs)
            cells += [f"{1e3 * a:.2f}", "", "", f"{table_bytes(degree, dtype) / 1e6:.1f}", "", f"{first:.2f}", ""]
        print("| " + " | ".join(cells) + " |")


def accuracy(options: argparse.Namespace) -> None:
    print("\n| degree | round trip, ours | torch-harmonics | round trip in float32, ours | torch-harmonics |")
    print("|---|---|---|---|---|")
    for degree in options.degrees:
        cells = [str(degree)]
        for dtype in (torch.float64, torch.float32):
            c, sphere = white(degree, 1).to(dtype), Sphere.of_degree(degree)
            cells.append(f"{float((analysis(synthesis(c, sphere), sphere) - c).abs().max()):.1e}")
            if RIVAL:
                there, back = rival_transforms(degree, dtype)
                half = c[..., degree:] / 2**0.5
                given = torch.complex(half, c[..., : degree + 1].flip(-1) / 2**0.5)
                given[..., 0] = c[..., degree]
                cells.append(f"{float((there(back(given)) - given).abs().max()):.1e}")
            else:
                cells.append("")
        print("| " + " | ".join(cells) + " |")


def activation(options: argparse.Namespace) -> None:
    print("\nEquivariance error of an activation between signals of full band, by oversampling, float64.\n")
    print("| grid | function | 1 | 2 | 4 | 8 |\n|---|---|---|---|---|---|")
    for grid, x in (
        (Sphere(16, 32), synthesis(white(15, 2), Sphere(16, 32))),
        (Rotations(4, 8, 8), synthesis(torch.randn(2, coefficients(3), dtype=torch.float64), Rotations(4, 8, 8))),
    ):
        signal = Signal(x[:, None], grid, FieldType.scalars(1))
        for function in ("relu", "gelu", "silu"):
            layers = [SphereActivation(1, function, count) for count in (1, 2, 4, 8)]
            errors = [equivariance_error(layer, signal, "rotation").mean for layer in layers]
            print(f"| {grid!r} | {function} | " + " | ".join(f"{error:.1e}" for error in errors) + " |")


class Planar(nn.Module):
    """Convolutions on the chart of latitude and longitude, periodic along the rings."""

    def __init__(self, channels: tuple[int, int] = (16, 78)):
        super().__init__()
        first, second = channels
        self.one, self.two = nn.Conv2d(1, first, 5), nn.Conv2d(first, second, 5)
        self.norms = nn.ModuleList([nn.BatchNorm2d(first), nn.BatchNorm2d(second)])
        self.last = nn.Linear(second, 10)

    def forward(self, x: Tensor) -> Tensor:
        for position, (conv, norm) in enumerate(zip((self.one, self.two), self.norms)):
            x = nn.functional.pad(nn.functional.pad(x, (2, 2, 0, 0), mode="circular"), (0, 0, 2, 2))
            x = norm(conv(x)).relu()
            x = x if position else nn.functional.max_pool2d(x, 2)
        return self.last(x.mean((2, 3)))


def digits(options: argparse.Namespace) -> None:
    data = SphericalDigits()
    splits, upright = data.splits(), SphericalDigits(rotate_test=False).splits().test
    spherical = spherical_cnn(domain=data.sphere)
    print("\n| network | parameters | test upright | test turned | seconds |\n|---|---|---|---|---|")
    for name, net in (("spherical", spherical), ("planar", Planar())):
        start = time.perf_counter()
        train(net, splits.train, options.epochs)
        figures = [f"{100 * share(net, part):.1f} %" for part in (upright, splits.test)]
        size = sum(parameter.numel() for parameter in net.parameters())
        print(f"| {name} | {size:,} | {' | '.join(figures)} | {time.perf_counter() - start:.0f} |")


def train(net: nn.Module, data: Samples, epochs: int) -> None:
    batches = -(-len(data) // 32)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=epochs * batches)
    for _ in range(epochs):
        for rows in torch.randperm(len(data)).split(32):
            loss = nn.functional.cross_entropy(net(data.inputs[rows]), data.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def share(net: nn.Module, data: Samples) -> float:
    net.eval()
    found = torch.cat([net(part).argmax(1) for part in data.inputs.split(128)])
    return float((found == data.targets).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--degrees", type=int, nargs="+", default=[16, 32, 64, 128, 256, 512])
    parser.add_argument("--signals", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--only", nargs="+", default=["transform", "accuracy", "activation", "digits"])
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    rival = ""
    if RIVAL:
        import torch_harmonics

        rival = f", torch-harmonics {torch_harmonics.__version__}"
    print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}{rival}, {options.threads} threads\n"
    )
    for name in options.only:
        known = {"transform": transform, "accuracy": accuracy, "activation": activation, "digits": digits}
        known[name](options)


if __name__ == "__main__":
    main()
