"""Charged particles in open space, by the law and the draws of the published simulator."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gdl_core.cache import cache_dir
from gdl_core.geometry import Signal
from gdl_core.train.source import Source, Splits, unpack
from torch import Tensor

from gdl_groups.datasets.graph_samples import GraphSamples
from gdl_groups.datasets.nbody_cpu import advance
from gdl_groups.geometric.checks import scalars_and_vectors
from gdl_groups.geometric.egnn import EGNN
from gdl_groups.geometric.graph import GeometricGraph

STEP = 0.001  # of time
LARGEST_FORCE = 100.0  # of each component, so that a close encounter does not blow up
SPEED = 0.5  # of every particle at the start
DRAWN = (10_000, 2_000, 2_000)  # trajectories of the published file: training, validation, test
LENGTH, EVERY = 5_000, 100  # steps of a published trajectory, and between frames that are kept


class PointCharges(Source):
    """Five particles of charge ±1 in R³: from positions and velocities at one time to the positions 1,000 steps later.

    Each particle is pushed by F_i = Σ_j q_i q_j (x_i - x_j) / ‖x_i - x_j‖³, clipped to ±100 by component, and moves by
    v ← v + 0.001 F, x ← x + 0.001 v. Positions start from a normal law, velocities from the sphere of radius 0.5. The
    inputs are the state after `start` steps, the target is the displacement in the `steps` that follow.

    These are the trajectories of the file "nbody_small" that the authors' program writes with its seed, 43: the same
    random numbers in the same order, of its 10,000 training trajectories the first. (It writes the velocity after the
    position at the same line of its loop, and so do we: the velocity that made the last step.) Not done as there:
    distances are differences, not a Gram matrix, which differs in the last digits; and the reflection of the very
    first position at ±5, which normal numbers do not reach in these draws.

    About one trajectory in a hundred has an encounter so close that rounding decides where it ends: the third digit of
    an error differs between machines.

    The values are [q, v], the type `1x0e+1x1o`; the graph joins all pairs.

    Args:
        train: training trajectories, at most 10,000.
        valid: validation trajectories, at most 2,000.
        test: test trajectories, at most 2,000.
        start: steps before the input.
        steps: steps from the input to the target.
        seed: of the draws.

    Raises:
        ValueError: if there are not so many trajectories, or they are not so long.

    Source: Kipf et al. 2018 (the simulator), Fuchs et al. 2020, Satorras et al. 2021, §5.1 (this set; in their code
    frames 30 and 40, which are steps 3,100 and 4,100).
    """

    def __init__(
        self,
        train: int = 3_000,
        valid: int = 2_000,
        test: int = 2_000,
        start: int = 3_100,
        steps: int = 1_000,
        seed: int = 43,
    ):
        for name, count, most in zip(("train", "valid", "test"), (train, valid, test), DRAWN):
            if not 0 < count <= most:
                raise ValueError(f"{name}: expected from 1 to {most} trajectories, got {count}")
        if start < 1 or steps < 1:
            raise ValueError(f"start, steps: expected whole numbers from 1, got {start} and {steps}")
        self.counts, self.start, self.steps, self.seed = (train, valid, test), start, steps, seed

    def splits(self) -> Splits:
        charges, positions, velocities, later = self.trajectories()
        parts, first = [], 0
        for count in self.counts:
            part = slice(first, first + count)
            parts.append(_samples(charges[part], positions[part], velocities[part], later[part]))
            first += count
        train, valid, test = parts
        return Splits(train, test, valid)

    def trajectories(self) -> tuple[np.ndarray, ...]:
        """Return charges ``[k, 5]``, positions and velocities ``[k, 5, 3]`` at `start`, and positions `steps` later.

        All splits, one after the other. They are simulated once (some seconds) and kept in the cache folder.
        """
        settings = (2, self.counts, self.start, self.steps, self.seed)
        folder = cache_dir()
        path = None if folder is None else folder / f"point-charges-{_digest(settings)}.npz"
        if path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as kept:
                return tuple(kept[name] for name in ("charges", "positions", "velocities", "later"))
        charges, x, v = _draws(self.counts, self.seed)
        x, v = simulate(charges, x, v, self.start)
        later, _ = simulate(charges, x, v, self.steps)
        found = {"charges": charges, "positions": x, "velocities": v, "later": later}
        if path is not None:
            _keep(path, found)
        return tuple(found.values())

    def signal(self, inputs: Any) -> Signal:
        values, domain = inputs
        return Signal(values, domain, scalars_and_vectors(1, 1))

    def collate(self) -> Callable[[list[Any]], Any]:
        return unpack


def simulate(charges: np.ndarray, x: np.ndarray, v: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and velocities ``[k, n, 3]`` of k systems of n particles after `steps` steps.

    A step is v ← v + dt F(x), x ← x + dt v, as the published program does it: the symplectic Euler method. With the
    velocity read as that of half a step before, it is the leapfrog method.
    """
    x, v = (np.array(values, np.float64, order="C") for values in (x, v))
    advance(np.ascontiguousarray(charges, np.float64), x, v, steps, STEP, LARGEST_FORCE)
    return x, v


def energy(charges: np.ndarray, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return ``[k]``, Σ v²/2 + Σ_{i<j} q_i q_j / r_ij, which the law without its clip conserves."""
    first, second = np.triu_indices(charges.shape[1], 1)
    r = np.linalg.norm(x[:, first] - x[:, second], axis=-1)
    return 0.5 * (v**2).sum((1, 2)) + (charges[:, first] * charges[:, second] / r).sum(1)


def _draws(counts: tuple[int, ...], seed: int) -> tuple[np.ndarray, ...]:
    """Return the charges, positions and velocities that the published program starts from, for the first of each split.

    It draws for each trajectory charges, positions, velocities, and noise of amplitude 0 for every frame.
    """
    draw = np.random.RandomState(seed)  # its generator; a newer one has other numbers
    found = []
    for count, most in zip(counts, DRAWN):
        for number in range(most):
            charges = draw.choice(np.array([-1.0, 0.0, 1.0]), size=(5, 1), p=[0.5, 0, 0.5])[:, 0]
            x, v = draw.randn(3, 5), draw.randn(3, 5)
            draw.randn(2 * 3 * 5 * (LENGTH // EVERY - 1))
            if number < count:
                found.append((charges, x.T, SPEED * (v / np.linalg.norm(v, axis=0)).T))
    return tuple(np.stack(part) for part in zip(*found))


def _samples(charges: np.ndarray, x: np.ndarray, v: np.ndarray, later: np.ndarray) -> GraphSamples:
    count, bodies = charges.shape
    flat = torch.from_numpy(x.reshape(-1, 3)).float()
    graph = GeometricGraph.from_positions(flat, sizes=[bodies] * count)
    values = np.concatenate([charges[..., None], v], -1).reshape(-1, 4)
    target: Tensor = torch.from_numpy((later - x).reshape(-1, 3)).float()
    return GraphSamples(torch.from_numpy(values).float(), graph, target)


def displacement_egnn(hidden: int = 64, layers: int = 4, normalise: bool = True) -> EGNN:
    """Return an `EGNN` from charges and velocities to displacements; charges enter as products alone.

    Args:
        hidden, layers, normalise: see `EGNN`.
    """
    into, out = scalars_and_vectors(1, 1), scalars_and_vectors(0, 1)
    return EGNN(into, out, hidden=hidden, layers=layers, products=True, normalise=normalise)


def _digest(settings: tuple) -> str:
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file under another name and move it, so that no other process reads a part of it."""
    partial = path.with_name(f"{path.stem}-{os.getpid()}.part.npz")
    try:
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
    except OSError:  # a full disk: the cache is only a shortcut
        partial.unlink(missing_ok=True)
