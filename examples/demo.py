"""Train a shift-invariant network on handwritten digits, audit it, and measure its stability: under two minutes.

    pip install 'gdl-core[train]' gdl-grids
    python examples/demo.py

Options of the recipe may follow, such as `--trainer.max_epochs 3`. The exit status is 1 below 97 % test accuracy.
"""

import os
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not spin, whatever else the machine does

from gdl_core.train import build_model, load_model, train
from gdl_core.verify import audit, deformation_stability, equivariance_error

SYMMETRIES = ("shift", "rotation", "reflection")
REQUIRED = 0.97


def main(options: list[str]) -> int:
    start = time.perf_counter()

    print("1. Train the recipe grids/digits.\n")
    run = train("grids/digits", options)
    model, signal, config = load_model(run.checkpoint)
    accuracy = run.metrics["test/accuracy"]
    print(f"\n{model}\n\ntest accuracy {accuracy:.2%} after {run.metrics['seconds']:.0f} s of training")

    print("\n2. Audit it: which layer keeps which symmetry? It was built for shifts, not for the other two.\n")
    report = audit(model, signal, SYMMETRIES)
    print(report)
    report.save_json(run.folder / "audit.json")
    report.save_plot(run.folder / "audit.png")

    print("\n3. The same weights with ordinary max-pools, which always keep the same grid.\n")
    config["model"]["init_args"]["pool"] = "max"
    ordinary = build_model(config).eval()
    ordinary.load_state_dict(model.state_dict())
    shift = signal.domain.symmetries()["shift"]
    for name, network in (("polyphase pools", model), ("ordinary pools", ordinary)):
        print(f"   change under a shift with {name}: {equivariance_error(network, signal, shift).max:.1e}")
    lost = audit(ordinary, signal, ["shift"]).first_lost("shift")
    print(f"   the audit of the second names the layer that loses the shift: {lost}")

    print("\n4. Deform the images: how much does the output move?\n")
    print(deformation_stability(model, signal))

    print(f"\n{time.perf_counter() - start:.0f} s in all. Written to {run.folder}:")
    for name, what in (
        (run.checkpoint.name, "the checkpoint of the best epoch"),
        ("metrics.json", "the figures of the training"),
        ("audit.json", "the audit"),
        ("audit.png", "its picture"),
    ):
        print(f"   {name:<13} {what}")
    print("\nWhat to type next:")
    print(f"   gdl test {run.checkpoint}")
    print(f"   gdl audit {run.checkpoint} --symmetry shift fractional_shift")
    print("   gdl recipes            the other recipes, such as grids/mnist --data.root FOLDER")
    print("   gdl list layers        what networks can be made of")
    if accuracy < REQUIRED:
        sys.stderr.write(f"The test accuracy is {accuracy:.2%}, expected at least {REQUIRED:.0%}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
