"""Watching a network run: which modules were called, on what, in which order, inside which others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from gdl_core.geometry import Blueprint, Domain, Part, Readout, Signal
from gdl_core.verify.calling import declared_type, output_types
from gdl_core.verify.place import Placed, place

# Their own code only passes values on, so there is nothing in it to blame.
_TRANSPARENT = (nn.Sequential.forward, Blueprint.forward)


@dataclass
class Packed:
    """Arguments or results of a call, flattened: tensors are kept as copies with their place on the domain."""

    leaves: list[Any]
    spec: Any
    placed: dict[int, Placed] = field(default_factory=dict)  # position among the leaves -> tensor and its place
    source: dict[int, int] = field(default_factory=dict)  # position -> number of the call that made the tensor

    @staticmethod
    def of(tree: Any) -> "Packed":
        leaves, spec = _pytree.tree_flatten(tree, is_leaf=lambda item: isinstance(item, Domain | Signal))
        return Packed(leaves, spec)

    @property
    def domain(self) -> Domain | None:
        return next((leaf for leaf in self.leaves if isinstance(leaf, Domain)), None)

    @property
    def is_opaque(self) -> bool:
        """Whether it holds objects that may hide tensors."""
        known = Tensor | Domain | int | float | complex | str | bytes | torch.dtype | torch.device | None
        return any(not isinstance(leaf, known) for leaf in self.leaves)

    def rebuilt(self, tensors: dict[int, Tensor], domains: dict[int, Domain]) -> Any:
        """Return the tree with other tensors and domains at the given positions, and fresh copies elsewhere."""
        leaves = [
            tensors[i] if i in tensors else domains[i] if i in domains else _copy(leaf)
            for i, leaf in enumerate(self.leaves)
        ]
        return _pytree.tree_unflatten(leaves, self.spec)


@dataclass
class Call:
    """One call of a watched module in the clean run."""

    number: int
    key: str  # "conv1", or "relu (call 2)"
    name: str
    module: nn.Module
    is_row: bool  # a layer of the table; otherwise a container, whose own code is examined
    parent: int | None
    inputs: Packed
    children: list[int] = field(default_factory=list)
    result: Packed = field(default_factory=lambda: Packed([], None))
    end: int = 0  # place in the order of completion

    @property
    def dtype(self) -> torch.dtype:
        """The coarsest precision among the numbers that come out."""
        kinds = [item.values.dtype for item in self.result.placed.values() if item.is_number]
        return max(kinds, key=lambda kind: torch.finfo(kind).eps) if kinds else torch.float64


def watched_modules(model: nn.Module) -> dict[nn.Module, tuple[str, bool]]:
    """Return the modules to watch with their name and whether each is a row of the table.

    Rows are our parts (with their inner parts), leaf modules, modules of `torch.nn` as a whole, and compiled modules as
    a whole. Other modules with children are containers: their children are rows, and their own code is examined.
    """
    found: dict[nn.Module, tuple[str, bool]] = {}

    def visit(module: nn.Module, name: str, inside_part: bool) -> None:
        if module in found:
            return
        is_part = isinstance(module, Part)
        children = list(module.named_children())
        compiled = hasattr(module, "_orig_mod")
        foreign = type(module).__module__.startswith("torch.nn.") and type(module).forward is not nn.Sequential.forward
        if isinstance(module, nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict):
            foreign = False
        if is_part or (not inside_part and (not children or compiled or foreign)):
            found[module] = (name, True)
        elif not inside_part and type(module).forward not in _TRANSPARENT:
            found[module] = (name, False)
        if compiled or foreign:
            return
        for label, child in children:
            visit(child, f"{name}.{label}" if name else label, inside_part or is_part)

    visit(model, "", False)
    return found


class Watch:
    """Hooks on the watched modules that report to whoever listens; removed when the block ends."""

    def __init__(self, model: nn.Module):
        self.modules = watched_modules(model)
        self.listener: Any = None
        self._muted = False

    @contextmanager
    def hooked(self) -> Iterator["Watch"]:
        handles = []
        compiled = [(module, module._compiled_call_impl) for module in self.modules if module._compiled_call_impl]
        try:
            for module, _ in compiled:
                module._compiled_call_impl = None  # set by module.compile(); hooks need the plain code
            for module in self.modules:
                handles.append(module.register_forward_pre_hook(self._before, prepend=True, with_kwargs=True))
                handles.append(module.register_forward_hook(self._after))
            yield self
        finally:
            for handle in handles:
                handle.remove()
            for module, implementation in compiled:
                module._compiled_call_impl = implementation

    @contextmanager
    def heard_by(self, listener: Any) -> Iterator[None]:
        before, self.listener = self.listener, listener
        try:
            yield
        finally:
            self.listener = before

    def _before(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        if self.listener is not None:
            self.listener.before(module, args, kwargs)

    def _after(self, module: nn.Module, args: tuple, result: Any) -> Any:
        return self.listener.after(module, result) if self.listener is not None else None


class Recorder:
    """Listens to the clean run and keeps every call, with copies of what went in and came out."""

    def __init__(self, watch: Watch, signal: Signal):
        self.calls: list[Call] = []
        self._watch, self._root = watch, signal.domain
        self._stack: list[int] = []
        self._times: dict[nn.Module, int] = {}
        self._known: dict[int, tuple[Any, Placed, int | None]] = {}  # id of a tensor -> (it, its place, its maker)
        self._ended = 0

    def knows(self, tensor: Tensor, placed: Placed) -> None:
        """Remember where the tensor that enters the network lives."""
        self._known[id(tensor)] = (tensor, placed, None)

    def before(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        name, is_row = self._watch.modules[module]
        times = self._times[module] = self._times.get(module, 0) + 1
        key = (name or type(module).__name__) + (f" (call {times})" if times > 1 else "")
        parent = self._stack[-1] if self._stack else None
        packed = Packed.of((args, kwargs))
        bases = [packed.domain] if packed.domain is not None else []
        declared = declared_type(module, "in_type")
        for position, leaf in enumerate(packed.leaves):
            if isinstance(leaf, Tensor):
                packed.placed[position] = self._place(leaf, bases, declared)
                known = self._known.get(id(leaf))
                if known is not None and known[2] is not None:
                    packed.source[position] = known[2]
        call = Call(len(self.calls), key, name, module, is_row, parent, packed)
        self.calls.append(call)
        if parent is not None:
            self.calls[parent].children.append(call.number)
        self._stack.append(call.number)

    def after(self, module: nn.Module, result: Any) -> None:
        call = self.calls[self._stack.pop()]
        call.end = self._ended
        self._ended += 1
        packed = Packed.of(result)
        inputs = [item for item in call.inputs.placed.values() if item.domain is not None]
        bases = [d for d in (packed.domain, call.inputs.domain) if d is not None]
        bases += [item.domain for item in inputs if item.domain is not None]
        declared = declared_type(module, "out_type")
        tensors = [(position, leaf) for position, leaf in enumerate(packed.leaves) if isinstance(leaf, Tensor)]
        several = output_types(module, call.inputs.domain) or [declared] * len(tensors)
        if len(several) != len(tensors):
            raise ValueError(f"{call.key!r} returned {len(tensors)} tensors, its output_types gave {len(several)}.")
        for (position, leaf), said in zip(tensors, several):
            kind = said or _inherited(leaf, inputs)
            bases_of_leaf = [] if isinstance(module, Readout) else [*bases, self._root]
            placed = place(leaf.clone(), bases_of_leaf, kind)
            _refuse_nan(leaf, call)
            packed.placed[position] = placed
            # What a container merely hands on was made by its child.
            handed_on = not call.is_row and id(leaf) in self._known
            maker = self._known[id(leaf)][2] if handed_on else call.number
            self._known[id(leaf)] = (leaf, placed, maker)
        call.result = packed

    def _place(self, leaf: Tensor, bases: list[Domain], declared) -> Placed:
        known = self._known.get(id(leaf))
        if known is None:
            return place(leaf.clone(), [*bases, self._root], declared)
        _, before, _ = known
        if before.domain is None and not bases:
            return Placed(leaf.clone(), None, before.type)
        own = [before.domain] if before.domain is not None else []
        return place(leaf.clone(), [*bases, *own, self._root], declared or before.type)


def _inherited(leaf: Tensor, inputs: Sequence[Placed]):
    """A plain module that keeps the shape of its only typed input keeps its type: an activation between our layers."""
    typed = [item for item in inputs if item.type is not None and not item.type.is_invariant]
    return typed[0].type if len(typed) == 1 and typed[0].values.shape == leaf.shape else None


def _refuse_nan(values: Tensor, call: Call) -> None:
    if (values.is_floating_point() or values.is_complex()) and bool(torch.isnan(values).any()):
        index = tuple(int(i) for i in torch.isnan(values).nonzero()[0])
        raise ValueError(
            f"Module {call.key!r} ({type(call.module).__name__}) returned NaN at index {index} of shape "
            f"{list(values.shape)}; no module before it did."
        )


def _copy(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf


def record(watch: Watch, run: Callable, signal: Signal) -> list[Call]:
    """Run the network once on `signal` and return every call of a watched module, in the order they began."""
    recorder = Recorder(watch, signal)
    with watch.heard_by(_Entrance(recorder, signal)):
        run(signal.values, signal.domain)
    return recorder.calls


class _Entrance:
    """Tells the recorder that the first tensor with the input's shape, seen by the first call, is the input."""

    def __init__(self, recorder: Recorder, signal: Signal):
        self._recorder, self._signal, self._open = recorder, signal, True

    def before(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        if self._open:
            self._open = False
            for leaf in Packed.of((args, kwargs)).leaves:
                if isinstance(leaf, Tensor) and leaf.shape == self._signal.values.shape:
                    self._recorder.knows(leaf, Placed(self._signal.values, self._signal.domain, self._signal.type))
                    break
        self._recorder.before(module, args, kwargs)

    def after(self, module: nn.Module, result: Any) -> None:
        self._recorder.after(module, result)
