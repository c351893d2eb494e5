"""`deformation_stability`: how much an output moves per unit of deformation (the book, §3.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Domain, Signal
from gdl_core.verify.calling import caller, evaluating, title
from gdl_core.verify.error import place_outputs
from gdl_core.verify.measure import align, count_samples, plain, require_finite, sample_norms, widen
from gdl_core.verify.place import Placed


@runtime_checkable
class Deformation(Protocol):
    """A family of deformations τ of a domain. A domain supplies one, several, or a mapping by name: `deformations()`.

    Attributes:
        name: what it is called.
    """

    name: str

    def sample(self, seed: int, amplitude: float, signal: Signal) -> tuple[Signal, float]:
        """Return the deformed signal ρ(τ)x and its cost c(τ) ≥ 0, for the τ of `seed` scaled by `amplitude`.

        The same seed and amplitude give the same τ for every signal on the domain. c(τ) is 0 for a symmetry of the
        domain and, for a warp of a grid, the root of its Dirichlet energy.
        """
        ...


@dataclass(frozen=True)
class Trial:
    """One deformation: its response is ‖f(ρ(τ)x) − f(x)‖ / ‖x‖, and so is that of noise, averaged over the batch.

    Attributes:
        amplitude: what was asked of the deformation.
        seed: of the deformation.
        cost: c(τ).
        motion: ‖ρ(τ)x − x‖ / ‖x‖.
        response: of f to the deformation.
        noise: of f to noise η with ‖η‖ = ‖ρ(τ)x − x‖.
    """

    amplitude: float
    seed: int
    cost: float
    motion: float
    response: float
    noise: float


@dataclass(frozen=True)
class Stability:
    """The stability of f to deformations: ‖f(ρ(τ)x) − f(x)‖ ≤ C c(τ) ‖x‖ (the book, §3.3, eq. 4)."""

    function: str
    deformation: str
    law: str
    trials: tuple[Trial, ...]

    @property
    def slope(self) -> float:
        """C by least squares through the origin: Σ response · cost / Σ cost²; 0 if every cost is 0."""
        squares = sum(trial.cost**2 for trial in self.trials)
        return sum(trial.response * trial.cost for trial in self.trials) / squares if squares else 0.0

    @property
    def bound(self) -> float:
        """The smallest C for which (4) holds in every trial of positive cost."""
        return max((trial.response / trial.cost for trial in self.trials if trial.cost > 0), default=0.0)

    @property
    def relative(self) -> float | None:
        """E[response²] / E[noise²]: below 1, f resists deformation better than noise of equal size.

        R_f of Petrini et al. 2021 (arXiv 2105.02468), eq. 3. None if f does not respond to noise at all.
        """
        noise = sum(trial.noise**2 for trial in self.trials)
        return sum(trial.response**2 for trial in self.trials) / noise if noise else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        numbers = {"slope": self.slope, "bound": self.bound, "relative": plain(self.relative)}
        names = {"function": self.function, "deformation": self.deformation, "law": self.law}
        return {**names, **numbers, "trials": [asdict(trial) for trial in self.trials]}

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [
            ("amplitude", "cost c(τ)", "‖ρ(τ)x − x‖ / ‖x‖", "response / ‖x‖", "response to noise")
        ]
        for amplitude in dict.fromkeys(trial.amplitude for trial in self.trials):
            group = [trial for trial in self.trials if trial.amplitude == amplitude]
            columns = ("cost", "motion", "response", "noise")
            means = [sum(getattr(trial, column) for trial in group) / len(group) for column in columns]
            rows.append((f"{amplitude:g}", *(f"{mean:.3g}" for mean in means)))
        head = f"stability of {self.function} ({self.law} output) to {self.deformation!r}, means over seeds"
        resists = "none" if self.relative is None else f"{self.relative:.3g}"
        tail = f"slope C = {self.slope:.3g}, bound {self.bound:.3g}; deformation / noise R = {resists}"
        return "\n".join([head, align(rows), tail])


def deformation_stability(
    f: Callable,
    signal: Signal,
    deformation: Deformation | str | None = None,
    amplitudes: Sequence[float] = (0.01, 0.03, 0.1, 0.3),
    samples: int = 4,
    seed: int = 0,
) -> Stability:
    """Measure ‖f(ρ(τ)x) − f(x)‖ against c(τ)‖x‖ over amplitudes, and against the response to noise of equal norm.

    A vector per sample is compared directly. An output that is a signal on the input's own domain is compared with the
    deformed clean output, ‖f(ρ(τ)x) − ρ(τ)f(x)‖, and its noise response is as it is.

    Args:
        f: any callable f(values) or f(values, domain).
        signal: x.
        deformation: a `Deformation`, or its name in `signal.domain.deformations()`; the first of these if left out.
        amplitudes: scales of τ, positive.
        samples: how many τ per amplitude.
        seed: of τ, the noise, and random numbers that f draws.

    Raises:
        ValueError: for NaN, amplitudes that are not positive, a domain without deformations, or an output on another
            domain, where τ has no meaning.

    Source: the book, §3.3, eq. 4; Petrini et al. 2021 (arXiv 2105.02468), eq. 3 for the relative stability.
    """
    chosen = _choose(signal, deformation)
    amplitudes = tuple(float(amplitude) for amplitude in amplitudes)
    if not amplitudes or min(amplitudes) <= 0 or samples < 1:
        raise ValueError(
            f"deformation_stability takes positive amplitudes and at least one sample, got {amplitudes} and {samples}."
        )
    require_finite(signal.values, "The input signal")
    run, count = caller(f, seed), count_samples(signal)
    size = sample_norms(signal.values, signal.domain)
    size = torch.where(size > 0, size, torch.ones_like(size))
    draw = torch.Generator().manual_seed(seed)
    trials = []
    with evaluating(f), torch.no_grad():
        clean = place_outputs(f, run(signal.values, signal.domain), signal, None)
        law = _law(clean, signal, f)
        for amplitude in amplitudes:
            for number in range(samples):
                tau = seed * samples + number
                moved, cost = chosen.sample(tau, amplitude, signal)
                got = place_outputs(f, run(moved.values, moved.domain), moved, None)
                expected = [_carry(chosen, tau, amplitude, item, signal.domain) for item in clean]
                motion = sample_norms(_difference(moved.values, signal.values), signal.domain)
                noisy = signal.values + _noise(signal, motion, draw)
                shaken = place_outputs(f, run(noisy, signal.domain), signal, None)
                parts = []
                for new, wanted in ((got, expected), (shaken, [item.values for item in clean])):
                    norms = [
                        sample_norms(_difference(a.values, b), c.domain, count) for a, b, c in zip(new, wanted, clean)
                    ]
                    parts.append(float((torch.stack(norms).square().sum(0).sqrt() / size).mean()))
                trials.append(Trial(amplitude, tau, float(cost), float((motion / size).mean()), *parts))
    return Stability(title(f), chosen.name, law, tuple(trials))


def _choose(signal: Signal, deformation: Deformation | str | None) -> Deformation:
    if deformation is not None and not isinstance(deformation, str):
        return deformation
    known = _supplied(signal.domain)
    if not known:
        raise ValueError(f"{signal.domain} supplies no deformations; give one as `deformation=`.")
    if deformation is None:
        return next(iter(known.values()))
    if deformation not in known:
        raise UnknownNameError(
            f"{signal.domain} has no deformation named {deformation!r}; it has {', '.join(known)}."
            + closest(deformation, known)
        )
    return known[deformation]


def _supplied(domain: Domain) -> dict[str, Deformation]:
    """Return what `domain.deformations()` gives, by name: a mapping, several, or a single one."""
    hook = getattr(domain, "deformations", None)
    found = hook() if hook is not None else {}
    if isinstance(found, Mapping):
        return dict(found)
    several = [found] if isinstance(found, Deformation) else list(found)
    return {item.name: item for item in several}


def _law(clean: list[Placed], signal: Signal, f: Callable) -> str:
    kinds = set()
    for item in clean:
        if item.domain is not None and not _fits(item, signal.domain):
            raise ValueError(
                f"{title(f)} returns a signal on {item.domain!r}, another domain than that of its input "
                f"({signal.domain!r}), where the deformation has no meaning; measure an invariant readout of it."
            )
        kinds.add("invariant" if item.domain is None else "equivariant")
    return " and ".join(sorted(kinds))


def _fits(item: Placed, domain: Domain) -> bool:
    try:
        domain.check(item.values, "deformation_stability")
    except ValueError:
        return False
    return True


def _carry(deformation: Deformation, seed: int, amplitude: float, item: Placed, domain: Domain) -> Tensor:
    if item.domain is None or item.type is None:
        return item.values
    return deformation.sample(seed, amplitude, Signal(item.values, domain, item.type))[0].values


def _difference(a: Tensor, b: Tensor) -> Tensor:
    return widen(a) - widen(b)


def _noise(signal: Signal, norms: Tensor, draw: torch.Generator) -> Tensor:
    """Return white noise whose norm per sample is `norms`."""
    noise = torch.randn(signal.values.shape, generator=draw, dtype=torch.float64).to(signal.values.device)
    own = sample_norms(noise, signal.domain)
    weights = norms / torch.where(own > 0, own, torch.ones_like(own))
    scale = _spread(weights.to(noise.device), signal)
    return (noise * scale).to(signal.values.dtype)


def _spread(weights: Tensor, signal: Signal) -> Tensor:
    """Return one weight per sample, broadcast over the values of that sample."""
    points = signal.domain.to_points(signal.values)
    if points.dim() > 2:
        shape = (*points.shape[:-2], 1, 1)
        return signal.domain.from_points(weights.reshape(shape).expand(points.shape))
    ptr = getattr(signal.domain, "ptr", None)
    rows = weights.expand(points.shape[0]) if ptr is None else weights.repeat_interleave(ptr.diff())
    return signal.domain.from_points(rows[:, None].expand(points.shape))
