"""A character Transformer on tiny Shakespeare within a time budget: validation loss, steps per second, a sample.

    python benchmarks/shakespeare.py [PATH/TO/input.txt] [--seconds 720] [--threads 2] [--channels 128] …

Trains `CharTransformer` on the first 90 % of the text and prints the mean cross-entropy (nats per character) over all
of the last 10 %, read in windows of the context length.
"""

import argparse
import math
import time
from pathlib import Path

import torch
from gdl_graphs import CharTransformer
from torch import Tensor
from torch.nn.functional import cross_entropy


def read(path: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Return the text to train on, the text to validate on, and the characters."""
    text = path.read_text(encoding="utf-8")
    characters = sorted(set(text))
    place = {character: i for i, character in enumerate(characters)}
    tokens = torch.tensor([place[character] for character in text])
    cut = int(0.9 * len(tokens))
    return tokens[:cut], tokens[cut:], characters


def batch(tokens: Tensor, size: int, context: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    starts = torch.randint(len(tokens) - context - 1, (size, 1), generator=generator)
    windows = tokens[starts + torch.arange(context + 1)]
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def loss_on(model: CharTransformer, tokens: Tensor, context: int, size: int = 64) -> float:
    """Return the mean loss over all of `tokens`, in windows side by side."""
    model.eval()
    windows = (len(tokens) - 1) // context
    inputs = tokens[: windows * context].view(windows, context)
    targets = tokens[1 : windows * context + 1].view(windows, context)
    total = 0.0
    for x, y in zip(inputs.split(size), targets.split(size)):
        total += float(cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum"))
    model.train()
    return total / targets.numel()


def learning_rate(step: int, done: float, options: argparse.Namespace) -> float:
    """Return the rate: a linear warm-up over steps, then a cosine over the share of the budget that is spent."""
    warm = min(1.0, (step + 1) / options.warmup)
    return warm * options.lr * (options.floor + (1 - options.floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "text_tinyshakespeare" / "input.txt"
    parser.add_argument("text", type=Path, nargs="?", default=shared)
    numbers = {"channels": 128, "blocks": 4, "heads": 4, "context": 128, "batch": 16, "warmup": 100, "threads": 2}
    numbers |= {"seed": 0, "steps": 0, "sample": 400}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    rates = {"seconds": 720.0, "lr": 3e-3, "floor": 0.05, "weight-decay": 0.1, "dropout": 0.0, "beta2": 0.99}
    for name, value in rates.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--positions", default="rotary")
    parser.add_argument("--activation", default="gelu")
    parser.add_argument("--untied", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train, valid, characters = read(options.text)
    model = CharTransformer(
        len(characters), options.context, options.channels, options.blocks, options.heads,
        activation=options.activation, dropout=options.dropout, positions=options.positions, tied=not options.untied,
    )  # fmt: skip
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups, lr=options.lr, betas=(0.9, options.beta2), weight_decay=options.weight_decay, foreach=True
    )
    generator = torch.Generator().manual_seed(options.seed)
    start, spent, step, told = time.perf_counter(), 0.0, 0, 0.0
    while (step < options.steps) if options.steps else (spent < options.seconds):
        done = step / options.steps if options.steps else spent / options.seconds
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, done, options)
        x, y = batch(train, options.batch, options.context, generator)
        loss = cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, spent = step + 1, time.perf_counter() - start
        if spent > told + 30:
            told = spent
            print(f"  {spent:5.0f} s, step {step}, training loss {float(loss):.3f}", flush=True)
    result = loss_on(model, valid, options.context)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {step} steps of {options.batch} x "
        f"{options.context} in {spent:.0f} s ({step / spent:.2f} steps/s, {options.threads} threads): "
        f"validation loss {result:.4f}\n"
    )
    prompt = torch.tensor([[characters.index("\n")]])
    model.eval()
    text = model.generate(prompt, options.sample, 0.8, generator)[0].tolist()
    print("".join(characters[i] for i in text))


if __name__ == "__main__":
    main()
