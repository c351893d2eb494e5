"""Numbers: norms per sample, relative errors, tolerances, and sentences about NaN."""

import math

import torch
from torch import Tensor

from gdl_core.geometry import Domain, Signal

# Up to this relative error a map of that precision counts as exact: rounding of a few hundred additions.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}
# What remains of pure rounding when a network of many layers is run again in float64.
DOUBLE_LEVEL = 1e-9


def tolerance(dtype: torch.dtype) -> float:
    """Return the relative error up to which a map computed in `dtype` counts as exact."""
    real = dtype.to_real() if dtype.is_complex else dtype
    return TOLERANCE.get(real, TOLERANCE[torch.float32] if real.is_floating_point else 0.0)


def widen(values: Tensor) -> Tensor:
    """Return `values` in float64 (complex128): group actions are applied and compared in double precision."""
    return values.to(torch.complex128 if values.is_complex() else torch.float64)


def narrow(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return moved values in their own precision again; whole numbers are rounded first."""
    return values.to(dtype) if dtype.is_floating_point or dtype.is_complex else values.round().to(dtype)


def sample_norms(values: Tensor, domain: Domain | None, samples: int | None = None) -> Tensor:
    """Return ‖values‖ of every sample of the batch, `[samples]`, in float64.

    Without a domain the first axis is the batch if it has `samples` entries (or `samples` is not given); else all of
    `values` is one sample.
    """
    squares = widen(values.detach()).abs().square()
    if domain is None:
        one = values.dim() == 0 or (samples is not None and values.shape[0] != samples)
        return squares.reshape(1 if one else values.shape[0], -1).sum(1).sqrt().cpu()
    points = domain.to_points(squares)  # [..., n, c]
    if points.dim() > 2:
        return points.flatten(0, -3).sum((-2, -1)).sqrt().cpu()
    rows = points.sum(-1)
    ptr = getattr(domain, "ptr", None)
    if ptr is None:
        return rows.sum().sqrt()[None].cpu()
    owner = torch.repeat_interleave(torch.arange(len(ptr) - 1, device=rows.device), ptr.diff().to(rows.device))
    return rows.new_zeros(len(ptr) - 1).index_add_(0, owner, rows).sqrt().cpu()


def count_samples(signal: Signal) -> int:
    """Return the number of samples in the batch of a signal."""
    return int(sample_norms(signal.values, signal.domain).shape[0])


def relative(difference: Tensor, clean: Tensor, moved: Tensor) -> Tensor:
    """Return ‖difference‖ / ‖clean‖ per sample, defined everywhere.

    A sample whose clean output is zero is measured against the moved output instead (error 1), and two zeros agree
    (error 0). A sample that is zero up to rounding beside the others of its batch is measured against the rounding.
    """
    largest = clean.max() if clean.numel() else clean.new_zeros(())
    scale = torch.maximum(clean, largest * torch.finfo(torch.float64).eps)
    scale = torch.where(scale > 0, scale, moved)
    return torch.where(difference > 0, difference / torch.where(scale > 0, scale, torch.ones_like(scale)), 0.0)


def require_finite(values: Tensor, what: str) -> None:
    """Raise ValueError naming `what` and the first index if `values` holds NaN or infinity."""
    if not (values.is_floating_point() or values.is_complex()):
        return
    bad = ~torch.isfinite(values)
    if bool(bad.any()):
        index = tuple(int(i) for i in bad.nonzero()[0])
        kind = "NaN" if bool(torch.isnan(values[index])) else "an infinite value"
        count = int(bad.sum())
        raise ValueError(
            f"{what} holds {kind} at index {index} of shape {list(values.shape)} "
            f"({count} of {values.numel()} values are not finite)."
        )


def decibel(error: float) -> float:
    """Return 20 log10(error); -inf for an error of zero."""
    return 20 * math.log10(error) if error > 0 else -math.inf


def plain(number: float | None) -> float | None:
    """Return a number that JSON can hold: None instead of an infinity."""
    return None if number is None or not math.isfinite(number) else float(number)


def align(rows: list[tuple[str, ...]]) -> str:
    """Return rows of text as columns; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
