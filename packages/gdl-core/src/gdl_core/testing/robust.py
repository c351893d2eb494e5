"""Checks of the edges: empty input, bad input, memory that is shared or written, the scale at the start."""

import pytest
import torch
from torch import Tensor, nn

from gdl_core.geometry import Signal
from gdl_core.testing.subject import Subject, arguments, batches_by_axis, call, require


def check_empty(subject: Subject) -> None:
    """No samples in, no samples out: nothing raises, nothing is NaN. Rule: DESIGN §6."""
    module, signal = subject.build(), subject.inputs()
    with torch.no_grad():
        if batches_by_axis(signal):
            values = call(module, signal.with_values(signal.values[:0]))[0]
            full = call(module, signal)[0]
            require(
                values.shape == (0, *full.shape[1:]),
                f"{subject}: a batch of 0 gives {list(values.shape)}, one of {full.shape[0]} gives {list(full.shape)}.",
            )
            return
        try:
            domain = type(signal.domain).collate([])
        except (NotImplementedError, ValueError, IndexError):
            pytest.skip(f"{type(signal.domain).__name__} has no empty domain")
        values = call(module, Signal(signal.values[:0], domain, signal.type))[0]
    require(not bool(torch.isnan(values).any()), f"{subject}: an empty domain gives NaN.")


def check_bad_channels(subject: Subject) -> None:
    """One channel too many raises ValueError or TypeError and names the layer. Rule: `check_channels`."""
    module, signal = subject.build(), subject.inputs()
    axis = signal.domain.channel_axis
    more = torch.cat([signal.values, signal.values.narrow(axis, 0, 1)], axis)
    _raises(subject, module, (more, *arguments(module, signal)[1:]), "one channel too many")


def check_bad_dtype(subject: Subject) -> None:
    """Whole numbers raise ValueError or TypeError with a sentence that names the layer. Rule: `check_channels`."""
    module, signal = subject.build(), subject.inputs()
    whole = (10 * signal.values).to(torch.int64)
    _raises(subject, module, (whole, *arguments(module, signal)[1:]), "an input of int64")


def _raises(subject: Subject, module: nn.Module, args: tuple, what: str) -> None:
    names = {type(part).__name__ for part in module.modules()}
    try:
        with torch.no_grad():
            module(*args)
    except (ValueError, TypeError) as error:
        named = any(name in str(error) for name in names)
        require(named, f"{subject}: the error for {what} names no layer: {error}")
        return
    except Exception as error:
        raise AssertionError(
            f"{subject}: {what} raises {type(error).__name__} ({error}); ValueError or TypeError is expected."
        ) from error
    raise AssertionError(f"{subject}: {what} is accepted in silence.")


def check_input_unchanged(subject: Subject) -> None:
    """A call leaves its input, the tensors of the domain included, as it was, with gradients and without."""
    for gradients in (True, False):
        module, signal, before = subject.build(), subject.inputs(), subject.inputs()
        with torch.set_grad_enabled(gradients):
            module(*arguments(module, signal))
        pairs = zip(_tensors(signal), _tensors(before), strict=True)
        same = all(torch.equal(now, then) for now, then in pairs)
        require(same, f"{subject}: a call {'with' if gradients else 'without'} gradients writes into its input.")


def check_no_alias(subject: Subject) -> None:
    """The output shares no memory with the input, so that writing into one leaves the other.

    A layer that does nothing may return its input itself (`y is x`: dropout in evaluation), never a view of it.
    """
    for training in (False, True):
        module, signal = subject.build(training=training), subject.inputs()
        result = module(*arguments(module, signal))
        values = result[0] if isinstance(result, tuple) else result
        if values is signal.values:
            continue
        storages = {tensor.untyped_storage().data_ptr() for tensor in _tensors(signal) if tensor.numel()}
        shares = values.numel() > 0 and values.untyped_storage().data_ptr() in storages
        require(not shares, f"{subject}: the output is a view of the input.")


def check_initial_scale(subject: Subject) -> None:
    """At the start the output is finite and its variance is between 1e-4 and 1e4 times that of the input.

    Rule: DESIGN §3, closed-form initial variance.
    """
    module, signal = subject.build(torch.float32, training=True), subject.inputs(dtype=torch.float32)
    with torch.no_grad():
        values = call(module, signal)[0]
    require(bool(torch.isfinite(values).all()), f"{subject}: the output is not finite at the start.")
    ratio = float(values.square().mean() / signal.values.square().mean())
    require(
        1e-4 <= ratio <= 1e4, f"{subject}: at the start the output's second moment is {ratio:.1e} times the input's."
    )


def _tensors(signal: Signal) -> list[Tensor]:
    found = [signal.values]
    signal.domain.map_tensors(lambda tensor: found.append(tensor) or tensor)
    return found
