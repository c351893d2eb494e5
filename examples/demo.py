"""Learn upright digits, read them turned: a network equivariant to turns beside a plain one of equal size.

    pip install 'gdl-core[train]' gdl-groups
    python examples/demo.py

Options of the recipe may follow, such as `--trainer.max_epochs 3`. Under two minutes on two cores; the exit status is 1
if the equivariant network reads less than 95 % of the turned digits.
"""

import io
import json
import math
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not spin, whatever else the machine does

import torch
from gdl_core.train import load_model, train
from gdl_core.verify import audit
from gdl_groups.datasets.rotated import RotatedDigits, turned
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

RECIPE = "groups/rotated-digits"
NETWORKS = {"equivariant": [], "plain": ["--model.group", "1", "--model.channels", "[24, 48, 96]"]}
COLOURS = {"equivariant": "#009e73", "plain": "#d55e00"}  # Okabe and Ito's palette, told apart by everybody
REQUIRED = 0.95
PAD = 2


def main(options: list[str]) -> int:
    start = time.perf_counter()
    runs, models = {}, {}
    for number, (name, changes) in enumerate(NETWORKS.items(), 1):
        print(f"{number}. Train the {name} network on upright digits ({RECIPE} {' '.join(changes)}).\n")
        runs[name] = train(RECIPE, [*changes, *options])
        models[name], signal, _ = load_model(runs[name].checkpoint)
    folder = runs["equivariant"].folder
    print(f"\n{models['equivariant']}\n")

    print("3. Turn the test images. How many does each network read?\n")
    upright, truth = RotatedDigits(pad=PAD).arrays()[1]
    angles = list(range(0, 361, 15))
    curves = {name: [accuracy(model, upright, truth, angle) for angle in angles] for name, model in models.items()}
    print(f"   {'degrees':<13}{'parameters':>10}" + "".join(f"{angle:>8}" for angle in angles[::6]) + "  quarter turns")
    for name, curve in curves.items():
        size = sum(parameter.numel() for parameter in models[name].parameters())
        mean = runs[name].metrics["test/accuracy"]
        print(f"   {name:<13}{size:>10,}" + "".join(f"{value:>8.1%}" for value in curve[::6]) + f"{mean:>15.2%}")
    (folder / "turned.json").write_text(json.dumps({"degrees": angles, **curves}, indent=1))
    draw(folder / "turned.png", angles, curves, upright[truth == 7][:1])

    print("\n4. Audit both: which layer keeps a turn, and which loses it?\n")
    report = audit(models["equivariant"], signal, ["rotation"])
    print(report)
    report.save_json(folder / "audit.json")
    report.save_plot(folder / "audit.png")
    lost = audit(models["plain"], signal, ["rotation"]).first_lost("rotation")
    print(f"\n   the audit of the plain network names the layer that loses the turn: {lost}")

    print(f"\n{time.perf_counter() - start:.0f} s in all. Written to {folder}:")
    for name, what in (
        (runs["equivariant"].checkpoint.name, "the checkpoint of the best epoch"),
        ("metrics.json", "the figures of the training"),
        ("turned.json", "the accuracy of both networks at every angle"),
        ("turned.png", "its picture"),
        ("audit.json", "the audit"),
        ("audit.png", "its picture"),
    ):
        print(f"   {name:<13} {what}")
    print("\nWhat to type next:")
    print(f"   gdl test {runs['equivariant'].checkpoint}")
    print(f"   gdl train {RECIPE} --model.group D4 --model.channels '[8, 16, 32]'    mirrored digits look alike, too")
    print(f"   gdl train {RECIPE} --data.test any                   turns by any angle")
    print("   gdl recipes            the other recipes, such as groups/rotmnist --data.root FOLDER")
    print("   gdl list layers        what networks can be made of")
    found = runs["equivariant"].metrics["test/accuracy"]
    if found < REQUIRED:
        sys.stderr.write(f"The test accuracy is {found:.2%}, expected at least {REQUIRED:.0%}.\n")
        return 1
    return 0


def at_angle(images: Tensor, degrees: float) -> Tensor:
    """Return images `[n, 1, 8, 8]` of 0 … 16 with a margin, turned by so many degrees."""
    margin = nn.functional.pad(images, [PAD] * 4)
    if degrees % 90 == 0:
        return margin.rot90(int(degrees) // 90, (2, 3))
    return turned(margin, torch.full((len(images),), math.radians(degrees)))


def accuracy(model: nn.Module, images: Tensor, truth: Tensor, degrees: float) -> float:
    with torch.no_grad():
        found = model(RotatedDigits(pad=PAD).prepare(at_angle(images, degrees))).argmax(1)
    return float((found == truth).double().mean())


def draw(path: Path, angles: list[int], curves: dict[str, list[float]], image: Tensor) -> None:
    """Draw accuracy over the angle for both networks, with a digit turned along the axis."""
    figure = Figure(figsize=(8, 4), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 9, height_ratios=(5, 1))
    panel = figure.add_subplot(grid[0, :])
    for name, curve in curves.items():
        panel.plot(angles, [100 * value for value in curve], "o-", color=COLOURS[name], label=name, markersize=3)
    panel.set_xticks(range(0, 361, 45))
    panel.set_xlim(-22.5, 382.5)
    panel.set_ylim(0, 102)
    panel.set_ylabel("test digits read, %")
    panel.set_xlabel("turned by, degrees")
    panel.grid(alpha=0.3)
    panel.legend(loc="upper center", bbox_to_anchor=(0.28, 1.0), framealpha=0.9)
    panel.set_title("Trained on upright digits only, networks of equal size", fontsize=11, fontweight="bold")
    for position, degrees in enumerate(range(0, 361, 45)):
        small = figure.add_subplot(grid[1, position])
        small.imshow(at_angle(image, degrees)[0, 0].numpy(), cmap="gray_r")
        small.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
