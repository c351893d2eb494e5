"""Pairs of points under a symmetry that permutes points: which pairs there are, and where each one goes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gdl_core.derive.basis import Basis, labels_to_basis
from gdl_core.derive.orbits import orbit_labels
from gdl_core.geometry.symmetry import Symmetry
from gdl_core.incidence import Incidence


@dataclass(frozen=True)
class Pairs:
    """Pairs of points that may be joined, and where each generator of a symmetry takes them.

    Attributes:
        receiver, sender: the pairs, `[p]`, sorted.
        moves: the place of each pair's image, `[k, p]`.
    """

    receiver: Tensor
    sender: Tensor
    moves: Tensor


def point_moves(symmetry: Symmetry) -> Tensor:
    """Return where each generator takes each point, `[k, n]`."""
    return torch.stack([symmetry.point_images(g) for g in symmetry.group.generators()])


def local_pairs(symmetry: Symmetry, locality: Incidence | None) -> Pairs:
    """Return the pairs of an invariant locality under a symmetry; it raises as `list_pairs` and `pair_images`."""
    receiver, sender = list_pairs(symmetry.domain.num_points, locality)
    return Pairs(receiver, sender, pair_images(point_moves(symmetry), receiver, sender))


def list_pairs(points: int, locality: Incidence | None) -> tuple[Tensor, Tensor]:
    """Return receiver and sender of every pair that may be joined, sorted and distinct, `[p]` each.

    Raises:
        ValueError: if `locality` joins another number of points.
    """
    if locality is None:
        numbers = torch.arange(points)
        return numbers.repeat_interleave(points), numbers.repeat(points)
    if (locality.num_receivers, locality.num_senders) != (points, points):
        raise ValueError(
            f"The locality must join the {points} points of the domain, got {locality.num_receivers} receivers "
            f"and {locality.num_senders} senders."
        )
    keys = torch.unique_consecutive(locality.receiver.long() * points + locality.sender.long())  # sorted already
    return keys // points, keys % points


def pair_images(images: Tensor, receiver: Tensor, sender: Tensor) -> Tensor:
    """Return where each pair goes under each generator, `images[k, n]` of points to `[k, p]` of pairs.

    Raises:
        ValueError: if a pair leaves the list, so the locality is not invariant; the message names it.
    """
    points = images.shape[1]
    keys = receiver * points + sender
    if keys.shape[0] == points * points:  # every pair is in the list, at its own key
        return images[:, receiver] * points + images[:, sender]
    moved = images[:, receiver] * points + images[:, sender]
    place = torch.searchsorted(keys, moved).clamp_max(max(keys.shape[0] - 1, 0))
    strays = torch.nonzero(keys[place] != moved)
    if strays.shape[0]:
        generator, pair = strays[0].tolist()
        raise ValueError(
            f"The locality is not invariant: generator {generator} takes the pair (receiver {int(receiver[pair])}, "
            f"sender {int(sender[pair])}) to ({int(moved[generator, pair]) // points}, "
            f"{int(moved[generator, pair]) % points}), which it does not contain."
        )
    return place


def permutation_basis(
    moves: Tensor, receiver: Tensor, sender: Tensor, points: int, out_images: Tensor, in_images: Tensor
) -> Basis:
    """Return the invariant operators where the group permutes the fibres too: orbits of ((i, a), (j, b)).

    Args:
        moves: images of pairs, `[k, p]`.
        out_images, in_images: images of fibre coordinates, `[k, d_out]` and `[k, d_in]`.
    """
    d_out, d_in = out_images.shape[1], in_images.shape[1]
    fibre = out_images[:, :, None] * d_in + in_images[:, None, :]  # [k, d_out, d_in]
    images = (moves[:, :, None] * (d_out * d_in) + fibre.flatten(1)[:, None, :]).flatten(1)
    labels = orbit_labels(images).reshape(-1, d_out, d_in)
    rows = (receiver[:, None] * d_out + torch.arange(d_out))[:, :, None].expand_as(labels).reshape(-1)
    columns = (sender[:, None] * d_in + torch.arange(d_in))[:, None, :].expand_as(labels).reshape(-1)
    order = torch.argsort(rows * (points * d_in) + columns)
    labels = labels.reshape(-1)[order]
    return labels_to_basis(labels, points * d_out, points * d_in, rows[order], columns[order])
