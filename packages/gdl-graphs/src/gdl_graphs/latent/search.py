"""All pairs within a sample, a block of rows at a time: the best k of each row, and their Plackett-Luce terms.

Samples of equal size are a tensor ``x[s, n, c]``. Blocks are of fixed size (or a few rows), so memory does not grow
as n². Nothing synchronises.
"""

from collections.abc import Callable, Iterator

import torch
from gdl_core.incidence import Incidence
from torch import Tensor
from torch.utils.checkpoint import checkpoint

BLOCK = 1 << 18  # on the CPU, so that a block stays in its cache
WIDE_BLOCK = 1 << 24  # elsewhere
ROWS = 4  # at least, in a block
NEVER = -1e30  # the logit of what cannot be picked: finite, so that its gradient is 0 and not NaN

Noise = Callable[[slice], Tensor]  # from a slice of rows to what is added to their logits, [s, rows, n]


def logits(x: Tensor, rows: slice, scale: Tensor | float, loop: bool) -> Tensor:
    """Return ``-scale ‖x_i - x_j‖²`` for the rows i of a block, ``[s, rows, n]``; `NEVER` for j = i unless `loop`.

    Distances come from products, so x should be centred.
    """
    left, square = x[:, rows], x.square().sum(-1)
    distance = torch.baddbmm(square[:, None, :], left, x.transpose(1, 2), alpha=-2) + square[:, rows, None]
    found = -scale * distance
    if loop:
        return found
    own = torch.arange(x.shape[1], device=x.device)
    return torch.where(own[rows, None] == own, NEVER, found)


def best(x: Tensor, k: int, scale: Tensor | float = 1.0, loop: bool = False, noise: Noise | None = None) -> Tensor:
    """Return ``int64[s, n, k]``, for each point the k with the largest logit (plus noise), the largest first."""
    x = x.detach()
    scale = scale.detach() if isinstance(scale, Tensor) else scale
    found = [torch.empty(x.shape[0], 0, k, dtype=torch.int64, device=x.device)]
    for rows in _blocks(x):
        score = logits(x, rows, scale, loop)
        found.append((score if noise is None else score + noise(rows)).topk(k, -1).indices)
    return torch.cat(found, 1)


def pick_terms(
    x: Tensor,
    picks: Tensor,
    scale: Tensor | float = 1.0,
    loop: bool = False,
    noise: Noise | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Return ``[s, n, k]``, the log-probability of each pick given those before it, without replacement.

    ``log p_m = l_m - log Σ_{j not among the first m - 1} exp l_j`` with l the logits (plus noise) over `temperature`.
    Differentiable; where there are several blocks, the backward pass computes them again instead of keeping them.

    Source: Plackett 1975. That the best k under Gumbel noise are a sample of it: Vieira 2014, Kool et al. 2019.
    """

    def terms(rows: slice, x: Tensor, picks: Tensor, scale: Tensor | float) -> Tensor:
        score = logits(x, rows, scale, loop)
        score = (score if noise is None else score + noise(rows)) / temperature
        chosen = score.gather(-1, picks)
        rest = score.scatter(-1, picks, NEVER).logsumexp(-1, keepdim=True)
        after = chosen.flip(-1).logcumsumexp(-1).flip(-1)
        return chosen - torch.logaddexp(after, rest)

    blocks = list(_blocks(x))
    found = [x.new_empty(x.shape[0], 0, picks.shape[-1])]
    for rows in blocks:
        mine = picks[:, rows]
        if len(blocks) == 1:
            found.append(terms(rows, x, mine, scale))
        else:
            found.append(checkpoint(terms, rows, x, mine, scale, use_reentrant=False))  # type: ignore[arg-type]
    return torch.cat(found, 1)


def _blocks(x: Tensor) -> Iterator[slice]:
    samples, points = x.shape[:2]
    step = max(ROWS, (BLOCK if x.device.type == "cpu" else WIDE_BLOCK) // max(samples * points, 1))
    for first in range(0, points, step):
        yield slice(first, min(first + step, points))


def sorted_incidence(sender: Tensor, receiver: Tensor, nodes: int) -> Incidence:
    """Return the relation of edges sorted by receiver, then sender, without checks and without synchronising."""
    edges, device = sender.shape[0], sender.device
    bounds = torch.arange(nodes + 1, device=device)
    perm = torch.argsort(sender, stable=True)
    return Incidence(
        ptr=torch.searchsorted(receiver, bounds, out_int32=True),
        sender=sender.int(),
        receiver=receiver.int(),
        ptr_t=torch.searchsorted(sender[perm], bounds, out_int32=True),
        receiver_t=receiver[perm].int(),
        perm=perm.int(),
        edge_id=torch.arange(edges, dtype=torch.int32, device=device),
    )
