"""Measuring one symmetry on a recorded run: the accumulated error, each module alone, each container's own code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gdl_core.geometry import Domain, Signal, Symmetry
from gdl_core.verify.calling import declared_type
from gdl_core.verify.measure import count_samples, narrow, tolerance
from gdl_core.verify.place import Placed, chosen, images, moved_input, nearest
from gdl_core.verify.trace import Call, Packed, Watch

# A vector made by code between modules that is further than this from invariant holds positions.
_COARSE = 0.1
# What a symmetry or a module raises when a tensor does not carry the law that was guessed for it.
REFUSALS = (ValueError, TypeError, RuntimeError, NotImplementedError, IndexError, KeyError, AttributeError)


@dataclass
class Figures:
    """What was measured of one module (or of a container's code): the largest values over the group elements.

    Attributes:
        own: its error alone, on the ideal input g·(its clean input); None if that could not be made.
        total: the error accumulated from the input of the network to its output; None if the output has no law.
        unplaced: why its input or output follows no known law; empty if it does.
        vector: whether it returns a vector per sample instead of a signal.
    """

    own: float | None = None
    total: float | None = None
    unplaced: str = ""
    vector: bool = False

    def see_own(self, error: Tensor) -> None:
        self.own = max(self.own or 0.0, _largest(error))

    def see_total(self, error: Tensor) -> None:
        self.total = max(self.total or 0.0, _largest(error))


# Which candidate each sample took on its way, by (number of the call, "in" or "out", position of the tensor).
Choices = dict[tuple[int, str, int], Tensor]


@dataclass
class Measured:
    """Everything measured for one symmetry: figures by the key of a call, and by (container, place) of its code."""

    calls: dict[str, Figures] = field(default_factory=dict)
    code: dict[tuple[str, str], Figures] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)  # accumulated error of what enters a call
    whole: dict[str, float] = field(default_factory=dict)  # the same, of the whole numbers among it


def measure(
    watch: Watch, run: Callable, signal: Signal, calls: list[Call], symmetry: Symmetry, elements: list[Tensor]
) -> Measured:
    """Return the figures of every call under a symmetry; `watch` must be hooked, `calls` recorded on `signal`."""
    found = Measured({call.key: Figures() for call in calls})
    samples = count_samples(signal)
    runs: list[tuple[Tensor, Choices]] = []
    for g in elements:
        moved = moved_input(symmetry, g, signal)
        comparer = _Comparer(watch, calls, symmetry, g, samples, found)
        with watch.heard_by(comparer):
            run(moved.values, moved.domain)
        runs.append((g, comparer.choices))
        for call in calls:
            if call.is_row:
                _see_alone(call, symmetry, g, comparer.choices, samples, found.calls[call.key])
    _see_vectors(calls, found)
    for call in sorted(calls, key=lambda call: call.end):  # inner containers first
        if not call.is_row:
            _see_code(watch, calls, call, symmetry, runs, samples, found)
    _spread_unplaced(calls, found)
    return found


def _largest(error: Tensor) -> float:
    return float(error.max()) if error.numel() else 0.0


class _Comparer:
    """Listens to the run on g·s and compares every module's output with g·(its clean output)."""

    def __init__(self, watch: Watch, calls: list[Call], symmetry: Symmetry, g: Tensor, samples: int, found: Measured):
        self._by_key = {call.key: call for call in calls}
        self._watch, self._symmetry, self._g, self._samples, self._found = watch, symmetry, g, samples, found
        self._times: dict[nn.Module, int] = {}
        self._stack: list[Call | None] = []
        self.choices: Choices = {}

    def before(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        times = self._times[module] = self._times.get(module, 0) + 1
        name = self._watch.modules[module][0] or type(module).__name__
        call = self._by_key.get(name + (f" (call {times})" if times > 1 else ""))
        self._stack.append(call)
        if call is not None:
            got = Packed.of((args, kwargs))
            for store, whole in ((self._found.inputs, False), (self._found.whole, True)):
                kind = {i: item for i, item in call.inputs.placed.items() if item.is_number != whole}
                error = self._compare(kind, got, call, "in") if kind else None
                if error is not None:
                    store[call.key] = max(store.get(call.key, 0.0), _largest(error))

    def after(self, module: nn.Module, result: Any) -> None:
        call = self._stack.pop()
        if call is not None:
            error = self._compare(call.result.placed, Packed.of(result), call, "out")
            if error is not None:
                self._found.calls[call.key].see_total(error)

    def _compare(self, clean: dict[int, Placed], got: Packed, call: Call, side: str) -> Tensor | None:
        choices: dict[int, Tensor] = {}
        try:
            return compare(clean, got, self._symmetry, self._g, self._samples, choices)
        except REFUSALS:
            return None
        finally:
            self.choices.update({(call.number, side, position): choice for position, choice in choices.items()})


def compare(
    clean: dict[int, Placed],
    got: Packed,
    symmetry: Symmetry,
    g: Tensor,
    samples: int,
    choices: dict[int, Tensor] | None = None,
) -> Tensor | None:
    """Return the error per sample of `got` against g · clean, at worst over the tensors; None without tensors.

    `choices` receives, for each tensor that had several candidates, which one was nearest to each sample.
    """
    worst = None
    for position, item in clean.items():
        candidates = images(symmetry, g, item)
        error, choice = nearest(got.leaves[position], item, candidates, samples)
        if choices is not None and len(candidates) > 1:
            choices[position] = choice
        if worst is not None and worst.shape != error.shape:
            worst, error = worst.max()[None], error.max()[None]
        worst = error if worst is None else torch.maximum(worst, error)
    return worst


def moved_tree(packed: Packed, symmetry: Symmetry, g: Tensor, choices: Choices, number: int, side: str) -> Any:
    """Return g · packed as arguments or results of a call.

    Where several signals count as g · x, each sample takes the one that came by in the run on g·s: only that one need
    be kept by what follows (a grid turned about its centre, not about a point beside it).
    """
    tensors: dict[int, Tensor] = {}
    domains: dict[int, Domain] = {}
    moved: list[tuple[Domain | None, Domain | None]] = []
    for position, before in packed.placed.items():
        image = chosen(images(symmetry, g, before), choices.get((number, side, position)))
        # A fresh copy: identity elements give the recorded tensor itself, and a module may work in place.
        tensors[position] = narrow(image.values, before.values.dtype).clone()
        moved.append((before.domain, image.domain))
    for position, leaf in enumerate(packed.leaves):
        if isinstance(leaf, Domain):
            domains[position] = next((new for old, new in moved if old is leaf and new is not None), leaf)
    return packed.rebuilt(tensors, domains)


def _see_alone(call: Call, symmetry: Symmetry, g: Tensor, choices: Choices, samples: int, figures: Figures) -> None:
    """Run the module again on g·(its clean input) and compare with g·(its clean output)."""
    if figures.unplaced:
        return
    if call.inputs.is_opaque or not call.result.placed:
        figures.unplaced = "it takes or returns objects in which tensors cannot be found"
        return
    whole = [item for item in call.inputs.placed.values() if not item.is_number and item.domain is not None]
    if whole and not symmetry.is_exact:
        figures.unplaced = "it takes whole numbers, which an interpolating symmetry cannot move"
        return
    try:
        args, kwargs = moved_tree(call.inputs, symmetry, g, choices, call.number, "in")
        error = compare(call.result.placed, Packed.of(call.module(*args, **kwargs)), symmetry, g, samples)
        if error is not None:
            figures.see_own(error)
    except REFUSALS as refusal:
        figures.unplaced = " ".join(str(refusal).split())[:300]


def _see_vectors(calls: list[Call], found: Measured) -> None:
    """Mark what lays a signal out as a vector per sample, such as flatten: its output follows no law.

    Any other module that makes a vector is a readout, whose vector must be invariant: its error stands.
    """
    for call in calls:
        figures = found.calls[call.key]
        outs = call.result.placed.values()
        figures.vector = bool(outs) and all(item.domain is None for item in outs)
        sizes = {item.values.numel() for item in call.inputs.placed.values() if item.domain is not None}
        laid_out = figures.vector and any(item.values.numel() in sizes for item in outs)
        declared = declared_type(call.module, "out_type") is not None
        if laid_out and not declared and (figures.own or 0.0) > tolerance(call.dtype):
            figures.unplaced = figures.unplaced or "its output is neither a signal on the domain nor invariant"


class _Substituter:
    """Listens while a container runs: compares what its code feeds to each child, and gives it ideal results back."""

    def __init__(
        self,
        calls: list[Call],
        container: Call,
        symmetry: Symmetry,
        g: Tensor,
        choices: Choices,
        samples: int,
        found: Measured,
    ):
        self._calls, self._container, self._found, self._samples = calls, container, found, samples
        self._symmetry, self._g, self._choices = symmetry, g, choices
        self._waiting = list(container.children)
        self._depth = 0
        self._child: Call | None = None
        self.blind = False  # once a tensor without a law went through the code, later ones cannot be judged

    def before(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        self._depth += 1
        if self._depth != 2:  # 1 is the container itself, deeper ones belong to the child
            return
        self._child = self._calls[self._waiting.pop(0)] if self._waiting else None
        if self._child is None or self._child.module is not module:
            self.blind = True  # other modules than in the clean run: the control flow depends on the data
            return
        self.judge(self._child.inputs, Packed.of((args, kwargs)), self._child)

    def after(self, module: nn.Module, result: Any) -> Any:
        self._depth -= 1
        if self._depth != 1 or self._child is None or self._child.module is not module:
            return None
        if any(isinstance(leaf, Tensor) and leaf.grad_fn is not None for leaf in Packed.of(result).leaves):
            self.blind = True  # the container differentiates what its child made, and what takes its place has no past
            return None
        if self._found.calls[self._child.key].unplaced:
            self.blind = True
            return None
        try:
            child = self._child
            return moved_tree(child.result, self._symmetry, self._g, self._choices, child.number, "out")
        except REFUSALS:
            self.blind = True
            return None

    def judge(self, clean: Packed, got: Packed, child: Call | None) -> None:
        """Compare at one place of the code: before `child`, or at the container's output."""
        if self.blind:
            return
        figures = self._found.code.setdefault((self._container.key, child.key if child else ""), Figures())
        vectors = any(item.domain is None for item in clean.placed.values())
        try:
            error = compare(clean.placed, got, self._symmetry, self._g, self._samples)
        except REFUSALS:
            self.blind = True
            return
        if error is None:
            return
        figures.see_own(error)
        dtype = max((i.values.dtype for i in clean.placed.values()), key=tolerance, default=torch.float64)
        if child is not None and vectors and _largest(error) > max(tolerance(dtype), _COARSE):
            shapes = [list(item.values.shape) for item in clean.placed.values() if item.domain is None]
            figures.unplaced = f"it makes a tensor of shape {shapes[0]} that is neither a signal nor invariant"
            self.blind = True


def _see_code(
    watch: Watch,
    calls: list[Call],
    container: Call,
    symmetry: Symmetry,
    runs: list[tuple[Tensor, Choices]],
    samples: int,
    found: Measured,
) -> None:
    """Run a container on g·(its clean input) with every child's result replaced by g·(its clean result).

    The children are then ideal, so any deviation is made by the code between them.
    """
    blind = container.inputs.is_opaque
    for g, choices in runs if not blind else ():
        try:
            args, kwargs = moved_tree(container.inputs, symmetry, g, choices, container.number, "in")
            listener = _Substituter(calls, container, symmetry, g, choices, samples, found)
            with watch.heard_by(listener):
                result = container.module(*args, **kwargs)
            listener.judge(container.result, Packed.of(result), None)
            blind = blind or listener.blind
        except REFUSALS:
            blind = True
    figures, code = found.calls[container.key], found.code.get((container.key, ""))
    worst = max([f.own or 0.0 for (key, _), f in found.code.items() if key == container.key], default=0.0)
    figures.own = None if blind and code is None else worst
    vectors = any(item.domain is None for item in container.result.placed.values())
    if vectors and (blind or (code is not None and (code.own or 0.0) > _COARSE)):
        figures.unplaced = "its output is neither a signal on the domain nor invariant"


def _spread_unplaced(calls: list[Call], found: Measured) -> None:
    """Mark what works on tensors without a law, until one of its outputs has a law again and agrees with it."""
    by_code = {child for (_, child), figures in found.code.items() if figures.unplaced and child}
    for call in calls:
        if not call.is_row:
            continue
        figures = found.calls[call.key]
        sources = [calls[number] for number in call.inputs.source.values()]
        lost = [source.key for source in sources if _has_no_law(source, found)]
        whole = any(not item.is_number for item in call.inputs.placed.values())
        if whole and found.whole.get(call.key, 1.0) > 0 and not figures.unplaced:
            figures.unplaced = "it takes whole numbers (positions, indices) that do not move with the symmetry"
        if lost and not figures.unplaced:
            figures.unplaced = f"its input, made by {lost[0]}, is neither a signal on the domain nor invariant"
        elif call.key in by_code and not figures.unplaced:
            figures.unplaced = "its input is neither a signal on the domain nor invariant"
        if figures.unplaced:
            figures.own = None


def _has_no_law(call: Call, found: Measured) -> bool:
    figures = found.calls[call.key]
    if not figures.unplaced:
        return False
    recovered = figures.total is not None and figures.total <= tolerance(call.dtype)
    return not recovered
