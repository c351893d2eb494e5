"""Random representations and field types, for property tests over groups."""

import random

from gdl_core.groups import Group
from gdl_core.representations import FieldType, Representation
from gdl_core.testing.algebra import named_representations


def random_representation(group: Group, seed: int, max_dim: int = 24) -> Representation:
    """Return a random representation of `group`: a named one, a direct sum, a tensor product or a multiple.

    Args:
        group: the group.
        seed: the same seed gives the same representation.
        max_dim: the largest dimension; named representations beyond it are left out.
    """
    draw = random.Random(seed)
    known = [rep for rep in named_representations(group) if rep.dim <= max_dim]
    found = draw.choice(known)
    for _ in range(draw.randrange(3)):
        other = draw.choice(known)
        choices = [found + other, found * other, 2 * found]
        fitting = [rep for rep in choices if rep.dim <= max_dim]
        found = draw.choice(fitting) if fitting else found
    return found


def random_field_type(group: Group, seed: int, max_channels: int = 32) -> FieldType:
    """Return a random field type of `group`: one to three named fields, each with multiplicity one to three.

    Args:
        group: the group.
        seed: the same seed gives the same type.
        max_channels: the most channels.
    """
    draw = random.Random(seed)
    known = [rep for rep in named_representations(group) if rep.dim <= max_channels]
    fields: list[tuple[int, Representation]] = []
    room = max_channels
    for _ in range(draw.randint(1, 3)):
        rep, count = draw.choice(known), draw.randint(1, 3)
        count = min(count, room // rep.dim)
        if count:
            fields.append((count, rep))
            room -= count * rep.dim
    return FieldType(group, fields)
