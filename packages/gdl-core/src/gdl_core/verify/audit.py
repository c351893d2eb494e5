"""`audit`: which layer of a network loses a symmetry, and whether by a bug, by sampling or by rounding."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.verify.calling import caller, evaluating, title, unwrapped
from gdl_core.verify.error import element_error, group_elements, place_outputs
from gdl_core.verify.findings import OUTPUT, Audit, Cell, Row
from gdl_core.verify.measure import DOUBLE_LEVEL, count_samples, require_finite, tolerance
from gdl_core.verify.place import find_symmetry
from gdl_core.verify.replay import REFUSALS, Figures, Measured, measure
from gdl_core.verify.trace import Call, Watch, record

# At twice the resolution a sampling error falls by 2 or more; a border of one pixel falls by √2, and a bug stays.
FALLS_BY = 1.7


def audit(
    model: nn.Module,
    signal: Signal,
    symmetries: Sequence[str | Symmetry] | Mapping[str, Symmetry] | str | None = None,
    samples: int = 4,
    seed: int = 0,
) -> Audit:
    """Measure, layer by layer, how well a network keeps each symmetry, and name the layer that loses it.

    Every layer is run twice: inside the network on g·s, which gives the *total* error accumulated up to its output; and
    alone on g·(its own clean input), which gives its *own* error. Code between the modules of a container is measured
    by running the container with the results of its children replaced by ideal ones. An intermediate follows the types
    that a module declares (`in_type`, `out_type`, or `output_types(domain)` of several tensors), else the type that
    entered, else invariant scalars, on the domain that the module was given or that `domain.locate` reads off its
    shape.

    Verdicts on the own error, from best to worst:

    * `exact`: within the rounding of its dtype;
    * `rounding`: falls to the level of float64 when run in float64;
    * `discretisation`: falls by a factor of 1.7 or more at double resolution (`domain.refine`); only a symmetry that
      interpolates can have it, as one that permutes points leaves nothing to sampling;
    * `lost`: none of these;
    * `not placed`: the input or output is neither a signal on the domain nor invariant (a flattened image).

    Args:
        model: any `torch.nn.Module`, called as model(values) or model(values, domain); also `torch.compile(model)`, of
            which the compiled network gives the last row and the modules inside give the layers. It is run in
            evaluation mode without gradients; modes are restored and hooks removed, whatever happens.
        signal: an input.
        symmetries: names or symmetries of the signal's domain; all of them if left out.
        samples: how many elements to sample besides the generators.
        seed: of the elements and of random numbers that the model draws.

    Raises:
        ValueError: for NaN in the input, and for NaN in the network, naming the first module that returned it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"audit takes a torch.nn.Module, got {type(model).__name__}; equivariance_error takes any callable."
        )
    require_finite(signal.values, "The input of the audit")
    chosen = _choose(signal, symmetries)
    base = _Run(model, signal, chosen, samples, seed)
    double = base.in_double()
    smooth = [symmetry for symmetry in chosen if not symmetry.is_exact]
    fine = (double or base).refined(smooth)
    calls = [call for call in base.calls if call.is_row]
    if len(calls) > 1:  # a part that is the whole network has the last row already
        calls = [call for call in calls if call.name]
    rows = [_row(base, call, None, chosen, double, fine) for call in calls]
    positions = [float(call.end) for call in calls]
    for place in _code_places(base):
        row = _row(base, base.by_key[place[0]], place, chosen, double, fine)
        judged = [name for name in row.cells if place in base.found[name].code]
        if any(row.cells[name].verdict != "exact" for name in judged):
            rows.append(row)
            before = base.by_key[place[1]] if place[1] else base.by_key[place[0]]
            positions.append(before.end - 0.5)
    order = sorted(range(len(rows)), key=positions.__getitem__)
    rows = [rows[i] for i in order]
    rows.append(_output_row(base, rows, chosen, double, fine))
    return Audit(
        model=title(model),
        compiled=unwrapped(model) is not model,
        dtype=str(signal.values.dtype).removeprefix("torch."),
        input_shape=tuple(signal.values.shape),
        symmetries=tuple(symmetry.name for symmetry in chosen),
        rows=tuple(rows),
        has_double=double is not None or signal.values.dtype == torch.float64,
        interpolating=tuple(symmetry.name for symmetry in chosen if not symmetry.is_exact),
        has_refined=fine is not None,
    )


class _Run:
    """One network on one signal: its recorded calls, and the figures of every symmetry."""

    def __init__(
        self,
        model: nn.Module,
        signal: Signal,
        symmetries: Sequence[Symmetry],
        samples: int,
        seed: int,
        partial: bool = False,
    ):
        self.model, self.signal, self.symmetries, self.samples, self.seed = model, signal, symmetries, samples, seed
        inner = unwrapped(model)
        watch, run = Watch(inner), caller(inner, seed)
        if partial:  # the layers up to the first that refuses this size are evidence too
            run = _forgiving(run)
        self.found: dict[str, Measured] = {}
        self.output: dict[str, float] = {}
        with evaluating(model), torch.no_grad():
            for symmetry in symmetries:
                try:
                    self.output[symmetry.name] = self._output(symmetry)
                except REFUSALS:
                    if not partial:
                        raise
            with watch.hooked():
                self.calls: list[Call] = record(watch, run, signal)
                for symmetry in symmetries:
                    elements = _distinct(symmetry, samples, seed)
                    self.found[symmetry.name] = measure(watch, run, signal, self.calls, symmetry, elements)
        self.by_key = {call.key: call for call in self.calls}

    def _output(self, symmetry: Symmetry) -> float:
        """The error of the whole network, as it was given: compiled where it is compiled."""
        run, count = caller(self.model, self.seed), count_samples(self.signal)
        try:
            clean = place_outputs(self.model, run(self.signal.values, self.signal.domain), self.signal, None)
        except ValueError:
            record_watch = Watch(unwrapped(self.model))
            with record_watch.hooked():  # to name the module in which NaN appeared first
                record(record_watch, caller(unwrapped(self.model), self.seed), self.signal)
            raise
        elements = _distinct(symmetry, self.samples, self.seed)
        found = [element_error(self.model, run, self.signal, symmetry, g, clean, None, count) for g in elements]
        return max((float(error.max()) for error in found if error.numel()), default=0.0)

    def _inexact(self, symmetry: Symmetry) -> bool:
        """Whether some error might be rounding, so that a second run in float64 is worth its time."""
        measured = self.found[symmetry.name]
        figures = [*measured.calls.values(), *measured.code.values()]
        worst = [self.output[symmetry.name], *(f.own for f in figures if f.own is not None)]
        return max(worst) > tolerance(self.signal.values.dtype)

    def in_double(self) -> "_Run | None":
        """Return the run in float64 for the symmetries that need it; None if none does or the network cannot."""
        wanted = [symmetry for symmetry in self.symmetries if self._inexact(symmetry)]
        if not wanted or self.signal.values.dtype == torch.float64 or self.signal.values.is_complex():
            return None
        try:
            model = copy.deepcopy(unwrapped(self.model)).double()
            domain = self.signal.domain.to(dtype=torch.float64)
            signal = Signal(self.signal.values.double(), domain, self.signal.type)
            return _Run(model, signal, _again(signal, wanted), self.samples, self.seed)
        except REFUSALS:
            return None

    def refined(self, symmetries: Sequence[Symmetry]) -> "_Run | None":
        """Return the run at twice the resolution, or None if the domain, the network or the symmetries have none."""
        if not symmetries:
            return None
        try:
            fine = self.signal.domain.refine(self.signal)
            if fine is None:
                return None
            kept = [found for s in symmetries if (found := s.on(fine.domain)) is not None]
            return _Run(unwrapped(self.model), fine, kept, self.samples, self.seed, partial=True) if kept else None
        except REFUSALS:
            return None


def _distinct(symmetry: Symmetry, samples: int, seed: int) -> list[Tensor]:
    """Return generators and samples without repetitions, and without the identity, which shows nothing."""
    group = symmetry.group
    kept: dict[str, Tensor] = {}
    _, elements = group_elements(symmetry, samples, seed)
    for g in elements:
        if not group.close(g, group.identity()):
            kept.setdefault(str(g.tolist()), g)
    return list(kept.values()) or elements[:1]


def _forgiving(run: Callable) -> Callable:
    def attempt(values: Tensor, domain: Domain) -> None:
        with suppress(*REFUSALS):
            run(values, domain)

    return attempt


def _again(signal: Signal, symmetries: Sequence[Symmetry]) -> list[Symmetry]:
    """Return the symmetries of the same names on another domain; one that it does not list stays as it is."""
    return [symmetry.on(signal.domain) or symmetry for symmetry in symmetries]


def _choose(signal: Signal, symmetries) -> list[Symmetry]:
    if symmetries is None:
        symmetries = signal.domain.symmetries()
    if isinstance(symmetries, str | Symmetry):
        symmetries = [symmetries]
    found = list(symmetries.values()) if isinstance(symmetries, Mapping) else list(symmetries)
    if not found:
        raise ValueError(f"{signal.domain} has no symmetry, so there is nothing to audit.")
    return [find_symmetry(signal.domain, item) for item in found]


def _code_places(run: _Run) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for measured in run.found.values():
        found.update(dict.fromkeys(measured.code))
    return list(found)


def _row(base: _Run, call: Call, place: tuple[str, str] | None, chosen, double: _Run | None, fine: _Run | None) -> Row:
    """Return the row of a module, or of the code of a container at one place."""

    def figures(run: _Run | None, name: str) -> Figures | None:
        if run is None or name not in run.found:
            return None
        measured = run.found[name]
        return measured.calls.get(call.key) if place is None else measured.code.get(place)

    cells = {}
    for symmetry in chosen:
        own = figures(base, symmetry.name) or Figures(unplaced="code before it made a tensor without a law")
        total = own.total
        if place is not None:
            measured = base.found[symmetry.name]
            total = measured.inputs.get(place[1]) if place[1] else measured.calls[call.key].total
        others = [figures(double, symmetry.name), figures(fine, symmetry.name)]
        in_double, in_fine = (None if other is None else other.own for other in others)
        dtype = call.dtype if place is None or not place[1] else base.by_key[place[1]].dtype
        verdict = (
            "not placed" if own.unplaced or own.own is None else _verdict(own.own, in_double, in_fine, dtype, symmetry)
        )
        cells[symmetry.name] = Cell(verdict, own.own, total, in_double, in_fine, own.unplaced)
    shapes = tuple(tuple(item.values.shape) for item in call.result.placed.values())
    if place is None:
        return Row(call.key, type(call.module).__name__, shapes, cells)
    where = f" (before {place[1]})" if place[1] else " (its output)"
    return Row(f"code of {call.key}{where}", type(call.module).__name__, shapes, cells)


def _output_row(base: _Run, rows: Sequence[Row], chosen, double: _Run | None, fine: _Run | None) -> Row:
    cells = {}
    for symmetry in chosen:
        name = symmetry.name
        total = base.output[name]
        in_double = double.output.get(name) if double is not None else None
        in_fine = fine.output.get(name) if fine is not None else None
        verdict = _verdict(total, in_double, in_fine, base.signal.values.dtype, symmetry)
        if verdict == "discretisation" and any(row.cells[name].verdict == "lost" for row in rows):
            verdict = "lost"  # averaging a border over more points makes it smaller, not right
        cells[name] = Cell(verdict, None, total, in_double, in_fine, "")
    return Row(OUTPUT, title(base.model), (), cells)


def _verdict(
    error: float, in_double: float | None, in_fine: float | None, dtype: torch.dtype, symmetry: Symmetry
) -> str:
    if error <= tolerance(dtype):
        return "exact"
    if in_double is not None and in_double <= DOUBLE_LEVEL:
        return "rounding"
    best = error if in_double is None else in_double
    if not symmetry.is_exact and in_fine is not None and in_fine * FALLS_BY <= best:
        return "discretisation"
    return "lost"
